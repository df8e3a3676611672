/* DelayedCall; see delayed_call.h. */
#include "loop/delayed_call.h"
#include "loop/state.h"

#include "core/attribute.h"
#include "core/objects.h"
#include "core/override.h"
#include "core/call.h"

/* ---- making calls ---- */

/* base.DelayedCall.debug, which programs switch on on the stock class. */
static inline int
debug_is_on(core_state *st)
{
    pyr_loop_state *state = st->loop;
    PyTypeObject *type = (PyTypeObject *)state->stock_delayed_call;
    if (!pyr_class_is_as_seen(&state->debug_class, type)) {
        pyr_class_see(st, &state->debug_class, type);
        PyObject *debug = pyr_class_find(type, st->names.debug);
        state->debug = debug == NULL ? 0 : pyr_drop_for_truth(debug);
        if (state->debug < 0) {
            state->debug_class.type = NULL;
        }
    }
    return state->debug;
}

/* left + right by one of Python's operators, with the errors that it raises; -1: error */
static int
add_seconds(double left, PyObject *right, binaryfunc add, double *sum)
{
    if (PyFloat_CheckExact(right)) {
        *sum = left + PyFloat_AS_DOUBLE(right);
        return 0;
    }
    PyObject *first = PyFloat_FromDouble(left);
    PyObject *both = first == NULL ? NULL : add(first, right);
    *sum = both == NULL ? -1.0 : PyFloat_AsDouble(both);
    Py_XDECREF(first);
    Py_XDECREF(both);
    return *sum == -1.0 && PyErr_Occurred() ? -1 : 0;
}

/* When a call with this delay is due, by the reactor's clock. */
static int
due_time(pyr_timers *timers, PyObject *delay, double *due)
{
    double now, seconds = -1.0;
    if (PyFloat_CheckExact(delay) || PyLong_CheckExact(delay)) {
        seconds = PyFloat_AsDouble(delay);
        if (seconds == -1.0 && PyErr_Occurred()) {
            return -1;
        }
    }
    if (!(seconds >= 0.0)) { /* Python compares and adds, and has words for errors */
        PyObject *reactor = timers->clock->reactor;
        PyObject *args[] = {reactor != NULL ? reactor : Py_None, delay};
        PyObject *sum = PyObject_Vectorcall(timers->st->loop->due_time, args, 2, NULL);
        *due = sum == NULL ? -1.0 : PyFloat_AsDouble(sum);
        Py_XDECREF(sum);
        return *due == -1.0 && PyErr_Occurred() ? -1 : 0;
    }
    if (pyr_clock_read(timers->clock, &now) < 0) {
        return -1;
    }
    *due = now + seconds;
    return 0;
}

/* Not known to the garbage collector; see timers.h. */
static DelayedCall *
delayed_call_new(pyr_timers *timers, double time, PyObject *func)
{
    DelayedCall *self = PyObject_GC_New(DelayedCall, timers->st->loop->delayed_call_type);
    if (self == NULL) {
        return NULL;
    }
    memset((char *)self + sizeof(PyObject), 0, sizeof(DelayedCall) - sizeof(PyObject));
    Py_INCREF(timers->owner);
    self->timers = timers;
    self->time = time;
    self->func = Py_NewRef(func);
    return self;
}

/* Let the call have the reactor's clock, which reset() reads. */
static int
keep_clock(DelayedCall *call)
{
    pyr_clock *clock = call->timers->clock;
    if (pyr_clock_is_plain(clock)) {
        call->seconds = Py_XNewRef(clock->builtin);
        return 0;
    }
    call->seconds = PyObject_GetAttr(clock->reactor, clock->st->names.seconds);
    return call->seconds == NULL ? -1 : 0;
}

/* Let the call have the stack that made it. */
static int
keep_creator(DelayedCall *call)
{
    PyObject *stack = PyObject_CallNoArgs(call->timers->st->loop->format_stack);
    int status =
        stack == NULL ? -1 : PyObject_SetAttrString((PyObject *)call, "creator", stack);
    Py_XDECREF(stack);
    return status;
}

PyObject *
pyr_delayed_call_later(pyr_timers *timers, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames)
{
    double due;
    if (nargs < 2) {
        PyErr_SetString(PyExc_TypeError, "callLater() needs delay and callable");
        return NULL;
    }
    if (due_time(timers, args[0], &due) < 0) {
        return NULL;
    }
    int debug = debug_is_on(timers->st);
    DelayedCall *call = debug < 0 ? NULL : delayed_call_new(timers, due, args[1]);
    if (call == NULL) {
        return NULL;
    }
    if (pyr_pack_arguments(args + 2, nargs - 2, kwnames, &call->args, &call->kwargs) <
            0 ||
        keep_clock(call) < 0 || (debug && keep_creator(call) < 0)) {
        Py_DECREF(call);
        return NULL;
    }
    call->order = timers->next_order++;
    if (pyr_timers_push(call) < 0) {
        Py_DECREF(call);
        return NULL;
    }
    return (PyObject *)call;
}

/* ---- DelayedCall's methods ---- */

/* Stock raises the bare class. */
static int
check_pending(DelayedCall *self)
{
    core_state *st = self->timers->st;
    if (self->cancelled) {
        PyErr_SetNone(st->loop->AlreadyCancelled);
        return -1;
    }
    if (self->called) {
        PyErr_SetNone(st->loop->AlreadyCalled);
        return -1;
    }
    return 0;
}

/* What a program has put under `name` into this call; a new reference, or NULL. */
static PyObject *
value_in_call(DelayedCall *self, PyObject *name)
{
    PyObject *value = NULL;
    if (self->dict != NULL) {
        (void)PyDict_GetItemRef(self->dict, name, &value);
    }
    return value;
}

/* Call the canceller or resetter that a program gave this call in the place of the
 * reactor's, whose work is done here anyway. */
static int
tell_hook(DelayedCall *self, PyObject *name)
{
    PyObject *hook = value_in_call(self, name);
    if (hook == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    int status = pyr_drop(PyObject_CallOneArg(hook, (PyObject *)self));
    Py_DECREF(hook);
    return status;
}

PyDoc_STRVAR(cancel_doc, "cancel($self)\n--\n\n"
                         "Unschedule this call.\n\n"
                         "Raises error.AlreadyCancelled or error.AlreadyCalled.\n"
                         "Mirrors twisted.internet.base.DelayedCall.cancel.");

static PyObject *
delayed_call_cancel(DelayedCall *self, PyObject *Py_UNUSED(ignored))
{
    if (check_pending(self) < 0) {
        return NULL;
    }
    pyr_names *names = &self->timers->st->names;
    int debug = self->dict == NULL ? debug_is_on(self->timers->st)
                                   : pyr_attribute_true((PyObject *)self, names->debug);
    if (debug < 0) {
        return NULL;
    }
    if (tell_hook(self, names->canceller) < 0) {
        return NULL;
    }
    self->cancelled = 1;
    self->timers->stale++;
    pyr_timers_track(self);
    if (debug) {
        /* Stock's __repr__ looks at it. */
        PyObject *repr = PyObject_Repr((PyObject *)self);
        debug =
            repr == NULL ? -1 : PyObject_SetAttrString((PyObject *)self, "_repr", repr);
        Py_XDECREF(repr);
        if (debug < 0) {
            return NULL;
        }
    }
    Py_CLEAR(self->func);
    Py_CLEAR(self->args);
    Py_CLEAR(self->kwargs);
    Py_RETURN_NONE;
}

/* Move the call to self->time, which became earlier; unless what told that time, a
 * program's clock or number, has had it run or cancelled. */
static int
move_sooner(DelayedCall *self)
{
    if (self->called || self->cancelled) {
        return 0;
    }
    if (pyr_timers_push(self) < 0) {
        return -1;
    }
    self->timers->stale++;
    return tell_hook(self, self->timers->st->names.resetter);
}

PyDoc_STRVAR(reset_doc, "reset($self, secondsFromNow, /)\n--\n\n"
                        "Reschedule this call to secondsFromNow (float, seconds).\n\n"
                        "Raises error.AlreadyCancelled or error.AlreadyCalled.\n"
                        "Mirrors twisted.internet.base.DelayedCall.reset.");

static PyObject *
delayed_call_reset(DelayedCall *self, PyObject *seconds_from_now)
{
    if (check_pending(self) < 0) {
        return NULL;
    }
    double time, now;
    if (self->seconds == NULL) {
        pyr_attribute_absent((PyObject *)self, "seconds");
        return NULL;
    }
    if (pyr_clock_read_other(self->timers->clock, self->seconds, &now) < 0 ||
        add_seconds(now, seconds_from_now, PyNumber_Add, &time) < 0) {
        return NULL;
    }
    if (time < self->time) {
        self->delayed_time = 0.0;
        self->time = time;
        if (move_sooner(self) < 0) {
            return NULL;
        }
    } else {
        self->delayed_time = time - self->time;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(delay_doc,
             "delay($self, secondsLater, /)\n--\n\n"
             "Reschedule this call secondsLater (float, seconds) than now set.\n\n"
             "Raises error.AlreadyCancelled or error.AlreadyCalled.\n"
             "Mirrors twisted.internet.base.DelayedCall.delay.");

static PyObject *
delayed_call_delay(DelayedCall *self, PyObject *seconds_later)
{
    if (check_pending(self) < 0) {
        return NULL;
    }
    double later;
    if (add_seconds(self->delayed_time, seconds_later, PyNumber_InPlaceAdd, &later) < 0) {
        return NULL;
    }
    self->delayed_time = later;
    if (self->delayed_time < 0.0) {
        self->time += self->delayed_time;
        self->delayed_time = 0.0;
        if (move_sooner(self) < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

/* ---- DelayedCall's attributes ---- */

static inline bool
is_kw(void *attribute)
{
    return ((pyr_attribute *)attribute)->offset == offsetof(DelayedCall, kwargs);
}

/* args or kw; NULL stands for empty ones. */
static PyObject *
get_arguments(PyObject *op, void *attribute)
{
    PyObject *value = *pyr_attribute_slot(op, attribute);
    if (((DelayedCall *)op)->func == NULL) {
        pyr_attribute_absent(op, ((pyr_attribute *)attribute)->name);
        return NULL;
    }
    return value != NULL      ? Py_NewRef(value)
           : is_kw(attribute) ? PyDict_New()
                              : PyTuple_New(0);
}

static int
set_arguments(PyObject *op, PyObject *value, void *attribute)
{
    if (value != NULL && is_kw(attribute) && !PyDict_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "kw must be a dict");
        return -1;
    }
    PyObject *taken =
        value == NULL || is_kw(attribute) ? Py_XNewRef(value) : PySequence_Tuple(value);
    if (value != NULL && taken == NULL) {
        return -1;
    }
    Py_XSETREF(*pyr_attribute_slot(op, attribute), taken);
    return 0;
}

static PyGetSetDef delayed_call_getset[] = {
    PYR_ATTRIBUTE("func", DelayedCall, func),
    {"args", get_arguments, set_arguments,
     PyDoc_STR("tuple: positional arguments; absent once cancelled."),
     &(pyr_attribute){"args", offsetof(DelayedCall, args)}},
    {"kw", get_arguments, set_arguments,
     PyDoc_STR("dict: keyword arguments; absent once cancelled."),
     &(pyr_attribute){"kw", offsetof(DelayedCall, kwargs)}},
    PYR_ATTRIBUTE("seconds", DelayedCall, seconds),
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL},
};

static PyMemberDef delayed_call_members[] = {
    {"time", T_DOUBLE, offsetof(DelayedCall, time), 0,
     PyDoc_STR("float: when this call was first due, seconds since the epoch.")},
    {"delayed_time", T_DOUBLE, offsetof(DelayedCall, delayed_time), 0,
     PyDoc_STR("float: seconds by which delay() and reset() put it off since.")},
    {"called", T_BYTE, offsetof(DelayedCall, called), 0,
     PyDoc_STR("int: 1 once the call was made.")},
    {"cancelled", T_BYTE, offsetof(DelayedCall, cancelled), 0,
     PyDoc_STR("int: 1 once the call was cancelled.")},
    {"__dictoffset__", T_PYSSIZET, offsetof(DelayedCall, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(DelayedCall, weakrefs), READONLY, NULL},
    {NULL},
};

static PyMethodDef delayed_call_methods[] = {
    {"cancel", (PyCFunction)delayed_call_cancel, METH_NOARGS, cancel_doc},
    {"reset", (PyCFunction)delayed_call_reset, METH_O, reset_doc},
    {"delay", (PyCFunction)delayed_call_delay, METH_O, delay_doc},
    {NULL},
};

/* What it owns besides its loop. */
#define CALL_OBJECTS(X) X(func) X(args) X(kwargs) X(seconds) X(dict)

static int
delayed_call_traverse(DelayedCall *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->timers->owner);
#define X(field) Py_VISIT(self->field);
    CALL_OBJECTS(X)
#undef X
    return 0;
}

/* The loop stays: methods need it, and it breaks the cycle from its side. */
static int
delayed_call_clear(DelayedCall *self)
{
#define X(field) Py_CLEAR(self->field);
    CALL_OBJECTS(X)
#undef X
    return 0;
}

static void
delayed_call_dealloc(DelayedCall *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    /* Its function may be a method of another one, which does not limit the depth. */
    Py_TRASHCAN_BEGIN(self, delayed_call_dealloc);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    (void)delayed_call_clear(self);
    Py_DECREF(self->timers->owner);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
    Py_TRASHCAN_END
}

PyDoc_STRVAR(delayed_call_doc,
             "A call that reactor.callLater scheduled.\n\n"
             "Made by the reactor only.  Mirrors twisted.internet.base.DelayedCall.");

static PyType_Slot delayed_call_slots[] = {
    {Py_tp_doc, (void *)delayed_call_doc},   {Py_tp_dealloc, delayed_call_dealloc},
    {Py_tp_traverse, delayed_call_traverse}, {Py_tp_clear, delayed_call_clear},
    {Py_tp_methods, delayed_call_methods},   {Py_tp_members, delayed_call_members},
    {Py_tp_getset, delayed_call_getset},     {0, NULL},
};

static PyType_Spec delayed_call_spec = {
    .name = "pyreactor._core.DelayedCall",
    .basicsize = sizeof(DelayedCall),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = delayed_call_slots,
};

/* What calls really are: the above, and Twisted's class after it, for `isinstance`. */
static PyType_Slot scheduled_slots[] = {
    {Py_tp_doc, (void *)delayed_call_doc},
    {Py_tp_dealloc, delayed_call_dealloc},
    {Py_tp_traverse, delayed_call_traverse},
    {Py_tp_clear, delayed_call_clear},
    {0, NULL},
};

static PyType_Spec scheduled_spec = {
    .name = "twisted.internet.base.DelayedCall",
    .basicsize = sizeof(DelayedCall),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = scheduled_slots,
};

PyDoc_STRVAR(reactor_doc,
             "reactor_of(call, /)\n--\n\n"
             "The reactor that makes a timed call, or None once it is gone.\n\n"
             "Raises TypeError for what is no DelayedCall of a reactor.");

static PyObject *
core_reactor_of(PyObject *module, PyObject *call)
{
    if (!PyObject_TypeCheck(call, pyr_module_state(module)->loop->delayed_call_base)) {
        PyErr_SetString(PyExc_TypeError, "a DelayedCall is required");
        return NULL;
    }
    PyObject *reactor = ((DelayedCall *)call)->timers->clock->reactor;
    return Py_NewRef(reactor != NULL ? reactor : Py_None);
}

static PyMethodDef delayed_call_functions[] = {
    {"reactor_of", core_reactor_of, METH_O, reactor_doc},
    {NULL},
};

int
pyr_delayed_call_exec(PyObject *module, core_state *st)
{
    return PyModule_AddFunctions(module, delayed_call_functions) < 0
               ? -1
               : pyr_add_type(module, &delayed_call_spec, NULL,
                              &st->loop->delayed_call_base);
}

int
pyr_delayed_call_configure(PyObject *module, core_state *st, PyObject *Py_UNUSED(given))
{
    PyObject *bases =
        PyTuple_Pack(2, st->loop->delayed_call_base, st->loop->stock_delayed_call);
    PyObject *type =
        bases == NULL ? NULL : PyType_FromModuleAndSpec(module, &scheduled_spec, bases);
    Py_XDECREF(bases);
    if (type == NULL) {
        return -1;
    }
    ((PyTypeObject *)type)->tp_name = "DelayedCall"; /* as messages of stock's have it */
    Py_XSETREF(st->loop->delayed_call_type, (PyTypeObject *)type);
    return 0;
}
