/*
 * Stream connections: receive, write queue, gathered send; see stream.h.
 *
 * The write queue is stock's own, so that stock code which reaches into it finds what it
 * expects: dataBuffer[offset:] goes out first, then the items of _tempDataBuffer, whose
 * lengths add up to _tempDataLen.  A write into an empty queue goes to dataBuffer
 * directly, and the list is made by the second one.
 *
 * write() sends nothing.  It puts the connection on the loop's flush list; the loop
 * flushes it right before it polls.  Only what the kernel then refuses waits for
 * writability.
 */
#include "core/core.h"
#include "loop/reactor_state.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "transport/ancillary.h"
#include "core/attribute.h"
#include "framing/framing.h"
#include "loop/loop.h"
#include "core/report.h"
#include "transport/stream.h"

/* Methods that a subclass or an instance may replace; then the hot path calls theirs. */
enum { OWN_READ = 1, OWN_WRITE = 2, OWN_PREFIX = 4, OWN_SEND = 8, OWN_WATCH = 16 };
#define OWN_OUTPUT (OWN_WRITE | OWN_SEND)

struct StreamConnection {
    PyObject_HEAD core_state *st;
    const pyr_stream_kind *kind; /* NULL: a socket */
    Loop *loop;                  /* of self->reactor, if that is a pyreactor; else NULL */
    pyr_poller *poller;
    StreamConnection *next_flush;
    PyObject *reactor;
    PyObject *protocol;
    PyObject *socket; /* made when somebody asks for it, or given; else NULL */
    PyObject *producer;
    PyObject *data_buffer; /* bytes, or NULL for b"" */
    PyObject *temp_buffer; /* list of bytes, or NULL for [] */
    PyObject *descriptors; /* list: _sendmsgQueue, or NULL for []; UNIXConnection only */
    PyObject *logstr;      /* or only its first part, see log_string() */
    Py_ssize_t offset;
    Py_ssize_t temp_length;
    Py_ssize_t received; /* bytes since the last flush */
    long session;        /* sessionno: the number of the connection on its port */
    int fd;              /* -1 when there is none */
    short family;
    char class_overrides; /* OWN_*: what the class replaces */
    char overrides;       /* OWN_*: what the class or the instance replaces */
    char connected;
    char disconnected;
    char disconnecting;
    char streaming_producer;
    char producer_paused;
    char write_disconnecting;
    char write_disconnected;
    char tls;
    char takes_ancillary; /* a UNIXConnection: descriptors may come beside the bytes */
    char reading;
    char writing;
    char reads_when_sent;
    char terminal; /* no socket, and a terminal */
    char shared;   /* others have the same open file, and may have made it block */
    char blocked;  /* the kernel's buffer is full: wait for writability */
    char in_flush; /* on the flush list */
    char put_off;  /* its flush was put off, as input waited */
    char answered; /* a flush has sent what input had brought about */
    char no_delay; /* NO_DELAY_*: who has decided on TCP_NODELAY */
    char logstr_unfinished;
};

enum { NO_DELAY_UNASKED, NO_DELAY_FOR_ANSWERS, NO_DELAY_BY_PROGRAM };

#define DEFAULT_BUFFER_SIZE 65536 /* stock's FileDescriptor.bufferSize */
#define GATHER_MAX 128            /* items a send gathers */
#define JOIN_FROM 8               /* from so many items on, small ones are joined */
#define JOIN_MAX 16384            /* bytes, if that is all of them together */
#define SENDS_PER_EVENT 8         /* then other connections get their turn */

/* ---- watching ---- */

StreamConnection *
pyr_stream_of(Loop *loop, PyObject *selectable)
{
    if (!PyObject_TypeCheck(selectable, loop->st->reactor->stream_type)) {
        return NULL;
    }
    StreamConnection *self = (StreamConnection *)selectable;
    return self->loop == loop ? self : NULL;
}

static int
update_watch(StreamConnection *self)
{
    bool poll_write = self->writing && (self->blocked || (self->overrides & OWN_OUTPUT));
    int reading = self->reading ? PYR_READ : 0;
    int status = pyr_poller_watch(self->loop, &self->poller, self, self->fd,
                                  reading | (self->writing ? PYR_WRITE : 0),
                                  reading | (poll_write ? PYR_WRITE : 0));
    return status == 1 ? pyr_stream_leave_loop(self) : status;
}

/* libuv must let go of the descriptor before it is closed. */
static void
release_poller(StreamConnection *self)
{
    pyr_poller *poller = self->poller;
    self->poller = NULL;
    self->reading = self->writing = self->blocked = 0;
    if (poller != NULL) {
        pyr_poller_close(poller);
    }
}

static void
queue_flush(StreamConnection *self)
{
    Loop *loop = self->loop;
    if (self->in_flush) {
        return;
    }
    self->in_flush = 1;
    self->next_flush = NULL;
    Py_INCREF(self);
    if (loop->flush_tail == NULL) {
        loop->flush_head = self;
    } else {
        loop->flush_tail->next_flush = self;
    }
    loop->flush_tail = self;
    loop->flush_count++;
    pyr_loop_notice(loop);
}

/* Take the first off the flush list; the caller owns its reference. */
static StreamConnection *
unqueue_flush(Loop *loop)
{
    StreamConnection *self = loop->flush_head;
    loop->flush_head = self->next_flush;
    if (loop->flush_head == NULL) {
        loop->flush_tail = NULL;
    }
    loop->flush_count--;
    self->next_flush = NULL;
    self->in_flush = 0;
    return self;
}

/* Stock's error for a descriptor that is gone.  The poller stays, so that a connection
 * whose socket was closed behind our back still is a reader, and is told at the end. */
static int
check_descriptor(StreamConnection *self)
{
    if (pyr_stream_refresh_descriptor(self) < 0) {
        return -1;
    }
    if (self->kind != NULL ? self->fd < 0 : pyr_stream_descriptor(self) < 0) {
        PyErr_SetString(PyExc_ValueError,
                        "file descriptor cannot be a negative integer (-1)");
        return -1;
    }
    return 0;
}

int
pyr_stream_start(StreamConnection *self, int event)
{
    char *flag = event == PYR_READ ? &self->reading : &self->writing;
    bool may_have_moved = self->kind != NULL && self->kind->asks_fileno;
    if (*flag && !may_have_moved) {
        return 0;
    }
    if (check_descriptor(self) < 0) {
        return -1;
    }
    if (*flag) {
        return 0;
    }
    *flag = 1;
    if (update_watch(self) < 0) {
        *flag = 0;
        return -1;
    }
    if (event == PYR_WRITE && !(self->overrides & OWN_OUTPUT) && self->loop != NULL) {
        queue_flush(self);
    }
    return 0;
}

/* May the descriptor be closed, and its number be used again, once nothing is wanted?
 * Those of sockets and of pipes are told otherwise. */
static bool
may_be_closed(StreamConnection *self)
{
    return self->kind != NULL && (self->disconnected || self->kind->asks_fileno);
}

int
pyr_stream_stop(StreamConnection *self, int event)
{
    char *flag = event == PYR_READ ? &self->reading : &self->writing;
    bool was_on = *flag;
    *flag = 0;
    if (event == PYR_WRITE) {
        self->blocked = 0;
    }
    if (may_be_closed(self) && !self->reading && !self->writing) {
        release_poller(self);
        return 0;
    }
    return was_on ? update_watch(self) : 0;
}

static int
call_with_self(StreamConnection *self, PyObject *callee, PyObject *name)
{
    PyObject *result = callee == (PyObject *)self
                           ? PyObject_CallMethodNoArgs(callee, name)
                           : PyObject_CallMethodOneArg(callee, name, (PyObject *)self);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* What Twisted's startReading, stopReading, startWriting and stopWriting do. */
static int
change_watch(StreamConnection *self, int event, bool start)
{
    if (self->loop != NULL) {
        return start ? pyr_stream_start(self, event) : pyr_stream_stop(self, event);
    }
    if (self->reactor == NULL) {
        PyErr_SetString(PyExc_AttributeError, "reactor");
        return -1;
    }
    pyr_names *names = &self->st->names;
    PyObject *name =
        start ? (event == PYR_READ ? names->addReader : names->addWriter)
              : (event == PYR_READ ? names->removeReader : names->removeWriter);
    return call_with_self(self, self->reactor, name);
}

int
pyr_stream_change(StreamConnection *self, int event, bool start)
{
    if (!(self->overrides & OWN_WATCH)) {
        return change_watch(self, event, start);
    }
    pyr_names *names = &self->st->names;
    PyObject *name = start
                         ? (event == PYR_READ ? names->startReading : names->startWriting)
                         : (event == PYR_READ ? names->stopReading : names->stopWriting);
    return call_with_self(self, (PyObject *)self, name);
}

int
pyr_stream_descriptor(StreamConnection *self)
{
    PyObject *asked = self->kind == NULL        ? self->socket
                      : self->kind->asks_fileno ? (PyObject *)self
                                                : NULL;
    if (asked == NULL) {
        return self->fd;
    }
    PyObject *number = PyObject_CallMethodNoArgs(asked, self->st->names.fileno);
    long fd = number == NULL ? -1 : PyLong_AsLong(number);
    Py_XDECREF(number);
    if (fd == -1 && PyErr_Occurred()) {
        PyErr_Clear();
    }
    return (int)fd;
}

/* ---- reading ---- */

/* How much one event may read.  Stock's 64 KiB default stands for "no wish": larger
 * reads are fewer, and the buffer is shared. */
static Py_ssize_t
receive_limit(StreamConnection *self)
{
    if (self->kind != NULL) {
        return PYR_READ_BUFFER_SIZE;
    }
    PyObject *size = PyObject_GetAttr((PyObject *)self, self->st->names.bufferSize);
    if (size == NULL) {
        return -1;
    }
    Py_ssize_t limit = PyNumber_AsSsize_t(size, PyExc_OverflowError);
    Py_DECREF(size);
    if (limit == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (limit < 0) {
        PyErr_SetString(PyExc_ValueError, "negative buffersize in recv");
        return -1;
    }
    return limit == DEFAULT_BUFFER_SIZE ? PYR_READ_BUFFER_SIZE : limit;
}

/*
 * Where a stream receives, and joins what it sends: in the loop's buffer, or where that
 * is in use or too small, in memory of its own.  It is in use until what was received is
 * copied or handled, as whatever runs Python code meanwhile (a callback, another thread
 * while a read takes long, or the garbage collector in the middle of an allocation) may
 * receive.
 */
typedef struct {
    char *data;
    Loop *lender; /* owned: the loop whose buffer it is; NULL for memory of its own */
} receive_buffer;

static int
buffer_take(StreamConnection *self, Py_ssize_t limit, receive_buffer *buffer)
{
    Loop *loop = self->loop;
    if (loop != NULL && limit <= PYR_READ_BUFFER_SIZE && !loop->read_buffer_busy) {
        loop->read_buffer_busy = true;
        *buffer = (receive_buffer){loop->read_buffer, (Loop *)Py_NewRef(loop)};
        return 0;
    }
    *buffer = (receive_buffer){PyMem_Malloc(limit > 0 ? (size_t)limit : 1), NULL};
    if (buffer->data == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* No harm if it was given back before. */
static void
buffer_give_back(receive_buffer *buffer)
{
    if (buffer->lender == NULL) {
        PyMem_Free(buffer->data);
    } else {
        buffer->lender->read_buffer_busy = false;
        Py_CLEAR(buffer->lender);
    }
    buffer->data = NULL;
}

/* A read that may take long: of a file, or where somebody made the descriptor block.  The
 * other threads run meanwhile. */
static ssize_t
receive_shared(StreamConnection *self, char *data, size_t limit)
{
    int fd = self->fd, error;
    ssize_t count;
    PyThreadState *thread = PyEval_SaveThread();
    count = self->kind->receive(fd, data, limit);
    error = errno;
    PyEval_RestoreThread(thread);
    if (count < 0 && error == EINTR) {
        error = EAGAIN;
        count = PyErr_CheckSignals() < 0 ? -2 : -1;
    }
    errno = error;
    return count;
}

/* How many bytes came, 0 at the end, -1 with errno, -2 with an exception set. */
static ssize_t
receive(StreamConnection *self, char *data, Py_ssize_t limit, pyr_ancillary *ancillary)
{
    ssize_t count;
    *ancillary = (pyr_ancillary){NULL, NULL};
    if (self->takes_ancillary) {
        return pyr_receive_ancillary(self->fd, data, (size_t)limit, ancillary);
    }
    if (self->shared) {
        return receive_shared(self, data, (size_t)limit);
    }
    do {
        count = self->kind != NULL ? self->kind->receive(self->fd, data, (size_t)limit)
                                   : recv(self->fd, data, (size_t)limit, 0);
    } while (count < 0 && errno == EINTR);
    return count;
}

static int
deliver_bytes(StreamConnection *self, PyObject *protocol, PyObject *bytes)
{
    PyObject *result =
        PyObject_CallMethodOneArg(protocol, self->st->names.dataReceived, bytes);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Give it to the framing where it lies, if that is what the protocol receives by: then 0,
 * or -1 with an exception set; 1 if it is not. */
static int
deliver_in_place(StreamConnection *self, PyObject *protocol, const char *data,
                 Py_ssize_t size)
{
    pyr_framing_method *framing = pyr_framing_method_of(self->st, protocol);
    if (framing == NULL) {
        return 1;
    }
    PyObject *result = pyr_framing_feed(framing, protocol, data, size);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
pyr_stream_deliver_to(StreamConnection *self, PyObject *protocol, const char *data,
                      Py_ssize_t size)
{
    Py_INCREF(protocol);
    int status = deliver_in_place(self, protocol, data, size);
    if (status > 0) {
        PyObject *bytes = PyBytes_FromStringAndSize(data, size);
        status = bytes == NULL ? -1 : deliver_bytes(self, protocol, bytes);
        Py_XDECREF(bytes);
    }
    Py_DECREF(protocol);
    return status;
}

/* The protocol, or NULL with an exception set; new reference. */
static PyObject *
present_protocol(StreamConnection *self)
{
    if (self->protocol == NULL) {
        pyr_attribute_absent((PyObject *)self, "protocol");
    }
    return Py_XNewRef(self->protocol);
}

/* Hand over what was received.  What the callback gets is a copy as a rule, and then the
 * buffer is given back before. */
static int
deliver(StreamConnection *self, receive_buffer *buffer, Py_ssize_t size)
{
    if (self->kind != NULL && self->kind->deliver != NULL) {
        return self->kind->deliver(self->st, self, buffer->data, size);
    }
    PyObject *protocol = present_protocol(self);
    if (protocol == NULL) {
        return -1;
    }
    int status = deliver_in_place(self, protocol, buffer->data, size);
    if (status > 0) {
        PyObject *bytes = PyBytes_FromStringAndSize(buffer->data, size);
        buffer_give_back(buffer);
        status = bytes == NULL ? -1 : deliver_bytes(self, protocol, bytes);
        Py_XDECREF(bytes);
    }
    Py_DECREF(protocol);
    return status;
}

static int
deliver_copy(StreamConnection *self, PyObject *bytes)
{
    PyObject *protocol = present_protocol(self);
    if (protocol == NULL) {
        return -1;
    }
    int status = deliver_in_place(self, protocol, PyBytes_AS_STRING(bytes),
                                  PyBytes_GET_SIZE(bytes));
    if (status > 0) {
        status = deliver_bytes(self, protocol, bytes);
    }
    Py_DECREF(protocol);
    return status;
}

/* Hand over what came beside the bytes, then these; drops both. */
static int
deliver_ancillary(StreamConnection *self, pyr_ancillary *ancillary)
{
    PyObject *bytes = ancillary->bytes;
    PyObject *result = PyObject_CallMethodOneArg(
        (PyObject *)self, self->st->names._ancillaryReceived, ancillary->messages);
    int status = result == NULL ? -1 : 0;
    if (status == 0 && PyBytes_GET_SIZE(bytes) > 0) {
        status = deliver_copy(self, bytes);
    }
    Py_XDECREF(result);
    Py_CLEAR(ancillary->messages);
    Py_CLEAR(ancillary->bytes);
    return status;
}

/* Why the connection ends, or None, or NULL with an exception set; new reference. */
static PyObject *
do_read(StreamConnection *self)
{
    core_state *st = self->st;
    receive_buffer buffer;
    pyr_ancillary ancillary;
    Py_ssize_t limit = receive_limit(self);
    if (limit < 0 || pyr_stream_refresh_descriptor(self) < 0 ||
        buffer_take(self, limit, &buffer) < 0) {
        return NULL;
    }
    ssize_t count = receive(self, buffer.data, limit, &ancillary);
    int status = 0, error = errno;
    if (count < -1) {
        status = -1;
    } else if (ancillary.messages != NULL) {
        buffer_give_back(&buffer);
        status = deliver_ancillary(self, &ancillary);
    } else if (count > 0) {
        self->received += count;
        status = deliver(self, &buffer, count);
    }
    buffer_give_back(&buffer);
    if (status < 0) {
        return NULL;
    }
    if (count > 0 || (count < 0 && (error == EAGAIN || error == EWOULDBLOCK))) {
        Py_RETURN_NONE;
    }
    return Py_NewRef(count < 0 ? st->reactor->CONNECTION_LOST
                               : st->reactor->CONNECTION_DONE);
}

/* ---- writing ---- */

static inline Py_ssize_t
buffered_length(StreamConnection *self)
{
    return self->data_buffer == NULL ? 0 : PyBytes_GET_SIZE(self->data_buffer);
}

static inline Py_ssize_t
unsent(StreamConnection *self)
{
    return buffered_length(self) - self->offset + self->temp_length;
}

static int
gather(StreamConnection *self, struct iovec *iov)
{
    int count = 0;
    if (buffered_length(self) > self->offset) {
        iov[count].iov_base = PyBytes_AS_STRING(self->data_buffer) + self->offset;
        iov[count].iov_len = (size_t)(buffered_length(self) - self->offset);
        count++;
    }
    if (self->temp_buffer == NULL) {
        return count;
    }
    Py_ssize_t items = PyList_GET_SIZE(self->temp_buffer);
    for (Py_ssize_t i = 0; i < items && count < GATHER_MAX; i++) {
        PyObject *item = PyList_GET_ITEM(self->temp_buffer, i);
        if (PyBytes_Check(item)) { /* who else appends may append anything */
            iov[count].iov_base = PyBytes_AS_STRING(item);
            iov[count].iov_len = (size_t)PyBytes_GET_SIZE(item);
            count++;
        }
    }
    return count;
}

/* Drop `sent` bytes from the front of the list; the rest of a half-sent item becomes
 * dataBuffer. */
static int
consume_list(StreamConnection *self, Py_ssize_t sent)
{
    Py_ssize_t done = 0, items = PyList_GET_SIZE(self->temp_buffer);
    while (done < items) {
        PyObject *item = PyList_GET_ITEM(self->temp_buffer, done);
        Py_ssize_t size = PyBytes_Check(item) ? PyBytes_GET_SIZE(item) : 0;
        if (size > sent) {
            break;
        }
        sent -= size;
        self->temp_length -= size;
        done++;
    }
    if (done < items && sent > 0) {
        PyObject *item = Py_NewRef(PyList_GET_ITEM(self->temp_buffer, done));
        self->temp_length -= PyBytes_GET_SIZE(item);
        self->offset = sent;
        Py_XSETREF(self->data_buffer, item);
        done++;
    }
    return PyList_SetSlice(self->temp_buffer, 0, done, NULL);
}

static int
consume(StreamConnection *self, Py_ssize_t sent)
{
    Py_ssize_t first = buffered_length(self) - self->offset;
    if (sent < first) {
        self->offset += sent;
        return 0;
    }
    self->offset = 0;
    Py_CLEAR(self->data_buffer);
    if (self->temp_buffer == NULL) {
        return 0;
    }
    return consume_list(self, sent - first);
}

enum send_result { SEND_ALL, SEND_BLOCKED, SEND_LOST, SEND_ERROR };

/* Many small items are copied together first: that costs less than the kernel's look at
 * each of them. */
static int
join_small(struct iovec *iov, int count, Py_ssize_t total, char *joined)
{
    char *end = joined;
    for (int i = 0; i < count; i++) {
        memcpy(end, iov[i].iov_base, iov[i].iov_len);
        end += iov[i].iov_len;
    }
    iov[0].iov_base = joined;
    iov[0].iov_len = (size_t)total;
    return 1;
}

static ssize_t
send_to_socket(int fd, struct iovec *iov, int count)
{
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)count};
    return count == 1 ? send(fd, iov[0].iov_base, iov[0].iov_len, MSG_NOSIGNAL)
                      : sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* A write that may take long, as receive_shared().  What is written stays alive. */
static ssize_t
send_shared(StreamConnection *self, struct iovec *iov, int count)
{
    Loop *loop = self->loop;
    int fd = self->fd, error;
    ssize_t sent;
    PyObject *first = Py_XNewRef(self->data_buffer), *rest = NULL;
    if (self->temp_buffer != NULL) {
        rest = PyList_GetSlice(self->temp_buffer, 0, PyList_GET_SIZE(self->temp_buffer));
        if (rest == NULL) {
            Py_XDECREF(first);
            return -2;
        }
    }
    PyThreadState *thread = PyEval_SaveThread();
    sent = self->kind->send(fd, iov, count);
    error = errno;
    PyEval_RestoreThread(thread);
    Py_XDECREF(first);
    Py_XDECREF(rest);
    if (sent < 0 && error == EINTR) {
        error = EAGAIN;
        if (PyErr_CheckSignals() < 0) {
            if (loop == NULL) {
                return -2;
            }
            pyr_loop_keep_exception(loop);
        }
    }
    errno = error;
    return sent;
}

/* -1 with errno, or -2 with an exception set. */
static ssize_t
send_pieces(StreamConnection *self, struct iovec *iov, int count)
{
    ssize_t sent;
    if (self->shared) {
        return send_shared(self, iov, count);
    }
    do {
        sent = self->kind != NULL ? self->kind->send(self->fd, iov, count)
                                  : send_to_socket(self->fd, iov, count);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

/* The same. */
static ssize_t
send_gathered(StreamConnection *self, struct iovec *iov, int count, Py_ssize_t total)
{
    if (count < JOIN_FROM || total > JOIN_MAX) {
        return send_pieces(self, iov, count);
    }
    receive_buffer buffer; /* not of the stack: Python code may run below a send */
    if (buffer_take(self, JOIN_MAX, &buffer) < 0) {
        return -2;
    }
    count = join_small(iov, count, total, buffer.data);
    ssize_t sent = send_pieces(self, iov, count);
    int error = errno;
    buffer_give_back(&buffer);
    errno = error;
    return sent;
}

/* Send until all is sent, the kernel refuses, or it is others' turn. */
static enum send_result
send_pending(StreamConnection *self)
{
    struct iovec iov[GATHER_MAX];
    for (int turn = 0; turn < SENDS_PER_EVENT; turn++) {
        int count = gather(self, iov);
        Py_ssize_t wanted = 0;
        for (int i = 0; i < count; i++) {
            wanted += (Py_ssize_t)iov[i].iov_len;
        }
        ssize_t sent = send_gathered(self, iov, count, wanted);
        if (sent == -2) {
            return SEND_ERROR;
        }
        if (sent < 0) {
            bool full = errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS;
            return full ? SEND_BLOCKED : SEND_LOST;
        }
        if (consume(self, sent) < 0) {
            return SEND_ERROR;
        }
        if (sent < wanted) {
            return SEND_BLOCKED;
        }
        if (count == 0) {
            self->temp_length = 0; /* whatever somebody set it to */
        }
        if (unsent(self) <= 0) {
            return SEND_ALL;
        }
    }
    return SEND_BLOCKED;
}

static PyObject *
call_method(StreamConnection *self, PyObject *name)
{
    return PyObject_CallMethodNoArgs((PyObject *)self, name);
}

/* The queue is empty: what stock's doWrite does then. */
static PyObject *
after_sending(StreamConnection *self)
{
    core_state *st = self->st;
    if ((self->reads_when_sent && pyr_stream_change(self, PYR_READ, true) < 0) ||
        pyr_stream_change(self, PYR_WRITE, false) < 0) {
        return NULL;
    }
    if (self->producer != NULL && (!self->streaming_producer || self->producer_paused)) {
        PyObject *producer = Py_NewRef(self->producer);
        self->producer_paused = 0;
        PyObject *result = PyObject_CallMethodNoArgs(producer, st->names.resumeProducing);
        Py_DECREF(producer);
        Py_XDECREF(result);
        if (result == NULL) {
            return NULL;
        }
        Py_RETURN_NONE;
    }
    if (self->disconnecting) {
        return call_method(self, st->names._postLoseConnection);
    }
    if (self->write_disconnecting) {
        self->write_disconnected = 1;
        return call_method(self, st->names._closeWriteConnection);
    }
    Py_RETURN_NONE;
}

static PyObject *
after_send(StreamConnection *self, enum send_result result)
{
    switch (result) {
    case SEND_ALL:
        self->blocked = 0;
        return after_sending(self);
    case SEND_BLOCKED:
        self->blocked = 1;
        if (self->loop != NULL && update_watch(self) < 0) {
            return NULL;
        }
        Py_RETURN_NONE;
    case SEND_LOST:
        return Py_NewRef(self->st->reactor->CONNECTION_LOST);
    default:
        return NULL;
    }
}

static inline bool
has_descriptors(StreamConnection *self)
{
    return self->descriptors != NULL && PyList_GET_SIZE(self->descriptors) > 0;
}

/* Descriptors go by stock's doWrite, which calls its writeSomeData. */
static PyObject *
send_descriptors(StreamConnection *self)
{
    PyObject *why =
        PyObject_CallOneArg(self->st->reactor->stock_doWrite, (PyObject *)self);
    if (why == Py_None && self->writing && self->loop != NULL) {
        self->blocked = 1;
        if (update_watch(self) < 0) {
            Py_CLEAR(why);
        }
    }
    return why;
}

static PyObject *
do_write(StreamConnection *self)
{
    if (has_descriptors(self)) {
        return send_descriptors(self);
    }
    if (pyr_stream_refresh_descriptor(self) < 0) {
        return NULL;
    }
    return after_send(self, send_pending(self));
}

/* ---- events ---- */

static PyObject *
call_read(StreamConnection *self)
{
    return self->overrides & OWN_READ ? call_method(self, self->st->names.doRead)
                                      : do_read(self);
}

static PyObject *
call_write(StreamConnection *self)
{
    return self->overrides & OWN_OUTPUT ? call_method(self, self->st->names.doWrite)
                                        : do_write(self);
}

static PyObject *
read_then_write(StreamConnection *self, int events, bool *in_read)
{
    PyObject *why = Py_NewRef(Py_None);
    if (pyr_stream_descriptor(self) == -1) {
        Py_DECREF(why);
        return Py_NewRef(self->st->reactor->no_descriptor);
    }
    if (events & PYR_READ) {
        Py_SETREF(why, call_read(self));
        *in_read = true;
    }
    if (why == NULL || !(events & PYR_WRITE) || !self->writing || self->fd < 0) {
        return why;
    }
    int lost = why == Py_None ? 0 : PyObject_IsTrue(why);
    if (lost == 0) {
        Py_SETREF(why, call_write(self));
        *in_read = false;
    } else if (lost < 0) {
        Py_CLEAR(why);
    }
    return why;
}

#define EVENT_HANGUP 8

static int
handle_stream(Loop *loop, PyObject *selectable, int events)
{
    StreamConnection *self = (StreamConnection *)selectable;
    core_state *st = self->st;
    bool in_read = false;
    PyObject *why;
    if ((events & EVENT_HANGUP) && !(events & PYR_READ)) {
        in_read = self->reading;
        why = Py_NewRef(in_read ? st->reactor->CONNECTION_DONE
                                : st->reactor->CONNECTION_LOST);
    } else {
        why = read_then_write(self, events, &in_read);
        if (why == NULL && pyr_report_keep(st->reactor->event_error, NULL, &why) < 0) {
            return -1;
        }
    }
    int status = PyObject_IsTrue(why);
    if (status > 0) {
        status = pyr_disconnect(loop, selectable, why, in_read);
    }
    Py_DECREF(why);
    return status;
}

/* A server's logstr, "Protocol,number,host".  An idle connection needs none, so it is put
 * together when it is first needed; borrowed reference. */
static PyObject *
log_string(StreamConnection *self)
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

bool
pyr_stream_is_connecting(StreamConnection *self)
{
    return !self->connected && (self->overrides & OWN_WRITE);
}

void
pyr_stream_dispatch(StreamConnection *self, int events, bool disconnected)
{
    PyObject *prefix = NULL;
    if (!(self->overrides & OWN_PREFIX)) {
        prefix = log_string(self);
        PyErr_Clear(); /* without one, logPrefix() is called, and its error logged */
    }
    pyr_dispatch(self->loop, (PyObject *)self, prefix,
                 events | (disconnected ? EVENT_HANGUP : 0), handle_stream);
}

/* With nothing to do after the send, no Python code runs and no log context is needed. */
static bool
is_plain(StreamConnection *self)
{
    return self->producer == NULL && !self->disconnecting && !self->write_disconnecting &&
           !(self->overrides & (OWN_OUTPUT | OWN_WATCH)) && !has_descriptors(self) &&
           pyr_stream_descriptor(self) == self->fd;
}

/* A terminal that hung up may take what is written, or not; to write nothing tells
 * nothing of a pipe; and what somebody made block would stop us: stock hears from the
 * kernel first. */
static bool
takes_data(StreamConnection *self)
{
    struct pollfd pfd = {.fd = self->fd, .events = POLLOUT};
    bool writing_tells =
        self->kind == NULL || (!self->terminal && !self->shared && unsent(self) > 0);
    if (writing_tells) {
        return true;
    }
    /* Of a descriptor that is closed, the kernel's queue tells nothing. */
    return poll(&pfd, 1, 0) == 1 && (pfd.revents == POLLOUT || pfd.revents == POLLNVAL);
}

#define MUCH_INPUT 4 /* times what it brought about */

/*
 * A small answer to much input (an acknowledgement in an upload) leaves together with
 * the answers to what has come meanwhile: put off once, for the turn that reads that.
 * Other answers, lone requests' above all, are not worth the question to the kernel.
 */
static bool
waits_for_input(StreamConnection *self)
{
    int unread = 0;
    if (self->kind != NULL || !self->reading || self->put_off || self->disconnecting ||
        self->received / MUCH_INPUT <= unsent(self)) {
        return false;
    }
    return ioctl(self->fd, FIONREAD, &unread) == 0 && unread > 0;
}

/* Who has done so: the program may have, at the socket or at the port's. */
static char
switch_nagle_off(int fd)
{
    int on = 0;
    socklen_t size = sizeof(on);
    if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size) == 0 && on) {
        return NO_DELAY_BY_PROGRAM;
    }
    on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return NO_DELAY_FOR_ANSWERS;
}

/*
 * Nagle's algorithm keeps a small segment back until the one before it is acknowledged,
 * which a peer that waits for more answers puts off by 40 ms.  Stock is slow enough to
 * answer many requests by one segment; we are not.  So from its second answer on, a
 * connection's segments leave at once: they are no more than those that they answer.
 */
static void
answer_at_once(StreamConnection *self)
{
    if (self->received == 0 || self->no_delay != NO_DELAY_UNASKED || self->kind != NULL ||
        self->takes_ancillary) {
        return;
    }
    if (self->answered) {
        self->no_delay = switch_nagle_off(self->fd);
    }
    self->answered = 1;
}

static void
flush_stream(StreamConnection *self)
{
    Loop *loop = self->loop;
    if (!self->writing || self->blocked || loop == NULL || self->fd < 0) {
        return;
    }
    if (waits_for_input(self)) {
        self->put_off = 1;
        queue_flush(self);
        return;
    }
    answer_at_once(self);
    self->put_off = 0;
    self->received = 0;
    if (!(self->overrides & OWN_OUTPUT) && !takes_data(self)) {
        self->blocked = 1;
        if (update_watch(self) < 0) {
            pyr_loop_keep_exception(loop);
        }
        return;
    }
    if (is_plain(self)) {
        enum send_result result = send_pending(self);
        if (result == SEND_ALL || result == SEND_BLOCKED) {
            PyObject *why = after_send(self, result);
            if (why != NULL) {
                Py_DECREF(why);
                return;
            }
        }
        /* It fails again below, where the error is logged and the connection lost. */
        PyErr_Clear();
    }
    pyr_stream_dispatch(self, PYR_WRITE, false);
    /* What ran may have stopped the reactor or made a timed call, and how long to sleep
     * was settled before: come round once more instead. */
    loop->woken = true;
}

void
pyr_stream_flush(Loop *loop)
{
    /* Who writes meanwhile waits for the next time.  The rest stay on the list, where an
     * iterate() inside one of these flushes finds them. */
    for (size_t left = loop->flush_count; left > 0 && loop->flush_head != NULL; left--) {
        StreamConnection *stream = unqueue_flush(loop);
        flush_stream(stream);
        if (Py_REFCNT(stream) == 1) {
            loop->woken = true; /* what goes with it may run code, see above */
        }
        Py_DECREF(stream);
    }
}

int
pyr_stream_flush_traverse(Loop *loop, visitproc visit, void *arg)
{
    for (StreamConnection *s = loop->flush_head; s != NULL; s = s->next_flush) {
        Py_VISIT(s);
    }
    return 0;
}

void
pyr_stream_flush_clear(Loop *loop)
{
    while (loop->flush_head != NULL) {
        Py_DECREF(unqueue_flush(loop));
    }
}

/* ---- the descriptor ---- */

void
pyr_stream_forget_poller(StreamConnection *self)
{
    release_poller(self);
}

static void
close_descriptor(StreamConnection *self)
{
    int fd = self->fd;
    release_poller(self);
    self->fd = -1;
    if (fd >= 0 && self->socket == NULL && self->kind == NULL) {
        (void)close(fd);
    }
}

void
pyr_stream_set_descriptor(StreamConnection *self, int fd)
{
    if (fd != self->fd) {
        release_poller(self);
        self->fd = fd;
        self->terminal = fd >= 0 && isatty(fd);
    }
}

int
pyr_stream_refresh_descriptor(StreamConnection *self)
{
    if (self->kind == NULL || !self->kind->asks_fileno) {
        return 0;
    }
    PyObject *number =
        PyObject_CallMethodNoArgs((PyObject *)self, self->st->names.fileno);
    if (number == NULL) {
        return -1;
    }
    int fd = PyObject_AsFileDescriptor(number);
    Py_DECREF(number);
    if (fd >= 0) {
        pyr_stream_set_descriptor(self, fd);
    }
    return fd < 0 ? -1 : 0;
}

bool
pyr_stream_is_foreign(StreamConnection *self)
{
    return self->kind != NULL;
}

void
pyr_stream_set_shared(StreamConnection *self)
{
    self->shared = 1;
}

bool
pyr_stream_is_terminal(StreamConnection *self)
{
    return self->terminal;
}

int
pyr_stream_leave_loop(StreamConnection *self)
{
    bool reading = self->reading, writing = self->writing;
    release_poller(self);
    Py_CLEAR(self->loop);
    if ((reading && change_watch(self, PYR_READ, true) < 0) ||
        (writing && change_watch(self, PYR_WRITE, true) < 0)) {
        return -1;
    }
    return 0;
}

bool
pyr_stream_reads_when_sent(StreamConnection *self)
{
    return self->reads_when_sent;
}

void
pyr_stream_set_reads_when_sent(StreamConnection *self, bool reads)
{
    self->reads_when_sent = reads;
}

/* ---- methods: reading and writing ---- */

#define RETURN_NONE_OR_ERROR(status) \
    do {                             \
        if ((status) < 0) {          \
            return NULL;             \
        }                            \
        Py_RETURN_NONE;              \
    } while (0)

PyDoc_STRVAR(startReading_doc,
             "startReading($self)\n--\n\n"
             "Ask the reactor to call doRead when there is something to read.\n\n"
             "Raises ValueError if the descriptor is closed.\n"
             "Mirrors twisted.internet.abstract.FileDescriptor.startReading.");

static PyObject *
stream_startReading(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    RETURN_NONE_OR_ERROR(change_watch(self, PYR_READ, true));
}

PyDoc_STRVAR(stopReading_doc,
             "stopReading($self)\n--\n\nStop calling doRead.\n\n"
             "Mirrors twisted.internet.abstract.FileDescriptor.stopReading.");

static PyObject *
stream_stopReading(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    RETURN_NONE_OR_ERROR(change_watch(self, PYR_READ, false));
}

PyDoc_STRVAR(startWriting_doc,
             "startWriting($self)\n--\n\n"
             "Have doWrite called, at the end of this iteration at the earliest.\n\n"
             "Raises ValueError if the descriptor is closed.\n"
             "Mirrors twisted.internet.abstract.FileDescriptor.startWriting.");

static PyObject *
stream_startWriting(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    RETURN_NONE_OR_ERROR(change_watch(self, PYR_WRITE, true));
}

PyDoc_STRVAR(stopWriting_doc,
             "stopWriting($self)\n--\n\nStop calling doWrite.\n\n"
             "Mirrors twisted.internet.abstract.FileDescriptor.stopWriting.");

static PyObject *
stream_stopWriting(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    RETURN_NONE_OR_ERROR(change_watch(self, PYR_WRITE, false));
}

PyDoc_STRVAR(resumeProducing_doc,
             "resumeProducing($self)\n--\n\n"
             "Read again, unless the connection is closed or closing.\n\n"
             "Mirrors twisted.internet.abstract.FileDescriptor.resumeProducing.");

static PyObject *
stream_resumeProducing(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    if (self->connected && !self->disconnecting) {
        RETURN_NONE_OR_ERROR(pyr_stream_change(self, PYR_READ, true));
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(pauseProducing_doc,
             "pauseProducing($self)\n--\n\nStop reading.\n\n"
             "Mirrors twisted.internet.abstract.FileDescriptor.pauseProducing.");

static PyObject *
stream_pauseProducing(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    RETURN_NONE_OR_ERROR(pyr_stream_change(self, PYR_READ, false));
}

PyDoc_STRVAR(doRead_doc,
             "doRead($self)\n--\n\n"
             "Receive once and call protocol.dataReceived(bytes).\n\n"
             "Returns None, or why the connection ends (an exception instance).\n"
             "Mirrors twisted.internet.tcp.Connection.doRead.");

static PyObject *
stream_doRead(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    return do_read(self);
}

PyDoc_STRVAR(doWrite_doc,
             "doWrite($self)\n--\n\n"
             "Send what is queued, as far as the kernel takes it.\n\n"
             "Returns None, or why the connection ends (an exception instance).\n"
             "Mirrors twisted.internet.abstract.FileDescriptor.doWrite.");

static PyObject *
stream_doWrite(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    if (self->overrides & OWN_SEND) { /* stock's doWrite calls writeSomeData */
        return PyObject_CallOneArg(self->st->reactor->stock_doWrite, (PyObject *)self);
    }
    return do_write(self);
}

static int
check_bytes(PyObject *data)
{
    if (!PyBytes_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "Data must be bytes");
        return -1;
    }
    return 0;
}

static int
queue_bytes(StreamConnection *self, PyObject *data)
{
    bool list_empty =
        self->temp_buffer == NULL || PyList_GET_SIZE(self->temp_buffer) == 0;
    if (list_empty && buffered_length(self) == self->offset) {
        self->offset = 0;
        Py_XSETREF(self->data_buffer, Py_NewRef(data));
        return 0;
    }
    if (self->temp_buffer == NULL) {
        self->temp_buffer = PyList_New(0);
        if (self->temp_buffer == NULL) {
            return -1;
        }
    }
    if (PyList_Append(self->temp_buffer, data) < 0) {
        return -1;
    }
    self->temp_length += PyBytes_GET_SIZE(data);
    return 0;
}

/* Pause a streaming producer once more than bufferSize bytes wait. */
static int
maybe_pause_producer(StreamConnection *self)
{
    if (self->producer == NULL || !self->streaming_producer) {
        return 0;
    }
    if (has_descriptors(self)) { /* they count, too */
        PyObject *paused = call_method(self, self->st->names._maybePauseProducer);
        Py_XDECREF(paused);
        return paused == NULL ? -1 : 0;
    }
    PyObject *limit = PyObject_GetAttr((PyObject *)self, self->st->names.bufferSize);
    if (limit == NULL) {
        return -1;
    }
    PyObject *length = PyLong_FromSsize_t(buffered_length(self) + self->temp_length);
    int full = length == NULL ? -1 : PyObject_RichCompareBool(length, limit, Py_GT);
    Py_XDECREF(length);
    Py_DECREF(limit);
    if (full <= 0 || self->producer == NULL) {
        return full < 0 ? -1 : 0;
    }
    PyObject *producer = Py_NewRef(self->producer);
    self->producer_paused = 1;
    PyObject *result =
        PyObject_CallMethodNoArgs(producer, self->st->names.pauseProducing);
    Py_DECREF(producer);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
after_queueing(StreamConnection *self)
{
    if (maybe_pause_producer(self) < 0) {
        return -1;
    }
    return pyr_stream_change(self, PYR_WRITE, true);
}

PyObject *
pyr_stream_write(StreamConnection *self, PyObject *data)
{
    if (check_bytes(data) < 0) {
        return NULL;
    }
    if (!self->connected || self->write_disconnected || PyBytes_GET_SIZE(data) == 0) {
        Py_RETURN_NONE;
    }
    if (queue_bytes(self, data) < 0) {
        return NULL;
    }
    RETURN_NONE_OR_ERROR(after_queueing(self));
}

/* After startTLS, application data goes through the TLS protocol. */
static PyObject *
call_protocol(StreamConnection *self, PyObject *name, PyObject *data)
{
    if (self->protocol == NULL) {
        pyr_attribute_absent((PyObject *)self, "protocol");
        return NULL;
    }
    PyObject *protocol = Py_NewRef(self->protocol);
    PyObject *result = PyObject_CallMethodOneArg(protocol, name, data);
    Py_DECREF(protocol);
    if (result == NULL) {
        return NULL;
    }
    Py_DECREF(result);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(write_doc,
             "write($self, data, /)\n--\n\n"
             "Queue data (bytes) to be sent, in order; through TLS after startTLS.\n\n"
             "Does nothing on a connection that is closed or half-closed for writing.\n"
             "Raises TypeError if data is not bytes.\n"
             "Mirrors twisted.internet.interfaces.ITransport.write.");

PyObject *
pyr_stream_write_method(StreamConnection *self, PyObject *data)
{
    if (!self->tls) {
        return pyr_stream_write(self, data);
    }
    if (!self->connected) {
        Py_RETURN_NONE;
    }
    return call_protocol(self, self->st->names.write, data);
}

bool
pyr_stream_disconnecting(StreamConnection *self)
{
    return self->disconnecting;
}

PyDoc_STRVAR(writePlain_doc,
             "_writePlain($self, data, /)\n--\n\n"
             "write() below TLS: what the TLS protocol itself sends through.");

/* Stock checks all items before it queues any, and iterates anew for each step, so that
 * of a generator nothing is sent. */
static int
queue_sequence(StreamConnection *self, PyObject *items)
{
    if (!PyList_CheckExact(items) && !PyTuple_CheckExact(items)) {
        PyObject *again = PySequence_List(items);
        if (again == NULL) {
            return -1;
        }
        int status = queue_sequence(self, again);
        Py_DECREF(again);
        return status;
    }
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items); i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(items, i);
        if (check_bytes(item) < 0 ||
            (PyBytes_GET_SIZE(item) > 0 && queue_bytes(self, item) < 0)) {
            return -1;
        }
    }
    return 0;
}

static int
check_sequence(PyObject *items)
{
    PyObject *item, *iterator = PyObject_GetIter(items);
    if (iterator == NULL) {
        return -1;
    }
    while ((item = PyIter_Next(iterator)) != NULL) {
        int status = check_bytes(item);
        Py_DECREF(item);
        if (status < 0) {
            break;
        }
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *
write_sequence_plain(StreamConnection *self, PyObject *items)
{
    if (check_sequence(items) < 0) {
        return NULL;
    }
    int any = PyObject_IsTrue(items);
    if (any < 0) {
        return NULL;
    }
    if (!self->connected || !any || self->write_disconnected) {
        Py_RETURN_NONE;
    }
    if (queue_sequence(self, items) < 0) {
        return NULL;
    }
    RETURN_NONE_OR_ERROR(after_queueing(self));
}

PyDoc_STRVAR(writeSequence_doc,
             "writeSequence($self, iovec, /)\n--\n\n"
             "write() each item of iovec (an iterable of bytes).\n\n"
             "Raises TypeError, and queues nothing, if an item is not bytes.\n"
             "Mirrors twisted.internet.interfaces.ITransport.writeSequence.");

static PyObject *
stream_writeSequence(StreamConnection *self, PyObject *items)
{
    if (!self->tls) {
        return write_sequence_plain(self, items);
    }
    if (!self->connected) {
        Py_RETURN_NONE;
    }
    return call_protocol(self, self->st->names.writeSequence, items);
}

PyDoc_STRVAR(writeSequencePlain_doc,
             "_writeSequencePlain($self, iovec, /)\n--\n\n"
             "writeSequence() below TLS: what the TLS protocol itself sends through.");

/* ---- methods: the descriptor ---- */

PyDoc_STRVAR(fileno_doc, "fileno($self)\n--\n\n"
                         "The descriptor's number (int), or -1 when it is closed.\n\n"
                         "Mirrors twisted.internet.abstract.FileDescriptor.fileno.");

static PyObject *
stream_fileno(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLong(pyr_stream_descriptor(self));
}

PyDoc_STRVAR(adopt_doc,
             "_adopt($self, fd, family, /)\n--\n\n"
             "Own the accepted, non-blocking descriptor fd (int) of the address\n"
             "family (int); its Python socket is made when it is asked for.");

static PyObject *
stream_adopt(StreamConnection *self, PyObject *args)
{
    int fd, family;
    if (!PyArg_ParseTuple(args, "ii:_adopt", &fd, &family)) {
        return NULL;
    }
    if (self->fd >= 0 || self->socket != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "this connection has a descriptor");
        return NULL;
    }
    self->fd = fd;
    self->family = (short)family;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(setLogPrefix_doc,
             "_setLogPrefix($self, prefix, /)\n--\n\n"
             "Make logstr \"prefix,sessionno,hostname\", once it is needed.");

static PyObject *
stream_setLogPrefix(StreamConnection *self, PyObject *prefix)
{
    Py_XSETREF(self->logstr, Py_NewRef(prefix));
    self->logstr_unfinished = 1;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(isOpen_doc, "_isOpen($self)\n--\n\n"
                         "True (bool) until the socket attribute is gone.");

static PyObject *
stream_isOpen(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(self->fd >= 0 || self->socket != NULL);
}

PyDoc_STRVAR(
    closeDescriptor_doc,
    "_closeDescriptor($self, orderly, /)\n--\n\n"
    "Give the poller back and, where no Python socket owns the descriptor, close\n"
    "it: with a shutdown if orderly (bool), else with a reset to the peer.\n\n"
    "Returns False if a Python socket is there, and must be closed by the caller.");

static PyObject *
stream_closeDescriptor(StreamConnection *self, PyObject *orderly)
{
    int is_orderly = PyObject_IsTrue(orderly);
    if (is_orderly < 0) {
        return NULL;
    }
    release_poller(self);
    if (self->socket != NULL || self->fd < 0) {
        Py_RETURN_FALSE;
    }
    if (is_orderly) {
        (void)shutdown(self->fd, SHUT_RDWR);
    } else {
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(self->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    close_descriptor(self);
    Py_RETURN_TRUE;
}

static PyMethodDef stream_methods[] = {
    {"startReading", (PyCFunction)stream_startReading, METH_NOARGS, startReading_doc},
    {"stopReading", (PyCFunction)stream_stopReading, METH_NOARGS, stopReading_doc},
    {"startWriting", (PyCFunction)stream_startWriting, METH_NOARGS, startWriting_doc},
    {"stopWriting", (PyCFunction)stream_stopWriting, METH_NOARGS, stopWriting_doc},
    {"resumeProducing", (PyCFunction)stream_resumeProducing, METH_NOARGS,
     resumeProducing_doc},
    {"pauseProducing", (PyCFunction)stream_pauseProducing, METH_NOARGS,
     pauseProducing_doc},
    {"doRead", (PyCFunction)stream_doRead, METH_NOARGS, doRead_doc},
    {"doWrite", (PyCFunction)stream_doWrite, METH_NOARGS, doWrite_doc},
    {"write", (PyCFunction)pyr_stream_write_method, METH_O, write_doc},
    {"_writePlain", (PyCFunction)pyr_stream_write, METH_O, writePlain_doc},
    {"writeSequence", (PyCFunction)stream_writeSequence, METH_O, writeSequence_doc},
    {"_writeSequencePlain", (PyCFunction)write_sequence_plain, METH_O,
     writeSequencePlain_doc},
    {"fileno", (PyCFunction)stream_fileno, METH_NOARGS, fileno_doc},
    {"_adopt", (PyCFunction)stream_adopt, METH_VARARGS, adopt_doc},
    {"_setLogPrefix", (PyCFunction)stream_setLogPrefix, METH_O, setLogPrefix_doc},
    {"_isOpen", (PyCFunction)stream_isOpen, METH_NOARGS, isOpen_doc},
    {"_closeDescriptor", (PyCFunction)stream_closeDescriptor, METH_O,
     closeDescriptor_doc},
    {NULL},
};

/* ---- attributes ---- */

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
        release_poller(self);
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
    close_descriptor(self);
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
    return Py_XNewRef(log_string(self));
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
    if (data == NULL || check_bytes(data) < 0) {
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
    if (offset < 0 || offset > buffered_length(self)) {
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

static PyGetSetDef stream_getset[] = {
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

static PyMemberDef stream_members[] = {
    {"sessionno", T_LONG, offsetof(StreamConnection, session), 0, NULL},
    {"_tempDataLen", T_PYSSIZET, offsetof(StreamConnection, temp_length), 0, NULL},
    {"_noDelay", T_BYTE, offsetof(StreamConnection, no_delay), 0,
     PyDoc_STR("Who has decided on TCP_NODELAY (int): 0 nobody, 1 the loop, to answer\n"
               "at once, 2 the program.")},
    {NULL},
};

/* ---- the type ---- */

/* Which OWN_* bit an attribute name stands for, or 0. */
static int
override_bit(core_state *st, PyObject *name)
{
    if (name == st->names.doRead) {
        return OWN_READ;
    }
    if (name == st->names.doWrite) {
        return OWN_WRITE;
    }
    if (name == st->names.writeSomeData) {
        return OWN_SEND;
    }
    return name == st->names.logPrefix ? OWN_PREFIX : 0;
}

/* The same for what only classes of the program's own, or their instances, replace. */
static int
watch_override_bit(StreamConnection *self, PyObject *name)
{
    pyr_names *names = &self->st->names;
    bool watch = name == names->startReading || name == names->stopReading ||
                 name == names->startWriting || name == names->stopWriting;
    return watch && self->kind != NULL ? OWN_WATCH : 0;
}

static int
stream_setattro(PyObject *op, PyObject *name, PyObject *value)
{
    StreamConnection *self = (StreamConnection *)op;
    if (PyObject_GenericSetAttr(op, name, value) < 0) {
        return -1;
    }
    int bit = override_bit(self->st, name) | watch_override_bit(self, name);
    if (bit != 0) {
        self->overrides = (char)(value != NULL ? self->overrides | bit
                                               : (self->overrides & ~bit) |
                                                     (self->class_overrides & bit));
    }
    if ((bit & OWN_OUTPUT) && self->writing && self->loop != NULL) {
        return update_watch(self); /* theirs waits for writability */
    }
    return 0;
}

/* Does `type` have another `name` than the original, or than the other one? */
static int
class_overrides(core_state *st, PyTypeObject *type, PyObject *name, PyObject *original,
                PyObject *other, int bit)
{
    PyObject *found = PyObject_GetAttr((PyObject *)type, name);
    if (found == NULL) {
        return -1;
    }
    PyObject *method = pyr_standin_method(st, found);
    int result = method == original || method == other ? 0 : bit;
    Py_DECREF(found);
    return result;
}

/* Does `type` start and stop reading or writing in another way than the C methods? */
static int
find_watch_overrides(core_state *st, PyTypeObject *type)
{
    PyObject *ours = (PyObject *)st->reactor->stream_type;
    PyObject *const names[] = {st->names.startReading, st->names.stopReading,
                               st->names.startWriting, st->names.stopWriting};
    int result = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && result == 0; i++) {
        PyObject *original = PyObject_GetAttr(ours, names[i]);
        result = original == NULL
                     ? -1
                     : class_overrides(st, type, names[i], original, NULL, OWN_WATCH);
        Py_XDECREF(original);
    }
    return result;
}

static int
find_class_overrides(core_state *st, PyTypeObject *type, const pyr_stream_kind *kind)
{
    pyr_reactor_state *ours = st->reactor;
    bool socket = kind == NULL;
    int read =
        class_overrides(st, type, st->names.doRead, ours->stream_doRead, NULL, OWN_READ);
    int write = class_overrides(st, type, st->names.doWrite, ours->stream_doWrite, NULL,
                                OWN_WRITE);
    int send = class_overrides(
        st, type, st->names.writeSomeData,
        socket ? ours->stock_writeSomeData : ours->stock_pipe_writeSomeData,
        socket ? ours->stock_sendmsg_writeSomeData : ours->terminal_writeSomeData,
        OWN_SEND);
    int prefix =
        class_overrides(st, type, st->names.logPrefix,
                        socket ? ours->stock_logPrefix : ours->stock_descriptor_logPrefix,
                        NULL, OWN_PREFIX);
    int watch = kind != NULL && kind->asks_fileno ? find_watch_overrides(st, type) : 0;
    if (read < 0 || write < 0 || send < 0 || prefix < 0 || watch < 0) {
        return -1;
    }
    return read | write | send | prefix | watch;
}

PyObject *
pyr_stream_new(PyTypeObject *type, const pyr_stream_kind *kind)
{
    core_state *st = pyr_state_of_type(type);
    if (st == NULL) {
        return NULL;
    }
    if (st->reactor->stock_doWrite == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "import pyreactor.reactor first");
        return NULL;
    }
    int overrides = find_class_overrides(st, type, kind);
    if (overrides < 0) {
        return NULL;
    }
    StreamConnection *self = (StreamConnection *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->st = st;
    self->fd = -1;
    self->logstr = Py_NewRef(kind == NULL ? st->names.Uninitialized : st->names.dash);
    self->class_overrides = self->overrides = (char)overrides;
    self->kind = kind;
    self->connected = kind != NULL && kind->connected;
    return (PyObject *)self;
}

static PyObject *
stream_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    return pyr_stream_new(type, NULL);
}

static PyObject *
unix_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    StreamConnection *self = (StreamConnection *)stream_new(type, args, kwargs);
    if (self != NULL) {
        self->takes_ancillary = 1;
    }
    return (PyObject *)self;
}

static int
stream_traverse(StreamConnection *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->reactor);
    Py_VISIT(self->protocol);
    Py_VISIT(self->socket);
    Py_VISIT(self->producer);
    Py_VISIT(self->data_buffer);
    Py_VISIT(self->temp_buffer);
    Py_VISIT(self->descriptors);
    Py_VISIT(self->logstr);
    return 0;
}

static int
stream_clear(StreamConnection *self)
{
    close_descriptor(self);
    Py_CLEAR(self->loop);
    Py_CLEAR(self->reactor);
    Py_CLEAR(self->protocol);
    Py_CLEAR(self->socket);
    Py_CLEAR(self->producer);
    Py_CLEAR(self->data_buffer);
    Py_CLEAR(self->temp_buffer);
    Py_CLEAR(self->descriptors);
    Py_CLEAR(self->logstr);
    self->offset = self->temp_length = 0;
    return 0;
}

static void
stream_dealloc(StreamConnection *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)stream_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

PyDoc_STRVAR(
    stream_doc,
    "The hot half of a stream connection: receive, write queue, gathered send.\n\n"
    "To be mixed in before twisted.internet.tcp.Connection.");

static PyType_Slot stream_slots[] = {
    {Py_tp_doc, (void *)stream_doc}, {Py_tp_new, stream_new},
    {Py_tp_dealloc, stream_dealloc}, {Py_tp_traverse, stream_traverse},
    {Py_tp_clear, stream_clear},     {Py_tp_setattro, stream_setattro},
    {Py_tp_methods, stream_methods}, {Py_tp_members, stream_members},
    {Py_tp_getset, stream_getset},   {0, NULL},
};

static PyType_Spec stream_spec = {
    .name = "pyreactor._core.StreamConnection",
    .basicsize = sizeof(StreamConnection),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = stream_slots,
};

PyDoc_STRVAR(
    unix_doc,
    "A StreamConnection of a UNIX socket: descriptors may pass beside the bytes.\n\n"
    "What comes is given to _ancillaryReceived; what waits in _sendmsgQueue goes\n"
    "by stock's doWrite.  To be mixed in before twisted.internet.unix.Server.");

static PyGetSetDef unix_getset[] = {
    {"_sendmsgQueue", (getter)stream_get_sendmsgQueue, (setter)stream_set_sendmsgQueue,
     NULL, NULL},
    {NULL},
};

static PyType_Slot unix_slots[] = {
    {Py_tp_doc, (void *)unix_doc},
    {Py_tp_new, unix_new},
    {Py_tp_getset, unix_getset},
    {0, NULL},
};

static PyType_Spec unix_spec = {
    .name = "pyreactor._core.UNIXConnection",
    .basicsize = sizeof(StreamConnection),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = unix_slots,
};

static int
add_unix_type(PyObject *module, core_state *st)
{
    PyTypeObject *type =
        pyr_add_type(module, &unix_spec, (PyObject *)st->reactor->stream_type);
    Py_XDECREF(type);
    return type == NULL ? -1 : 0;
}

int
pyr_stream_exec(PyObject *module, core_state *st)
{
    st->reactor->stream_type = pyr_add_type(module, &stream_spec, NULL);
    if (st->reactor->stream_type == NULL || add_unix_type(module, st) < 0) {
        return -1;
    }
    PyObject *type = (PyObject *)st->reactor->stream_type;
    st->reactor->stream_doRead = PyObject_GetAttr(type, st->names.doRead);
    st->reactor->stream_doWrite = PyObject_GetAttr(type, st->names.doWrite);
    return st->reactor->stream_doRead == NULL || st->reactor->stream_doWrite == NULL ? -1
                                                                                     : 0;
}
