/* Watches: descriptors in the kernel's queue; see watch.h. */
#include "loop/watch.h"

#include <errno.h>
#include <fcntl.h>

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

/* ---- telling the kernel ---- */

/* A child's queue is its own only once it waits.  A thread that waits may have the queue
 * for itself. */
static bool
queue_is_free(const Loop *loop)
{
    return loop->engine != NULL && !loop->forked &&
           (PYR_QUEUE_IS_DIRECT || !loop->wake.asleep);
}

/* Have the kernel watch for exactly these events; 0 or its errno. */
static int
tell(pyr_watch *self, unsigned asked)
{
    uint64_t token = (uint64_t)self->number << 32 | (uint32_t)self->fd;
    int error = 0;
    if (asked != self->told) {
        error = pyr_queue_watch(&self->loop->engine->queue, self->fd, token, self->told,
                                asked);
        self->told = error == 0 ? asked : 0;
    }
    return error;
}

/* Would the kernel watch it?  It is told in any case: now, or when the loop waits. */
static int
tell_first(pyr_watch *self)
{
    if (!queue_is_free(self->loop)) {
        mark_changed(self);
        return 0;
    }
    int error = tell(self, self->asked != 0 ? self->asked : PYR_READ);
    if (error == 0) {
        error = tell(self, self->asked);
    }
    if (error == 0 && self->asked != 0 && !PYR_QUEUE_IS_DIRECT) {
        mark_changed(self);
    }
    return error;
}

static void
forget(pyr_watch *self)
{
    if (self->told != 0 && queue_is_free(self->loop)) {
        (void)tell(self, 0);
    }
    self->told = 0;
}

/* One that was closed behind our back, or is a file by now, is not watched any more;
 * nobody hears of it, as in stock.  Others end with the error, as the next event. */
static void
refuse(pyr_watch *self, int error)
{
    pyr_watches *all = &self->loop->watches;
    self->asked = 0;
    if (error != EBADF && error != EPERM && self->refused == 0) {
        self->refused = (int16_t)error;
        self->uses++;
        self->next_refused = all->refused;
        all->refused = self;
    }
}

void
pyr_watches_apply(Loop *loop)
{
    while (loop->watches.changed_head != NULL) {
        pyr_watch *self = take_changed(&loop->watches);
        if (self->asked != self->told) { /* then of what is given up, too */
            self->asked &= self->wanted;
        }
        int error = self->closing ? 0 : tell(self, self->asked);
        if (error != 0) {
            refuse(self, error);
        }
        pyr_watch_release(self);
    }
    pyr_queue_flush(&loop->engine->queue);
}

/* ---- a watch's beginning ---- */

int
pyr_watch_new(Loop *loop, int fd, const pyr_selectable_ops *ops, PyObject *selectable,
              unsigned asked, pyr_watch **watch)
{
    if (table_reserve(&loop->watches, fd) < 0) {
        return -1;
    }
    pyr_watch *self = PyMem_RawCalloc(1, sizeof(pyr_watch));
    if (self == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->loop = loop;
    self->fd = fd;
    self->number = ++loop->watches.numbers;
    self->uses = 1;
    self->ops = ops;
    self->selectable = selectable;
    self->asked = asked;
    int error = tell_first(self);
    if (error != 0) {
        pyr_watch_release(self);
        return error;
    }
    *watch = loop->watches.by_fd[fd] = self;
    return 0;
}

/* ---- what it is to watch for ---- */

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
    forget(self);
    pyr_watch_release(self);
    Py_XDECREF(owned);
    Py_XDECREF(reads_in);
    Py_XDECREF(writes_in);
}

/* ---- what was found ---- */

/* A thread that waits, without the GIL, has for itself what is found. */
static bool
found_is_free(const Loop *loop)
{
    return loop->engine != NULL && !loop->wake.asleep;
}

bool
pyr_watches_any(const Loop *loop)
{
    return loop->watches.refused != NULL ||
           (found_is_free(loop) && pyr_queue_has_found(&loop->engine->queue));
}

static pyr_watch *
take_refused(pyr_watches *self)
{
    pyr_watch *first = self->refused;
    self->refused = first->next_refused;
    return first;
}

/* The watch that has the token.  A descriptor that has none any more may still be known
 * to the kernel, where it was closed behind our back and is open elsewhere; unless the
 * token is of a queue that has the number of the engine's. */
static pyr_watch *
find_by_token(Loop *loop, uint64_t token)
{
    int fd = (int)(uint32_t)token;
    pyr_watch *watch = pyr_watches_get(&loop->watches, fd);
    if (watch == NULL && pyr_engine_is_whole(loop->engine)) {
        (void)pyr_queue_watch(&loop->engine->queue, fd, token, PYR_READ, 0);
    }
    return watch != NULL && watch->number == token >> 32 ? watch : NULL;
}

pyr_watch *
pyr_watches_take(Loop *loop, int *events)
{
    pyr_watch *watch = NULL;
    pyr_found found = {0};
    if (loop->watches.refused != NULL) {
        *events = 0;
        return take_refused(&loop->watches);
    }
    while (watch == NULL && found_is_free(loop) && !loop->forked &&
           pyr_engine_take(loop->engine, &found)) {
        watch = find_by_token(loop, found.token);
    }
    if (watch != NULL) {
        watch->uses++;
    }
    *events = found.events;
    return watch;
}

/* Where the queue was lost, what is closed was closed with it: the number is not watched
 * any more, and may become the next engine's own. */
void
pyr_watches_renew(Loop *loop, bool lost)
{
    pyr_watches *self = &loop->watches;
    for (int fd = 0; fd < self->capacity; fd++) {
        pyr_watch *watch = self->by_fd[fd];
        if (watch != NULL) {
            watch->told = 0;
            if (lost && fcntl(fd, F_GETFD) < 0) {
                watch->asked = 0;
            }
            mark_changed(watch);
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
    for (int fd = 0; fd < self->capacity; fd++) {
        pyr_watch *watch = self->by_fd[fd];
        if (watch != NULL && watch->ops->keeps_watch) {
            watch->ops->forget((struct Selectable *)watch->selectable);
        } else if (watch != NULL) {
            pyr_watch_close(watch);
        }
    }
    while (self->refused != NULL) {
        pyr_watch_release(take_refused(self));
    }
    while (self->changed_head != NULL) {
        pyr_watch_release(take_changed(self));
    }
}

void
pyr_watches_free(pyr_watches *self)
{
    PyMem_Free(self->by_fd);
    *self = (pyr_watches){0};
}
