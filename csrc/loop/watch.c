/* Descriptors over libuv; see loop/poller.h. */
#include "loop/poller.h"

#include <errno.h>
#include <fcntl.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif

#include "loop/loop.h"
#include "transport/stream.h"

/* ---- a poller's life ---- */

void
pyr_poller_release(pyr_poller *poller)
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

pyr_poller *
pyr_pollers_get(pyr_pollers *self, int fd)
{
    return fd >= 0 && fd < self->capacity ? self->by_fd[fd] : NULL;
}

/* Nothing is wanted any more: gives back the poller's reference to the selectable, if it
 * holds one. */
PyObject *
pyr_poller_disown(pyr_poller *poller)
{
    PyObject *owned = poller->wanted != 0 ? poller->selectable : NULL;
    poller->wanted = 0;
    return owned;
}

static void
table_drop(pyr_poller *poller)
{
    pyr_pollers *self = &poller->loop->pollers;
    if (pyr_pollers_get(self, poller->fd) == poller) {
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
void
pyr_poller_ask(pyr_poller *poller, unsigned watching)
{
    if (watching != poller->watching) {
        poller->watching = watching;
        poller_pend(poller);
    }
}

/* Ask for `watching`.  Reading is given up only when something comes that nobody wants:
 * most who stop reading start again, or close, before that. */
void
pyr_poller_ask_for(pyr_poller *poller, unsigned watching)
{
    pyr_poller_ask(poller, watching | (poller->watching & PYR_READ));
}

/* A poller for `fd`, whose table entry must be free.  *refused is set where the kernel
 * cannot poll such a file. */
pyr_poller *
pyr_poller_new(Loop *loop, int fd, bool *refused)
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
    pyr_poller *other = pyr_pollers_get(&closed->loop->pollers, closed->fd);
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
    PyObject *owned = pyr_poller_disown(poller);
    table_drop(poller);
    poller->selectable = NULL;
    poller->watching = 0;
    if (!poller->has_handle) {
        pyr_poller_release(poller);
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

int
pyr_poller_want(pyr_poller *poller, PyObject *selectable, unsigned wanted)
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
        pyr_poller_release(poller);
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
            pyr_poller_release(poller);
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
        pyr_poller_release(closed);
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
        pyr_poller_release(self->ready[self->ready_head++]);
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
