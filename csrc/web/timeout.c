/* TimeoutMixin of twisted.protocols.policies; see timeout.h. */
#include "web/timeout.h"

#include "web/instance.h"
#include "web/objects.h"

PyObject *
pyr_timeout_reset(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *call = pyr_instance_get(st, args[0], st->names.timeoutCall);
    if (call == NULL || call == Py_None) {
        return call;
    }
    PyObject *period = pyr_instance_get(st, args[0], st->names.timeOut);
    int status = period == NULL      ? -1
                 : period == Py_None ? 0
                                     : pyr_call_dropping(call, st->names.reset, period);
    Py_DECREF(call);
    Py_XDECREF(period);
    return pyr_web_none(status);
}

/* Cancel the call, whether it was called or cancelled before or not. */
static int
cancel(core_state *st, PyObject *self, PyObject *call)
{
    if (pyr_call_dropping(call, st->names.cancel, NULL) < 0) {
        if (!PyErr_ExceptionMatches(st->web->AlreadyCancelled) &&
            !PyErr_ExceptionMatches(st->web->AlreadyCalled)) {
            return -1;
        }
        PyErr_Clear();
    }
    return pyr_instance_set(st, self, st->names.timeoutCall, Py_None);
}

/* self.callLater(period, self.__timedOut) becomes the call. */
static int
schedule(core_state *st, PyObject *self, PyObject *period)
{
    PyObject *function = PyObject_GetAttr(self, st->names.timedOut);
    if (function == NULL) {
        return -1;
    }
    PyObject *call = pyr_web_call(self, st->names.callLater, period, function);
    Py_DECREF(function);
    return pyr_instance_set_new(st, self, st->names.timeoutCall, call);
}

static int
change(core_state *st, PyObject *self, PyObject *period)
{
    PyObject *call = pyr_instance_get(st, self, st->names.timeoutCall);
    if (call == NULL) {
        return -1;
    }
    int status = 0;
    if (call != Py_None) {
        status = period == Py_None ? cancel(st, self, call)
                                   : pyr_call_dropping(call, st->names.reset, period);
    } else if (period != Py_None) {
        status = schedule(st, self, period);
    }
    Py_DECREF(call);
    return status;
}

PyObject *
pyr_timeout_set(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *before = pyr_instance_get(st, args[0], st->names.timeOut);
    if (before == NULL || pyr_instance_set(st, args[0], st->names.timeOut, args[1]) < 0 ||
        change(st, args[0], args[1]) < 0) {
        Py_CLEAR(before);
    }
    return before;
}
