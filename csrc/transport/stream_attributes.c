/* A stream's attributes, under the names that stock has; see stream.h. */
#include "transport/stream_internal.h"

#include "core/attribute.h"
#include "loop/loop.h"
#include "loop/reactor_state.h"

/* A server's logstr, "Protocol,number,host".  An idle connection needs none, so it is put
 * together when it is first needed; borrowed reference. */
PyObject *
pyr_stream_log_string(StreamConnection *self)
{
    if (self->logstr_unfinished) {
        PyObject *host = PyObject_GetAttr((PyObject *)self, self->st->names.hostname);
        if (host == NULL) {
            return NULL;
        }
        PyObject *whole =
            PyUnicode_FromFormat("%S,%ld,%S", self->logstr, self->session, host);
        Py_DECREF(host);
        if (whole == NULL) {
            return NULL;
        }
        self->logstr_unfinished = 0;
        Py_XSETREF(self->logstr, whole);
    }
    return self->logstr;
}

static PyObject *
stream_get_reactor(StreamConnection *self, void *Py_UNUSED(closure))
{
    if (self->reactor == NULL) {
        PyErr_SetString(PyExc_AttributeError, "reactor");
        return NULL;
    }
    return Py_NewRef(self->reactor);
}

/* A pyreactor offers its Loop as _loop; another reactor, or an object that only passes
 * calls on to one of ours, is driven by its methods. */
static int
stream_set_reactor(StreamConnection *self, PyObject *reactor, void *Py_UNUSED(closure))
{
    PyObject *loop = NULL;
    if (reactor != NULL &&
        PyObject_GetOptionalAttr(reactor, self->st->names._loop, &loop) < 0) {
        return -1;
    }
    if (loop != NULL && (!Py_IS_TYPE(loop, self->st->reactor->loop_type) ||
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
stream_get_socket(StreamConnection *self, void *Py_UNUSED(closure))
{
    if (self->socket == NULL) {
        if (self->fd < 0 || self->kind != NULL) {
            PyErr_Format(PyExc_AttributeError,
                         "'%.100s' object has no attribute 'socket'",
                         Py_TYPE(self)->tp_name);
            return NULL;
        }
        self->socket = PyObject_CallFunction(self->st->reactor->make_socket, "ii",
                                             (int)self->family, self->fd);
        if (self->socket == NULL) {
            return NULL;
        }
    }
    return Py_NewRef(self->socket);
}

static int
stream_set_socket(StreamConnection *self, PyObject *socket, void *Py_UNUSED(closure))
{
    if (socket == self->socket && socket != NULL) {
        return 0;
    }
    if (self->kind != NULL) { /* an attribute of the program's own */
        Py_XSETREF(self->socket, Py_XNewRef(socket));
        return 0;
    }
    pyr_stream_close_descriptor(self);
    Py_XSETREF(self->socket, Py_XNewRef(socket));
    if (socket != NULL) {
        self->fd = pyr_stream_descriptor(self);
    }
    return 0;
}

static PyObject *
stream_get_producer(StreamConnection *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->producer == NULL ? Py_None : self->producer);
}

static int
stream_set_producer(StreamConnection *self, PyObject *producer, void *Py_UNUSED(closure))
{
    Py_XSETREF(self->producer, producer == Py_None ? NULL : Py_XNewRef(producer));
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
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "logstr");
        return -1;
    }
    self->logstr_unfinished = 0;
    Py_XSETREF(self->logstr, Py_NewRef(value));
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
    if (data == NULL || pyr_stream_check_bytes(data) < 0) {
        if (data == NULL) {
            PyErr_SetString(PyExc_AttributeError, "dataBuffer");
        }
        return -1;
    }
    if (self->offset > PyBytes_GET_SIZE(data)) {
        self->offset = 0;
    }
    Py_XSETREF(self->data_buffer, Py_NewRef(data));
    return 0;
}

static PyObject *
stream_get_offset(StreamConnection *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(self->offset);
}

static int
stream_set_offset(StreamConnection *self, PyObject *value, void *Py_UNUSED(closure))
{
    Py_ssize_t offset = value == NULL ? -1 : PyNumber_AsSsize_t(value, PyExc_ValueError);
    if (offset == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (offset < 0 || offset > pyr_stream_buffered_length(self)) {
        PyErr_SetString(PyExc_ValueError, "offset lies outside dataBuffer");
        return -1;
    }
    self->offset = offset;
    return 0;
}

static PyObject *
stream_get_tempDataBuffer(StreamConnection *self, void *Py_UNUSED(closure))
{
    if (self->temp_buffer == NULL) {
        self->temp_buffer = PyList_New(0);
    }
    return Py_XNewRef(self->temp_buffer);
}

static int
stream_set_tempDataBuffer(StreamConnection *self, PyObject *list,
                          void *Py_UNUSED(closure))
{
    if (list == NULL || !PyList_CheckExact(list)) {
        PyErr_SetString(PyExc_TypeError, "_tempDataBuffer must be a list");
        return -1;
    }
    if (PyList_GET_SIZE(list) == 0 && self->temp_buffer == NULL) {
        return 0; /* the constructor's: made when needed */
    }
    Py_XSETREF(self->temp_buffer, Py_NewRef(list));
    return 0;
}

static PyObject *
stream_get_sendmsgQueue(StreamConnection *self, void *Py_UNUSED(closure))
{
    if (self->descriptors == NULL) {
        self->descriptors = PyList_New(0);
    }
    return Py_XNewRef(self->descriptors);
}

static int
stream_set_sendmsgQueue(StreamConnection *self, PyObject *list, void *Py_UNUSED(closure))
{
    if (list == NULL || !PyList_CheckExact(list)) {
        PyErr_SetString(PyExc_TypeError, "_sendmsgQueue must be a list");
        return -1;
    }
    if (PyList_GET_SIZE(list) == 0 && self->descriptors == NULL) {
        return 0; /* the constructor's: made when needed */
    }
    Py_XSETREF(self->descriptors, Py_NewRef(list));
    return 0;
}

/* Flags: stock has ints and bools; all of them are set to true or false values. */
#define FLAG_ACCESSORS(field, make)                                                \
    static PyObject *get_##field(StreamConnection *self, void *Py_UNUSED(closure)) \
    {                                                                              \
        return make(self->field);                                                  \
    }                                                                              \
    static int set_##field(StreamConnection *self, PyObject *value,                \
                           void *Py_UNUSED(closure))                               \
    {                                                                              \
        int truth = value == NULL ? 0 : PyObject_IsTrue(value);                    \
        if (truth < 0) {                                                           \
            return -1;                                                             \
        }                                                                          \
        self->field = (char)truth;                                                 \
        return 0;                                                                  \
    }

FLAG_ACCESSORS(connected, PyLong_FromLong)
FLAG_ACCESSORS(disconnected, PyLong_FromLong)
FLAG_ACCESSORS(disconnecting, PyLong_FromLong)
FLAG_ACCESSORS(streaming_producer, PyBool_FromLong)
FLAG_ACCESSORS(producer_paused, PyBool_FromLong)
FLAG_ACCESSORS(write_disconnecting, PyBool_FromLong)
FLAG_ACCESSORS(write_disconnected, PyBool_FromLong)
FLAG_ACCESSORS(tls, PyBool_FromLong)

#define FLAG(name, field)                                          \
    {                                                              \
        name, (getter)get_##field, (setter)set_##field, NULL, NULL \
    }

PyGetSetDef pyr_stream_getset[] = {
    PYR_ATTRIBUTE("protocol", StreamConnection, protocol),
    {"reactor", (getter)stream_get_reactor, (setter)stream_set_reactor, NULL, NULL},
    {"producer", (getter)stream_get_producer, (setter)stream_set_producer, NULL, NULL},
    {"socket", (getter)stream_get_socket, (setter)stream_set_socket,
     PyDoc_STR("The socket.socket of this connection; absent once closed."), NULL},
    {"logstr", (getter)stream_get_logstr, (setter)stream_set_logstr, NULL, NULL},
    {"dataBuffer", (getter)stream_get_dataBuffer, (setter)stream_set_dataBuffer, NULL,
     NULL},
    {"offset", (getter)stream_get_offset, (setter)stream_set_offset, NULL, NULL},
    {"_tempDataBuffer", (getter)stream_get_tempDataBuffer,
     (setter)stream_set_tempDataBuffer, NULL, NULL},
    FLAG("connected", connected),
    FLAG("disconnected", disconnected),
    FLAG("disconnecting", disconnecting),
    FLAG("streamingProducer", streaming_producer),
    FLAG("producerPaused", producer_paused),
    FLAG("_writeDisconnecting", write_disconnecting),
    FLAG("_writeDisconnected", write_disconnected),
    FLAG("TLS", tls),
    {NULL},
};

PyMemberDef pyr_stream_members[] = {
    {"sessionno", T_LONG, offsetof(StreamConnection, session), 0, NULL},
    {"_tempDataLen", T_PYSSIZET, offsetof(StreamConnection, temp_length), 0, NULL},
    {"_noDelay", T_BYTE, offsetof(StreamConnection, no_delay), 0,
     PyDoc_STR("Who has decided on TCP_NODELAY (int): 0 nobody, 1 the loop, to answer\n"
               "at once, 2 the program.")},
    {NULL},
};

PyGetSetDef pyr_stream_unix_getset[] = {
    {"_sendmsgQueue", (getter)stream_get_sendmsgQueue, (setter)stream_set_sendmsgQueue,
     NULL, NULL},
    {NULL},
};
