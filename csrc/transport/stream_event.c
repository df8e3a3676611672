/*
 * Events: a descriptor that is ready, and the flush; see stream.h.
 *
 * write() sends nothing.  It puts the connection on the loop's flush list; the loop
 * flushes it right before it polls.  Only what the kernel then refuses waits for
 * writability.
 */
#include "transport/stream_internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "loop/errors.h"
#include "loop/event.h"
#include "loop/state.h"

static PyObject *
call_read(StreamConnection *self)
{
    return self->overrides & (OWN_READ | OWN_SOCKET)
               ? pyr_stream_call_method(self, self->st->names.doRead)
               : pyr_stream_do_read(self);
}

static PyObject *
call_write(StreamConnection *self)
{
    return self->overrides & OWN_OUTPUT
               ? pyr_stream_call_method(self, self->st->names.doWrite)
               : pyr_stream_do_write(self);
}

static PyObject *
stream_read_and_write(core_state *Py_UNUSED(st), PyObject *op, int events, bool *in_read)
{
    StreamConnection *self = (StreamConnection *)op;
    PyObject *why = Py_NewRef(Py_None);
    if (pyr_stream_descriptor(self) == -1) {
        Py_DECREF(why);
        return Py_NewRef(self->st->loop->no_descriptor);
    }
    if (events & PYR_READ) {
        Py_SETREF(why, call_read(self));
        *in_read = why != NULL;
    }
    if (why == NULL || !(events & PYR_WRITE) || !self->writing || self->fd < 0) {
        return why;
    }
    int lost = why == Py_None ? 0 : PyObject_IsTrue(why);
    if (lost == 0) {
        Py_SETREF(why, call_write(self));
        *in_read &= why == NULL;
    } else if (lost < 0) {
        Py_CLEAR(why);
    }
    return why;
}

/* NULL: logPrefix() tells. */
static PyObject *
stream_log_prefix(PyObject *op)
{
    StreamConnection *self = (StreamConnection *)op;
    return self->overrides & OWN_PREFIX ? NULL : Py_XNewRef(pyr_stream_log_string(self));
}

/* With nothing to do after the send, no Python code runs and no log context is needed. */
static bool
runs_no_python(StreamConnection *self)
{
    return !pyr_stream_has_producer(self) && !self->disconnecting &&
           !self->write_disconnecting && !(self->overrides & (OWN_OUTPUT | OWN_WATCH)) &&
           !pyr_stream_has_descriptors(self) && pyr_stream_descriptor(self) == self->fd;
}

/* A terminal that hung up may take what is written, or not; to write nothing tells
 * nothing of a pipe; and what another process made block would stop the loop: stock hears
 * from the kernel first. */
static bool
takes_data(StreamConnection *self)
{
    struct pollfd pfd = {.fd = self->fd, .events = POLLOUT};
    bool writing_tells = self->kind->is_socket || (!self->terminal && !self->shared &&
                                                   pyr_stream_unsent(self) > 0);
    if (writing_tells) {
        return true;
    }
    /* Of a descriptor that is closed, the kernel's queue tells nothing. */
    return poll(&pfd, 1, 0) == 1 && (pfd.revents == POLLOUT || pfd.revents == POLLNVAL);
}

/* An end that is read again comes with each event, and before what is to be written, as
 * in stock: both wait for the kernel. */
static bool
reads_end_again(const StreamConnection *self)
{
    return self->read_end && self->reading;
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
    if (!self->kind->is_socket || !self->reading || self->put_off ||
        self->disconnecting || self->received / MUCH_INPUT <= pyr_stream_unsent(self)) {
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
    if (self->received == 0 || self->no_delay != NO_DELAY_UNASKED ||
        !self->kind->is_socket || self->kind->is_unix) {
        return;
    }
    if (self->answered) {
        self->no_delay = switch_nagle_off(self->fd);
    }
    self->answered = 1;
}

/* True if Python code may have run. */
static bool
stream_flush(Selectable *op)
{
    StreamConnection *self = (StreamConnection *)op;
    Loop *loop = self->loop;
    if (!self->writing || self->blocked || loop == NULL || self->fd < 0) {
        return false;
    }
    if (!(self->overrides &
          OWN_SOCKET)) { /* else the descriptor is perhaps not its own */
        if (waits_for_input(self)) {
            self->put_off = 1;
            pyr_flush_add(op);
            return false;
        }
        answer_at_once(self);
    }
    self->put_off = 0;
    self->received = 0;
    if (!(self->overrides & OWN_OUTPUT) && (reads_end_again(self) || !takes_data(self))) {
        self->blocked = 1;
        if (pyr_stream_update_watch(self) < 0) {
            pyr_errors_keep(loop);
        }
        return false;
    }
    if (runs_no_python(self)) {
        enum pyr_send_result result = pyr_stream_send_pending(self);
        if (result == SEND_ALL || result == SEND_BLOCKED) {
            PyObject *why = pyr_stream_after_send(self, result);
            if (why != NULL) {
                Py_DECREF(why);
                return false;
            }
        }
        /* It fails again below, where the error is logged and the connection lost. */
        PyErr_Clear();
    }
    PyObject *context = self->watch == NULL ? NULL : Py_XNewRef(self->watch->contexts[1]);
    pyr_event_dispatch(loop, (PyObject *)self, self->ops, PYR_WRITE, context);
    Py_XDECREF(context);
    return true;
}

/* ---- what the loop asks of streams ---- */

static int
stream_descriptor(core_state *Py_UNUSED(st), PyObject *op)
{
    return pyr_stream_descriptor((StreamConnection *)op);
}

static PyObject *
stream_serves(PyObject *op)
{
    PyObject *protocol = ((StreamConnection *)op)->protocol;
    return protocol == Py_None ? NULL : protocol;
}

#define STREAM_OPS                                                            \
    .keeps_watch = true, .descriptor = stream_descriptor,                     \
    .log_prefix = stream_log_prefix, .read_and_write = stream_read_and_write, \
    .serves = stream_serves,                                                  \
    .start = (int (*)(Selectable *, int))(void (*)(void))pyr_stream_start,    \
    .stop = (int (*)(Selectable *, int))(void (*)(void))pyr_stream_stop,      \
    .flush = stream_flush,                                                    \
    .forget = (void (*)(Selectable *))(void (*)(void))pyr_stream_forget_watch

const pyr_selectable_ops pyr_stream_socket_ops = {
    STREAM_OPS,
};

const pyr_selectable_ops pyr_stream_pipe_ops = {
    STREAM_OPS,
    .leave = (int (*)(Selectable *))(void (*)(void))pyr_stream_leave_loop,
};
