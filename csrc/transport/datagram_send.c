/* Sending datagrams: at once, as in stock, with its result and its errors; see
 * datagram.h. */
#include "transport/datagram_internal.h"

#include <errno.h>

#include "transport/address.h"
#include "transport/peers.h"

/* Stock's own method: for arguments that are unusual, and for its errors. */
static PyObject *
write_by_stock(DatagramPort *self, PyObject *stock, PyObject *const *args,
               Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *method = PyMethod_New(stock, (PyObject *)self);
    if (method == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_Vectorcall(method, args, (size_t)nargs, kwnames);
    Py_DECREF(method);
    return result;
}

/* sendto(), or send() without an address.  -1 with errno, -2 with an exception set. */
static ssize_t
send_datagram(DatagramPort *self, PyObject *data, const struct sockaddr *addr,
              socklen_t size)
{
    ssize_t sent;
    int fd = pyr_datagram_descriptor(self);
    if (fd < 0) {
        return -2;
    }
    do {
        sent = sendto(fd, PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data), 0,
                      addr, size);
        if (sent < 0 && errno == EINTR && PyErr_CheckSignals() < 0) {
            return -2;
        }
    } while (sent < 0 && errno == EINTR);
    return sent;
}

/* What socket.sendto tells the audit hooks. */
static int
audit_send(DatagramPort *self, PyObject *address)
{
    return PySys_Audit("socket.sendto", "OO",
                       self->socket == NULL ? Py_None : self->socket, address);
}

static PyObject *
raise_errno(void)
{
    return PyErr_SetFromErrno(PyExc_OSError);
}

/* Tell the protocol that nobody listens there. */
static PyObject *
tell_refused(DatagramPort *self)
{
    PyObject *result =
        pyr_datagram_call_protocol(self, self->st->names.connectionRefused);
    if (result == NULL) {
        return NULL;
    }
    Py_DECREF(result);
    Py_RETURN_NONE;
}

/* Send to the peer of a connected port.  `stock` is the method that this one stands for;
 * `may_drop`: a datagram that finds no room is dropped, and no error. */
static PyObject *
write_connected(DatagramPort *self, PyObject *stock, PyObject *const *args,
                Py_ssize_t nargs, bool may_drop)
{
    ssize_t sent = send_datagram(self, args[0], NULL, 0);
    if (sent >= 0) {
        return PyLong_FromSsize_t(sent);
    }
    if (sent == -2) {
        return NULL;
    }
    switch (errno) {
    case EMSGSIZE: /* fails again, with stock's error */
        return write_by_stock(self, stock, args, nargs, NULL);
    case ECONNREFUSED:
        return tell_refused(self);
    case EAGAIN:
        if (may_drop) {
            Py_RETURN_NONE;
        }
        return raise_errno();
    default:
        return raise_errno();
    }
}

static PyObject *
write_to(DatagramPort *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct sockaddr_storage addr;
    int family = pyr_datagram_address_family(self);
    if (family == -1 && PyErr_Occurred()) {
        return NULL;
    }
    pyr_peers *peers = pyr_datagram_peers(self->st);
    if (peers == NULL) {
        return NULL;
    }
    socklen_t size = pyr_peers_sockaddr(peers, args[1], family, &addr);
    if (size > 0 && audit_send(self, args[1]) < 0) {
        return NULL;
    }
    ssize_t sent =
        size == 0 ? -1 : send_datagram(self, args[0], (struct sockaddr *)&addr, size);
    if (sent >= 0) {
        return PyLong_FromSsize_t(sent);
    }
    if (sent == -2) {
        return NULL;
    }
    if (size == 0 || errno == EMSGSIZE) {
        return write_by_stock(self, self->st->reactor->stock_datagram_write, args, nargs,
                              NULL);
    }
    if (errno == ECONNREFUSED) {
        Py_RETURN_NONE;
    }
    return raise_errno();
}

PyObject *
pyr_datagram_write(DatagramPort *self, PyObject *const *args, Py_ssize_t nargs,
                   PyObject *kwnames)
{
    bool usual = kwnames == NULL && pyr_datagram_has_plain_socket(self) && nargs >= 1 &&
                 nargs <= 2 && PyBytes_CheckExact(args[0]);
    int connected = usual ? pyr_datagram_is_connected(self) : 0;
    if (connected < 0) {
        return NULL;
    }
    if (usual && !connected && nargs == 2) {
        return write_to(self, args, nargs);
    }
    if (usual && connected && (nargs == 1 || args[1] == Py_None)) {
        return write_connected(self, self->st->reactor->stock_datagram_write, args, nargs,
                               false);
    }
    return write_by_stock(self, self->st->reactor->stock_datagram_write, args, nargs,
                          kwnames);
}

PyObject *
pyr_datagram_unix_write(DatagramPort *self, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames)
{
    struct sockaddr_storage addr;
    ssize_t sent = -1;
    bool usual = kwnames == NULL && pyr_datagram_has_plain_socket(self) && nargs == 2 &&
                 PyBytes_CheckExact(args[0]);
    socklen_t size = usual ? pyr_address_from_path(args[1], &addr) : 0;
    if (size > 0) {
        if (audit_send(self, args[1]) < 0) {
            return NULL;
        }
        sent = send_datagram(self, args[0], (struct sockaddr *)&addr, size);
        if (sent >= 0) {
            return PyLong_FromSsize_t(sent);
        }
        if (sent == -2) {
            return NULL;
        }
    }
    if (size == 0 || errno == EMSGSIZE) {
        return write_by_stock(self, self->st->reactor->stock_unix_write, args, nargs,
                              kwnames);
    }
    if (errno == EAGAIN) {
        Py_RETURN_NONE;
    }
    return raise_errno();
}

PyObject *
pyr_datagram_unix_connected_write(DatagramPort *self, PyObject *const *args,
                                  Py_ssize_t nargs, PyObject *kwnames)
{
    if (kwnames != NULL || !pyr_datagram_has_plain_socket(self) || nargs != 1 ||
        !PyBytes_CheckExact(args[0])) {
        return write_by_stock(self, self->st->reactor->stock_unix_connected_write, args,
                              nargs, kwnames);
    }
    return write_connected(self, self->st->reactor->stock_unix_connected_write, args,
                           nargs, true);
}
