/*
 * Datagram ports: many datagrams received by one system call; see datagram.h.
 *
 * Stock receives one datagram, has it handled, and receives the next, up to maxThroughput
 * bytes.  Here recvmmsg takes several at once, but never more than stock would surely
 * take in the same event, each is cut to maxPacketSize only when it is its turn, and a
 * connected port takes one by one, because an error that its peer causes in between must
 * come in between.  What was received stays in the batch until it is handled: an
 * iteration of the reactor inside a handler goes on with it.
 *
 * Sending is immediate, as in stock: its result and its errors are the caller's.
 */
#include "transport/datagram.h"
#include "loop/reactor_state.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

#include "transport/address.h"
#include "core/attribute.h"
#include "loop/loop.h"
#include "transport/peers.h"
#include "core/report.h"

typedef struct {
    PyObject_HEAD core_state *st;
    PyObject *protocol;
    PyObject *socket;
    PyObject *connected_address; /* _connectedAddr */
    PyObject *packet_size;       /* maxPacketSize */
} DatagramPort;

#define BATCH_MAX 32
#define SLOT_SIZE 65536 /* no UDP datagram is larger */
/* The slots' beginnings, which alone are used as a rule, must not share cache lines. */
#define SLOT_STRIDE (SLOT_SIZE + 192)

/* One for all ports: it is in use only while a port handles an event. */
struct pyr_batch {
    DatagramPort *owner; /* whose datagrams these are; borrowed, NULL for nobody's */
    PyObject *socket;    /* where they came from, */
    int fd;              /* and its descriptor */
    int next;
    int count;
    struct sockaddr_storage addresses[BATCH_MAX];
    struct iovec pieces[BATCH_MAX];
    struct mmsghdr messages[BATCH_MAX];
    char data[]; /* BATCH_MAX slots; memory that was never used costs nothing */
};

/* ---- the batch ---- */

static pyr_batch *
batch_of(core_state *st)
{
    pyr_reactor_state *state = st->reactor;
    if (state->batch != NULL) {
        return state->batch;
    }
    pyr_batch *batch =
        PyMem_RawCalloc(1, sizeof(pyr_batch) + (size_t)BATCH_MAX * SLOT_STRIDE);
    if (batch == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (int i = 0; i < BATCH_MAX; i++) {
        batch->pieces[i] = (struct iovec){.iov_base = batch->data + i * SLOT_STRIDE,
                                          .iov_len = SLOT_SIZE};
        batch->messages[i].msg_hdr = (struct msghdr){.msg_name = &batch->addresses[i],
                                                     .msg_iov = &batch->pieces[i],
                                                     .msg_iovlen = 1};
    }
    state->batch = batch;
    return batch;
}

static void
batch_drop(pyr_batch *batch)
{
    batch->owner = NULL;
    batch->next = batch->count = 0;
    Py_CLEAR(batch->socket);
}

void
pyr_batch_free(pyr_batch *batch)
{
    if (batch != NULL) {
        batch_drop(batch);
        PyMem_RawFree(batch);
    }
}

/* The descriptor of the Python socket now: somebody may have closed it, or taken it away.
 * -1 with an exception set. */
static int
descriptor_of(DatagramPort *self)
{
    if (self->socket == NULL) {
        pyr_attribute_absent((PyObject *)self, "socket");
        return -1;
    }
    PyObject *number =
        PyObject_CallOneArg(self->st->reactor->socket_fileno, self->socket);
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

static inline bool
batch_is_free(pyr_batch *batch)
{
    return batch->owner == NULL || batch->next == batch->count;
}

/* Are there datagrams of this port?  Those of a socket that it gave up, or that somebody
 * closed, are dropped: stock would not have received them. */
static bool
batch_has_rest(pyr_batch *batch, DatagramPort *self)
{
    if (batch->owner != self || batch->next == batch->count) {
        return false;
    }
    if (batch->socket == self->socket) {
        int fd = descriptor_of(self);
        if (fd == batch->fd) {
            return true;
        }
        PyErr_Clear();
    }
    batch_drop(batch);
    return false;
}

#ifndef __linux__
struct mmsghdr {
    struct msghdr msg_hdr;
    unsigned msg_len;
};

/* One datagram will do where the system has no such call. */
static int
recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, void *timeout)
{
    (void)count;
    (void)timeout;
    ssize_t size = recvmsg(fd, &messages[0].msg_hdr, flags);
    messages[0].msg_len = size < 0 ? 0 : (unsigned)size;
    return size < 0 ? -1 : 1;
}
#endif

/* Receive up to `count` datagrams; how many, or -1 with errno. */
static int
receive_some(int fd, struct mmsghdr *messages, int count)
{
    int received;
    for (int i = 0; i < count; i++) {
        messages[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_storage);
    }
    do {
        received = recvmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT, NULL);
    } while (received < 0 && errno == EINTR);
    return received;
}

/* Receive one datagram; its size, or -1 with errno. */
static ssize_t
receive_into(int fd, char *data, size_t limit)
{
    ssize_t size;
    do {
        size = recv(fd, data, limit, MSG_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    return size;
}

/* ---- what a port says of itself ---- */

static int
packet_size(DatagramPort *self, Py_ssize_t *size)
{
    if (self->packet_size != NULL && PyLong_CheckExact(self->packet_size)) {
        *size = PyLong_AsSsize_t(self->packet_size);
    } else {
        PyObject *value =
            PyObject_GetAttr((PyObject *)self, self->st->names.maxPacketSize);
        if (value == NULL) {
            return -1;
        }
        *size = PyNumber_AsSsize_t(value, PyExc_OverflowError);
        Py_DECREF(value);
    }
    if (*size == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (*size < 0) {
        PyErr_SetString(PyExc_ValueError, "negative buffersize in recvfrom");
        return -1;
    }
    return 0;
}

/* maxThroughput into *bytes: 1, or 0 if it is not an int, which stock takes too; -1 with
 * an exception set. */
static int
throughput_limit(DatagramPort *self, Py_ssize_t *bytes)
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

static int
address_family(DatagramPort *self)
{
    PyObject *family = PyObject_GetAttr((PyObject *)self, self->st->names.addressFamily);
    if (family == NULL) {
        return -1;
    }
    long number = PyLong_AsLong(family);
    Py_DECREF(family);
    return (int)number;
}

/* 1, 0, or -1 with an exception set. */
static int
is_connected(DatagramPort *self)
{
    if (self->connected_address == NULL || self->connected_address == Py_None) {
        return 0;
    }
    return PyObject_IsTrue(self->connected_address);
}

static inline bool
has_plain_socket(DatagramPort *self)
{
    return self->socket != NULL &&
           (PyObject *)Py_TYPE(self->socket) == self->st->reactor->socket_class;
}

static pyr_peers *
peers_of(core_state *st)
{
    if (st->reactor->peers == NULL) {
        st->reactor->peers = pyr_peers_new();
    }
    return st->reactor->peers;
}

/* ---- receiving ---- */

/* Where a datagram came from, as stock tells it: with IPv6 without flow and scope. */
static PyObject *
source_of(DatagramPort *self, const struct sockaddr_storage *addr, socklen_t size)
{
    bool is_pair = size > 0 && addr->ss_family == AF_INET;
    if (size > 0 && addr->ss_family == AF_INET6) {
        int family = address_family(self);
        if (family == -1 && PyErr_Occurred()) {
            return NULL;
        }
        is_pair = family == AF_INET6;
    }
    if (!is_pair) {
        return pyr_address_to_python(addr, size, false);
    }
    pyr_peers *peers = peers_of(self->st);
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
    if (packet_size(self, &limit) < 0) {
        return -1;
    }
    if (batch->next != i || batch->owner != self || batch->socket != self->socket) {
        return 0; /* asking for the size ran Python code: look again */
    }
    /* Its place in the batch is used again as soon as the next one's turn has come, which
     * may be when the garbage collector runs in the middle of an allocation. */
    PyObject *data =
        PyBytes_FromStringAndSize(batch->pieces[i].iov_base, size < limit ? size : limit);
    struct sockaddr_storage addr = batch->addresses[i];
    socklen_t addr_size = batch->messages[i].msg_hdr.msg_namelen;
    batch->next++;
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
    if (receive_some(fd, &message, 1) < 0) {
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
    int connected = is_connected(self);
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
    if (packet_size(self, &limit) < 0) {
        return -1;
    }
    int count = batch_size(self, limit, room);
    if (count < 0) {
        return -1;
    }
    int fd = descriptor_of(self); /* last: asking for the size may run Python code */
    if (fd < 0) {
        return -1;
    }
    if (!batch_is_free(batch) || limit > SLOT_SIZE) {
        return receive_one(self, fd, limit, error);
    }
    int received = receive_some(fd, batch->messages, count);
    if (received < 0) {
        *error = errno;
        return 0;
    }
    batch->owner = self;
    batch->fd = fd;
    batch->next = 0;
    batch->count = received;
    Py_XSETREF(batch->socket, Py_XNewRef(self->socket));
    return 0;
}

static PyObject *
call_protocol(DatagramPort *self, PyObject *name)
{
    if (self->protocol == NULL) {
        pyr_attribute_absent((PyObject *)self, "protocol");
        return NULL;
    }
    PyObject *protocol = Py_NewRef(self->protocol);
    PyObject *result = PyObject_CallMethodNoArgs(protocol, name);
    Py_DECREF(protocol);
    return result;
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
    int connected = is_connected(self);
    if (connected <= 0) {
        return connected;
    }
    PyObject *result = call_protocol(self, self->st->names.connectionRefused);
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
        if (batch_has_rest(batch, self)) {
            handled = deliver_next(self, batch);
        } else {
            int is_int = throughput_limit(self, &throughput);
            if (is_int < 0) {
                return -1;
            }
            if (is_int && total >= throughput) {
                return 0;
            }
            if (!is_int || !has_plain_socket(self)) {
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

PyDoc_STRVAR(
    doRead_doc,
    "doRead($self)\n--\n\n"
    "Receive what is there, up to maxThroughput bytes or a little more, and call\n"
    "protocol.datagramReceived(bytes, address) for each datagram.\n\n"
    "What that raises is logged.  Raises OSError if receiving fails.\n"
    "Mirrors twisted.internet.udp.Port.doRead.");

static PyObject *
datagram_doRead(DatagramPort *self, PyObject *Py_UNUSED(ignored))
{
    pyr_batch *batch = batch_of(self->st);
    if (batch == NULL) {
        return NULL;
    }
    int status = read_datagrams(self, batch);
    if (batch->owner == self && (status < 0 || batch->next == batch->count)) {
        batch_drop(batch);
    }
    if (status < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- receiving, connected over UNIX sockets ---- */

/* One datagram, as bytes; NULL with errno in *error, or with an exception set. */
static PyObject *
receive_bytes(DatagramPort *self, pyr_batch *batch, int *error)
{
    Py_ssize_t limit;
    PyObject *data = NULL;
    if (packet_size(self, &limit) < 0) {
        return NULL;
    }
    int fd = descriptor_of(self);
    if (fd < 0) {
        return NULL;
    }
    bool in_batch = batch_is_free(batch) && limit <= SLOT_SIZE;
    if (!in_batch && (data = PyBytes_FromStringAndSize(NULL, limit)) == NULL) {
        return NULL;
    }
    ssize_t size =
        receive_into(fd, in_batch ? batch->data : PyBytes_AS_STRING(data), (size_t)limit);
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
        int is_int = throughput_limit(self, &throughput);
        if (is_int < 0) {
            return -1;
        }
        if (is_int && total >= throughput) {
            return 0;
        }
        if (self->socket != NULL && (!is_int || !has_plain_socket(self))) {
            return read_by_stock(self, self->st->reactor->stock_unix_connected_doRead);
        }
        more = read_one_connected(self, batch, &total);
    }
    return more;
}

PyDoc_STRVAR(
    connected_doRead_doc,
    "doRead($self)\n--\n\n"
    "Receive what is there, up to maxThroughput bytes or a little more, and call\n"
    "protocol.datagramReceived(bytes) for each datagram.\n\n"
    "An OSError, of the socket or out of that call, is told by connectionRefused()\n"
    "if it is ECONNREFUSED, ends the reading if it is EAGAIN or EINTR, and is\n"
    "raised otherwise; all else is logged.\n"
    "Mirrors twisted.internet.unix.ConnectedDatagramPort.doRead.");

static PyObject *
unix_connected_doRead(DatagramPort *self, PyObject *Py_UNUSED(ignored))
{
    pyr_batch *batch = batch_of(self->st);
    if (batch == NULL || read_connected(self, batch) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

bool
pyr_datagram_deliver_rest(Loop *loop)
{
    pyr_batch *batch = loop->st->reactor->batch;
    if (batch == NULL || batch_is_free(batch)) {
        return false;
    }
    return pyr_poller_dispatch_read(loop, (PyObject *)batch->owner);
}

void
pyr_datagram_forked(core_state *st)
{
    if (st->reactor->batch != NULL) {
        batch_drop(st->reactor->batch);
    }
}

/* ---- sending ---- */

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
    int fd = descriptor_of(self);
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
    PyObject *result = call_protocol(self, self->st->names.connectionRefused);
    if (result == NULL) {
        return NULL;
    }
    Py_DECREF(result);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    write_doc,
    "write($self, datagram, addr=None)\n--\n\n"
    "Send datagram (bytes) at once, to addr: a tuple of a numeric IPv4 or IPv6 address\n"
    "(str) and a port (int); None once the port is connected.\n\n"
    "Returns the number of bytes (int), or None where the peer refused an earlier one.\n"
    "Raises InvalidAddressError for a name or an address of another family,\n"
    "MessageLengthError if the datagram is too long, OSError if sending fails.\n"
    "Mirrors twisted.internet.udp.Port.write.");

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
    int family = address_family(self);
    if (family == -1 && PyErr_Occurred()) {
        return NULL;
    }
    pyr_peers *peers = peers_of(self->st);
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

static PyObject *
datagram_write(DatagramPort *self, PyObject *const *args, Py_ssize_t nargs,
               PyObject *kwnames)
{
    bool usual = kwnames == NULL && has_plain_socket(self) && nargs >= 1 && nargs <= 2 &&
                 PyBytes_CheckExact(args[0]);
    int connected = usual ? is_connected(self) : 0;
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

PyDoc_STRVAR(
    unix_write_doc,
    "write($self, datagram, address)\n--\n\n"
    "Send datagram (bytes) at once to address: a path (str or bytes) or an\n"
    "abstract name (bytes).\n\n"
    "Returns the number of bytes (int), or None where the peer takes no more now\n"
    "and the datagram is dropped.  Raises MessageLengthError if it is too long,\n"
    "OSError if sending fails.\n"
    "Mirrors twisted.internet.unix.DatagramPort.write.");

static PyObject *
unix_write(DatagramPort *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    struct sockaddr_storage addr;
    ssize_t sent = -1;
    bool usual = kwnames == NULL && has_plain_socket(self) && nargs == 2 &&
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

PyDoc_STRVAR(
    connected_write_doc,
    "write($self, data)\n--\n\n"
    "Send data (bytes) at once to the peer.\n\n"
    "Returns the number of bytes (int), or None where the peer takes no more now\n"
    "or refused: connectionRefused() of the protocol is called then.  Raises\n"
    "MessageLengthError if it is too long, OSError if sending fails.\n"
    "Mirrors twisted.internet.unix.ConnectedDatagramPort.write.");

static PyObject *
unix_connected_write(DatagramPort *self, PyObject *const *args, Py_ssize_t nargs,
                     PyObject *kwnames)
{
    if (kwnames != NULL || !has_plain_socket(self) || nargs != 1 ||
        !PyBytes_CheckExact(args[0])) {
        return write_by_stock(self, self->st->reactor->stock_unix_connected_write, args,
                              nargs, kwnames);
    }
    return write_connected(self, self->st->reactor->stock_unix_connected_write, args,
                           nargs, true);
}

/* ---- the types ---- */

PyDoc_STRVAR(logPrefix_doc, "logPrefix($self)\n--\n\n"
                            "The prefix (str) to log with: logstr.\n\n"
                            "Mirrors twisted.internet.udp.Port.logPrefix.");

static PyObject *
datagram_logPrefix(DatagramPort *self, PyObject *Py_UNUSED(ignored))
{
    return PyObject_GetAttr((PyObject *)self, self->st->names.logstr);
}

static PyMethodDef datagram_methods[] = {
    {"doRead", (PyCFunction)datagram_doRead, METH_NOARGS, doRead_doc},
    {"logPrefix", (PyCFunction)datagram_logPrefix, METH_NOARGS, logPrefix_doc},
    {"write", (PyCFunction)(void (*)(void))datagram_write, METH_FASTCALL | METH_KEYWORDS,
     write_doc},
    {NULL},
};

static PyGetSetDef datagram_getset[] = {
    PYR_ATTRIBUTE("protocol", DatagramPort, protocol),
    PYR_ATTRIBUTE("socket", DatagramPort, socket),
    PYR_ATTRIBUTE("_connectedAddr", DatagramPort, connected_address),
    PYR_ATTRIBUTE("maxPacketSize", DatagramPort, packet_size),
    {NULL},
};

static PyObject *
datagram_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    core_state *st = pyr_state_of_type(type);
    if (st == NULL) {
        return NULL;
    }
    if (st->reactor->stock_datagram_write == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "import pyreactor.reactor first");
        return NULL;
    }
    DatagramPort *self = (DatagramPort *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->st = st;
    }
    return (PyObject *)self;
}

static int
datagram_traverse(DatagramPort *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->protocol);
    Py_VISIT(self->socket);
    Py_VISIT(self->connected_address);
    Py_VISIT(self->packet_size);
    return 0;
}

static int
datagram_clear(DatagramPort *self)
{
    Py_CLEAR(self->protocol);
    Py_CLEAR(self->socket);
    Py_CLEAR(self->connected_address);
    Py_CLEAR(self->packet_size);
    return 0;
}

static void
datagram_dealloc(DatagramPort *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)datagram_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

PyDoc_STRVAR(datagram_doc, "The hot half of a UDP port: receiving and sending.\n\n"
                           "To be mixed in before twisted.internet.udp.Port.");

static PyType_Slot datagram_slots[] = {
    {Py_tp_doc, (void *)datagram_doc}, {Py_tp_new, datagram_new},
    {Py_tp_dealloc, datagram_dealloc}, {Py_tp_traverse, datagram_traverse},
    {Py_tp_clear, datagram_clear},     {Py_tp_methods, datagram_methods},
    {Py_tp_getset, datagram_getset},   {0, NULL},
};

static PyType_Spec datagram_spec = {
    .name = "pyreactor._core.DatagramPort",
    .basicsize = sizeof(DatagramPort),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = datagram_slots,
};

PyDoc_STRVAR(unix_doc, "The hot half of a UNIX datagram port.\n\n"
                       "To be mixed in before twisted.internet.unix.DatagramPort.");

static PyMethodDef unix_methods[] = {
    {"write", (PyCFunction)(void (*)(void))unix_write, METH_FASTCALL | METH_KEYWORDS,
     unix_write_doc},
    {NULL},
};

static PyType_Slot unix_slots[] = {
    {Py_tp_doc, (void *)unix_doc},
    {Py_tp_methods, unix_methods},
    {0, NULL},
};

static PyType_Spec unix_spec = {
    .name = "pyreactor._core.UNIXDatagramPort",
    .basicsize = sizeof(DatagramPort),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = unix_slots,
};

PyDoc_STRVAR(connected_doc,
             "The hot half of a connected UNIX datagram port.\n\n"
             "To be mixed in before twisted.internet.unix.ConnectedDatagramPort.");

static PyMethodDef connected_methods[] = {
    {"doRead", (PyCFunction)unix_connected_doRead, METH_NOARGS, connected_doRead_doc},
    {"write", (PyCFunction)(void (*)(void))unix_connected_write,
     METH_FASTCALL | METH_KEYWORDS, connected_write_doc},
    {NULL},
};

static PyType_Slot connected_slots[] = {
    {Py_tp_doc, (void *)connected_doc},
    {Py_tp_methods, connected_methods},
    {0, NULL},
};

static PyType_Spec connected_spec = {
    .name = "pyreactor._core.UNIXConnectedDatagramPort",
    .basicsize = sizeof(DatagramPort),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = connected_slots,
};

int
pyr_datagram_exec(PyObject *module, core_state *Py_UNUSED(st))
{
    PyTypeObject *base = pyr_add_type(module, &datagram_spec, NULL);
    if (base == NULL) {
        return -1;
    }
    PyTypeObject *plain = pyr_add_type(module, &unix_spec, (PyObject *)base);
    PyTypeObject *connected = pyr_add_type(module, &connected_spec, (PyObject *)base);
    int status = plain == NULL || connected == NULL ? -1 : 0;
    Py_DECREF(base);
    Py_XDECREF(plain);
    Py_XDECREF(connected);
    return status;
}
