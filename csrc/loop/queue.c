/* The kernel's queue; see queue.h. */
#include "loop/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#if PYR_QUEUE_IS_EPOLL

int
pyr_queue_open(pyr_queue *self)
{
    self->next = self->count = 0;
    return -uv_loop_init(&self->uv);
}

int
pyr_queue_fork(pyr_queue *self)
{
    self->next = self->count = 0;
    return -uv_loop_fork(&self->uv);
}

void
pyr_queue_close(pyr_queue *self)
{
    (void)uv_loop_close(&self->uv);
}

static int
control(pyr_queue *self, int operation, int fd, uint64_t token, unsigned asked)
{
    struct epoll_event event = {
        .events = (asked & PYR_READ ? EPOLLIN : 0u) | (asked & PYR_WRITE ? EPOLLOUT : 0u),
        .data.u64 = token,
    };
    int status = epoll_ctl(pyr_queue_descriptor(self), operation, fd, &event);
    return status < 0 ? errno : 0;
}

bool
pyr_queue_has(pyr_queue *self, int fd, uint64_t token)
{
    int error = control(self, EPOLL_CTL_MOD, fd, token, PYR_READ);
    return error == 0 || error == ENOMEM; /* the kernel had found both by then */
}

int
pyr_queue_watch(pyr_queue *self, int fd, uint64_t token, unsigned before, unsigned after)
{
    if (after == 0) {
        return control(self, EPOLL_CTL_DEL, fd, token, 0);
    }
    bool anew = (before & after) == 0;
    if (anew && before != 0) { /* as in stock, behind what is ready already */
        (void)control(self, EPOLL_CTL_DEL, fd, token, 0);
    }
    int operation = anew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    int error = control(self, operation, fd, token, after);
    /* The number may have become another file's, and that of a file which is watched. */
    if (error == ENOENT) {
        error = control(self, EPOLL_CTL_ADD, fd, token, after);
    } else if (error == EEXIST) {
        error = control(self, EPOLL_CTL_MOD, fd, token, after);
    }
    return error;
}

bool
pyr_queue_wait(pyr_queue *self, int milliseconds)
{
    self->next = self->count = 0;
    int count =
        epoll_wait(pyr_queue_descriptor(self), self->found, PYR_MOST_FOUND, milliseconds);
    self->count = count < 0 ? 0 : count;
    return count < 0 && errno == EINTR;
}

bool
pyr_queue_found(const pyr_queue *self, uint64_t token)
{
    int i = 0;
    while (i < self->count && self->found[i].data.u64 != token) {
        i++;
    }
    return i < self->count;
}

bool
pyr_queue_take(pyr_queue *self, pyr_found *event)
{
    if (self->next == self->count) {
        return false;
    }
    const struct epoll_event *found = &self->found[self->next++];
    event->token = found->data.u64;
    event->events = (found->events & EPOLLIN ? PYR_READ : 0) |
                    (found->events & EPOLLOUT ? PYR_WRITE : 0) |
                    (found->events & (EPOLLERR | EPOLLHUP) ? PYR_HANG_UP : 0);
    return true;
}

#else

/* What libuv has of a descriptor; it lives until libuv has closed it. */
typedef struct pyr_poll {
    uv_poll_t handle;
    pyr_queue *queue;
    uint64_t token;
    struct pyr_poll *next_pending;
    ino_t inode;
    int fd;
    unsigned asked;
    bool found;   /* is among what was found */
    bool pending; /* libuv is to be told to watch it */
} pyr_poll;

/* Has the number become another file's, or is it closed? */
static bool
is_another(int fd, ino_t inode)
{
    struct stat now;
    return fstat(fd, &now) < 0 || now.st_ino != inode;
}

static ino_t
inode_of(int fd)
{
    struct stat now;
    return fstat(fd, &now) < 0 ? 0 : now.st_ino;
}

int
pyr_queue_open(pyr_queue *self)
{
    self->next = self->count = self->capacity = 0;
    self->polls = self->found = NULL;
    self->pending = NULL;
    int error = -uv_loop_init(&self->uv);
    self->inode = error == 0 ? inode_of(pyr_queue_descriptor(self)) : 0;
    return error;
}

static void
on_closed(uv_handle_t *handle)
{
    PyMem_RawFree(handle);
}

static pyr_poll *
get_poll(const pyr_queue *self, int fd)
{
    return fd >= 0 && fd < self->capacity ? self->polls[fd] : NULL;
}

/* Should it be pending, it stays so until libuv runs, which frees it after that. */
static void
drop_poll(pyr_queue *self, int fd)
{
    pyr_poll *poll = get_poll(self, fd);
    if (poll == NULL) {
        return;
    }
    for (int i = self->next; poll->found && i < self->count; i++) {
        if (self->found[i] == poll) {
            self->found[i] = NULL;
        }
    }
    self->polls[fd] = NULL;
    uv_close((uv_handle_t *)&poll->handle, on_closed);
}

static void
drop_all(pyr_queue *self)
{
    for (int fd = 0; fd < self->capacity; fd++) {
        drop_poll(self, fd);
    }
}

int
pyr_queue_fork(pyr_queue *self)
{
    int error = -uv_loop_fork(&self->uv);
    drop_all(self);
    self->next = self->count = 0;
    self->inode = inode_of(pyr_queue_descriptor(self));
    return error;
}

void
pyr_queue_close(pyr_queue *self)
{
    drop_all(self);
    /* A forked child that got no queue has none to look into: what libuv has not freed
     * yet stays. */
    while (pyr_queue_descriptor(self) >= 0 && uv_run(&self->uv, UV_RUN_NOWAIT) != 0) {
    }
    (void)uv_loop_close(&self->uv);
    PyMem_RawFree(self->polls);
    PyMem_RawFree(self->found);
}

bool
pyr_queue_has(pyr_queue *self, int fd, uint64_t Py_UNUSED(token))
{
    const pyr_poll *poll = get_poll(self, fd);
    return !is_another(pyr_queue_descriptor(self), self->inode) && poll != NULL &&
           !is_another(fd, poll->inode);
}

static void
mark_pending(pyr_poll *self)
{
    if (!self->pending) {
        self->pending = true;
        self->next_pending = self->queue->pending;
        self->queue->pending = self;
    }
}

/* After an error libuv watches no more, until it is told again. */
static void
on_poll(uv_poll_t *handle, int status, int Py_UNUSED(events))
{
    pyr_poll *poll = (pyr_poll *)handle;
    pyr_queue *self = poll->queue;
    if (status < 0) {
        mark_pending(poll);
    }
    if (!poll->found && self->count < self->capacity) {
        poll->found = true;
        self->found[self->count++] = poll;
    }
}

/* As many can be found as there are descriptors. */
static int
reserve_polls(pyr_queue *self, int fd)
{
    if (fd < self->capacity) {
        return 0;
    }
    int capacity = fd < 64 ? 128 : fd * 2;
    size_t size = (size_t)capacity * sizeof(pyr_poll *);
    pyr_poll **found = PyMem_RawRealloc(self->found, size);
    if (found == NULL) {
        return ENOMEM;
    }
    self->found = found;
    pyr_poll **polls = PyMem_RawRealloc(self->polls, size);
    if (polls == NULL) {
        return ENOMEM;
    }
    memset(polls + self->capacity, 0,
           (size_t)(capacity - self->capacity) * sizeof(pyr_poll *));
    self->polls = polls;
    self->capacity = capacity;
    return 0;
}

/* libuv asks the kernel whether it takes the descriptor, and makes it non-blocking, which
 * is for its owner to do. */
static int
add_poll(pyr_queue *self, int fd)
{
    int error = reserve_polls(self, fd);
    pyr_poll *poll = error == 0 ? PyMem_RawCalloc(1, sizeof(pyr_poll)) : NULL;
    if (poll == NULL) {
        return ENOMEM;
    }
    int flags = fcntl(fd, F_GETFL);
    error = -uv_poll_init(&self->uv, &poll->handle, fd);
    if (flags >= 0 && !(flags & O_NONBLOCK)) {
        (void)fcntl(fd, F_SETFL, flags);
    }
    if (error != 0) {
        PyMem_RawFree(poll);
        return error;
    }
    poll->queue = self;
    poll->fd = fd;
    poll->inode = inode_of(fd);
    self->polls[fd] = poll;
    return 0;
}

int
pyr_queue_watch(pyr_queue *self, int fd, uint64_t token, unsigned Py_UNUSED(before),
                unsigned after)
{
    pyr_poll *poll = get_poll(self, fd);
    int error = 0;
    if (after == 0 || poll == NULL || is_another(fd, poll->inode)) {
        drop_poll(self, fd);
        error = after != 0 ? add_poll(self, fd) : 0;
    }
    if (error == 0 && after != 0) {
        poll = self->polls[fd];
        poll->token = token;
        poll->asked = after;
        mark_pending(poll);
    }
    return error;
}

/* libuv ends the process where the kernel does not take a descriptor, or where its queue
 * is another file by now: no Python code may run between these questions and libuv. */
static void
run_libuv(pyr_queue *self)
{
    if (is_another(pyr_queue_descriptor(self), self->inode)) {
        return;
    }
    while (self->pending != NULL) {
        pyr_poll *poll = self->pending;
        self->pending = poll->next_pending;
        poll->pending = false;
        if (get_poll(self, poll->fd) != poll) {
            continue; /* dropped */
        }
        if (is_another(poll->fd, poll->inode)) {
            drop_poll(self, poll->fd);
            continue;
        }
        (void)uv_poll_start(&poll->handle,
                            (poll->asked & PYR_READ ? UV_READABLE : 0) |
                                (poll->asked & PYR_WRITE ? UV_WRITABLE : 0),
                            on_poll);
    }
    (void)uv_run(&self->uv, UV_RUN_NOWAIT);
}

void
pyr_queue_flush(pyr_queue *self)
{
    if (self->pending != NULL) {
        run_libuv(self);
    }
}

/* libuv swallows signals, and sleeps by timers of its own only: sleep without it. */
bool
pyr_queue_wait(pyr_queue *self, int milliseconds)
{
    struct pollfd queue = {.fd = pyr_queue_descriptor(self), .events = POLLIN};
    bool interrupted = false;
    self->next = self->count = 0;
    run_libuv(self);
    if (self->count == 0 && milliseconds != 0) {
        interrupted = poll(&queue, 1, milliseconds) < 0 && errno == EINTR;
        run_libuv(self);
    }
    return interrupted;
}

bool
pyr_queue_found(const pyr_queue *self, uint64_t token)
{
    int i = self->next;
    while (i < self->count &&
           (self->found[i] == NULL || self->found[i]->token != token)) {
        i++;
    }
    return i < self->count;
}

/* libuv does not tell hang-ups from what can be read or written: ask the kernel. */
static int
ask_kernel(const pyr_poll *self)
{
    struct pollfd look = {.fd = self->fd};
    look.events = (short)((self->asked & PYR_READ ? POLLIN : 0) |
                          (self->asked & PYR_WRITE ? POLLOUT : 0));
    (void)poll(&look, 1, 0);
    return (look.revents & POLLIN ? PYR_READ : 0) |
           (look.revents & POLLOUT ? PYR_WRITE : 0) |
           (look.revents & (POLLERR | POLLHUP) ? PYR_HANG_UP : 0);
}

/* What is not ready any more is passed over. */
bool
pyr_queue_take(pyr_queue *self, pyr_found *event)
{
    event->events = 0;
    while (self->next < self->count && event->events == 0) {
        pyr_poll *poll = self->found[self->next++];
        if (poll != NULL) {
            poll->found = false;
            event->token = poll->token;
            event->events = ask_kernel(poll);
        }
    }
    return event->events != 0;
}

#endif
