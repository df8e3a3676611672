/*
 * Sending what is queued: gathered, as far as the kernel takes it; see stream.h.
 */
#include "transport/stream_internal.h"

#include <errno.h>
#include <sys/socket.h>

#include "core/objects.h"
#include "loop/errors.h"
#include "loop/state.h"
#include "transport/state.h"

#define JOIN_FROM 8       /* from so many items on, small ones are joined */
#define JOIN_MAX 16384    /* bytes, if that is all of them together */
#define SENDS_PER_EVENT 8 /* then other connections get their turn */

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

/* A write that may take long.  What is written stays alive while other threads run. */
static ssize_t
send_shared(StreamConnection *self, struct iovec *iov, int count)
{
    PyObject *first = Py_XNewRef(self->data_buffer);
    PyObject *rest =
        self->temp_buffer == NULL ? PyList_New(0) : PySequence_List(self->temp_buffer);
    ssize_t sent = rest == NULL
                       ? -2
                       : pyr_stream_transfer_shared(self, self->kind->send, iov, count);
    int error = errno;
    Py_XDECREF(first);
    Py_XDECREF(rest);
    if (sent == -2 && rest != NULL &&
        self->loop != NULL) { /* a signal's handler raised */
        pyr_errors_keep(self->loop);
        error = EAGAIN;
        sent = -1;
    }
    errno = error;
    return sent;
}

/* -1 with errno, or -2 with an exception set. */
static ssize_t
send_pieces(StreamConnection *self, struct iovec *iov, int count)
{
    return self->shared ? send_shared(self, iov, count)
                        : pyr_stream_transfer(self, self->kind->send, iov, count);
}

/* The same. */
static ssize_t
send_gathered(StreamConnection *self, struct iovec *iov, int count, Py_ssize_t total)
{
    if (count < JOIN_FROM || total > JOIN_MAX) {
        return send_pieces(self, iov, count);
    }
    pyr_receive_buffer buffer; /* not of the stack: Python code may run below a send */
    if (pyr_stream_buffer_take(self, JOIN_MAX, &buffer) < 0) {
        return -2;
    }
    count = join_small(iov, count, total, buffer.data);
    ssize_t sent = send_pieces(self, iov, count);
    int error = errno;
    pyr_stream_buffer_give_back(&buffer);
    errno = error;
    return sent;
}

/* Send until all is sent, the kernel refuses, or it is others' turn. */
enum pyr_send_result
pyr_stream_send_pending(StreamConnection *self)
{
    struct iovec iov[GATHER_MAX];
    for (int turn = 0; turn < SENDS_PER_EVENT; turn++) {
        int count = pyr_stream_gather(self, iov);
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
        pyr_stream_traffic(self)->sent += (uint64_t)sent;
        if (pyr_stream_consume(self, sent) < 0) {
            return SEND_ERROR;
        }
        if (sent < wanted) {
            return SEND_BLOCKED;
        }
        if (count == 0) {
            self->temp_length = 0; /* whatever a program set it to */
        }
        if (pyr_stream_unsent(self) <= 0) {
            return SEND_ALL;
        }
    }
    return SEND_BLOCKED;
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
    if (pyr_stream_has_producer(self) &&
        (!self->streaming_producer || self->producer_paused)) {
        PyObject *producer = Py_NewRef(self->producer);
        self->producer_paused = 0;
        int status = pyr_call_dropping(producer, st->names.resumeProducing, NULL);
        Py_DECREF(producer);
        return pyr_none_or_error(status);
    }
    if (self->disconnecting) {
        return pyr_stream_call_method(self, st->names._postLoseConnection);
    }
    if (self->write_disconnecting) {
        self->write_disconnected = 1;
        return pyr_stream_call_method(self, st->names._closeWriteConnection);
    }
    Py_RETURN_NONE;
}

PyObject *
pyr_stream_after_send(StreamConnection *self, enum pyr_send_result result)
{
    switch (result) {
    case SEND_ALL:
        self->blocked = 0;
        return after_sending(self);
    case SEND_BLOCKED:
        self->blocked = 1;
        return pyr_none_or_error(self->loop == NULL ? 0 : pyr_stream_update_watch(self));
    case SEND_LOST:
        return Py_NewRef(self->st->loop->CONNECTION_LOST);
    default:
        return NULL;
    }
}

/* Descriptors go by stock's doWrite, which calls its writeSomeData. */
static PyObject *
send_descriptors(StreamConnection *self)
{
    PyObject *why =
        PyObject_CallOneArg(self->st->transport->stock_doWrite, (PyObject *)self);
    if (why == Py_None && self->writing && self->loop != NULL) {
        self->blocked = 1;
        if (pyr_stream_update_watch(self) < 0) {
            Py_CLEAR(why);
        }
    }
    return why;
}

PyObject *
pyr_stream_do_write(StreamConnection *self)
{
    if (pyr_stream_has_descriptors(self)) {
        return send_descriptors(self);
    }
    if (pyr_stream_refresh_descriptor(self) < 0) {
        return NULL;
    }
    return pyr_stream_after_send(self, pyr_stream_send_pending(self));
}
