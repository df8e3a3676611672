/* The Deferred type: attributes, methods, life and death.  See deferred.h for the map. */
#include "deferred/inline.h"
#include "deferred/object.h"
#include "core/depth.h"

#include <stddef.h>

#define SELF ((pyr_deferred *)op)

static PyObject *deferred_tp_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);
static int deferred_tp_init(PyObject *op, PyObject *args, PyObject *kwargs);

/* --- life and death -------------------------------------------------------------- */

static void
reset(pyr_deferred *self, core_state *st)
{
    memset((char *)self + offsetof(pyr_deferred, st), 0,
           offsetof(pyr_deferred, inline_links) - offsetof(pyr_deferred, st));
    self->st = st;
    self->links = self->inline_links;
    self->capacity = PYR_INLINE_LINKS;
}

/* An exact Deferred, tracked; only debug mode is left to the caller. */
static pyr_deferred *
make(core_state *st)
{
    pyr_deferred *self;
    if (st->deferred->free_deferred_count > 0) {
        /* Whole and empty, referred to by the free list alone: see keep(). */
        PyObject *op = st->deferred->free_deferreds[--st->deferred->free_deferred_count];
        self = SELF;
    } else if (st->deferred->type == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the interpreter is shutting down");
        return NULL;
    } else {
        self = PyObject_GC_New(pyr_deferred, st->deferred->type);
        if (self == NULL) {
            return NULL;
        }
        reset(self, st);
    }
    PyObject_GC_Track(self);
    return self;
}

/* An exact Deferred for C code's own use, which nobody else will see */
pyr_deferred *
pyr_deferred_bare(core_state *st)
{
    return make(st);
}

/* Did a program replace what makes a Deferred? */
static bool
is_made_otherwise(core_state *st)
{
    PyTypeObject *type = st->deferred->type;
    return type != NULL && pyr_patched(st) &&
           (type->tp_init != deferred_tp_init || type->tp_new != deferred_tp_new);
}

/* Deferred(canceller), or Deferred() for NULL, as Python code calls it */
static pyr_deferred *
make_by_call(core_state *st, PyObject *canceller)
{
    PyObject *type = Py_NewRef(st->deferred->type);
    PyObject *op;
    if (canceller == NULL) {
        op = PyObject_CallNoArgs(type);
    } else if (Py_TYPE(canceller) == st->deferred->driver_type) {
        PyObject *method = pyr_driver_canceller((pyr_driver *)canceller);
        op = method == NULL ? NULL : PyObject_CallOneArg(type, method);
        Py_XDECREF(method);
    } else {
        op = PyObject_CallOneArg(type, canceller);
    }
    Py_DECREF(type);
    if (op != NULL && !pyr_is_own(st, op)) {
        PyErr_SetString(PyExc_TypeError, "Deferred.__new__ gave no Deferred");
        Py_CLEAR(op);
    }
    return SELF;
}

pyr_deferred *
pyr_deferred_new(core_state *st, PyObject *canceller)
{
    if (is_made_otherwise(st)) {
        return make_by_call(st, canceller);
    }
    pyr_deferred *self = make(st);
    if (self != NULL) {
        self->canceller = Py_XNewRef(canceller);
        /* Looked for a moment ago, with what makes one otherwise. */
        if (st->deferred->debug && pyr_deferred_record_creator(self) < 0) {
            Py_CLEAR(self);
        }
    }
    return self;
}

static PyObject *
deferred_tp_new(PyTypeObject *type, PyObject *Py_UNUSED(args),
                PyObject *Py_UNUSED(kwargs))
{
    core_state *st = pyr_state_of_type(type);
    if (st == NULL || pyr_deferred_ready(st) < 0) {
        return NULL;
    }
    if (type == st->deferred->type) {
        return (PyObject *)make(st);
    }
    if (type->tp_flags & Py_TPFLAGS_IS_ABSTRACT) { /* let object.__new__ say why not */
        return PyBaseObject_Type.tp_new(type, st->deferred->empty_tuple, NULL);
    }
    pyr_deferred *self = (pyr_deferred *)type->tp_alloc(type, 0);
    if (self != NULL) {
        reset(self, st);
    }
    return (PyObject *)self;
}

int
pyr_deferred_init_base(pyr_deferred *self, PyObject *canceller)
{
    Py_CLEAR(self->listed);
    pyr_links_clear(self);
    canceller = canceller == Py_None ? NULL : canceller;
    Py_XSETREF(self->canceller, Py_XNewRef(canceller));
    return pyr_debug(self) ? pyr_deferred_record_creator(self) : 0;
}

/* Deferred.__init__(self), which a program may have replaced */
int
pyr_deferred_init_by_name(pyr_deferred *self)
{
    core_state *st = self->st;
    if (!is_made_otherwise(st)) {
        return pyr_deferred_init_base(self, NULL);
    }
    PyObject *init =
        PyObject_GetAttr((PyObject *)st->deferred->type, st->names.dunder_init);
    PyObject *none = init == NULL ? NULL : PyObject_CallOneArg(init, (PyObject *)self);
    Py_XDECREF(init);
    Py_XDECREF(none);
    return none == NULL ? -1 : 0;
}

/* Arguments do not suit, as is said already: say it in the words of stock's __init__; -1
 */
int
pyr_deferred_refuse(PyObject *op, PyObject *stock, PyObject *args, PyObject *kwargs)
{
    PyObject *error = PyErr_GetRaisedException();
    PyObject *init = PyObject_GetAttr(stock, SELF->st->names.dunder_init);
    PyObject *self = PyTuple_Pack(1, op);
    PyObject *all = self == NULL ? NULL : PySequence_Concat(self, args);
    PyObject *none =
        init == NULL || all == NULL ? NULL : PyObject_Call(init, all, kwargs);
    Py_XDECREF(init);
    Py_XDECREF(self);
    Py_XDECREF(all);
    if (none == NULL) {
        Py_DECREF(error);
        return -1;
    }
    Py_DECREF(none);
    PyErr_SetRaisedException(error);
    return -1;
}

static int
deferred_tp_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"canceller", NULL};
    PyObject *canceller = NULL;
    bool simple = kwargs == NULL && PyTuple_GET_SIZE(args) <= 1;
    if (simple && PyTuple_GET_SIZE(args) == 1) {
        canceller = PyTuple_GET_ITEM(args, 0);
    }
    if (!simple &&
        !PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Deferred", names, &canceller)) {
        return pyr_deferred_refuse(op, SELF->st->deferred->stock_deferred, args, kwargs);
    }
    return pyr_deferred_init_base(SELF, canceller);
}

/* Deferred(...) by way of tuple and dict, for all but the simplest calls */
static PyObject *
call_slowly(PyObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *tuple = PyTuple_New(nargs);
    PyObject *kwargs = PyDict_New();
    PyObject *result = NULL;
    if (tuple == NULL || kwargs == NULL) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < nargs; i++) {
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
    }
    Py_ssize_t named = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    for (Py_ssize_t i = 0; i < named; i++) {
        if (PyDict_SetItem(kwargs, PyTuple_GET_ITEM(kwnames, i), args[nargs + i]) < 0) {
            goto done;
        }
    }
    result = PyType_Type.tp_call(type, tuple, kwargs);
done:
    Py_XDECREF(tuple);
    Py_XDECREF(kwargs);
    return result;
}

static PyObject *
deferred_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf,
                    PyObject *kwnames)
{
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    if (kwnames == NULL && nargs <= 1 &&
        ((PyTypeObject *)type)->tp_init == deferred_tp_init &&
        ((PyTypeObject *)type)->tp_new == deferred_tp_new) {
        /* No class inherits this, so it is the type that the module made. */
        core_state *st = PyType_GetModuleState((PyTypeObject *)type);
        if (st == NULL || (!st->deferred->ready && pyr_deferred_ready(st) < 0)) {
            return NULL;
        }
        PyObject *canceller = nargs == 0 || args[0] == Py_None ? NULL : args[0];
        return (PyObject *)pyr_deferred_new(st, canceller);
    }
    return call_slowly(type, args, nargs, kwnames);
}

int
pyr_deferred_traverse_base(pyr_deferred *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->result);
    Py_VISIT(self->canceller);
    Py_VISIT(self->chained_to);
    Py_VISIT(self->fail_result);
    Py_VISIT(self->debug_info);
    Py_VISIT(self->listed);
    Py_VISIT(self->dict);
    return pyr_links_traverse(self, visit, arg);
}

static int
deferred_traverse(PyObject *op, visitproc visit, void *arg)
{
    return pyr_deferred_traverse_base(SELF, visit, arg);
}

void
pyr_deferred_clear_base(pyr_deferred *self)
{
    /* A subclass that got a __del__ of its own later has kept us from reporting there. */
    if (self->fail_result != NULL) {
        pyr_report_unhandled(self);
    }
    Py_CLEAR(self->listed);
    pyr_links_clear(self);
    Py_CLEAR(self->canceller);
    Py_CLEAR(self->result);
    Py_CLEAR(self->chained_to);
    Py_CLEAR(self->dict);
    Py_CLEAR(self->debug_info);
    Py_CLEAR(self->fail_result);
}

static int
deferred_tp_clear(PyObject *op)
{
    pyr_deferred_clear_base(SELF);
    return 0;
}

void
pyr_deferred_finalize(PyObject *op)
{
    pyr_report_unhandled(SELF);
}

/*
 * The free list takes an exact Deferred that was cleared, unless that is full or going
 * away with the module, which lets go of the type before it empties the list.
 */
static bool
keep(pyr_deferred *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (((PyHeapTypeObject *)type)->ht_module == NULL) {
        return false;
    }
    pyr_deferred_state *state = self->st->deferred;
    if (type != state->type || state->free_deferred_count == PYR_FREE_DEFERREDS ||
        PyObject_GC_IsFinalized((PyObject *)self)) {
        return false;
    }
    self->called = self->suppress_already_called = false;
    self->running = self->had_debug_info = false;
    self->paused = 0;
#ifdef Py_REF_DEBUG
    _Py_NewReference((PyObject *)self);
#else
    Py_SET_REFCNT((PyObject *)self, 1);
#endif
    state->free_deferreds[state->free_deferred_count++] = (PyObject *)self;
    return true;
}

static void
destroy(pyr_deferred *self)
{
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    if (self->links != NULL) { /* NULL: tp_new failed half-way */
        pyr_deferred_clear_base(self);
        if (keep(self)) {
            return;
        }
    }
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* Can clearing it end in a Deferred again, and so on?  Else it needs no care. */
static inline bool
is_shallow(pyr_deferred *self)
{
    return (self->result == NULL || !PyObject_IS_GC(self->result)) &&
           self->head == self->tail && self->canceller == NULL &&
           self->chained_to == NULL && self->fail_result == NULL &&
           self->debug_info == NULL && self->listed == NULL && self->dict == NULL;
}

static void
deferred_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    if (is_shallow(SELF)) {
        destroy(SELF);
        return;
    }
    Py_TRASHCAN_BEGIN(op, deferred_dealloc);
    destroy(SELF);
    Py_TRASHCAN_END
}

/* --- methods: adding links ------------------------------------------------------- */

bool
pyr_debug_slow(pyr_deferred *self)
{
    PyObject *type, *value, *tb;
    PyErr_Fetch(&type, &value, &tb);
    PyObject *debug = PyObject_GetAttr((PyObject *)self, self->st->names.debug);
    int truth = debug == NULL ? -1 : PyObject_IsTrue(debug);
    Py_XDECREF(debug);
    PyErr_Restore(type, value, tb);
    return truth > 0;
}

/* After adding: self, having run the links if the result is there. */
static PyObject *
added(pyr_deferred *self)
{
    if (self->called && pyr_run_dynamic(self) < 0) {
        return NULL;
    }
    return Py_NewRef(self);
}

static PyObject *
add_links(pyr_deferred *self, pyr_link *stolen, int count)
{
    if (self->listed != NULL) {
        return pyr_links_listed_add(self, stolen, count) < 0 ? NULL : added(self);
    }
    pyr_link *room = pyr_links_append(self, count);
    if (room == NULL) {
        for (int i = 0; i < count; i++) {
            pyr_link_clear(&stolen[i]);
        }
        return NULL;
    }
    memcpy(room, stolen, sizeof(pyr_link) * count);
    return added(self);
}

/* Store the arguments after the callable in the link. */
static int
keep_arguments(pyr_link *link, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    Py_ssize_t named = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    if (nargs + named == 0) {
        return 0;
    }
    link->args = PyTuple_New(nargs + named);
    if (link->args == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < nargs + named; i++) {
        PyTuple_SET_ITEM(link->args, i, Py_NewRef(args[i]));
    }
    link->named = named > 0;
    link->keywords = named > 0 ? Py_NewRef(kwnames) : NULL;
    return 0;
}

/* As add_one, for calls that are not the plainest. */
static PYR_NO_INLINE PyObject *
add_one_with(pyr_deferred *self, pyr_link_kind kind, PyObject *const *args,
             Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs < 1) {
        PyErr_SetString(PyExc_TypeError, "a callable is missing");
        return NULL;
    }
    pyr_link link = {.kind = (uint8_t)kind};
    link.target = Py_NewRef(args[0]);
    if (keep_arguments(&link, args + 1, nargs - 1, kwnames) < 0) {
        pyr_link_clear(&link);
        return NULL;
    }
    return add_links(self, &link, 1);
}

/* addCallback, addErrback, addBoth: (callable, *args, **kwargs) */
static inline PyObject *
add_one(pyr_deferred *self, pyr_link_kind kind, PyObject *const *args, Py_ssize_t nargs,
        PyObject *kwnames)
{
    if (nargs != 1 || kwnames != NULL || self->listed != NULL) {
        return add_one_with(self, kind, args, nargs, kwnames);
    }
    pyr_link *room = pyr_links_append(self, 1);
    if (room == NULL) {
        return NULL;
    }
    room->kind = (uint8_t)kind;
    room->target = Py_NewRef(args[0]);
    return self->called ? added(self) : Py_NewRef(self);
}

PyDoc_STRVAR(
    addCallback_doc,
    "addCallback(callback, *args, **kwargs)\n--\n\n"
    "Run callback(result, *args, **kwargs) once there is a result that is no Failure.\n\n"
    "Returns self.  Mirrors twisted.internet.defer.Deferred.addCallback.");
static PyObject *
deferred_addCallback(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                     PyObject *kwnames)
{
    return add_one(SELF, PYR_LINK_CALLBACK, args, nargs, kwnames);
}

PyDoc_STRVAR(addErrback_doc,
             "addErrback(errback, *args, **kwargs)\n--\n\n"
             "Run errback(failure, *args, **kwargs) once the result is a Failure.\n\n"
             "Returns self.  Mirrors twisted.internet.defer.Deferred.addErrback.");
static PyObject *
deferred_addErrback(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                    PyObject *kwnames)
{
    return add_one(SELF, PYR_LINK_ERRBACK, args, nargs, kwnames);
}

PyDoc_STRVAR(
    addBoth_doc,
    "addBoth(callback, *args, **kwargs)\n--\n\n"
    "Run callback(result, *args, **kwargs) once there is a result or a Failure.\n\n"
    "Returns self.  Mirrors twisted.internet.defer.Deferred.addBoth.");
static PyObject *
deferred_addBoth(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return add_one(SELF, PYR_LINK_BOTH, args, nargs, kwnames);
}

enum {
    ADD_CALLBACK,
    ADD_ERRBACK,
    ADD_CB_ARGS,
    ADD_CB_KW,
    ADD_EB_ARGS,
    ADD_EB_KW,
    ADD_COUNT
};

/* addCallbacks' arguments into borrowed values[ADD_COUNT]; absent and None are NULL */
static int
take_add_callbacks(PyObject *const *args, Py_ssize_t nargs, PyObject **values)
{
    if (nargs < 1 || nargs > ADD_COUNT) {
        PyErr_SetString(PyExc_TypeError, "addCallbacks() takes one to six arguments");
        return -1;
    }
    for (Py_ssize_t i = 0; i < nargs; i++) {
        values[i] = i > ADD_CALLBACK && args[i] == Py_None ? NULL : args[i];
    }
    return 0;
}

static void
fill_side(pyr_link *link, PyObject *target, PyObject *args, PyObject *keywords)
{
    link->target = Py_XNewRef(target);
    if (args != NULL && !(PyTuple_CheckExact(args) && PyTuple_GET_SIZE(args) == 0)) {
        link->args = Py_NewRef(args);
    }
    link->keywords = Py_XNewRef(keywords);
}

PyDoc_STRVAR(addCallbacks_doc,
             "addCallbacks(callback, errback=None, callbackArgs=(), callbackKeywords={}, "
             "errbackArgs=(), errbackKeywords={})\n--\n\n"
             "Add a callback and the errback that runs in its place if the result is a "
             "Failure.\n\n"
             "Returns self.  Mirrors twisted.internet.defer.Deferred.addCallbacks.");
static PyObject *
deferred_addCallbacks(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                      PyObject *Py_UNUSED(kwnames))
{
    PyObject *values[ADD_COUNT] = {NULL};
    if (take_add_callbacks(args, nargs, values) < 0) {
        return NULL;
    }
    PyObject *errback = values[ADD_ERRBACK];
    PyObject *errback_args = values[ADD_EB_ARGS], *errback_keywords = values[ADD_EB_KW];
    if (errback == NULL && (errback_args != NULL || errback_keywords != NULL)) {
        /* Given to the pass-through as well, which may not like them. */
        errback = SELF->st->deferred->failthru;
    }
    pyr_link links[2] = {{.kind = PYR_LINK_PAIR}, {.kind = PYR_LINK_ERRBACK}};
    fill_side(&links[0], values[ADD_CALLBACK], values[ADD_CB_ARGS], values[ADD_CB_KW]);
    fill_side(&links[1], errback, errback_args, errback_keywords);
    return add_links(SELF, links, 2);
}

/* --- methods: firing ------------------------------------------------------------- */

static PyObject *
start_run(pyr_deferred *self, PyObject *result)
{
    int begun = pyr_fire_begin(self, result);
    if (begun > 0) {
        begun = pyr_is_native(self->st, (PyObject *)self) ? pyr_run(self)
                                                          : pyr_run_dynamic(self);
    }
    return begun < 0 ? NULL : Py_NewRef(Py_None);
}

/* Show the caller's line in the traceback of what was raised; NULL. */
static PYR_NO_INLINE PyObject *
refused_by(core_state *st, pyr_trace_point caller)
{
    pyr_trace_prepend(st, &caller, 1);
    return NULL;
}

/* self._startRunCallbacks(result), called by the method that `caller` is the line of */
static PyObject *
start_run_dynamic(pyr_deferred *self, PyObject *result, pyr_trace_point caller)
{
    PyObject *none;
    if (pyr_is_native(self->st, (PyObject *)self)) {
        none = start_run(self, result);
    } else {
        none = PyObject_CallMethodOneArg((PyObject *)self,
                                         self->st->names.startRunCallbacks, result);
    }
    return none != NULL ? none : refused_by(self->st, caller);
}

PyDoc_STRVAR(startRunCallbacks_doc, "_startRunCallbacks(result)\n--\n\n"
                                    "What callback and errback have in common.");
static PyObject *
deferred_startRunCallbacks(PyObject *op, PyObject *result)
{
    return start_run(SELF, result);
}

PyDoc_STRVAR(runCallbacks_doc, "_runCallbacks()\n--\n\n"
                               "Give the result to the links that wait for it.");
static PyObject *
deferred_runCallbacks(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    if (pyr_run(SELF) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(continuation_doc,
             "_continuation()\n--\n\n"
             "What a Deferred this one waits for has in its _callbacks.");
static PyObject *
deferred_continuation(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return pyr_continuation(SELF->st, op);
}

PyDoc_STRVAR(chainDeferred_doc,
             "chainDeferred(d)\n--\n\n"
             "Fire d with the result this Deferred will have.\n\n"
             "Returns self.  Mirrors twisted.internet.defer.Deferred.chainDeferred.");
static PyObject *
deferred_chainDeferred(PyObject *op, PyObject *other)
{
    core_state *st = SELF->st;
    if (pyr_is_native(st, op) && pyr_is_native(st, other)) {
        Py_XSETREF(((pyr_deferred *)other)->chained_to, Py_NewRef(op));
        return pyr_add_fire(SELF, other) < 0 ? NULL : Py_NewRef(op);
    }
    if (PyObject_SetAttr(other, st->names.chainedTo, op) < 0) {
        return NULL;
    }
    PyObject *callback = PyObject_GetAttr(other, st->names.callback);
    PyObject *errback =
        callback == NULL ? NULL : PyObject_GetAttr(other, st->names.errback);
    PyObject *result = NULL;
    if (errback != NULL) {
        result = PyObject_CallMethodObjArgs(op, st->names.addCallbacks, callback, errback,
                                            NULL);
    }
    Py_XDECREF(callback);
    Py_XDECREF(errback);
    return result;
}

PyDoc_STRVAR(callback_doc, "callback(result)\n--\n\n"
                           "Fire with a result.\n\n"
                           "Raises AlreadyCalledError the second time.\n"
                           "Mirrors twisted.internet.defer.Deferred.callback.");
static PyObject *
deferred_callback(PyObject *op, PyObject *result)
{
    return start_run_dynamic(SELF, result, PYR_TRACE_callback);
}

PyDoc_STRVAR(
    errback_doc,
    "errback(fail=None)\n--\n\n"
    "Fire with a Failure: the one given, one for the exception given, or one for the\n"
    "exception that is being handled.\n\n"
    "Raises AlreadyCalledError the second time, NoCurrentExceptionError if there is\n"
    "no exception.  Mirrors twisted.internet.defer.Deferred.errback.");
static PyObject *
deferred_errback(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                 PyObject *Py_UNUSED(kwnames))
{
    core_state *st = SELF->st;
    PyObject *value = nargs > 0 ? args[0] : NULL;
    PyObject *failure;
    if (value == NULL || value == Py_None) {
        failure = pyr_failure_from_handled(st, pyr_debug(SELF));
    } else if (pyr_is_failure(st, value)) {
        failure = Py_NewRef(value);
    } else {
        failure = pyr_failure_from_value(st, value);
    }
    if (failure == NULL) {
        return NULL;
    }
    PyObject *result = start_run_dynamic(SELF, failure, PYR_TRACE_errback);
    Py_DECREF(failure);
    return result;
}

PyDoc_STRVAR(pause_doc,
             "pause()\n--\n\n"
             "Run no callbacks until unpause() was called as often as this.\n\n"
             "Mirrors twisted.internet.defer.Deferred.pause.");
static PyObject *
deferred_pause(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    SELF->paused++;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(unpause_doc, "unpause()\n--\n\n"
                          "Undo one pause(), and run what has been waiting.\n\n"
                          "Mirrors twisted.internet.defer.Deferred.unpause.");
static PyObject *
deferred_unpause(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    SELF->paused--;
    if (SELF->paused == 0 && SELF->called && pyr_run_dynamic(SELF) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static int
call_canceller(pyr_deferred *self)
{
    core_state *st = self->st;
    PyObject *canceller = self->canceller;
    if (canceller == NULL) {
        self->suppress_already_called = true;
        return 0;
    }
    Py_INCREF(canceller);
    int result = -1;
    if (Py_TYPE(canceller) == st->deferred->driver_type) {
        result = pyr_driver_cancel((pyr_driver *)canceller, (PyObject *)self);
    } else {
        int truth = PyObject_IsTrue(canceller);
        if (truth == 0) {
            self->suppress_already_called = true;
            result = 0;
        } else if (truth > 0) {
            PyObject *ignored = PyObject_CallOneArg(canceller, (PyObject *)self);
            result = ignored == NULL ? -1 : 0;
            Py_XDECREF(ignored);
        }
    }
    Py_DECREF(canceller);
    return result;
}

static int
cancel_unfired(pyr_deferred *self)
{
    static const pyr_trace_point point[] = {PYR_TRACE_cancel};
    core_state *st = self->st;
    /* A canceller may cancel the next Deferred, and so on. */
    if (pyr_descend(&st->depth, " while cancelling") < 0) {
        return -1;
    }
    int cancelled = call_canceller(self);
    pyr_ascend(&st->depth);
    if (cancelled < 0) {
        pyr_trace_prepend(st, point, 1);
        return -1;
    }
    if (self->called) {
        return 0;
    }
    PyObject *error = PyObject_CallNoArgs(st->deferred->cancelled_error);
    PyObject *failure = error == NULL ? NULL : pyr_failure_from_value(st, error);
    Py_XDECREF(error);
    int result = failure == NULL ? -1 : pyr_errback((PyObject *)self, failure);
    Py_XDECREF(failure);
    return result;
}

/* A canceller raised: a line for each Deferred that handed the request on. */
static void
trace_handing_on(core_state *st, size_t steps)
{
    static const pyr_trace_point point[] = {PYR_TRACE_cancel_other};
    while (steps-- > 0) {
        pyr_trace_prepend(st, point, 1);
    }
}

PyDoc_STRVAR(
    cancel_doc,
    "cancel()\n--\n\n"
    "Call the canceller, and fire with a CancelledError if that did not fire; hand the\n"
    "request on to the Deferred this one waits for, if it waits for one.\n\n"
    "Mirrors twisted.internet.defer.Deferred.cancel.");
static PyObject *
deferred_cancel(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    core_state *st = SELF->st;
    PyObject *current = Py_NewRef(op);
    PyObject *milestone = NULL; /* borrowed, only compared: finds Deferreds in a circle */
    int result = 0;
    size_t steps = 0;
    for (;; steps++) {
        if (current == milestone) {
            PyErr_SetString(PyExc_RecursionError, "maximum recursion depth exceeded");
            Py_DECREF(current);
            return NULL;
        }
        if ((steps & (steps - 1)) == 0) {
            milestone = current;
        }
        pyr_deferred *self = (pyr_deferred *)current;
        if (!self->called) {
            result = cancel_unfired(self);
            break;
        }
        PyObject *next = self->result;
        if (next == NULL || !pyr_is_deferred(st, next)) {
            break;
        }
        Py_INCREF(next);
        Py_SETREF(current, next);
        if (Py_TYPE(next) != st->deferred->type || !pyr_is_native(st, next)) {
            PyObject *none = PyObject_CallMethodNoArgs(next, st->names.cancel);
            result = none == NULL ? -1 : 0;
            Py_XDECREF(none);
            steps++;
            break;
        }
    }
    Py_DECREF(current);
    if (result < 0) {
        trace_handing_on(st, steps);
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    fromCoroutine_doc,
    "fromCoroutine(coro)\n--\n\n"
    "Run a coroutine or generator that awaits Deferreds; gives a Deferred that fires\n"
    "with what it returns or raises.\n\n"
    "Raises NotACoroutineError for anything else.\n"
    "Mirrors twisted.internet.defer.Deferred.fromCoroutine.");
static PyObject *
deferred_fromCoroutine(PyObject *cls, PyObject *coroutine)
{
    core_state *st = pyr_state_of_type((PyTypeObject *)cls);
    if (st == NULL || pyr_deferred_ready(st) < 0) {
        return NULL;
    }
    return pyr_drive_coroutine(st, coroutine);
}

PyDoc_STRVAR(class_getitem_doc, "__class_getitem__(item)\n--\n\nDeferred[int]");

PyDoc_STRVAR(subclasshook_doc, "__subclasshook__(subclass)\n--\n\n"
                               "Stock's Deferreds are taken for these.");

PyDoc_STRVAR(init_subclass_doc, "__init_subclass__(**kwargs)\n--\n\n"
                                "Note the subclass where Twisted looks Deferreds up.");
static PyObject *
deferred_init_subclass(PyObject *cls, PyObject *Py_UNUSED(args),
                       PyObject *Py_UNUSED(kwargs))
{
    core_state *st = pyr_state_of_type((PyTypeObject *)cls);
    if (st == NULL || pyr_deferred_ready(st) < 0 ||
        PyList_Append(st->deferred->subclasses, cls) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
deferred_iter(PyObject *op)
{
    return pyr_awaiter_new(op);
}

/* `deferred.__await__()`, called by name: who knows what becomes of the iterator. */
PyDoc_STRVAR(await_doc, "__await__()\n--\n\nAn iterator that waits for the result.");
static PyObject *
deferred_await(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return pyr_awaiter_new(op);
}

/* The result may be a Deferred, which has a result, and so on. */
static PyObject *
repr_with_result(pyr_deferred *self, PyObject *name)
{
    pyr_depth *depth = &self->st->depth;
    if (pyr_descend(depth, " while getting the repr of an object") < 0) {
        return NULL;
    }
    PyObject *result = Py_NewRef(self->result);
    PyObject *text =
        PyUnicode_FromFormat("<%S at %p current result: %R>", name, (void *)self, result);
    Py_DECREF(result);
    pyr_ascend(depth);
    return text;
}

static PyObject *
deferred_repr(PyObject *op)
{
    pyr_deferred *self = SELF;
    PyObject *class = PyObject_GetAttrString(op, "__class__");
    PyObject *name = class == NULL ? NULL : PyObject_GetAttrString(class, "__name__");
    Py_XDECREF(class);
    if (name == NULL) {
        return NULL;
    }
    PyObject *text;
    void *here = (void *)self;
    if (self->chained_to != NULL) {
        text = PyUnicode_FromFormat("<%S at %p waiting on Deferred at %p>", name, here,
                                    (void *)self->chained_to);
    } else if (self->result == NULL) {
        text = PyUnicode_FromFormat("<%S at %p>", name, here);
    } else {
        text = repr_with_result(self, name);
    }
    Py_DECREF(name);
    return text;
}

/* --- attributes ------------------------------------------------------------------ */

static PyObject *
get_flag(PyObject *op, void *offset)
{
    return PyBool_FromLong(*((bool *)op + (uintptr_t)offset));
}

/* Deleting brings the class' default back, which is False. */
static int
set_flag(PyObject *op, PyObject *value, void *offset)
{
    int truth = value == NULL ? 0 : PyObject_IsTrue(value);
    if (truth < 0) {
        return -1;
    }
    *((bool *)op + (uintptr_t)offset) = truth;
    return 0;
}

static PyObject *
get_paused(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(SELF->paused);
}

static int
set_paused(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    Py_ssize_t paused = value == NULL ? 0 : PyLong_AsSsize_t(value);
    if (paused == -1 && PyErr_Occurred()) {
        return -1;
    }
    SELF->paused = paused;
    return 0;
}

static int
no_attribute(PyObject *op, const char *name)
{
    PyErr_Format(PyExc_AttributeError, "'%.100s' object has no attribute '%s'",
                 Py_TYPE(op)->tp_name, name);
    return -1;
}

static PyObject *
get_result(PyObject *op, void *Py_UNUSED(closure))
{
    if (SELF->result == NULL) {
        PyObject *name = PyObject_GetAttrString((PyObject *)Py_TYPE(op), "__name__");
        if (name != NULL) {
            PyErr_Format(PyExc_AttributeError, "'%U' object has no attribute 'result'",
                         name);
            Py_DECREF(name);
        }
        return NULL;
    }
    return Py_NewRef(SELF->result);
}

static int
set_result(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL && SELF->result == NULL) {
        return no_attribute(op, "result");
    }
    Py_XSETREF(SELF->result, Py_XNewRef(value));
    return 0;
}

static PyObject *
get_chained_to(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(SELF->chained_to == NULL ? Py_None : SELF->chained_to);
}

static int
set_chained_to(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    Py_XSETREF(SELF->chained_to, value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

static PyObject *
get_canceller(PyObject *op, void *Py_UNUSED(closure))
{
    PyObject *canceller = SELF->canceller;
    if (canceller != NULL && Py_TYPE(canceller) == SELF->st->deferred->driver_type) {
        return pyr_driver_canceller((pyr_driver *)canceller);
    }
    return Py_NewRef(canceller == NULL ? Py_None : canceller);
}

static int
set_canceller(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    Py_XSETREF(SELF->canceller, value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

static PyObject *
get_callbacks(PyObject *op, void *Py_UNUSED(closure))
{
    if (pyr_links_as_list(SELF) < 0) {
        return NULL;
    }
    return Py_NewRef(SELF->listed);
}

static int
set_callbacks(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL) {
        return no_attribute(op, "_callbacks");
    }
    PyObject *old = SELF->listed;
    SELF->listed = Py_NewRef(value);
    pyr_links_clear(SELF);
    Py_XDECREF(old);
    return 0;
}

static PyObject *
get_debug_info(PyObject *op, void *Py_UNUSED(closure))
{
    return pyr_debug_info(SELF);
}

/* Who takes the DebugInfo away loses it: one with a failure reports it at that moment. */
static int
set_debug_info(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    pyr_report_unhandled(SELF);
    value = value == Py_None ? NULL : value;
    SELF->had_debug_info = value != NULL;
    Py_XSETREF(SELF->debug_info, Py_XNewRef(value));
    return 0;
}

#define FLAG(name, field, doc)                                                          \
    {                                                                                   \
        name, get_flag, set_flag, doc, (void *)(uintptr_t)offsetof(pyr_deferred, field) \
    }

static PyGetSetDef deferred_getset[] = {
    FLAG("called", called, "Whether it was fired."),
    FLAG("_suppressAlreadyCalled", suppress_already_called,
         "Cancelled without a canceller: ignore the next callback or errback."),
    FLAG("_runningCallbacks", running, "Whether a callback runs right now."),
    {"paused", get_paused, set_paused, "Number of pause() without unpause().", NULL},
    {"result", get_result, set_result, "The result so far; absent before firing.", NULL},
    {"_chainedTo", get_chained_to, set_chained_to, "The Deferred it waits for, or None.",
     NULL},
    {"_canceller", get_canceller, set_canceller, "The canceller, or None.", NULL},
    {"_callbacks", get_callbacks, set_callbacks, "What waits for the result.", NULL},
    {"_debugInfo", get_debug_info, set_debug_info, "The DebugInfo, or None.", NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL},
};

static PyMemberDef deferred_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(pyr_deferred, weakrefs), READONLY},
    {"__dictoffset__", T_PYSSIZET, offsetof(pyr_deferred, dict), READONLY},
    {NULL},
};

#define FAST (METH_FASTCALL | METH_KEYWORDS)
#define CAST(function) ((PyCFunction)(void (*)(void))(function))

/* Called by way of StandIns, which know stock's parameters: what is optional and was not
 * given is NULL or left out. */
static PyMethodDef deferred_methods[] = {
    {"addCallback", CAST(deferred_addCallback), FAST, addCallback_doc},
    {"addErrback", CAST(deferred_addErrback), FAST, addErrback_doc},
    {"addBoth", CAST(deferred_addBoth), FAST, addBoth_doc},
    {"addCallbacks", CAST(deferred_addCallbacks), FAST, addCallbacks_doc},
    {"chainDeferred", deferred_chainDeferred, METH_O, chainDeferred_doc},
    {"callback", deferred_callback, METH_O, callback_doc},
    {"errback", CAST(deferred_errback), FAST, errback_doc},
    {"pause", deferred_pause, METH_NOARGS, pause_doc},
    {"unpause", deferred_unpause, METH_NOARGS, unpause_doc},
    {"cancel", deferred_cancel, METH_NOARGS, cancel_doc},
    {"fromCoroutine", deferred_fromCoroutine, METH_O | METH_CLASS, fromCoroutine_doc},
    {"_startRunCallbacks", deferred_startRunCallbacks, METH_O, startRunCallbacks_doc},
    {"_runCallbacks", deferred_runCallbacks, METH_NOARGS, runCallbacks_doc},
    {"_continuation", deferred_continuation, METH_NOARGS, continuation_doc},
    {"__await__", deferred_await, METH_NOARGS | METH_COEXIST, await_doc},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, class_getitem_doc},
    {"__subclasshook__", pyr_deferred_subclasshook, METH_O | METH_CLASS,
     subclasshook_doc},
    {"__init_subclass__", CAST(deferred_init_subclass),
     METH_VARARGS | METH_KEYWORDS | METH_CLASS, init_subclass_doc},
    {NULL},
};

PyDoc_STRVAR(deferred_doc,
             "Deferred(canceller=None)\n--\n\n"
             "A result that is not there yet, and what to do once it is.\n\n"
             "canceller, if given, is called with the Deferred by cancel().\n"
             "Mirrors twisted.internet.defer.Deferred.");

static PyType_Slot deferred_slots[] = {
    {Py_tp_doc, (void *)deferred_doc},
    {Py_tp_new, deferred_tp_new},
    {Py_tp_init, deferred_tp_init},
    {Py_tp_traverse, deferred_traverse},
    {Py_tp_clear, deferred_tp_clear},
    {Py_tp_finalize, pyr_deferred_finalize},
    {Py_tp_dealloc, deferred_dealloc},
    {Py_tp_repr, deferred_repr},
    {Py_tp_str, deferred_repr},
    {Py_tp_iter, deferred_iter},
    {Py_am_await, pyr_awaiter_of_await},
    {Py_tp_methods, deferred_methods},
    {Py_tp_getset, deferred_getset},
    {Py_tp_members, deferred_members},
    {0, NULL},
};

static PyType_Spec deferred_spec = {
    .name = "pyreactor.defer.Deferred",
    .basicsize = sizeof(pyr_deferred),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = deferred_slots,
};

int
pyr_deferred_add_type(PyObject *module, core_state *st)
{
    PyTypeObject *type = pyr_add_type(module, &deferred_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    st->deferred->type = type;
    type->tp_name = "Deferred"; /* the name a class made in Python has in messages */
    type->tp_vectorcall = deferred_vectorcall;
    if (PyObject_SetAttrString((PyObject *)type, "debug", Py_False) < 0) {
        return -1;
    }
    return 0;
}
