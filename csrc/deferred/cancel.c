/* Deferred.cancel. */
#include "core/depth.h"
#include "deferred/inline.h"
#include "deferred/object.h"

#define SELF ((pyr_deferred *)op)

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

PyObject *
pyr_cancel(PyObject *op, PyObject *Py_UNUSED(ignored))
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
