/*
 * Receiving datagrams; see datagram.h.
 *
 * Stock receives one datagram, has it handled, and receives the next, up to maxThroughput
 * bytes.  Here recvmmsg takes several at once, but never more than stock would surely
 * take in the same event, each is cut to maxPacketSize only when it is its turn, and a
 * connected port takes one by one, because an error that its peer causes in between must
 * come in between.  What was received stays in the batch until it is handled: an
 * iteration of the reactor inside a handler goes on with it.
 *
 * Each step tells whether to go on: GO_ON, STOP, or -1 with an exception set, by which
 * the port is lost.
 */
#include "transport/datagram_internal.h"

#include <errno.h>

#include "core/attribute.h"
#include "core/objects.h"
#include "core/report.h"
#include "transport/address.h"

enum { STOP = 0, GO_ON = 1 };

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

/* protocol.datagramReceived(data, source), or (data) from the peer of a UNIX port. */
static PyObject *
call_datagramReceived(DatagramPort *self, PyObject *data,
                      const struct sockaddr_storage *addr, socklen_t size)
{
    bool tells_source = self->kind != DATAGRAM_UNIX_CONNECTED;
    PyObject *result = NULL;
    PyObject *source = tells_source ? source_of(self, addr, size) : Py_NewRef(Py_None);
    PyObject *protocol = source == NULL ? NULL
                                        : pyr_attribute_value((PyObject *)self,
                                                              self->protocol, "protocol");
    if (protocol != NULL) {
        PyObject *args[] = {protocol, data, source};
        result = PyObject_VectorcallMethod(self->st->names.datagramReceived, args,
                                           tells_source ? 3 : 2, NULL);
        Py_DECREF(protocol);
    }
    Py_XDECREF(source);
    return result;
}

/* What stock's doRead of a connected UNIX port does with any OSError. */
static int
handle_connected_error(DatagramPort *self)
{
    return pyr_report(self->st->transport->connected_datagram_error, (PyObject *)self);
}

/* Hand over one datagram; what that raises is logged. */
static int
hand_over(DatagramPort *self, PyObject *data, const struct sockaddr_storage *addr,
          socklen_t size)
{
    PyObject *result = call_datagramReceived(self, data, addr, size);
    if (result != NULL) {
        Py_DECREF(result);
        return GO_ON;
    }
    if (self->kind == DATAGRAM_UNIX_CONNECTED) {
        return handle_connected_error(self);
    }
    return pyr_report(self->st->loop->event_error, NULL) < 0 ? -1 : GO_ON;
}

/* The port could not receive, for the exception that is set. */
static int
handle_failure(DatagramPort *self)
{
    if (self->kind != DATAGRAM_UNIX_CONNECTED) {
        return -1;
    }
    if (PyErr_ExceptionMatches(PyExc_OSError)) {
        return handle_connected_error(self);
    }
    /* No socket, or no size: stock would try, and log, for ever. */
    return pyr_report(self->st->loop->event_error, NULL) < 0 ? -1 : STOP;
}

/* The system call failed. */
static int
handle_errno(DatagramPort *self)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return STOP;
    }
    if (errno != ECONNREFUSED || self->kind == DATAGRAM_UNIX_CONNECTED) {
        PyErr_SetFromErrno(PyExc_OSError);
        return handle_failure(self);
    }
    int connected = pyr_datagram_is_connected(self);
    return connected <= 0 ? connected : pyr_datagram_tell_refused(self);
}

/* Handle the next datagram of the batch, and add to *total what of it counted. */
static int
deliver_next(DatagramPort *self, pyr_batch *batch, Py_ssize_t *total)
{
    int i = batch->next;
    Py_ssize_t limit, size = (Py_ssize_t)batch->messages[i].msg_len;
    if (pyr_datagram_packet_size(self, &limit) < 0) {
        return handle_failure(self);
    }
    if (batch->next != i || self->st->loop->unread != (PyObject *)self ||
        batch->socket != self->socket) {
        return GO_ON; /* asking for the size ran Python code: look again */
    }
    /* Its place in the batch is used again as soon as the next one's turn has come, which
     * may be when the garbage collector runs in the middle of an allocation. */
    size = size < limit ? size : limit;
    PyObject *data = PyBytes_FromStringAndSize(batch->pieces[i].iov_base, size);
    struct sockaddr_storage addr = batch->addresses[i];
    socklen_t addr_size = batch->messages[i].msg_hdr.msg_namelen;
    if (++batch->next == batch->count) {
        self->st->loop->unread = NULL;
    }
    if (data == NULL) {
        return handle_failure(self);
    }
    *total += size;
    pyr_datagram_traffic(self)->received += (uint64_t)size;
    int more = hand_over(self, data, &addr, addr_size);
    Py_DECREF(data);
    return more;
}

/* Receive and handle one datagram in memory of its own: while the batch is another
 * port's, or if datagrams may be larger than its slots. */
static int
receive_one(DatagramPort *self, int fd, Py_ssize_t limit, Py_ssize_t *total)
{
    struct sockaddr_storage addr;
    PyObject *data = PyBytes_FromStringAndSize(NULL, limit);
    if (data == NULL) {
        return handle_failure(self);
    }
    struct iovec piece = {.iov_base = PyBytes_AS_STRING(data), .iov_len = (size_t)limit};
    struct mmsghdr message = {.msg_hdr = {.msg_name = &addr,
                                          .msg_namelen = ADDRESS_SIZE,
                                          .msg_iov = &piece,
                                          .msg_iovlen = 1}};
    if (pyr_datagram_receive_some(fd, &message, 1) < 0) {
        int more = handle_errno(self);
        Py_DECREF(data);
        return more;
    }
    if (_PyBytes_Resize(&data, (Py_ssize_t)message.msg_len) < 0) {
        return handle_failure(self);
    }
    *total += PyBytes_GET_SIZE(data);
    pyr_datagram_traffic(self)->received += (uint64_t)PyBytes_GET_SIZE(data);
    int more = hand_over(self, data, &addr, message.msg_hdr.msg_namelen);
    Py_DECREF(data);
    return more;
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

/* Receive into the batch, or receive and handle one datagram. */
static int
fill_batch(DatagramPort *self, pyr_batch *batch, Py_ssize_t room, Py_ssize_t *total)
{
    Py_ssize_t limit;
    if (pyr_datagram_packet_size(self, &limit) < 0) {
        return handle_failure(self);
    }
    int count = batch_size(self, limit, room);
    if (count < 0) {
        return -1;
    }
    int fd = pyr_datagram_descriptor(self); /* last: those may run Python code */
    if (fd < 0) {
        return handle_failure(self);
    }
    if (!pyr_datagram_batch_is_free(batch) || limit > SLOT_SIZE) {
        return receive_one(self, fd, limit, total);
    }
    for (int i = 0; i < batch->count; i++) {
        batch->messages[i].msg_hdr.msg_namelen = ADDRESS_SIZE;
    }
    batch->count = 0;
    int received = pyr_datagram_receive_some(fd, batch->messages, count);
    if (received < 0) {
        return handle_errno(self);
    }
    if (received > 0) {
        self->st->loop->unread = (PyObject *)self;
    }
    batch->fd = fd;
    batch->next = 0;
    batch->count = received;
    Py_XSETREF(batch->socket, Py_XNewRef(self->socket));
    return GO_ON;
}

/* What is not a plain socket, or is not there, is for stock to use, and what is not an
 * int for stock to compare with. */
static int
read_by_stock(DatagramPort *self)
{
    pyr_transport_state *state = self->st->transport;
    PyObject *stock = self->kind == DATAGRAM_UNIX_CONNECTED
                          ? state->stock_unix_connected_doRead
                          : state->stock_datagram_doRead;
    return pyr_drop(PyObject_CallOneArg(stock, (PyObject *)self)) < 0 ? -1 : STOP;
}

static int
read_datagrams(DatagramPort *self, pyr_batch *batch)
{
    Py_ssize_t throughput, total = 0;
    int more = GO_ON;
    while (more == GO_ON) {
        if (pyr_datagram_batch_has_rest(batch, self)) {
            more = deliver_next(self, batch, &total);
            continue;
        }
        int is_int = pyr_datagram_throughput_limit(self, &throughput);
        if (is_int < 0) {
            return -1;
        }
        if (is_int && total >= throughput) {
            return STOP;
        }
        bool no_socket =
            self->socket == NULL && self->kind == DATAGRAM_UNIX_CONNECTED; /* is told */
        if (!no_socket && (!is_int || !pyr_datagram_has_plain_socket(self))) {
            return read_by_stock(self);
        }
        more = fill_batch(self, batch, throughput - total, &total);
    }
    return more;
}

PyObject *
pyr_datagram_read(DatagramPort *self, PyObject *Py_UNUSED(ignored))
{
    pyr_batch *batch = pyr_datagram_batch_of(self->st);
    if (batch == NULL) {
        return NULL;
    }
    int status = read_datagrams(self, batch);
    PyObject *unread = self->st->loop->unread;
    if (unread == NULL || (unread == (PyObject *)self && status < 0)) {
        pyr_datagram_batch_drop(batch);
    }
    return pyr_none_or_error(status);
}
