/* What a datagram port says of itself; see datagram.h. */
#include "transport/datagram_internal.h"

#include <errno.h>

#include "core/attribute.h"
#include "core/objects.h"
#include "transport/peers.h"

int
pyr_datagram_descriptor(DatagramPort *self)
{
    if (self->socket == NULL) {
        pyr_attribute_absent((PyObject *)self, "socket");
        return -1;
    }
    PyObject *number =
        PyObject_CallOneArg(self->st->transport->socket_fileno, self->socket);
    if (number == NULL) {
        return -1;
    }
    long fd = PyLong_AsLong(number);
    Py_DECREF(number);
    if (fd < 0 && !PyErr_Occurred()) {
        errno = EBADF; /* what a call on a closed socket gives */
        PyErr_SetFromErrno(PyExc_OSError);
    }
    return fd < 0 ? -1 : (int)fd;
}

int
pyr_datagram_packet_size(DatagramPort *self, Py_ssize_t *size)
{
    bool is_int = self->packet_size != NULL && PyLong_CheckExact(self->packet_size);
    PyObject *value =
        is_int ? Py_NewRef(self->packet_size)
               : PyObject_GetAttr((PyObject *)self, self->st->names.maxPacketSize);
    if (value == NULL) {
        return -1;
    }
    *size =
        is_int ? PyLong_AsSsize_t(value) : PyNumber_AsSsize_t(value, PyExc_OverflowError);
    Py_DECREF(value);
    if (*size < 0 && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_ValueError, "negative buffersize in recvfrom");
    }
    return *size < 0 ? -1 : 0;
}

int
pyr_datagram_throughput_limit(DatagramPort *self, Py_ssize_t *bytes)
{
    PyObject *value = PyObject_GetAttr((PyObject *)self, self->st->names.maxThroughput);
    if (value == NULL) {
        return -1;
    }
    int is_int = PyLong_Check(value);
    /* The nearest that there is. */
    *bytes = is_int ? PyNumber_AsSsize_t(value, NULL) : 0;
    Py_DECREF(value);
    return is_int;
}

int
pyr_datagram_address_family(DatagramPort *self)
{
    PyObject *family = PyObject_GetAttr((PyObject *)self, self->st->names.addressFamily);
    if (family == NULL) {
        return -1;
    }
    long number = PyLong_AsLong(family);
    Py_DECREF(family);
    return (int)number;
}

int
pyr_datagram_is_connected(DatagramPort *self)
{
    if (self->kind != DATAGRAM_UDP) {
        return self->kind == DATAGRAM_UNIX_CONNECTED;
    }
    if (self->connected_address == NULL || self->connected_address == Py_None) {
        return 0;
    }
    return PyObject_IsTrue(self->connected_address);
}

pyr_peers *
pyr_datagram_peers(core_state *st)
{
    if (st->transport->peers == NULL) {
        st->transport->peers = pyr_peers_new();
    }
    return st->transport->peers;
}

int
pyr_datagram_tell_refused(DatagramPort *self)
{
    PyObject *protocol =
        pyr_attribute_value((PyObject *)self, self->protocol, "protocol");
    if (protocol == NULL) {
        return -1;
    }
    int status = pyr_call_dropping(protocol, self->st->names.connectionRefused, NULL);
    Py_DECREF(protocol);
    return status;
}
