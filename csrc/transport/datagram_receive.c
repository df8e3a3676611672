/*
 * Receiving datagrams; see datagram.h.
 *
 * Stock receives one datagram, has it handled, and receives the next, up to maxThroughput
 * bytes.  Here recvmmsg takes several at once, but never more than stock would surely
 * take in the same event, each is cut to maxPacketSize only when it is its turn, and a
 * connected port takes one by one, because an error that its peer causes in between must
 * come in between.  What was received stays in the batch until it is handled: an
 * iteration of the reactor inside a handler goes on with it.
 */
#include "transport/datagram_internal.h"

#include <errno.h>

#include "core/attribute.h"
#include "core/report.h"
#include "loop/loop.h"
#include "transport/address.h"
#include "transport/peers.h"

/* Where a datagram came from, as stock tells it: with IPv6 without flow and scope. */
static PyObject *
source_of(DatagramPort *self, const struct sockaddr_storage *addr, socklen_t size)
{
    bool is_pair = size > 0 && addr->ss_family == AF_INET;
    if (size > 0 && addr->ss_family == AF_INET6) {
        int family = pyr_datagram_address_family(self);
        if (family == -1 && PyErr_Occurred()) {
            return NULL;
        }
        is_pair = family == AF_INET6;
    }
    if (!is_pair) {
        return pyr_address_to_python(addr, size, false);
    }
    pyr_peers *peers = pyr_datagram_peers(self->st);
    return peers == NULL ? NULL : pyr_peers_pair(peers, addr);
}

/* protocol.datagramReceived(data, source); what it raises is logged.  Steals both, which
 * may be NULL with an exception set. */
static int
deliver(DatagramPort *self, PyObject *data, PyObject *source)
{
    int status = -1;
    if (data != NULL && source != NULL) {
        PyObject *result = NULL;
        PyObject *protocol = Py_XNewRef(self->protocol);
        if (protocol == NULL) {
            pyr_attribute_absent((PyObject *)self, "protocol");
        } else {
            PyObject *args[] = {protocol, data, source};
            result = PyObject_VectorcallMethod(self->st->names.datagramReceived, args, 3,
                                               NULL);
            Py_DECREF(protocol);
        }
        status = result != NULL ? 0 : pyr_report(self->st->reactor->event_error);
        Py_XDECREF(result);
    }
    Py_XDECREF(data);
    Py_XDECREF(source);
    return status;
}

/* Handle the next datagram of the batch; how many bytes of it counted, or -1. */
static Py_ssize_t
deliver_next(DatagramPort *self, pyr_batch *batch)
{
    int i = batch->next;
    Py_ssize_t limit, size = (Py_ssize_t)batch->messages[i].msg_len;
    if (pyr_datagram_packet_size(self, &limit) < 0) {
        return -1;
    }
    if (batch->next != i || self->st->reactor->unread != (PyObject *)self ||
        batch->socket != self->socket) {
        return 0; /* asking for the size ran Python code: look again */
    }
    /* Its place in the batch is used again as soon as the next one's turn has come, which
     * may be when the garbage collector runs in the middle of an allocation. */
    PyObject *data =
        PyBytes_FromStringAndSize(batch->pieces[i].iov_base, size < limit ? size : limit);
    struct sockaddr_storage addr = batch->addresses[i];
    socklen_t addr_size = batch->messages[i].msg_hdr.msg_namelen;
    if (++batch->next == batch->count) {
        self->st->reactor->unread = NULL;
    }
    PyObject *source = data == NULL ? NULL : source_of(self, &addr, addr_size);
    size = data == NULL ? 0 : PyBytes_GET_SIZE(data);
    return deliver(self, data, source) < 0 ? -1 : size;
}

/* Receive and handle one datagram in memory of its own: while the batch is another
 * port's, or if datagrams may be larger than its slots. */
static Py_ssize_t
receive_one(DatagramPort *self, int fd, Py_ssize_t limit, int *error)
{
    struct sockaddr_storage addr;
    PyObject *data = PyBytes_FromStringAndSize(NULL, limit);
    if (data == NULL) {
        return -1;
    }
    struct iovec piece = {.iov_base = PyBytes_AS_STRING(data), .iov_len = (size_t)limit};
    struct mmsghdr message = {
        .msg_hdr = {.msg_name = &addr, .msg_iov = &piece, .msg_iovlen = 1}};
    if (pyr_datagram_receive_some(fd, &message, 1) < 0) {
        *error = errno;
        Py_DECREF(data);
        return 0;
    }
    Py_ssize_t size = (Py_ssize_t)message.msg_len;
    if (_PyBytes_Resize(&data, size) < 0) {
        return -1;
    }
    PyObject *source = source_of(self, &addr, message.msg_hdr.msg_namelen);
    return deliver(self, data, source) < 0 ? -1 : size;
}

/* How many datagrams to receive at once, such that all of them are still within
 * `room`, the bytes that this event may read, whatever their sizes. */
static int
batch_size(DatagramPort *self, Py_ssize_t limit, Py_ssize_t room)
{
    int connected = pyr_datagram_is_connected(self);
    if (connected != 0) {
        return connected < 0 ? -1 : 1;
    }
    Py_ssize_t count = limit == 0 ? 1 : (room - 1) / limit + 1;
    return count < BATCH_MAX ? (int)count : BATCH_MAX;
}

/* Receive into the batch, or receive and handle one datagram.  *error is set to errno if
 * there is none.  How many bytes were handled, or -1. */
static Py_ssize_t
receive(DatagramPort *self, pyr_batch *batch, Py_ssize_t room, int *error)
{
    Py_ssize_t limit;
    if (pyr_datagram_packet_size(self, &limit) < 0) {
        return -1;
    }
    int count = batch_size(self, limit, room);
    if (count < 0) {
        return -1;
    }
    int fd =
        pyr_datagram_descriptor(self); /* last: asking for the size may run Python code */
    if (fd < 0) {
        return -1;
    }
    if (!pyr_datagram_batch_is_free(batch) || limit > SLOT_SIZE) {
        return receive_one(self, fd, limit, error);
    }
    int received = pyr_datagram_receive_some(fd, batch->messages, count);
    if (received < 0) {
        *error = errno;
        return 0;
    }
    if (received > 0) {
        self->st->reactor->unread = (PyObject *)self;
    }
    batch->fd = fd;
    batch->next = 0;
    batch->count = received;
    Py_XSETREF(batch->socket, Py_XNewRef(self->socket));
    return 0;
}

/* recvfrom() failed: what stock does then. */
static int
handle_error(DatagramPort *self, int error)
{
    if (error == EAGAIN || error == EWOULDBLOCK) {
        return 0;
    }
    if (error != ECONNREFUSED) {
        errno = error;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    int connected = pyr_datagram_is_connected(self);
    if (connected <= 0) {
        return connected;
    }
    PyObject *result =
        pyr_datagram_call_protocol(self, self->st->names.connectionRefused);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* What is not a plain socket, or is not there, is for stock to use, and what is not an
 * int for stock to compare with. */
static int
read_by_stock(DatagramPort *self, PyObject *stock)
{
    PyObject *result = PyObject_CallOneArg(stock, (PyObject *)self);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
read_datagrams(DatagramPort *self, pyr_batch *batch)
{
    Py_ssize_t throughput, handled, total = 0;
    int error = 0;
    for (;;) {
        if (pyr_datagram_batch_has_rest(batch, self)) {
            handled = deliver_next(self, batch);
        } else {
            int is_int = pyr_datagram_throughput_limit(self, &throughput);
            if (is_int < 0) {
                return -1;
            }
            if (is_int && total >= throughput) {
                return 0;
            }
            if (!is_int || !pyr_datagram_has_plain_socket(self)) {
                return read_by_stock(self, self->st->reactor->stock_datagram_doRead);
            }
            handled = receive(self, batch, throughput - total, &error);
        }
        if (handled < 0) {
            return -1;
        }
        if (error != 0) {
            return handle_error(self, error);
        }
        total += handled;
    }
}

PyObject *
pyr_datagram_read(DatagramPort *self, PyObject *Py_UNUSED(ignored))
{
    pyr_batch *batch = pyr_datagram_batch_of(self->st);
    if (batch == NULL) {
        return NULL;
    }
    int status = read_datagrams(self, batch);
    PyObject *unread = self->st->reactor->unread;
    if (unread == NULL || (unread == (PyObject *)self && status < 0)) {
        pyr_datagram_batch_drop(batch);
    }
    if (status < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* One datagram, as bytes; NULL with errno in *error, or with an exception set. */
static PyObject *
receive_bytes(DatagramPort *self, pyr_batch *batch, int *error)
{
    Py_ssize_t limit;
    PyObject *data = NULL;
    if (pyr_datagram_packet_size(self, &limit) < 0) {
        return NULL;
    }
    int fd = pyr_datagram_descriptor(self);
    if (fd < 0) {
        return NULL;
    }
    bool in_batch = pyr_datagram_batch_is_free(batch) && limit <= SLOT_SIZE;
    if (!in_batch && (data = PyBytes_FromStringAndSize(NULL, limit)) == NULL) {
        return NULL;
    }
    ssize_t size = pyr_datagram_receive_into(
        fd, in_batch ? batch->data : PyBytes_AS_STRING(data), (size_t)limit);
    if (size < 0) {
        *error = errno;
        Py_XDECREF(data);
        return NULL;
    }
    if (in_batch) {
        return PyBytes_FromStringAndSize(batch->data, size);
    }
    (void)_PyBytes_Resize(&data, size);
    return data;
}

/* protocol.datagramReceived(data) */
static int
deliver_connected(DatagramPort *self, PyObject *data)
{
    if (self->protocol == NULL) {
        pyr_attribute_absent((PyObject *)self, "protocol");
        return -1;
    }
    PyObject *protocol = Py_NewRef(self->protocol);
    PyObject *result =
        PyObject_CallMethodOneArg(protocol, self->st->names.datagramReceived, data);
    Py_DECREF(protocol);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Receive and handle one datagram, and add its size to *total.  1: there may be more,
 * 0: there is none, -1 with an exception set: the port is lost. */
static int
read_one_connected(DatagramPort *self, pyr_batch *batch, Py_ssize_t *total)
{
    int error = 0;
    PyObject *data = receive_bytes(self, batch, &error);
    if (data != NULL) {
        *total += PyBytes_GET_SIZE(data);
        int status = deliver_connected(self, data);
        Py_DECREF(data);
        if (status == 0) {
            return 1;
        }
    } else if (error == EAGAIN || error == EWOULDBLOCK) {
        return 0;
    } else if (error != 0) {
        errno = error;
        PyErr_SetFromErrno(PyExc_OSError);
    } else if (!PyErr_ExceptionMatches(PyExc_OSError)) {
        /* No socket, or no size: stock would try, and log, for ever. */
        return pyr_report(self->st->reactor->event_error);
    }
    return pyr_report_ask(self->st->reactor->connected_datagram_error, (PyObject *)self);
}

static int
read_connected(DatagramPort *self, pyr_batch *batch)
{
    Py_ssize_t throughput, total = 0;
    int more = 1;
    while (more > 0) {
        int is_int = pyr_datagram_throughput_limit(self, &throughput);
        if (is_int < 0) {
            return -1;
        }
        if (is_int && total >= throughput) {
            return 0;
        }
        if (self->socket != NULL && (!is_int || !pyr_datagram_has_plain_socket(self))) {
            return read_by_stock(self, self->st->reactor->stock_unix_connected_doRead);
        }
        more = read_one_connected(self, batch, &total);
    }
    return more;
}

PyObject *
pyr_datagram_unix_connected_read(DatagramPort *self, PyObject *Py_UNUSED(ignored))
{
    pyr_batch *batch = pyr_datagram_batch_of(self->st);
    if (batch == NULL || read_connected(self, batch) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}
