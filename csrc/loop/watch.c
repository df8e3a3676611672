/* Watches: descriptors over libuv; see watch.h. */
#include "loop/watch.h"

#include <errno.h>
#include <fcntl.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif

#include "loop/errors.h"
#include "loop/loop.h"
#include "loop/variables.h"

/* ---- a watch's life ---- */

void
pyr_watch_release(pyr_watch *self)
{
    if (--self->uses == 0) {
        PyMem_RawFree(self);
    }
}

/* Like all that libuv calls, without the GIL. */
static void
on_closed(uv_handle_t *handle)
{
    pyr_watch *self = (pyr_watch *)handle;
    pyr_watches *all = &self->loop->watches;
    self->next_closed = all->closed;
    all->closed = self;
}

static int
table_reserve(pyr_watches *self, int fd)
{
    if (fd < self->capacity) {
        return 0;
    }
    int capacity = self->capacity == 0 ? 64 : self->capacity;
    while (capacity <= fd) {
        capacity *= 2;
    }
    pyr_watch **by_fd = self->by_fd;
    PyMem_Resize(by_fd, pyr_watch *, (size_t)capacity);
    if (by_fd == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memset(by_fd + self->capacity, 0,
           (size_t)(capacity - self->capacity) * sizeof(pyr_watch *));
    self->by_fd = by_fd;
    self->capacity = capacity;
    return 0;
}

pyr_watch *
pyr_watch_new(Loop *loop, int fd, const pyr_selectable_ops *ops, PyObject *selectable)
{
    if (table_reserve(&loop->watches, fd) < 0) {
        return NULL;
    }
    pyr_watch *self = PyMem_RawCalloc(1, sizeof(pyr_watch));
    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    self->loop = loop;
    self->fd = fd;
    self->uses = 1;
    self->ops = ops;
    self->selectable = selectable;
    loop->watches.by_fd[fd] = self;
    return self;
}

pyr_watch *
pyr_watches_find(const pyr_watches *self, PyObject *selectable)
{
    for (int fd = 0; fd < self->capacity; fd++) {
        if (self->by_fd[fd] != NULL && self->by_fd[fd]->selectable == selectable) {
            return self->by_fd[fd];
        }
    }
    return NULL;
}

static void
mark_changed(pyr_watch *self)
{
    pyr_watches *all = &self->loop->watches;
    if (!self->changed) {
        self->changed = true;
        self->uses++;
        self->next_changed = NULL;
        if (all->changed_tail == NULL) {
            all->changed_head = self;
        } else {
            all->changed_tail->next_changed = self;
        }
        all->changed_tail = self;
    }
    pyr_wake_notice(&self->loop->wake);
}

static pyr_watch *
take_changed(pyr_watches *all)
{
    pyr_watch *self = all->changed_head;
    all->changed_head = self->next_changed;
    if (all->changed_head == NULL) {
        all->changed_tail = NULL;
    }
    self->changed = false;
    return self;
}

void
pyr_watch_ask(pyr_watch *self, unsigned asked)
{
    if (asked != self->asked) {
        self->asked = asked;
        mark_changed(self);
    }
}

/* The context in which an event that is wanted from now on, or no more, is handled. */
static void
renew_context(pyr_watch *self, unsigned event)
{
    PyObject **context = &self->contexts[event == PYR_WRITE];
    PyObject *captured = self->wanted & event ? pyr_variables_capture() : NULL;
    if (!(self->wanted & event)) { /* the collector may have run */
        Py_CLEAR(captured);
    }
    Py_XSETREF(*context, captured);
}

static void
renew_contexts(pyr_watch *self, unsigned changed)
{
    self->uses++;
    if (changed & PYR_READ) {
        renew_context(self, PYR_READ);
    }
    if (changed & PYR_WRITE) {
        renew_context(self, PYR_WRITE);
    }
    pyr_watch_release(self);
}

void
pyr_watch_want(pyr_watch *self, PyObject *selectable, unsigned wanted, unsigned asked)
{
    PyObject *owned = self->wanted != 0 ? self->selectable : NULL;
    pyr_watch_ask(self, asked | (self->asked & PYR_READ));
    if (wanted == self->wanted && selectable == self->selectable) {
        return;
    }
    unsigned changed = self->wanted ^ wanted;
    self->wanted = wanted;
    self->selectable = wanted != 0 ? Py_NewRef(selectable) : selectable;
    if (self->loop->guest.is_guest) {
        renew_contexts(self, changed);
    }
    Py_XDECREF(owned);
}

/* libuv's close drops the kernel's registration of the descriptor, even where another
 * watch has meanwhile been registered for it: put that one's back. */
static void
restore_neighbour(pyr_watch *closed)
{
    pyr_watch *other = pyr_watches_get(&closed->loop->watches, closed->fd);
    if (other != NULL && other != closed && other->told != 0) {
        other->told = 0;
        mark_changed(other);
    }
}

static void
close_handle(pyr_watch *self)
{
    self->has_handle = false;
    self->loop->watches.due = true;
    uv_close((uv_handle_t *)&self->handle, on_closed);
    restore_neighbour(self);
}

/* While the loop sleeps, another thread must leave libuv alone.  But the kernel has to
 * forget the descriptor before it is closed: if another process has the file open, too,
 * it would go on reporting it. */
static void
unregister_meanwhile(pyr_watch *self)
{
#ifdef __linux__
    struct epoll_event nothing = {0};
    (void)epoll_ctl(uv_backend_fd(&self->loop->engine->uv), EPOLL_CTL_DEL, self->fd,
                    &nothing);
#else
    (void)self;
#endif
}

void
pyr_watch_close(pyr_watch *self)
{
    Loop *loop = self->loop;
    if (self->closing) {
        return;
    }
    self->closing = true;
    PyObject *owned = self->wanted != 0 ? self->selectable : NULL;
    PyObject *reads_in = self->contexts[0], *writes_in = self->contexts[1];
    if (pyr_watches_get(&loop->watches, self->fd) == self) {
        loop->watches.by_fd[self->fd] = NULL;
    }
    self->selectable = self->contexts[0] = self->contexts[1] = NULL;
    self->wanted = self->asked = 0;
    if (!self->has_handle) {
        pyr_watch_release(self);
    } else if (loop->wake.asleep || loop->forked) {
        if (loop->wake.asleep) {
            unregister_meanwhile(self);
        }
        mark_changed(self);
    } else {
        close_handle(self);
    }
    Py_XDECREF(owned);
    Py_XDECREF(reads_in);
    Py_XDECREF(writes_in);
}

/* ---- collecting ---- */

/*
 * libuv polls again, up to 48 times, while it gets as many events at once as it has room
 * for, and what is not handled yet is reported each time.  One event of a round that is
 * void ends that: that of the watch which was reported after this one in the last round,
 * and so comes next in this one.
 */
static void
end_rounds(pyr_watches *self, pyr_watch *repeated)
{
    pyr_watch *next = repeated->next_ready;
    if (next != NULL) {
        self->ready_again = next->stopped = true;
        (void)uv_poll_stop(&next->handle);
    }
}

/* Without the GIL: another thread may run, which looks at none of this. */
static void
on_poll(uv_poll_t *handle, int status, int uv_events)
{
    pyr_watch *self = (pyr_watch *)handle;
    pyr_watches *all = &self->loop->watches;
    if (self->ready != 0 || self->failed) {
        if (!all->ready_again) {
            end_rounds(all, self);
        }
    } else {
        self->next_ready = NULL;
        if (all->ready_tail == NULL) {
            all->ready_head = self;
        } else {
            all->ready_tail->next_ready = self;
        }
        all->ready_tail = self;
    }
    self->ready |= (uint8_t)uv_events;
    self->failed |= status < 0;
}

void
pyr_watches_settle(Loop *loop)
{
    pyr_watches *self = &loop->watches;
    pyr_watch *closed = self->closed;
    self->closed = NULL;
    self->due = self->ready_again = false;
    while (closed != NULL) {
        pyr_watch *next = closed->next_closed;
        pyr_watch_release(closed);
        closed = next;
    }
    for (pyr_watch *w = self->ready_head; w != NULL; w = w->next_ready) {
        w->uses++;
        if (w->failed || w->stopped) { /* start it again, if that is asked for then */
            w->stopped = false;
            w->told = 0;
            mark_changed(w);
        }
    }
}

pyr_watch *
pyr_watches_take_ready(pyr_watches *self)
{
    pyr_watch *first = self->ready_head;
    if (first != NULL) {
        self->ready_head = first->next_ready;
        if (self->ready_head == NULL) {
            self->ready_tail = NULL;
        }
    }
    return first;
}

void
pyr_watches_forget_ready(pyr_watches *self)
{
    for (pyr_watch *w = self->ready_head; w != NULL; w = w->next_ready) {
        w->ready = 0;
        w->failed = w->stopped = false;
    }
    self->ready_head = self->ready_tail = NULL;
    self->closed = NULL;
}

/* ---- telling libuv ---- */

static int
uv_events_for(pyr_watch *self)
{
    int reading =
        self->ops->asks_for_hang_ups ? UV_READABLE | UV_DISCONNECT : UV_READABLE;
    return (self->asked & PYR_READ ? reading : 0) |
           (self->asked & PYR_WRITE ? UV_WRITABLE : 0);
}

/* libuv makes the descriptor non-blocking: standard input, say, shares that flag with the
 * terminal's other users. */
static int
init_handle(pyr_watch *self)
{
    int flags = self->ops->may_block ? fcntl(self->fd, F_GETFL) : -1;
    int status = uv_poll_init(&self->loop->engine->uv, &self->handle, self->fd);
    if (flags != -1 && !(flags & O_NONBLOCK)) {
        (void)fcntl(self->fd, F_SETFL, flags);
    }
    self->has_handle = status == 0;
    return status;
}

static int
start_handle(pyr_watch *self)
{
    /* Of a descriptor that the kernel does not take, libuv aborts the process. */
    int status = self->has_handle ? -pyr_engine_refuses(self->loop->engine, self->fd)
                                  : init_handle(self);
    if (status == 0) {
        status = uv_poll_start(&self->handle, uv_events_for(self), on_poll);
    }
    if (status == 0 && self->loop->guest.is_guest) {
        status = -pyr_engine_add(self->loop->engine, self->fd);
    }
    return status;
}

/* One that was closed behind our back, or is a file by now, is not watched any more;
 * nobody hears of it, as in stock.  One that libuv takes for its own has the number of
 * what libuv has lost. */
static void
start_failed(pyr_watch *self, int status)
{
    if (status == UV_EEXIST) {
        self->loop->engine_lost = true;
        mark_changed(self);
        return;
    }
    self->asked = self->told = 0;
    if (self->has_handle) {
        (void)uv_poll_stop(&self->handle);
    }
    if (status != UV_EBADF && status != UV_EPERM) {
        pyr_errors_set(-status);
        pyr_errors_keep(self->loop);
    }
}

/* True if the kernel is to be told of it. */
static bool
tell(pyr_watch *self)
{
    if (self->asked == self->told) {
        return false;
    }
    if (self->asked == 0) {
        (void)uv_poll_stop(&self->handle);
    } else {
        int status = start_handle(self);
        if (status < 0) {
            start_failed(self, status);
            return false;
        }
    }
    self->told = (uint8_t)self->asked;
    return self->told != 0;
}

bool
pyr_watches_apply(Loop *loop)
{
    bool news = false;
    while (loop->watches.changed_head != NULL && !loop->engine_lost) {
        pyr_watch *self = take_changed(&loop->watches);
        loop->watches.due = true;
        if (!self->closing) {
            news |= tell(self);
        } else if (self->has_handle) {
            close_handle(self);
        }
        pyr_watch_release(self);
    }
    return news;
}

/* Forget what libuv's loop, which is no longer used, knew of the watch. */
static void
forget_handle(pyr_watch *self)
{
    if (self->has_handle) {
        self->has_handle = false;
        if (self->closing) {
            pyr_watch_release(self);
        }
    }
}

/* Where libuv's loop was lost, what is closed was closed with it: the number is not
 * watched any more, and may become the next engine's own.  Where it is only to be told
 * anew, it must not go on with what it was to stop. */
static void
renew(pyr_watch *self, bool lost)
{
    if (lost) {
        forget_handle(self);
        if (fcntl(self->fd, F_GETFD) < 0) {
            self->asked = 0;
        }
    } else if (self->has_handle) {
        (void)uv_poll_stop(&self->handle);
    }
    self->told = 0;
    mark_changed(self);
}

void
pyr_watches_renew(Loop *loop, bool lost)
{
    pyr_watches *self = &loop->watches;
    for (pyr_watch *w = self->changed_head; lost && w != NULL; w = w->next_changed) {
        forget_handle(w);
    }
    for (int fd = 0; fd < self->capacity; fd++) {
        if (self->by_fd[fd] != NULL) {
            renew(self->by_fd[fd], lost);
        }
    }
}

/* ---- all of them ---- */

int
pyr_watches_traverse(pyr_watches *self, visitproc visit, void *arg)
{
    for (int fd = 0; fd < self->capacity; fd++) {
        if (self->by_fd[fd] != NULL && self->by_fd[fd]->wanted != 0) {
            Py_VISIT(self->by_fd[fd]->selectable);
            Py_VISIT(self->by_fd[fd]->contexts[0]);
            Py_VISIT(self->by_fd[fd]->contexts[1]);
        }
    }
    return 0;
}

void
pyr_watches_close_all(Loop *loop)
{
    pyr_watches *self = &loop->watches;
    pyr_watch *watch;
    for (int fd = 0; fd < self->capacity; fd++) {
        watch = self->by_fd[fd];
        if (watch != NULL && watch->ops->keeps_watch) {
            watch->ops->forget((struct Selectable *)watch->selectable);
        } else if (watch != NULL) {
            pyr_watch_close(watch);
        }
    }
    while ((watch = pyr_watches_take_ready(self)) != NULL) {
        pyr_watch_release(watch);
    }
    (void)pyr_watches_apply(loop);
}

void
pyr_watches_free(pyr_watches *self)
{
    PyMem_Free(self->by_fd);
    *self = (pyr_watches){0};
}
