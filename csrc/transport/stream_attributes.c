/* A stream's attributes, under the names that stock has; see stream.h. */
#include "transport/stream_internal.h"

#include "core/attribute.h"
#include "core/objects.h"
#include "loop/loop.h"
#include "loop/state.h"

PyObject *
pyr_stream_log_string(StreamConnection *self)
{
    if (self->logstr == NULL) {
        PyObject *made = pyr_stream_call_method(self, self->st->names._makeLogstr);
        Py_XSETREF(self->logstr, made);
    }
    return self->logstr;
}

/* A pyreactor offers its Loop as _loop; another reactor, or an object that only passes
 * calls on to a pyreactor, is driven by its methods. */
static int
stream_set_reactor(StreamConnection *self, PyObject *reactor, void *Py_UNUSED(closure))
{
    PyObject *loop = NULL;
    if (reactor != NULL &&
        PyObject_GetOptionalAttr(reactor, self->st->names._loop, &loop) < 0) {
        return -1;
    }
    if (loop != NULL && (!Py_IS_TYPE(loop, self->st->loop->loop_type) ||
                         ((Loop *)loop)->reactor != reactor)) {
        Py_CLEAR(loop);
    }
    if ((Loop *)loop != self->loop) {
        pyr_stream_forget_watch(self);
        Py_XSETREF(self->loop, (Loop *)Py_XNewRef(loop));
    }
    Py_XDECREF(loop);
    Py_XSETREF(self->reactor, Py_XNewRef(reactor));
    return 0;
}

static PyObject *
stream_get_logstr(StreamConnection *self, void *Py_UNUSED(closure))
{
    return Py_XNewRef(pyr_stream_log_string(self));
}

static int
stream_set_logstr(StreamConnection *self, PyObject *value, void *Py_UNUSED(closure))
{
    Py_XSETREF(self->logstr, Py_XNewRef(value));
    return 0;
}

static PyObject *
stream_get_dataBuffer(StreamConnection *self, void *Py_UNUSED(closure))
{
    return self->data_buffer == NULL ? PyBytes_FromStringAndSize(NULL, 0)
                                     : Py_NewRef(self->data_buffer);
}

static int
stream_set_dataBuffer(StreamConnection *self, PyObject *data, void *Py_UNUSED(closure))
{
    if (data == NULL) {
        PyErr_SetString(PyExc_AttributeError, "dataBuffer");
        return -1;
    }
    if (pyr_stream_check_bytes(data) < 0) {
        return -1;
    }
    Py_XSETREF(self->data_buffer, Py_NewRef(data));
    return 0;
}

/* A list that is made when it is first needed; NULL stands for an empty one. */
static PyObject *
get_list(PyObject *self, void *closure)
{
    PyObject **slot = pyr_attribute_slot(self, closure);
    if (*slot == NULL) {
        PyObject *list =
            PyList_New(0); /* may run a finalizer's code, which has it made */
        if (*slot == NULL) {
            *slot = list;
        } else {
            Py_XDECREF(list);
        }
    }
    return Py_XNewRef(*slot);
}

static int
set_list(PyObject *self, PyObject *list, void *closure)
{
    PyObject **slot = pyr_attribute_slot(self, closure);
    if (list == NULL || !PyList_CheckExact(list)) {
        PyErr_Format(PyExc_TypeError, "%s must be a list",
                     ((pyr_attribute *)closure)->name);
        return -1;
    }
    if (PyList_GET_SIZE(list) > 0 || *slot != NULL) { /* else it is the constructor's */
        Py_XSETREF(*slot, Py_NewRef(list));
    }
    return 0;
}

static PyObject *
stream_get_fd(StreamConnection *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(pyr_stream_descriptor(self));
}

static int
stream_set_fd(StreamConnection *self, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "fd");
        return -1;
    }
    long fd = PyLong_AsLong(value);
    if (fd == -1 && PyErr_Occurred()) {
        return -1;
    }
    pyr_stream_set_descriptor(self, fd < 0 || fd > INT_MAX ? -1 : (int)fd);
    return 0;
}

#define FLAG(name, kind, field) PYR_FLAG(name, kind, struct StreamConnection, field, NULL)
#define LIST(name, field)                                  \
    {                                                      \
        name, get_list, set_list, NULL, &(pyr_attribute)   \
        {                                                  \
            name, offsetof(struct StreamConnection, field) \
        }                                                  \
    }

PyGetSetDef pyr_stream_getset[] = {
    PYR_ATTRIBUTE("protocol", StreamConnection, protocol),
    {"reactor", pyr_attribute_get, (setter)stream_set_reactor, NULL,
     &(pyr_attribute){"reactor", offsetof(StreamConnection, reactor)}},
    {"socket", (getter)pyr_stream_get_socket, (setter)pyr_stream_set_socket,
     PyDoc_STR("The socket.socket of this connection; absent once closed."), NULL},
    {"logstr", (getter)stream_get_logstr, (setter)stream_set_logstr, NULL, NULL},
    {"dataBuffer", (getter)stream_get_dataBuffer, (setter)stream_set_dataBuffer, NULL,
     NULL},
    LIST("_tempDataBuffer", temp_buffer),
    LIST("_descriptors", descriptors),
    FLAG("connected", as_int, connected),
    FLAG("disconnected", as_int, disconnected),
    FLAG("disconnecting", as_int, disconnecting),
    FLAG("streamingProducer", as_bool, streaming_producer),
    FLAG("producerPaused", as_bool, producer_paused),
    FLAG("_writeDisconnecting", as_bool, write_disconnecting),
    FLAG("_writeDisconnected", as_bool, write_disconnected),
    FLAG("_TLS", as_bool, tls),
    {NULL},
};

PyGetSetDef pyr_stream_file_getset[] = {
    {"_fd", (getter)stream_get_fd, (setter)stream_set_fd,
     PyDoc_STR("The descriptor (int), also once it is closed."), NULL},
    FLAG("_readsWhenSent", as_bool, reads_when_sent),
    FLAG("_shared", as_bool, shared),
    {NULL},
};

PyMemberDef pyr_stream_members[] = {
    {"offset", T_PYSSIZET, offsetof(StreamConnection, offset), 0, NULL},
    {"producer", T_OBJECT, offsetof(StreamConnection, producer), 0, NULL},
    {"_sessionno", T_LONG, offsetof(StreamConnection, session), 0, NULL},
    {"_tempDataLen", T_PYSSIZET, offsetof(StreamConnection, temp_length), 0, NULL},
    {"_noDelay", T_BYTE, offsetof(StreamConnection, no_delay), 0,
     PyDoc_STR("Who has decided on TCP_NODELAY (int): 0 nobody, 1 the loop, to answer\n"
               "at once, 2 the program.")},
    {NULL},
};
