/* The bodies of requests; see body.h. */
#include "web/body.h"

#include "web/objects.h"

/* How many more bytes it takes; -1: it says none, or none that C takes, -2: error */
static Py_ssize_t
expected_size(core_state *st, PyObject *self)
{
    PyObject *length = PyObject_GetAttr(self, st->names.contentLength);
    Py_ssize_t size = -1;
    if (length != NULL && PyLong_CheckExact(length)) {
        size = PyLong_AsSsize_t(length);
        if (size < 0) {
            PyErr_Clear();
            size = -1;
        }
    }
    Py_XDECREF(length);
    return length == NULL ? -2 : size;
}

static int
call_dropping(PyObject *function, PyObject *argument)
{
    PyObject *result = argument == NULL ? NULL : PyObject_CallOneArg(function, argument);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* The last of the body: the decoder is at its end before anybody hears of it. */
static int
end_body(core_state *st, PyObject *self, PyObject *callback, PyObject *data,
         Py_ssize_t size)
{
    PyObject *end = PyObject_GetAttr(self, st->names.finishCallback);
    if (end == NULL || PyObject_SetAttr(self, st->names.finishCallback, Py_None) < 0 ||
        PyObject_SetAttr(self, st->names.dataCallback, Py_None) < 0 ||
        PyObject_SetAttr(self, st->names.contentLength, st->web->zero) < 0) {
        Py_XDECREF(end);
        return -1;
    }
    Py_ssize_t rest = PyBytes_GET_SIZE(data) - size;
    PyObject *body = rest == 0 ? Py_NewRef(data)
                               : PyBytes_FromStringAndSize(PyBytes_AS_STRING(data), size);
    int status = call_dropping(callback, body);
    Py_XDECREF(body);
    if (status == 0) {
        PyObject *more = PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + size, rest);
        status = call_dropping(end, more);
        Py_XDECREF(more);
    }
    Py_DECREF(end);
    return status;
}

PyObject *
pyr_body_identity_received(core_state *st, PyObject *const *args,
                           Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *self = args[0], *data = args[1];
    Py_ssize_t left = expected_size(st, self);
    if (left < 0 || !PyBytes_CheckExact(data)) {
        return left == -2 ? NULL : Py_NewRef(Py_NotImplemented);
    }
    PyObject *callback = PyObject_GetAttr(self, st->names.dataCallback);
    if (callback == NULL || callback == Py_None) {
        Py_XDECREF(callback);
        return callback == NULL ? NULL : Py_NewRef(Py_NotImplemented);
    }
    int status;
    if (PyBytes_GET_SIZE(data) < left) {
        status = pyr_web_set_new(self, st->names.contentLength,
                                 PyLong_FromSsize_t(left - PyBytes_GET_SIZE(data)));
        if (status == 0) {
            status = call_dropping(callback, data);
        }
    } else {
        status = end_body(st, self, callback, data, left);
    }
    Py_DECREF(callback);
    return pyr_web_none(status);
}
