/*
 * The driver of generators (inlineCallbacks) and coroutines (fromCoroutine).
 *
 * A driver sends results into its generator until that yields a Deferred without a
 * result; then it adds itself to that Deferred as a link and returns.  The run loop
 * resumes it.  It is also the canceller of the Deferred that stands for the generator.
 */
#include "deferred/inline.h"
#include "deferred/object.h"

#include <stddef.h>
#include "core/depth.h"

#define SELF ((driver *)op)

typedef struct {
    PyObject_HEAD core_state *st;
    PyObject *generator;
    PyObject *deferred;    /* fired when the generator ends */
    PyObject *waiting_on;  /* the last Deferred it waited for, or NULL */
    PyObject *context;     /* contextvars context of its own */
    PyObject *sync_result; /* result that came while we were still adding the link */
    bool adding;           /* a link is being added: a result now is synchronous */
} driver;

/* --- life and death -------------------------------------------------------------- */

static driver *
driver_new(core_state *st, PyObject *generator)
{
    driver *self =
        (driver *)pyr_freelist_new(&st->deferred->free_drivers, sizeof(driver));
    if (self != NULL) {
        self->st = st;
        self->generator = Py_NewRef(generator);
        PyObject_GC_Track(self);
    }
    return self;
}

#define DRIVER_OBJECTS(X) X(generator) X(deferred) X(waiting_on) X(context) X(sync_result)

static int
driver_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
#define X(field) Py_VISIT(SELF->field);
    DRIVER_OBJECTS(X)
#undef X
    return 0;
}

static int
driver_clear(PyObject *op)
{
#define X(field) Py_CLEAR(SELF->field);
    DRIVER_OBJECTS(X)
#undef X
    return 0;
}

static void
driver_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    Py_TRASHCAN_BEGIN(op, driver_dealloc);
    (void)driver_clear(op);
    SELF->adding = false;
    bool module = pyr_type_has_module(Py_TYPE(op));
    pyr_freelist_drop(module ? &SELF->st->deferred->free_drivers : NULL, op);
    Py_TRASHCAN_END
}

/* --- stepping -------------------------------------------------------------------- */

/* The current exception is a StopIteration: its value, the exception cleared. */
static PyObject *
take_stop_value(void)
{
    PyObject *stop = PyErr_GetRaisedException();
    PyObject *value = PyObject_GetAttrString(stop, "value");
    Py_DECREF(stop);
    return value;
}

static PySendResult
outcome_of_call(PyObject *returned, PyObject **result)
{
    *result = returned;
    if (returned != NULL) {
        return PYGEN_NEXT;
    }
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) {
        return PYGEN_ERROR;
    }
    *result = take_stop_value();
    return *result == NULL ? PYGEN_ERROR : PYGEN_RETURN;
}

static PySendResult
send_value(driver *self, PyObject *value, PyObject **result)
{
    PyObject *generator = self->generator;
    if (PyGen_CheckExact(generator) || PyCoro_CheckExact(generator)) {
        return PyIter_Send(generator, value, result);
    }
    return outcome_of_call(
        PyObject_CallMethodOneArg(generator, self->st->names.send, value), result);
}

static PySendResult
throw_failure(driver *self, PyObject *failure, PyObject **result)
{
    return outcome_of_call(
        PyObject_CallMethodOneArg(failure, self->st->names.throwExceptionIntoGenerator,
                                  self->generator),
        result);
}

/* Fired, and nothing else to do: its result can be had without adding a link. */
static inline bool
is_settled(core_state *st, PyObject *value)
{
    pyr_deferred *deferred = (pyr_deferred *)value;
    return pyr_is_native(st, value) && deferred->called && deferred->paused == 0 &&
           !deferred->running && deferred->head == deferred->tail &&
           deferred->result != NULL;
}

/* What adding a link to it would come to: its result is taken, and None is left. */
static PyObject *
take_settled(pyr_deferred *deferred)
{
    PyObject *result = deferred->result;
    deferred->result = Py_NewRef(Py_None);
    Py_CLEAR(deferred->chained_to);
    pyr_forget_failure(deferred);
    return result;
}

/*
 * Run the generator in its own context, with *value and the results of what it yields,
 * until it ends or what it yields is not settled.  *value becomes what it got last, and
 * *failed tells whether that was an error, and thrown.
 */
static PySendResult
step(driver *self, PyObject **value, bool *failed, PyObject **yielded)
{
    core_state *st = self->st;
    PySendResult outcome = PYGEN_ERROR;
    *yielded = NULL;
    *failed = pyr_is_failure(st, *value);
    if (PyContext_Enter(self->context) < 0) {
        return PYGEN_ERROR;
    }
    for (;;) {
        outcome = *failed ? throw_failure(self, *value, yielded)
                          : send_value(self, *value, yielded);
        if (outcome != PYGEN_NEXT || !is_settled(st, *yielded)) {
            break;
        }
        Py_SETREF(*value, take_settled((pyr_deferred *)*yielded));
        Py_CLEAR(*yielded);
        *failed = pyr_is_failure(st, *value);
    }
    if (PyContext_Exit(self->context) < 0) {
        Py_CLEAR(*yielded);
        outcome = PYGEN_ERROR;
    }
    return outcome;
}

/* --- ending ---------------------------------------------------------------------- */

static void
fire_later(driver *self, PyObject *stolen, bool errback, pyr_firing *firing)
{
    firing->deferred = Py_XNewRef(self->deferred);
    firing->value = stolen;
    firing->errback = errback;
}

/* The Deferred that stands for a generator which ends now has a result already. */
static void
trace_end(core_state *st, bool errback)
{
    const pyr_traceback_point points[] = {
        PYR_TRACE_got_result,
        errback ? PYR_TRACE_errback_ended : PYR_TRACE_callback_ended,
    };
    pyr_traceback_prepend(st, points, 2);
}

/* returnValue() was called: its value, after a look at who called it. */
static PyObject *
take_returned_value(driver *self, bool failed)
{
    PyObject *exc = PyErr_GetRaisedException();
    PyObject *value = PyObject_CallFunctionObjArgs(
        self->st->deferred->returned_value, exc, failed ? Py_True : Py_False, NULL);
    Py_DECREF(exc);
    return value;
}

/* The generator raised. */
static int
end_with_error(driver *self, bool failed, pyr_firing *firing)
{
    core_state *st = self->st;
    if (PyErr_ExceptionMatches(st->deferred->returned)) {
        PyObject *value = take_returned_value(self, failed);
        if (value == NULL) {
            return -1;
        }
        fire_later(self, value, false, firing);
        return 0;
    }
    const pyr_traceback_point points[] = {failed ? PYR_TRACE_throw : PYR_TRACE_send};
    PyObject *exc = PyErr_GetRaisedException();
    PyErr_SetRaisedException(Py_NewRef(exc));
    bool capture = self->deferred != NULL && pyr_is_own(st, self->deferred) &&
                   pyr_debug((pyr_deferred *)self->deferred);
    PyObject *failure = pyr_failure_from_error(st, points, 1, capture);
    if (failure == NULL) {
        Py_DECREF(exc);
        return -1;
    }
    fire_later(self, failure, true, firing);
    firing->handled = exc;
    return 0;
}

/* --- waiting --------------------------------------------------------------------- */

/* Does a driver accept it? 1 yes, 0 no, -1 error */
static int
is_coroutine(core_state *st, PyObject *value)
{
    if (PyGen_CheckExact(value) || PyCoro_CheckExact(value) ||
        Py_TYPE(value) == st->deferred->awaiter_type) {
        return 1;
    }
    if (pyr_is_plain(value) && Py_TYPE(value)->tp_as_async == NULL) {
        return 0; /* None, a number, a string: it has no __await__, and is no proxy */
    }
    return pyr_drop_for_truth(PyObject_CallOneArg(st->deferred->is_coroutine, value));
}

static const pyr_link_kind resume_kind;

/* deferred.addBoth(driver._resume) */
static int
add_by_name(core_state *st, PyObject *deferred, driver *self)
{
    PyObject *resume = PyObject_GetAttrString((PyObject *)self, "_resume");
    int status =
        resume == NULL ? -1 : pyr_call_dropping(deferred, st->names.addBoth, resume);
    Py_XDECREF(resume);
    return status;
}

/* 1: *result is there already; 0: the driver will be resumed; -1: error */
static int
await_deferred(driver *self, PyObject *deferred, PyObject **result)
{
    core_state *st = self->st;
    int status;
    if (pyr_is_native(st, deferred)) {
        pyr_deferred *own = (pyr_deferred *)deferred;
        status = pyr_links_add(own, &resume_kind, (PyObject *)self, NULL);
        self->adding = own->called;
        status = status == 0 && own->called ? pyr_run(own) : status;
    } else {
        self->adding = true;
        status = add_by_name(st, deferred, self);
    }
    self->adding = false;
    *result = self->sync_result;
    self->sync_result = NULL;
    if (status < 0) {
        Py_CLEAR(*result);
        return -1;
    }
    if (*result == NULL) {
        Py_XSETREF(self->waiting_on, Py_NewRef(deferred));
        return 0;
    }
    return 1;
}

static PyObject *start_by_name(core_state *st, PyObject *generator);

/* As await_deferred, for whatever the generator yielded; what is not awaited comes back
 * itself.
 */
static int
take_yielded(driver *self, PyObject *yielded, PyObject **result)
{
    core_state *st = self->st;
    if (pyr_is_deferred(st, yielded)) {
        return await_deferred(self, yielded, result);
    }
    int coroutine = is_coroutine(st, yielded);
    if (coroutine <= 0) {
        *result = coroutine < 0 ? NULL : Py_NewRef(yielded);
        return coroutine < 0 ? -1 : 1;
    }
    PyObject *deferred = start_by_name(st, yielded);
    if (deferred == NULL) {
        return -1;
    }
    int got = await_deferred(self, deferred, result);
    Py_DECREF(deferred);
    return got;
}

/* Send `value` in and go on until the generator waits or ends. */
static int
drive(driver *self, PyObject *value, pyr_firing *firing)
{
    PyObject *current = Py_NewRef(value);
    for (;;) {
        PyObject *out;
        bool failed;
        PySendResult outcome = step(self, &current, &failed, &out);
        Py_DECREF(current);
        if (outcome == PYGEN_RETURN) {
            fire_later(self, out, false, firing);
            return 0;
        }
        if (outcome == PYGEN_ERROR) {
            return end_with_error(self, failed, firing);
        }
        int got = take_yielded(self, out, &current);
        Py_DECREF(out);
        if (got <= 0) {
            return got;
        }
    }
}

/* Resume with `value`; a Deferred to fire comes back in `firing`.  -1 on exception. */
static int
resume(driver *self, PyObject *value, pyr_firing *firing)
{
    if (self->adding) {
        self->adding = false;
        Py_XSETREF(self->sync_result, Py_NewRef(value));
        return 0;
    }
    if (self->generator == NULL || self->deferred == NULL || self->context == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the generator was garbage collected");
        return -1;
    }
    int result = drive(self, value, firing);
    if (firing->deferred == NULL) { /* it waits, or Python code took its Deferred */
        pyr_fire_clear(firing);
    }
    return result;
}

static PyObject *
resume_link(const pyr_link *link, PyObject *result, bool Py_UNUSED(failed),
            pyr_firing *firing)
{
    if (resume((driver *)link->target, result, firing) < 0) {
        return NULL;
    }
    return firing->deferred == NULL ? Py_NewRef(Py_None) : NULL;
}

/* Resume the driver `target` with the result. */
static const pyr_link_kind resume_kind = {
    .name = "resume", .run = resume_link, .refused = trace_end};

/* As resume, and fire what is to be fired at once. */
static int
resume_and_fire(driver *self, PyObject *value)
{
    pyr_firing firing = {NULL};
    int result = resume(self, value, &firing);
    if (result == 0 && firing.deferred != NULL) {
        result = pyr_run_firing(self->st, &firing);
        if (result < 0) {
            trace_end(self->st, firing.errback);
        }
    }
    pyr_fire_clear(&firing);
    return result;
}

/* --- starting -------------------------------------------------------------------- */

PyObject *
pyr_driver_start(core_state *st, PyObject *generator)
{
    if (pyr_internals_replaced(st)) {
        return PyObject_CallOneArg(st->deferred->stock_drive, generator);
    }
    /* What a generator yields may be a generator, and so on for ever. */
    if (pyr_descend(&st->depth, " while driving a generator") < 0) {
        return NULL;
    }
    PyObject *deferred = NULL;
    driver *self = driver_new(st, generator);
    if (self != NULL) {
        deferred = (PyObject *)pyr_create(st, (PyObject *)self);
        self->deferred = Py_XNewRef(deferred);
        self->context = deferred == NULL ? NULL : PyContext_CopyCurrent();
        if (self->context == NULL || resume_and_fire(self, Py_None) < 0) {
            Py_CLEAR(deferred);
        }
        Py_DECREF(self);
    }
    pyr_ascend(&st->depth);
    return deferred;
}

/* defer._cancellableInlineCallbacks(generator), as stock's code calls it */
static PyObject *
start_by_name(core_state *st, PyObject *generator)
{
    PyObject *now = PyDict_GetItemWithError(st->deferred->module_globals,
                                            st->names.cancellableInlineCallbacks);
    if (now == NULL || now == st->deferred->stock_drive || PyCFunction_Check(now)) {
        return pyr_driver_start(st, generator);
    }
    Py_INCREF(now);
    PyObject *deferred = PyObject_CallOneArg(now, generator);
    Py_DECREF(now);
    return deferred;
}

PyObject *
pyr_driver_start_coroutine(core_state *st, PyObject *coroutine)
{
    int known = is_coroutine(st, coroutine);
    if (known > 0) {
        return start_by_name(st, coroutine);
    }
    if (known == 0) {
        PyErr_Format(st->deferred->not_a_coroutine_error, "%R is not a coroutine",
                     coroutine);
    }
    return NULL;
}

/* --- what Python code sees of it ------------------------------------------------- */

PyDoc_STRVAR(resume_doc, "_resume(result)\n--\n\nResume the generator with a result.");

static PyObject *
driver_resume_method(PyObject *op, PyObject *value)
{
    return pyr_none_or_error(resume_and_fire(SELF, value));
}

/* driver(deferred): it is the canceller of the Deferred that it fires. */
static PyObject *
driver_call(PyObject *op, PyObject *args, PyObject *kwargs)
{
    PyObject *deferred;
    static char *names[] = {"deferred", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:cancel", names, &deferred)) {
        return NULL;
    }
    return PyObject_CallFunctionObjArgs(SELF->st->deferred->cancel_generator, deferred,
                                        op, NULL);
}

static PyMethodDef driver_methods[] = {
    {"_resume", driver_resume_method, METH_O, resume_doc},
    {NULL},
};

/* By the names that stock's _CancellationStatus has */
static PyMemberDef driver_members[] = {
    {"deferred", T_OBJECT, offsetof(driver, deferred), 0,
     "What is fired when the generator ends."},
    {"waitingOn", T_OBJECT, offsetof(driver, waiting_on), 0,
     "What the generator waits for."},
    {NULL},
};

PyDoc_STRVAR(driver_doc, "Runs a generator or coroutine that waits for Deferreds.");

static PyType_Slot driver_slots[] = {
    {Py_tp_doc, (void *)driver_doc}, {Py_tp_traverse, driver_traverse},
    {Py_tp_clear, driver_clear},     {Py_tp_dealloc, driver_dealloc},
    {Py_tp_call, driver_call},       {Py_tp_methods, driver_methods},
    {Py_tp_members, driver_members}, {0, NULL},
};

static PyType_Spec driver_spec = {
    .name = "pyreactor._core.GeneratorDriver",
    .basicsize = sizeof(driver),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = driver_slots,
};

int
pyr_driver_add_type(PyObject *module, core_state *st)
{
    pyr_deferred_state *state = st->deferred;
    int status = pyr_add_type(module, &driver_spec, NULL, &state->driver_type);
    state->free_drivers.type = state->driver_type;
    return status;
}
