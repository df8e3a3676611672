/* Readers and writers; see poller.h. */
#include "loop/poller.h"
#include "loop/reactor_state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif

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

/* ---- a poller's life ---- */

static void
poller_release(pyr_poller *poller)
{
    if (--poller->uses == 0) {
        PyMem_RawFree(poller);
    }
}

/* Like all that libuv calls, without the GIL. */
static void
on_closed(uv_handle_t *handle)
{
    pyr_poller *poller = (pyr_poller *)handle;
    pyr_pollers *all = &poller->loop->pollers;
    poller->next_closed = all->closed;
    all->closed = poller;
}

static int
table_reserve(pyr_pollers *self, int fd)
{
    if (fd < self->capacity) {
        return 0;
    }
    int capacity = self->capacity == 0 ? 64 : self->capacity;
    while (capacity <= fd) {
        capacity *= 2;
    }
    pyr_poller **by_fd = self->by_fd;
    PyMem_Resize(by_fd, pyr_poller *, (size_t)capacity);
    if (by_fd == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memset(by_fd + self->capacity, 0,
           (size_t)(capacity - self->capacity) * sizeof(pyr_poller *));
    self->by_fd = by_fd;
    self->capacity = capacity;
    return 0;
}

static inline pyr_poller *
table_get(pyr_pollers *self, int fd)
{
    return fd >= 0 && fd < self->capacity ? self->by_fd[fd] : NULL;
}

/* Nothing is wanted any more: gives back the poller's reference to the selectable, if it
 * holds one. */
static PyObject *
poller_disown(pyr_poller *poller)
{
    PyObject *owned = poller->wanted != 0 ? poller->selectable : NULL;
    poller->wanted = 0;
    return owned;
}

static void
table_drop(pyr_poller *poller)
{
    pyr_pollers *self = &poller->loop->pollers;
    if (table_get(self, poller->fd) == poller) {
        self->by_fd[poller->fd] = NULL;
    }
}

/* libuv is to be told of a change before it next runs. */
static void
poller_pend(pyr_poller *poller)
{
    pyr_pollers *all = &poller->loop->pollers;
    if (!poller->pending) {
        poller->pending = true;
        poller->uses++;
        poller->next_pending = NULL;
        if (all->pending_tail == NULL) {
            all->pending_head = poller;
        } else {
            all->pending_tail->next_pending = poller;
        }
        all->pending_tail = poller;
    }
    pyr_loop_notice(poller->loop);
}

/* Ask for exactly `watching`. */
static void
watch_exactly(pyr_poller *poller, unsigned watching)
{
    if (watching != poller->watching) {
        poller->watching = watching;
        poller_pend(poller);
    }
}

/* Ask for `watching`.  Reading is given up only when something comes that nobody wants:
 * most who stop reading start again, or close, before that. */
static void
poller_watch(pyr_poller *poller, unsigned watching)
{
    watch_exactly(poller, watching | (poller->watching & PYR_READ));
}

/* A poller for `fd`, whose table entry must be free.  *refused is set where the kernel
 * cannot poll such a file. */
static pyr_poller *
poller_new(Loop *loop, int fd, bool *refused)
{
    int error = pyr_loop_refuses(loop, fd);
    if (error != 0) {
        if (refused != NULL && error == EPERM) {
            *refused = true;
        }
        pyr_set_uv_error(-error);
        return NULL;
    }
    if (table_reserve(&loop->pollers, fd) < 0) {
        return NULL;
    }
    pyr_poller *poller = PyMem_RawCalloc(1, sizeof(pyr_poller));
    if (poller == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    poller->loop = loop;
    poller->fd = fd;
    poller->uses = 1;
    return poller;
}

/* libuv's close drops the kernel's registration of the number fd, even where another
 * poller has meanwhile been registered under it: put that one's back. */
static void
restore_neighbour(pyr_poller *closed)
{
    pyr_poller *other = table_get(&closed->loop->pollers, closed->fd);
    if (other != NULL && other != closed && other->told != 0) {
        other->told = 0;
        poller_pend(other);
    }
}

static void
close_handle(pyr_poller *poller)
{
    poller->has_handle = false;
    poller->loop->pollers.count--;
    uv_close((uv_handle_t *)&poller->handle, on_closed);
    restore_neighbour(poller);
}

/* While the loop sleeps, another thread must leave libuv alone.  But the kernel has to
 * forget the descriptor before it is closed: if another process has the file open, too,
 * it would go on reporting it. */
static void
unregister_meanwhile(pyr_poller *poller)
{
#ifdef __linux__
    struct epoll_event nothing = {0};
    (void)epoll_ctl(uv_backend_fd(&poller->loop->engine->uv), EPOLL_CTL_DEL, poller->fd,
                    &nothing);
#else
    (void)poller;
#endif
}

void
pyr_poller_close(pyr_poller *poller)
{
    Loop *loop = poller->loop;
    if (poller->closing) {
        return;
    }
    poller->closing = true;
    PyObject *owned = poller_disown(poller);
    table_drop(poller);
    poller->selectable = NULL;
    poller->watching = 0;
    if (!poller->has_handle) {
        poller_release(poller);
    } else if (loop->asleep || loop->forked) {
        if (loop->asleep) {
            unregister_meanwhile(poller);
        }
        poller_pend(poller);
    } else {
        close_handle(poller);
    }
    Py_XDECREF(owned);
}

static int
table_put(pyr_poller *poller, PyObject *selectable, unsigned wanted)
{
    pyr_pollers *self = &poller->loop->pollers;
    PyObject *owned = poller->wanted != 0 ? poller->selectable : NULL;
    if (self->by_fd[poller->fd] == NULL) {
        self->by_fd[poller->fd] = poller;
    }
    poller->wanted = wanted;
    poller->selectable = Py_NewRef(selectable);
    Py_XDECREF(owned);
    return 0;
}

/* ---- telling libuv ---- */

static void on_poll(uv_poll_t *handle, int status, int events);

/* libuv passes a hang-up off as readability.  A stream learns the difference by reading;
 * for terminals and others we ask to be told of hang-ups, to look closer then. */
static int
uv_events_for(pyr_poller *poller, unsigned watching)
{
    bool reads_to_know = poller->is_stream && !poller->is_terminal;
    int reading = reads_to_know ? UV_READABLE : UV_READABLE | UV_DISCONNECT;
    return (watching & PYR_READ ? reading : 0) | (watching & PYR_WRITE ? UV_WRITABLE : 0);
}

/* What is collected must find its place without the GIL. */
static bool
ready_reserve(pyr_pollers *self)
{
    if (self->count < self->ready_capacity) {
        return true;
    }
    size_t capacity = self->ready_capacity == 0 ? 64 : self->ready_capacity * 2;
    pyr_poller **ready = self->ready;
    PyMem_Resize(ready, pyr_poller *, capacity);
    if (ready == NULL) {
        return false;
    }
    self->ready = ready;
    self->ready_capacity = capacity;
    return true;
}

/* libuv makes the descriptor non-blocking, which is for its owner to decide: standard
 * input shares the flag with the terminal's other users.  Streams never block. */
static int
init_handle(pyr_poller *poller)
{
    Loop *loop = poller->loop;
    if (!ready_reserve(&loop->pollers)) {
        return UV_ENOMEM;
    }
    int flags = poller->is_stream ? -1 : fcntl(poller->fd, F_GETFL);
    int status = uv_poll_init(&loop->engine->uv, &poller->handle, poller->fd);
    if (flags != -1 && !(flags & O_NONBLOCK)) {
        (void)fcntl(poller->fd, F_SETFL, flags);
    }
    if (status == 0) {
        poller->has_handle = true;
        loop->pollers.count++;
    }
    return status;
}

static int
start_handle(pyr_poller *poller)
{
    /* Of a descriptor that the kernel does not take, libuv aborts the process. */
    int status = poller->has_handle
                     ? -pyr_engine_refuses(poller->loop->engine, poller->fd)
                     : init_handle(poller);
    return status < 0 ? status
                      : uv_poll_start(&poller->handle,
                                      uv_events_for(poller, poller->watching), on_poll);
}

/* One that was closed behind our back, or is a file by now, is not watched any more;
 * nobody hears of it, as in stock.  One that libuv takes for its own has the number of
 * what libuv has lost. */
static void
start_failed(pyr_poller *poller, int status)
{
    if (status == UV_EEXIST) {
        poller->loop->engine_lost = true;
        poller_pend(poller);
        return;
    }
    poller->watching = poller->told = 0;
    if (poller->has_handle) {
        (void)uv_poll_stop(&poller->handle);
    }
    if (status != UV_EBADF && status != UV_EPERM) {
        pyr_set_uv_error(status);
        pyr_loop_keep_exception(poller->loop);
    }
}

/* True if the kernel is to be told of it. */
static bool
poller_tell(pyr_poller *poller)
{
    int status = 0;
    if (poller->watching == poller->told) {
        return false;
    }
    if (poller->watching == 0) {
        (void)uv_poll_stop(&poller->handle);
    } else {
        status = start_handle(poller);
        if (status < 0) {
            start_failed(poller, status);
            return false;
        }
    }
    poller->told = (uint8_t)poller->watching;
    return poller->told != 0;
}

static bool
poller_apply(pyr_poller *poller)
{
    if (!poller->closing) {
        return poller_tell(poller);
    }
    if (poller->has_handle) {
        close_handle(poller);
    }
    return false;
}

bool
pyr_pollers_apply(Loop *loop)
{
    pyr_pollers *self = &loop->pollers;
    bool news = false;
    pyr_poller *poller;
    while ((poller = self->pending_head) != NULL && !loop->engine_lost) {
        self->pending_head = poller->next_pending;
        if (self->pending_head == NULL) {
            self->pending_tail = NULL;
        }
        poller->pending = false;
        news |= poller_apply(poller);
        poller_release(poller);
    }
    return news;
}

/* Forget what libuv's loop, which is no longer used, knew of the poller. */
static void
poller_lost(pyr_poller *poller)
{
    if (poller->has_handle) {
        poller->has_handle = false;
        poller->loop->pollers.count--;
        if (poller->closing) {
            poller_release(poller);
        }
    }
}

/* Where libuv's loop was lost, what is closed was closed with it: the number is not
 * watched any more, and may become the next engine's own.  Where it is only to be told
 * anew, it must not go on with what it was to stop. */
static void
poller_renew(pyr_poller *poller, bool lost)
{
    if (lost) {
        poller_lost(poller);
        if (fcntl(poller->fd, F_GETFD) < 0) {
            poller->watching = 0;
        }
    } else if (poller->has_handle) {
        (void)uv_poll_stop(&poller->handle);
    }
    poller->told = 0;
    poller_pend(poller);
}

void
pyr_pollers_renew(Loop *loop, bool lost)
{
    pyr_pollers *self = &loop->pollers;
    for (pyr_poller *p = self->pending_head; lost && p != NULL; p = p->next_pending) {
        poller_lost(p);
    }
    for (int fd = 0; fd < self->capacity; fd++) {
        pyr_poller *poller = self->by_fd[fd];
        if (poller != NULL) {
            poller_renew(poller, lost);
        }
    }
}

/* ---- what a selectable says of itself ---- */

/* selectable.fileno() as an int >= 0; -1 with an exception set. */
static int
descriptor_of(core_state *st, PyObject *selectable)
{
    PyObject *number = PyObject_CallMethodNoArgs(selectable, st->names.fileno);
    if (number == NULL) {
        return -1;
    }
    int fd = PyObject_AsFileDescriptor(number);
    Py_DECREF(number);
    return fd;
}

/* The same for removal and checks, where -1 is an answer; -2 with an exception set. */
static int
descriptor_or_none(core_state *st, PyObject *selectable)
{
    PyObject *number = PyObject_CallMethodNoArgs(selectable, st->names.fileno);
    if (number == NULL) {
        return -2;
    }
    long fd = PyLong_AsLong(number);
    Py_DECREF(number);
    if (fd == -1 && PyErr_Occurred()) {
        return -2;
    }
    return fd < 0 || fd > INT_MAX ? -1 : (int)fd;
}

/* Was the descriptor closed, and its number given away, behind the reactor's back? */
static bool
poller_is_stale(pyr_poller *poller)
{
    if (poller->is_stream) {
        return pyr_stream_descriptor((StreamConnection *)poller->selectable) !=
               poller->fd;
    }
    PyObject *selectable = Py_NewRef(poller->selectable);
    int fd = descriptor_or_none(poller->loop->st, selectable);
    Py_DECREF(selectable);
    if (fd == -2) {
        PyErr_Clear();
    }
    return fd != poller->fd;
}

/* A connection whose socket was closed behind its back is told so, soon. */
static int
lose_later(Loop *loop, PyObject *stream)
{
    core_state *st = loop->st;
    PyObject *disconnect =
        PyObject_GetAttr(loop->reactor, st->names._disconnectSelectable);
    if (disconnect == NULL) {
        return -1;
    }
    PyObject *call[] = {disconnect, stream, st->reactor->no_descriptor, Py_False};
    int status = pyr_threadcalls_add(&loop->threadcalls, call, 4, NULL);
    Py_DECREF(disconnect);
    pyr_loop_wake(loop);
    return status;
}

/* Make room in the table for a newcomer on `fd`: a stream that waits for nothing gives
 * its place to anybody (it may have handed its descriptor on), others if it is stale.
 * One that is no socket shares the descriptor, in the way that stock's selectables do. */
static int
evict_stale(Loop *loop, int fd)
{
    int status = 0;
    pyr_poller *poller = table_get(&loop->pollers, fd);
    if (poller == NULL) {
        return 0;
    }
    if (poller->is_stream && poller->wanted == 0) {
        pyr_stream_forget_poller((StreamConnection *)poller->selectable);
        return 0;
    }
    poller->uses++;
    if (poller_is_stale(poller) && !poller->closing) {
        if (!poller->is_stream) {
            pyr_poller_close(poller);
        } else {
            PyObject *stream = Py_NewRef(poller->selectable);
            pyr_stream_forget_poller((StreamConnection *)stream);
            status = lose_later(loop, stream);
            Py_DECREF(stream);
        }
    }
    if (!poller->closing && poller->is_stream &&
        pyr_stream_is_foreign((StreamConnection *)poller->selectable)) {
        PyObject *stream = Py_NewRef(poller->selectable);
        status = pyr_stream_leave_loop((StreamConnection *)stream);
        Py_DECREF(stream);
    }
    poller_release(poller);
    return status;
}

/* ---- adding and removing ---- */

static pyr_poller *
find_selectable(pyr_pollers *self, PyObject *selectable)
{
    for (int fd = 0; fd < self->capacity; fd++) {
        if (self->by_fd[fd] != NULL && self->by_fd[fd]->selectable == selectable) {
            return self->by_fd[fd];
        }
    }
    return NULL;
}

static int
add_to_poller(pyr_poller *poller, PyObject *selectable, int event)
{
    if (poller->wanted & event) {
        return 0; /* as in stock, the first one keeps the event */
    }
    if (poller->is_stream) {
        pyr_set_uv_error(UV_EEXIST);
        return -1;
    }
    poller_watch(poller, poller->watching | event);
    return table_put(poller, selectable, poller->wanted | event);
}

static int
add_new(Loop *loop, PyObject *selectable, int fd, int event)
{
    bool refused = false;
    pyr_poller *poller = poller_new(loop, fd, &refused);
    if (poller == NULL) {
        if (refused) {
            PyErr_Clear();
            return 1;
        }
        return -1;
    }
    poller_watch(poller, event);
    return table_put(poller, selectable, event);
}

int
pyr_poller_add(Loop *loop, PyObject *selectable, int event)
{
    struct StreamConnection *stream = pyr_stream_of(loop, selectable);
    if (stream != NULL) {
        return pyr_stream_start(stream, event);
    }
    int fd = descriptor_of(loop->st, selectable);
    if (fd < 0 || pyr_loop_ready(loop) < 0) {
        return -1;
    }
    pyr_poller *poller = table_get(&loop->pollers, fd);
    if (poller != NULL && poller->selectable != selectable) {
        if (evict_stale(loop, fd) < 0) {
            return -1;
        }
        poller = table_get(&loop->pollers, fd);
    }
    if (poller != NULL) {
        return add_to_poller(poller, selectable, event);
    }
    return add_new(loop, selectable, fd, event);
}

static void
remove_event(pyr_poller *poller, int event)
{
    unsigned wanted = poller->wanted & ~(unsigned)event;
    if (wanted == 0) {
        pyr_poller_close(poller);
    } else {
        poller->wanted = wanted;
        poller_watch(poller, poller->watching & wanted);
    }
}

int
pyr_poller_remove(Loop *loop, PyObject *selectable, int event)
{
    struct StreamConnection *stream = pyr_stream_of(loop, selectable);
    if (stream != NULL) {
        return pyr_stream_stop(stream, event);
    }
    int fd = descriptor_or_none(loop->st, selectable);
    if (fd == -2) {
        return -1;
    }
    pyr_poller *poller = fd == -1 ? find_selectable(&loop->pollers, selectable)
                                  : table_get(&loop->pollers, fd);
    if (poller != NULL && !poller->is_stream && (poller->wanted & event)) {
        remove_event(poller, event);
    }
    return 0;
}

PyObject *
pyr_poller_list(Loop *loop, int event)
{
    pyr_pollers *self = &loop->pollers;
    PyObject *list = PyList_New(0);
    if (list == NULL) {
        return NULL;
    }
    for (int fd = 0; fd < self->capacity; fd++) {
        pyr_poller *poller = self->by_fd[fd];
        if (poller != NULL && (poller->wanted & event) &&
            PyList_Append(list, poller->selectable) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

/* A poller for a stream.  1 where one that is no socket can have none. */
static int
add_stream(Loop *loop, pyr_poller **poller, struct StreamConnection *stream, int fd)
{
    bool refused = false, foreign = pyr_stream_is_foreign(stream);
    if (pyr_loop_ready(loop) < 0 || evict_stale(loop, fd) < 0) {
        return -1;
    }
    if (*poller != NULL) { /* asking for a fileno() ran Python code */
        return 0;
    }
    if (table_get(&loop->pollers, fd) != NULL) {
        if (foreign) {
            return 1;
        }
        pyr_set_uv_error(UV_EEXIST); /* as if the second were any other selectable */
        return -1;
    }
    *poller = poller_new(loop, fd, foreign ? &refused : NULL);
    if (*poller == NULL) {
        if (refused) {
            PyErr_Clear();
        }
        return refused ? 1 : -1;
    }
    (*poller)->selectable = (PyObject *)stream;
    (*poller)->is_stream = true;
    (*poller)->is_terminal = pyr_stream_is_terminal(stream);
    return 0;
}

int
pyr_poller_watch(Loop *loop, pyr_poller **poller, struct StreamConnection *stream, int fd,
                 int wanted, int watching)
{
    if (*poller == NULL) {
        int status = wanted == 0 ? 0 : add_stream(loop, poller, stream, fd);
        if (status != 0 || wanted == 0) {
            return status;
        }
    }
    pyr_poller *self = *poller;
    poller_watch(self, watching);
    if ((unsigned)wanted == self->wanted) {
        return 0;
    }
    if (wanted != 0) {
        return table_put(self, (PyObject *)stream, wanted);
    }
    PyObject *owned = poller_disown(self);
    Py_XDECREF(owned);
    return 0;
}

/* ---- events ---- */

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
    int fd = descriptor_or_none(st, selectable);
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
    pyr_poller *poller = find_selectable(&loop->pollers, selectable);
    if (poller == NULL || !(poller->wanted & PYR_READ)) {
        return false;
    }
    poller->uses++;
    dispatch_poller(poller, EVENT_IN);
    poller_release(poller);
    return true;
}

/* ---- collecting ---- */

/*
 * libuv polls again, up to 48 times, while it gets as many events at once as it has room
 * for, and what is not handled yet is reported each time.  One event of a round that is
 * void ends that: that of the poller which was reported after this one in the last round,
 * and so comes next in this one.
 */
static void
end_rounds(pyr_pollers *self, pyr_poller *repeated)
{
    for (size_t i = self->ready_head; i + 1 < self->ready_end; i++) {
        if (self->ready[i] == repeated) {
            pyr_poller *next = self->ready[i + 1];
            self->ready_again = next->stopped = true;
            (void)uv_poll_stop(&next->handle);
            return;
        }
    }
}

/* Without the GIL: another thread may run, which looks at none of this. */
static void
on_poll(uv_poll_t *handle, int status, int uv_events)
{
    pyr_poller *poller = (pyr_poller *)handle;
    pyr_pollers *self = &poller->loop->pollers;
    if (poller->ready == 0 && !poller->failed) {
        self->ready[self->ready_end++] = poller;
    } else if (!self->ready_again) {
        end_rounds(self, poller);
    }
    poller->ready |= (uint8_t)uv_events;
    poller->failed |= status < 0;
}

void
pyr_pollers_settle(Loop *loop)
{
    pyr_pollers *self = &loop->pollers;
    pyr_poller *closed = self->closed;
    self->closed = NULL;
    self->ready_again = false;
    while (closed != NULL) {
        pyr_poller *next = closed->next_closed;
        poller_release(closed);
        closed = next;
    }
    for (size_t i = self->ready_head; i < self->ready_end; i++) {
        pyr_poller *poller = self->ready[i];
        poller->uses++;
        if (poller->failed ||
            poller->stopped) { /* start it again, if that is wanted then */
            poller->stopped = false;
            poller->told = 0;
            poller_pend(poller);
        }
    }
}

void
pyr_pollers_forget_ready(pyr_pollers *self)
{
    for (size_t i = self->ready_head; i < self->ready_end; i++) {
        self->ready[i]->ready = 0;
        self->ready[i]->failed = self->ready[i]->stopped = false;
    }
    self->ready_head = self->ready_end = 0;
    self->closed = NULL;
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
        watch_exactly(poller, poller->watching & poller->wanted);
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
        poller_release(poller);
    }
    self->ready_head = self->ready_end = 0;
    return any;
}

/* ---- all of them ---- */

int
pyr_pollers_traverse(pyr_pollers *self, visitproc visit, void *arg)
{
    for (int fd = 0; fd < self->capacity; fd++) {
        if (self->by_fd[fd] != NULL && self->by_fd[fd]->wanted != 0) {
            Py_VISIT(self->by_fd[fd]->selectable);
        }
    }
    return 0;
}

void
pyr_pollers_close_all(Loop *loop)
{
    pyr_pollers *self = &loop->pollers;
    for (int fd = 0; fd < self->capacity; fd++) {
        pyr_poller *poller = self->by_fd[fd];
        if (poller != NULL && poller->is_stream) {
            pyr_stream_forget_poller((StreamConnection *)poller->selectable);
        } else if (poller != NULL) {
            pyr_poller_close(poller);
        }
    }
    while (pyr_pollers_have_ready(self)) {
        poller_release(self->ready[self->ready_head++]);
    }
    (void)pyr_pollers_apply(loop);
}

void
pyr_pollers_free(pyr_pollers *self)
{
    PyMem_Free(self->by_fd);
    PyMem_Free(self->ready);
    *self = (pyr_pollers){0};
}
