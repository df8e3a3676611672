/* Firing: a Deferred gets its result, once. */
#include "deferred/inline.h"
#include "deferred/object.h"

/* Debug mode: raise AlreadyCalledError with the places of creation and firing. */
static void
raise_already_called_debug(pyr_deferred *self)
{
    static const pyr_trace_point point[] = {PYR_TRACE_already_called_debug};
    self->had_debug_info = true;
    PyObject *info = pyr_debug_info(self);
    PyObject *text =
        info == NULL ? NULL : PyObject_CallMethod(info, "_getDebugTracebacks", NULL);
    PyObject *extra = text == NULL ? NULL : PyUnicode_FromFormat("\n%S", text);
    if (extra != NULL) {
        PyErr_SetObject(self->st->deferred->already_called_error, extra);
        pyr_trace_prepend(self->st, point, 1);
    }
    Py_XDECREF(info);
    Py_XDECREF(text);
    Py_XDECREF(extra);
}

static int
already_called(pyr_deferred *self)
{
    static const pyr_trace_point point[] = {PYR_TRACE_already_called};
    if (self->suppress_already_called) {
        self->suppress_already_called = false;
        return 0;
    }
    if (pyr_debug(self)) {
        raise_already_called_debug(self);
    } else {
        PyErr_SetNone(self->st->deferred->already_called_error);
        pyr_trace_prepend(self->st, point, 1);
    }
    return -1;
}

int
pyr_fire_begin(pyr_deferred *self, PyObject *result)
{
    if (self->called) {
        return already_called(self);
    }
    if (pyr_debug(self) && pyr_unhandled_record(self, "invoker") < 0) {
        return -1;
    }
    self->called = true;
    /* No longer of use, and it often refers back to us. */
    Py_CLEAR(self->canceller);
    pyr_set_result(self, Py_NewRef(result));
    return 1;
}

static int
call_one(PyObject *deferred, PyObject *method, PyObject *value)
{
    PyObject *none = PyObject_CallMethodOneArg(deferred, method, value);
    Py_XDECREF(none);
    return none == NULL ? -1 : 0;
}

/* As pyr_fire, but only begun: 1 if the links of the Deferred are to be run now. */
int
pyr_fire_begin_firing(core_state *st, const pyr_firing *firing)
{
    if (!pyr_is_native(st, firing->deferred)) {
        PyObject *method = firing->errback ? st->names.errback : st->names.callback;
        return call_one(firing->deferred, method, firing->value);
    }
    int begun = pyr_fire_begin((pyr_deferred *)firing->deferred, firing->value);
    if (begun < 0) {
        const pyr_trace_point point[] = {firing->errback ? PYR_TRACE_errback
                                                         : PYR_TRACE_callback};
        pyr_trace_prepend(st, point, 1);
    }
    return begun;
}

void
pyr_firing_clear(pyr_firing *firing)
{
    Py_CLEAR(firing->deferred);
    Py_CLEAR(firing->value);
    Py_CLEAR(firing->handled);
}
