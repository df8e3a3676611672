/* The kernel's queue; see queue.h. */
#include "loop/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

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
    return control(self, EPOLL_CTL_MOD, fd, token, PYR_READ) == 0;
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

void
pyr_queue_wait(pyr_queue *self, int milliseconds)
{
    self->next = self->count = 0;
    int count =
        epoll_wait(pyr_queue_descriptor(self), self->found, PYR_MOST_FOUND, milliseconds);
    self->count = count < 0 ? 0 : count;
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
    int fd;
    unsigned asked;
    bool found; /* is among what was found */
} pyr_poll;

int
pyr_queue_open(pyr_queue *self)
{
    self->next = self->count = self->capacity = 0;
    self->polls = NULL;
    self->told = false;
    return -uv_loop_init(&self->uv);
}

static void
on_closed(uv_handle_t *handle)
{
    PyMem_RawFree(handle);
}

static void
drop_poll(pyr_queue *self, pyr_poll *poll)
{
    for (int i = self->next; poll->found && i < self->count; i++) {
        if (self->found[i] == poll) {
            self->found[i] = NULL;
        }
    }
    self->polls[poll->fd] = NULL;
    self->told = true;
    uv_close((uv_handle_t *)&poll->handle, on_closed);
}

static void
drop_all(pyr_queue *self)
{
    for (int fd = 0; fd < self->capacity; fd++) {
        if (self->polls[fd] != NULL) {
            drop_poll(self, self->polls[fd]);
        }
    }
}

int
pyr_queue_fork(pyr_queue *self)
{
    int error = -uv_loop_fork(&self->uv);
    drop_all(self);
    self->next = self->count = 0;
    return error;
}

void
pyr_queue_close(pyr_queue *self)
{
    drop_all(self);
    while (uv_run(&self->uv, UV_RUN_NOWAIT) != 0) {
    }
    (void)uv_loop_close(&self->uv);
    PyMem_RawFree(self->polls);
}

bool
pyr_queue_has(pyr_queue *self, int fd, uint64_t Py_UNUSED(token))
{
    return fcntl(pyr_queue_descriptor(self), F_GETFD) >= 0 && fcntl(fd, F_GETFD) >= 0;
}

static void
on_poll(uv_poll_t *handle, int Py_UNUSED(status), int Py_UNUSED(events))
{
    pyr_poll *poll = (pyr_poll *)handle;
    pyr_queue *self = poll->queue;
    if (!poll->found && self->count < PYR_MOST_FOUND) {
        poll->found = true;
        self->found[self->count++] = poll;
    }
}

static int
poll_for(pyr_queue *self, int fd, pyr_poll **found)
{
    if (fd >= self->capacity) {
        int capacity = fd < 64 ? 128 : fd * 2;
        pyr_poll **polls =
            PyMem_RawRealloc(self->polls, (size_t)capacity * sizeof(pyr_poll *));
        if (polls == NULL) {
            return ENOMEM;
        }
        memset(polls + self->capacity, 0,
               (size_t)(capacity - self->capacity) * sizeof(pyr_poll *));
        self->polls = polls;
        self->capacity = capacity;
    }
    *found = self->polls[fd];
    if (*found != NULL) {
        return 0;
    }
    pyr_poll *poll = PyMem_RawCalloc(1, sizeof(pyr_poll));
    if (poll == NULL) {
        return ENOMEM;
    }
    /* libuv makes the descriptor non-blocking, which is for its owner to do. */
    int flags = fcntl(fd, F_GETFL);
    int error = -uv_poll_init(&self->uv, &poll->handle, fd);
    if (error != 0) {
        PyMem_RawFree(poll);
        return error;
    }
    (void)fcntl(fd, F_SETFL, flags);
    poll->queue = self;
    poll->fd = fd;
    *found = self->polls[fd] = poll;
    return 0;
}

int
pyr_queue_watch(pyr_queue *self, int fd, uint64_t token, unsigned Py_UNUSED(before),
                unsigned after)
{
    pyr_poll *poll;
    if (after == 0) {
        if (fd < self->capacity && self->polls[fd] != NULL) {
            drop_poll(self, self->polls[fd]);
        }
        return 0;
    }
    int error = poll_for(self, fd, &poll);
    if (error == 0) {
        poll->token = token;
        poll->asked = after;
        self->told = true;
        error = -uv_poll_start(&poll->handle,
                               (after & PYR_READ ? UV_READABLE | UV_DISCONNECT : 0) |
                                   (after & PYR_WRITE ? UV_WRITABLE : 0),
                               on_poll);
    }
    return error;
}

void
pyr_queue_flush(pyr_queue *self)
{
    if (self->told) {
        self->told = false;
        (void)uv_run(&self->uv, UV_RUN_NOWAIT);
    }
}

/* libuv swallows signals, and sleeps by timers of its own only: sleep without it. */
void
pyr_queue_wait(pyr_queue *self, int milliseconds)
{
    struct pollfd queue = {.fd = pyr_queue_descriptor(self), .events = POLLIN};
    self->next = self->count = 0;
    self->told = true;
    pyr_queue_flush(self);
    if (self->count == 0 && milliseconds != 0) {
        (void)poll(&queue, 1, milliseconds);
        (void)uv_run(&self->uv, UV_RUN_NOWAIT);
    }
}

bool
pyr_queue_found(const pyr_queue *self, uint64_t token)
{
    int i = 0;
    while (i < self->count && self->found[i]->token != token) {
        i++;
    }
    return i < self->count;
}

/* libuv does not tell hang-ups from what can be read or written, and stops after an
 * error: what came is asked of the kernel, and libuv told anew. */
bool
pyr_queue_take(pyr_queue *self, pyr_found *event)
{
    while (self->next < self->count && self->found[self->next] == NULL) {
        self->next++;
    }
    if (self->next == self->count) {
        return false;
    }
    pyr_poll *found = self->found[self->next++];
    struct pollfd look = {.fd = found->fd};
    look.events = (short)((found->asked & PYR_READ ? POLLIN : 0) |
                          (found->asked & PYR_WRITE ? POLLOUT : 0));
    (void)poll(&look, 1, 0);
    found->found = false;
    event->token = found->token;
    event->events = (look.revents & POLLIN ? PYR_READ : 0) |
                    (look.revents & POLLOUT ? PYR_WRITE : 0) |
                    (look.revents & (POLLERR | POLLHUP) ? PYR_HANG_UP : 0);
    if (look.revents & (POLLERR | POLLNVAL)) {
        (void)pyr_queue_watch(self, found->fd, found->token, 0,
                              look.revents & POLLNVAL ? 0 : found->asked);
    }
    return true;
}

#endif
