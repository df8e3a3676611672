/* Sending datagrams: at once, as in stock, with its result and its errors; see
 * datagram.h. */
#include "transport/datagram_internal.h"

#include <errno.h>

#include "transport/address.h"

/* Stock's own method: for arguments that C does not take, and for its errors. */
static PyObject *
write_by_stock(DatagramPort *self, PyObject *const *args, Py_ssize_t nargs,
               PyObject *kwnames)
{
    pyr_transport_state *state = self->st->transport;
    PyObject *const stock[] = {
        [DATAGRAM_UDP] = state->stock_datagram_write,
        [DATAGRAM_UNIX] = state->stock_unix_write,
        [DATAGRAM_UNIX_CONNECTED] = state->stock_unix_connected_write,
    };
    PyObject *method = PyMethod_New(stock[self->kind], (PyObject *)self);
    if (method == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_Vectorcall(method, args, (size_t)nargs, kwnames);
    Py_DECREF(method);
    return result;
}

/* The sockaddr of `address`; its size, 0 where C cannot tell, or -1 with an exception
 * set. */
static int
find_address(DatagramPort *self, PyObject *address, struct sockaddr_storage *addr)
{
    socklen_t size;
    if (self->kind == DATAGRAM_UDP) {
        int family = pyr_datagram_address_family(self);
        pyr_peers *peers = pyr_datagram_peers(self->st);
        if (peers == NULL || (family == -1 && PyErr_Occurred())) {
            return -1;
        }
        size = pyr_peers_sockaddr(peers, address, family, addr);
    } else {
        size = pyr_address_from_path(address, addr);
    }
    /* What socket.sendto tells the audit hooks. */
    if (size > 0 &&
        PySys_Audit("socket.sendto", "OO", self->socket == NULL ? Py_None : self->socket,
                    address) < 0) {
        return -1;
    }
    return (int)size;
}

/* sendto(), or send() without an address.  -1 with errno, -2 with an exception set. */
static ssize_t
send_datagram(DatagramPort *self, PyObject *data, const struct sockaddr_storage *addr,
              socklen_t size)
{
    ssize_t sent;
    do {
        int fd = pyr_datagram_descriptor(self); /* a signal's handler may close it */
        if (fd < 0) {
            return -2;
        }
        sent = sendto(fd, PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data), 0,
                      size == 0 ? NULL : (const struct sockaddr *)addr, size);
        if (sent < 0 && errno == EINTR && PyErr_CheckSignals() < 0) {
            return -2;
        }
    } while (sent < 0 && errno == EINTR);
    return sent;
}

/* The system call failed: what stock does then. */
static PyObject *
handle_send_error(DatagramPort *self, PyObject *const *args, Py_ssize_t nargs,
                  bool connected)
{
    switch (errno) {
    case EMSGSIZE: /* fails again, with stock's error */
        return write_by_stock(self, args, nargs, NULL);
    case ECONNREFUSED:
        if (connected && pyr_datagram_tell_refused(self) < 0) {
            return NULL;
        }
        if (connected || self->kind == DATAGRAM_UDP) {
            Py_RETURN_NONE;
        }
        break;
    case EAGAIN:
        if (self->kind != DATAGRAM_UDP) { /* it is dropped */
            Py_RETURN_NONE;
        }
        break;
    }
    return PyErr_SetFromErrno(PyExc_OSError);
}

PyObject *
pyr_datagram_write(DatagramPort *self, PyObject *const *args, Py_ssize_t nargs,
                   PyObject *kwnames)
{
    struct sockaddr_storage addr;
    int size = 0;
    if (kwnames != NULL || !pyr_datagram_has_plain_socket(self) || nargs < 1 ||
        nargs > 2 || !PyBytes_CheckExact(args[0])) {
        return write_by_stock(self, args, nargs, kwnames);
    }
    int connected = pyr_datagram_is_connected(self);
    if (connected < 0) {
        return NULL;
    }
    bool in_c = nargs == 1 || (self->kind == DATAGRAM_UDP && args[1] == Py_None);
    if (!connected) {
        size = nargs == 2 ? find_address(self, args[1], &addr) : 0;
        in_c = size > 0;
    }
    if (size < 0) {
        return NULL;
    }
    if (!in_c) {
        return write_by_stock(self, args, nargs, NULL);
    }
    ssize_t sent = send_datagram(self, args[0], &addr, (socklen_t)size);
    if (sent >= 0) {
        pyr_datagram_traffic(self)->sent += (uint64_t)sent;
        return PyLong_FromSsize_t(sent);
    }
    return sent == -2 ? NULL : handle_send_error(self, args, nargs, connected);
}
