/* Handling what is ready; see loop/poller.h. */
#include "loop/poller.h"
#include "loop/reactor_state.h"

#include <poll.h>

#include "loop/loop.h"
#include "core/report.h"
#include "transport/stream.h"

/* What the kernel said of a descriptor, in the terms of stock's _PollLikeMixin. */
enum {
    EVENT_IN = PYR_READ,
    EVENT_OUT = PYR_WRITE,
    EVENT_DISCONNECTED = 4,
    EVENT_CLOSED = 8
};

/* The two ends of a healthy life, which need neither a new Failure nor a look at the
 * interfaces: what stock's _disconnectSelectable does for a stream. */
static int
disconnect_stream(Loop *loop, PyObject *selectable, PyObject *failure, bool half)
{
    pyr_names *names = &loop->st->names;
    StreamConnection *stream = (StreamConnection *)selectable;
    if (pyr_stream_stop(stream, PYR_READ) < 0 ||
        (!half && pyr_stream_stop(stream, PYR_WRITE) < 0)) {
        return -1;
    }
    PyObject *result = PyObject_CallMethodOneArg(
        selectable, half ? names->readConnectionLost : names->connectionLost, failure);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
pyr_disconnect(Loop *loop, PyObject *selectable, PyObject *why, bool in_read)
{
    pyr_reactor_state *state = loop->st->reactor;
    if (loop->plain_disconnect && pyr_stream_of(loop, selectable) != NULL) {
        if (why == state->CONNECTION_DONE) {
            return disconnect_stream(loop, selectable, state->done_failure, in_read);
        }
        if (why == state->CONNECTION_LOST) {
            return disconnect_stream(loop, selectable, state->lost_failure, false);
        }
    }
    PyObject *args[] = {loop->reactor, selectable, why, in_read ? Py_True : Py_False};
    PyObject *result =
        PyObject_VectorcallMethod(loop->st->names._disconnectSelectable, args,
                                  4 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    if (result == NULL) {
        return -1;
    }
    Py_DECREF(result);
    return 0;
}

static PyObject *
log_prefix_of(Loop *loop, PyObject *selectable)
{
    core_state *st = loop->st;
    PyObject *prefix = PyObject_CallMethodNoArgs(selectable, st->names.logPrefix);
    if (prefix != NULL || PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        return prefix;
    }
    if (pyr_report_with(st->reactor->event_error, st->reactor->buggy_prefix) < 0) {
        return NULL;
    }
    return Py_NewRef(st->reactor->buggy_prefix);
}

void
pyr_dispatch(Loop *loop, PyObject *selectable, PyObject *prefix, int events,
             pyr_event_handler handler)
{
    core_state *st = loop->st;
    PyObject *system =
        prefix != NULL ? Py_NewRef(prefix) : log_prefix_of(loop, selectable);
    if (system == NULL || pyr_logcontext_push(st, &loop->logcontext, system) < 0) {
        Py_XDECREF(system);
        pyr_loop_keep_exception(loop);
        return;
    }
    int status = handler(loop, selectable, events);
    pyr_logcontext_pop(&loop->logcontext);
    if (status < 0 && (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) ||
                       pyr_report_with(st->reactor->event_error, system) < 0)) {
        pyr_loop_keep_exception(loop);
    }
    Py_DECREF(system);
}

/* Call selectable.doRead or doWrite; its answer (why the connection ends, or a false
 * value), or NULL with an exception set. */
static inline PyObject *
call_io(PyObject *selectable, PyObject *name)
{
    return PyObject_CallMethodNoArgs(selectable, name);
}

/* Do what stock's _doReadOrWrite does inside its try; new reference or NULL. */
static PyObject *
read_and_write(core_state *st, PyObject *selectable, int events, bool *in_read)
{
    PyObject *why = Py_NewRef(Py_None);
    int fd = pyr_descriptor_or_none(st, selectable);
    if (fd < 0) {
        Py_DECREF(why);
        return fd == -2 ? NULL : Py_NewRef(st->reactor->no_descriptor);
    }
    if (events & EVENT_IN) {
        Py_SETREF(why, call_io(selectable, st->names.doRead));
        *in_read = true;
        if (why == NULL) {
            return NULL;
        }
    }
    if (events & EVENT_OUT) {
        int lost = PyObject_IsTrue(why);
        if (lost != 0) {
            if (lost < 0) {
                Py_CLEAR(why);
            }
            return why;
        }
        Py_SETREF(why, call_io(selectable, st->names.doWrite));
        *in_read = false;
    }
    return why;
}

static int
handle_selectable(Loop *loop, PyObject *selectable, int events)
{
    core_state *st = loop->st;
    bool in_read = false;
    PyObject *why;
    if ((events & EVENT_DISCONNECTED) && !(events & EVENT_IN)) {
        in_read = (events & EVENT_CLOSED) != 0;
        why = Py_NewRef(in_read ? st->reactor->CONNECTION_DONE
                                : st->reactor->CONNECTION_LOST);
    } else {
        why = read_and_write(st, selectable, events, &in_read);
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

/* libuv hides which events came with an error, so ask the kernel.  EVENT_CLOSED says
 * that the descriptor was watched for reading (stock then sees a clean end). */
static int
query_events(pyr_poller *poller, int otherwise)
{
    struct pollfd pfd = {.fd = poller->fd};
    int events = 0;
    if (poller->wanted & PYR_READ) {
        pfd.events |= POLLIN;
    }
    if (poller->watching & PYR_WRITE) {
        pfd.events |= POLLOUT;
    }
    if (poll(&pfd, 1, 0) <= 0) {
        return otherwise;
    }
    if (pfd.revents & POLLIN) {
        events |= EVENT_IN;
    }
    if (pfd.revents & POLLOUT) {
        events |= EVENT_OUT;
    }
    if (pfd.revents & (POLLERR | POLLHUP)) {
        events |= EVENT_DISCONNECTED;
        if (poller->wanted & PYR_READ) {
            events |= EVENT_CLOSED;
        }
    }
    if (pfd.revents & POLLNVAL) {
        events = (int)poller->wanted;
    }
    return events;
}

static void
dispatch_poller(pyr_poller *poller, int events)
{
    PyObject *selectable = Py_NewRef(poller->selectable);
    if (poller->is_stream) {
        pyr_stream_dispatch((StreamConnection *)selectable,
                            events & (EVENT_IN | EVENT_OUT),
                            (events & EVENT_DISCONNECTED) != 0);
    } else {
        pyr_dispatch(poller->loop, selectable, NULL, events, handle_selectable);
    }
    Py_DECREF(selectable);
}

bool
pyr_poller_dispatch_read(Loop *loop, PyObject *selectable)
{
    pyr_poller *poller = pyr_pollers_find(&loop->pollers, selectable);
    if (poller == NULL || !(poller->wanted & PYR_READ)) {
        return false;
    }
    poller->uses++;
    dispatch_poller(poller, EVENT_IN);
    pyr_poller_release(poller);
    return true;
}

/* ---- handling ---- */

/* A UNIX socket that could not be connected hangs up and is writable for ever.  A
 * terminal that hung up is writable, too; and readable, with what came before. */
static inline bool
may_have_hung_up(pyr_poller *poller, int uv_events)
{
    if (poller->is_terminal) {
        bool reads = (uv_events & UV_READABLE) && (poller->wanted & PYR_READ);
        return (uv_events & UV_WRITABLE) && !reads;
    }
    return poller->is_stream &&
           pyr_stream_is_connecting((StreamConnection *)poller->selectable);
}

static int
events_of(pyr_poller *poller, bool failed, int uv_events)
{
    if (failed || may_have_hung_up(poller, uv_events)) {
        /* Should the error have gone away: try, and see.  But to read a serial line that
         * has nothing looks like its end. */
        return query_events(poller, poller->is_terminal ? 0 : (int)poller->wanted);
    }
    if (uv_events & UV_DISCONNECT) {
        return query_events(poller, 0);
    }
    return ((uv_events & UV_READABLE ? EVENT_IN : 0) |
            (uv_events & UV_WRITABLE ? EVENT_OUT : 0)) &
           (int)poller->wanted;
}

static void
handle_ready(pyr_poller *poller)
{
    int uv_events = poller->ready, events = 0;
    bool failed = poller->failed;
    poller->ready = 0;
    poller->failed = false;
    if (!poller->closing && poller->wanted != 0) {
        events = events_of(poller, failed, uv_events);
        if (events != 0) {
            dispatch_poller(poller, events);
        }
    }
    if (!poller->closing && (events == 0 || failed)) {
        pyr_poller_ask(poller, poller->watching & poller->wanted);
    }
}

bool
pyr_pollers_dispatch(Loop *loop)
{
    pyr_pollers *self = &loop->pollers;
    bool any = pyr_pollers_have_ready(self);
    while (pyr_pollers_have_ready(self)) {
        pyr_poller *poller = self->ready[self->ready_head++];
        handle_ready(poller);
        pyr_poller_release(poller);
    }
    self->ready_head = self->ready_end = 0;
    return any;
}
