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

#include "core/report.h"
#include "loop/loop.h"
#include "loop/reactor_state.h"

static PyObject *
call_read(StreamConnection *self)
{
    return self->overrides & OWN_READ
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

void
pyr_stream_dispatch(StreamConnection *self, int events, bool disconnected)
{
    PyObject *prefix = NULL;
    if (!(self->overrides & OWN_PREFIX)) {
        prefix = pyr_stream_log_string(self);
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
           !(self->overrides & (OWN_OUTPUT | OWN_WATCH)) &&
           !pyr_stream_has_descriptors(self) && pyr_stream_descriptor(self) == self->fd;
}

/* A terminal that hung up may take what is written, or not; to write nothing tells
 * nothing of a pipe; and what somebody made block would stop us: stock hears from the
 * kernel first. */
static bool
takes_data(StreamConnection *self)
{
    struct pollfd pfd = {.fd = self->fd, .events = POLLOUT};
    bool writing_tells = self->kind == NULL || (!self->terminal && !self->shared &&
                                                pyr_stream_unsent(self) > 0);
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
        self->received / MUCH_INPUT <= pyr_stream_unsent(self)) {
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
        pyr_stream_queue_flush(self);
        return;
    }
    answer_at_once(self);
    self->put_off = 0;
    self->received = 0;
    if (!(self->overrides & OWN_OUTPUT) && !takes_data(self)) {
        self->blocked = 1;
        if (pyr_stream_update_watch(self) < 0) {
            pyr_loop_keep_exception(loop);
        }
        return;
    }
    if (is_plain(self)) {
        enum pyr_send_result result = pyr_stream_send_pending(self);
        if (result == SEND_ALL || result == SEND_BLOCKED) {
            PyObject *why = pyr_stream_after_send(self, result);
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
