/*
 * The driver of generators (inlineCallbacks) and coroutines (fromCoroutine).
 *
 * A driver sends results into its generator until that yields a Deferred without a
 * result; then it adds itself to that Deferred as a link and returns.  The run loop
 * resumes it.  It is also the canceller of the Deferred that stands for the generator.
 */
#include "deferred/inline.h"
#include "deferred/object.h"
#include "core/depth.h"

#define SELF ((pyr_driver *)op)

/* --- life and death -------------------------------------------------------------- */

static pyr_driver *
driver_new(core_state *st, PyObject *generator)
{
    pyr_driver *self;
    if (st->deferred->free_driver_count > 0) {
        PyObject *op = st->deferred->free_drivers[--st->deferred->free_driver_count];
        self = (pyr_driver *)PyObject_Init(op, st->deferred->driver_type);
    } else if (st->deferred->driver_type == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the interpreter is shutting down");
        return NULL;
    } else {
        self = PyObject_GC_New(pyr_driver, st->deferred->driver_type);
        if (self == NULL) {
            return NULL;
        }
    }
    self->st = st;
    self->generator = Py_NewRef(generator);
    self->deferred = NULL;
    self->waiting_on = NULL;
    self->context = NULL;
    self->sync_result = NULL;
    self->adding = false;
    PyObject_GC_Track(self);
    return self;
}

static int
driver_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(SELF->generator);
    Py_VISIT(SELF->deferred);
    Py_VISIT(SELF->waiting_on);
    Py_VISIT(SELF->context);
    Py_VISIT(SELF->sync_result);
    return 0;
}

static int
driver_clear(PyObject *op)
{
    Py_CLEAR(SELF->generator);
    Py_CLEAR(SELF->deferred);
    Py_CLEAR(SELF->waiting_on);
    Py_CLEAR(SELF->context);
    Py_CLEAR(SELF->sync_result);
    return 0;
}

static void
driver_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    pyr_deferred_state *state = pyr_has_state(type) ? SELF->st->deferred : NULL;
    PyObject_GC_UnTrack(op);
    Py_TRASHCAN_BEGIN(op, driver_dealloc);
    (void)driver_clear(op);
    if (state != NULL && state->free_driver_count < PYR_FREE_DRIVERS) {
        state->free_drivers[state->free_driver_count++] = op;
    } else {
        type->tp_free(op);
    }
    Py_DECREF(type);
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
send_value(pyr_driver *self, PyObject *value, PyObject **result)
{
    PyObject *generator = self->generator;
    if (PyGen_CheckExact(generator) || PyCoro_CheckExact(generator)) {
        return PyIter_Send(generator, value, result);
    }
    return outcome_of_call(
        PyObject_CallMethodOneArg(generator, self->st->names.send, value), result);
}

/* Does the failure throw itself as Twisted's own Failure does? */
static bool
throws_as_usual(core_state *st, PyObject *failure)
{
    if ((PyObject *)Py_TYPE(failure) != st->deferred->failure_type) {
        return false;
    }
    PyObject *method = PyObject_GetAttr(st->deferred->failure_type,
                                        st->names.throwExceptionIntoGenerator);
    if (method == NULL) {
        PyErr_Clear();
        return false;
    }
    bool same = method == st->deferred->failure_throw;
    Py_DECREF(method);
    return same;
}

/* generator.throw(failure.value.with_traceback(failure.tb)) */
static PyObject *
throw_natively(pyr_driver *self, PyObject *failure, bool *thrown)
{
    PyObject *value, *tb, *returned = NULL;
    if (pyr_failure_value(failure, &value, &tb) < 0) {
        return NULL;
    }
    if (PyExceptionInstance_Check(value) && PyException_SetTraceback(value, tb) == 0) {
        *thrown = true;
        returned =
            PyObject_CallMethodOneArg(self->generator, self->st->names.throw, value);
    }
    Py_DECREF(value);
    Py_DECREF(tb);
    return returned;
}

static PySendResult
throw_failure(pyr_driver *self, PyObject *failure, PyObject **result)
{
    static const pyr_trace_point point[] = {PYR_TRACE_throw_into};
    core_state *st = self->st;
    PyObject *returned = NULL;
    bool thrown = false;
    if (throws_as_usual(st, failure)) {
        returned = throw_natively(self, failure, &thrown);
    }
    if (!thrown) {
        PyErr_Clear();
        returned = PyObject_CallMethodOneArg(
            failure, st->names.throwExceptionIntoGenerator, self->generator);
    }
    PySendResult outcome = outcome_of_call(returned, result);
    if (outcome == PYGEN_ERROR && thrown) {
        pyr_trace_prepend(st, point, 1);
    }
    return outcome;
}

/* One step of the generator, in its own context. */
static PySendResult
step(pyr_driver *self, PyObject *value, bool failed, PyObject **result)
{
    *result = NULL;
    PyObject *context = Py_NewRef(self->context);
    if (PyContext_Enter(context) < 0) {
        Py_DECREF(context);
        return PYGEN_ERROR;
    }
    PySendResult outcome =
        failed ? throw_failure(self, value, result) : send_value(self, value, result);
    if (PyContext_Exit(context) < 0) {
        Py_CLEAR(*result);
        outcome = PYGEN_ERROR;
    }
    Py_DECREF(context);
    return outcome;
}

/* --- ending ---------------------------------------------------------------------- */

static void
fire_later(pyr_driver *self, PyObject *stolen, bool errback, pyr_firing *firing)
{
    firing->deferred = Py_NewRef(self->deferred);
    firing->value = stolen;
    firing->errback = errback;
}

/* returnValue() was called: its value, after a look at who called it. */
static PyObject *
take_returned_value(pyr_driver *self, bool failed)
{
    core_state *st = self->st;
    PyObject *exc = PyErr_GetRaisedException();
    PyObject *value = PyObject_GetAttrString(exc, "value");
    PyObject *none = NULL;
    if (value != NULL) {
        none = PyObject_CallFunctionObjArgs(st->deferred->misplaced_return, exc,
                                            failed ? Py_True : Py_False, NULL);
    }
    Py_DECREF(exc);
    if (none == NULL) {
        Py_CLEAR(value);
    }
    Py_XDECREF(none);
    return value;
}

/* The generator raised. */
static int
end_with_error(pyr_driver *self, bool failed, pyr_firing *firing)
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
    const pyr_trace_point points[] = {failed ? PYR_TRACE_throw : PYR_TRACE_send};
    PyObject *exc = PyErr_GetRaisedException();
    PyErr_SetRaisedException(Py_NewRef(exc));
    bool capture = pyr_debug((pyr_deferred *)self->deferred);
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

int
pyr_is_coroutine(core_state *st, PyObject *value)
{
    if (PyGen_CheckExact(value) || PyCoro_CheckExact(value) ||
        Py_TYPE(value) == st->deferred->awaiter_type) {
        return 1;
    }
    if (value == Py_None || PyLong_CheckExact(value) || PyUnicode_CheckExact(value) ||
        PyBytes_CheckExact(value) || PyList_CheckExact(value) ||
        PyTuple_CheckExact(value) || PyDict_CheckExact(value) || PyBool_Check(value) ||
        PyFloat_CheckExact(value)) {
        return 0;
    }
    PyObject *answer = PyObject_CallOneArg(st->deferred->is_coroutine, value);
    int truth = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return truth;
}

/* Fired, and nothing else to do: its result can be had without adding a link. */
static inline bool
is_settled(pyr_deferred *deferred)
{
    return deferred->called && deferred->paused == 0 && !deferred->running &&
           deferred->listed == NULL && deferred->head == deferred->tail &&
           deferred->result != NULL;
}

static int
add_dynamic(core_state *st, PyObject *deferred, pyr_driver *driver)
{
    PyObject *resumer = pyr_driver_resumer(driver);
    if (resumer == NULL) {
        return -1;
    }
    PyObject *ignored = PyObject_CallMethodOneArg(deferred, st->names.addBoth, resumer);
    Py_DECREF(resumer);
    Py_XDECREF(ignored);
    return ignored == NULL ? -1 : 0;
}

/* 1: *result is there already; 0: the driver will be resumed; -1: error */
static int
wait_for(pyr_driver *self, PyObject *deferred, PyObject **result)
{
    core_state *st = self->st;
    bool native = pyr_is_native(st, deferred);
    pyr_deferred *own = (pyr_deferred *)deferred;
    if (native && is_settled(own)) {
        /* What adding a link would come to: it takes the result and leaves None. */
        *result = own->result;
        own->result = Py_NewRef(Py_None);
        Py_CLEAR(own->chained_to);
        pyr_forget_failure(own);
        return 1;
    }
    self->adding = true;
    int added =
        native ? pyr_add_resume(own, (PyObject *)self) : add_dynamic(st, deferred, self);
    if (added < 0) {
        self->adding = false;
        return -1;
    }
    if (!self->adding) {
        *result = self->sync_result;
        self->sync_result = NULL;
        return 1;
    }
    self->adding = false;
    Py_XSETREF(self->waiting_on, Py_NewRef(deferred));
    return 0;
}

/* As wait_for, for whatever the generator yielded; what is not awaited comes back itself.
 */
static int
take_yielded(pyr_driver *self, PyObject *yielded, PyObject **result)
{
    core_state *st = self->st;
    if (pyr_is_deferred(st, yielded)) {
        return wait_for(self, yielded, result);
    }
    int coroutine = pyr_is_coroutine(st, yielded);
    if (coroutine <= 0) {
        *result = coroutine < 0 ? NULL : Py_NewRef(yielded);
        return coroutine < 0 ? -1 : 1;
    }
    PyObject *deferred = pyr_drive_by_name(st, yielded);
    if (deferred == NULL) {
        return -1;
    }
    int got = wait_for(self, deferred, result);
    Py_DECREF(deferred);
    return got;
}

/* Send `value` in and go on until the generator waits or ends. */
static int
drive(pyr_driver *self, PyObject *value, pyr_firing *firing)
{
    core_state *st = self->st;
    PyObject *current = Py_NewRef(value);
    for (;;) {
        PyObject *out;
        bool failed = pyr_is_failure(st, current);
        PySendResult outcome = step(self, current, failed, &out);
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

int
pyr_driver_resume(pyr_driver *self, PyObject *value, pyr_firing *firing)
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
    return drive(self, value, firing);
}

/* As pyr_driver_resume, and fire what is to be fired at once. */
static int
resume_and_fire(pyr_driver *self, PyObject *value)
{
    pyr_firing firing = {NULL};
    int result = pyr_driver_resume(self, value, &firing);
    if (result == 0 && firing.deferred != NULL) {
        result = pyr_fire(&firing);
        if (result < 0) {
            pyr_trace_end_of_generator(self->st, firing.errback);
        }
    }
    pyr_firing_clear(&firing);
    return result;
}

PyObject *
pyr_drive_cancellable(core_state *st, PyObject *generator)
{
    if (pyr_internals_replaced(st)) {
        return PyObject_CallOneArg(st->deferred->stock_drive, generator);
    }
    /* What a generator yields may be a generator, and so on for ever. */
    if (pyr_descend(&st->depth, " while driving a generator") < 0) {
        return NULL;
    }
    PyObject *deferred = NULL;
    pyr_driver *self = driver_new(st, generator);
    if (self != NULL) {
        deferred = (PyObject *)pyr_deferred_new(st, (PyObject *)self);
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

PyObject *
pyr_drive_coroutine(core_state *st, PyObject *coroutine)
{
    int known = pyr_is_coroutine(st, coroutine);
    if (known > 0) {
        return pyr_drive_by_name(st, coroutine);
    }
    if (known == 0) {
        PyErr_Format(st->deferred->not_a_coroutine_error, "%R is not a coroutine",
                     coroutine);
    }
    return NULL;
}

/* --- cancelling ------------------------------------------------------------------ */

/*
 * The errback that cancelling puts before all others: from now on the generator fires a
 * new Deferred, which the cancelled one waits for.
 */
PyDoc_STRVAR(hand_over_doc,
             "_cancelled(failure)\n--\n\n"
             "Cancel what the generator waits for, and wait for the generator.");

static PyObject *
driver_hand_over(PyObject *op, PyObject *failure)
{
    static const pyr_trace_point point[] = {PYR_TRACE_cancel_awaited};
    core_state *st = SELF->st;
    PyObject *trapped =
        PyObject_CallMethod(failure, "trap", "O", st->deferred->internal_cancelled);
    if (trapped == NULL) {
        return NULL;
    }
    Py_DECREF(trapped);
    PyObject *deferred = (PyObject *)pyr_deferred_new(st, op);
    if (deferred == NULL) {
        return NULL;
    }
    Py_XSETREF(SELF->deferred, Py_NewRef(deferred));
    PyObject *awaited = Py_XNewRef(SELF->waiting_on);
    PyObject *none = NULL;
    if (awaited == NULL) {
        PyErr_SetNone(PyExc_AssertionError);
    } else {
        none = PyObject_CallMethodNoArgs(awaited, st->names.cancel);
    }
    Py_XDECREF(awaited);
    Py_DECREF(deferred);
    if (none == NULL) {
        pyr_trace_prepend(st, point, 1);
        return NULL;
    }
    Py_DECREF(none);
    return Py_NewRef(SELF->deferred);
}

/* Put `errback` before all other links. */
static int
prepend_errback(pyr_deferred *deferred, PyObject *errback)
{
    if (deferred->listed == NULL) {
        pyr_link *link = pyr_links_prepend(deferred);
        if (link == NULL) {
            return -1;
        }
        link->kind = PYR_LINK_ERRBACK;
        link->target = Py_NewRef(errback);
        return 0;
    }
    PyObject *rest = deferred->listed;
    deferred->listed = PyList_New(0);
    int result = -1;
    if (deferred->listed != NULL) {
        pyr_link link = {.kind = PYR_LINK_ERRBACK, .target = Py_NewRef(errback)};
        result = pyr_links_listed_add(deferred, &link, 1);
        PyObject *list = deferred->listed;
        if (result == 0 && PyList_SetSlice(list, 1, 1, rest) < 0) {
            result = -1;
        }
    }
    Py_DECREF(rest);
    return result;
}

static PyMethodDef hand_over_def = {"_cancelled", driver_hand_over, METH_O,
                                    hand_over_doc};

int
pyr_driver_cancel(pyr_driver *self, PyObject *deferred)
{
    core_state *st = self->st;
    PyObject *errback = PyCFunction_New(&hand_over_def, (PyObject *)self);
    if (errback == NULL) {
        return -1;
    }
    int result = prepend_errback((pyr_deferred *)deferred, errback);
    Py_DECREF(errback);
    if (result < 0) {
        return -1;
    }
    PyObject *error = PyObject_CallNoArgs(st->deferred->internal_cancelled);
    PyObject *failure = error == NULL ? NULL : pyr_failure_from_value(st, error);
    result = failure == NULL ? -1 : pyr_errback(deferred, failure);
    Py_XDECREF(error);
    Py_XDECREF(failure);
    return result;
}

/* --- what Python code sees of it ------------------------------------------------- */

PyDoc_STRVAR(resume_doc, "_resume(result)\n--\n\nResume the generator with a result.");

static PyObject *
driver_resume_method(PyObject *op, PyObject *value)
{
    if (resume_and_fire(SELF, value) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(cancel_doc,
             "_cancel(deferred)\n--\n\nThe canceller of the generator's Deferred.");

static PyObject *
driver_cancel_method(PyObject *op, PyObject *deferred)
{
    if (!pyr_is_own(SELF->st, deferred)) {
        PyErr_SetString(PyExc_TypeError, "not a Deferred");
        return NULL;
    }
    if (pyr_driver_cancel(SELF, deferred) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef resume_def = {"_resume", driver_resume_method, METH_O, resume_doc};

static PyMethodDef cancel_def = {"_cancel", driver_cancel_method, METH_O, cancel_doc};

PyObject *
pyr_driver_resumer(pyr_driver *self)
{
    return PyCFunction_New(&resume_def, (PyObject *)self);
}

PyObject *
pyr_driver_canceller(pyr_driver *self)
{
    return PyCFunction_New(&cancel_def, (PyObject *)self);
}

PyDoc_STRVAR(driver_doc, "Runs a generator or coroutine that waits for Deferreds.");

static PyType_Slot driver_slots[] = {
    {Py_tp_doc, (void *)driver_doc},
    {Py_tp_traverse, driver_traverse},
    {Py_tp_clear, driver_clear},
    {Py_tp_dealloc, driver_dealloc},
    {0, NULL},
};

static PyType_Spec driver_spec = {
    .name = "pyreactor._core.GeneratorDriver",
    .basicsize = sizeof(pyr_driver),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = driver_slots,
};

int
pyr_driver_add_type(PyObject *module, core_state *st)
{
    st->deferred->driver_type = pyr_add_type(module, &driver_spec, NULL);
    return st->deferred->driver_type == NULL ? -1 : 0;
}
