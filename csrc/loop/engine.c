/* The libuv loop below a Loop; see engine.h. */
#include <Python.h>

#include "loop/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/epoll.h>
#include <sys/eventfd.h>
#endif

/* ---- the standard descriptors ---- */

#define STANDARD 3 /* descriptors 0, 1, 2 */

/* Descriptors that fill the places of closed standard ones while libuv opens its own. */
typedef struct {
    int fds[STANDARD];
    int count;
} placeholders;

static int
any_descriptor(void)
{
#ifdef SOCK_CLOEXEC
    return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
#else
    return socket(AF_UNIX, SOCK_DGRAM, 0);
#endif
}

static void
places_hold(placeholders *self)
{
    self->count = 0;
    for (;;) {
        int fd = any_descriptor();
        if (fd < 0 || fd >= STANDARD) {
            if (fd >= STANDARD) {
                (void)close(fd);
            }
            return;
        }
        self->fds[self->count++] = fd;
    }
}

static void
places_give_back(placeholders *self)
{
    while (self->count > 0) {
        (void)close(self->fds[--self->count]);
    }
}

/* In a forked child libuv itself closes and opens descriptors, before any Python code:
 * these two stand around that. */
static placeholders held_by_child;

static void
before_libuv_in_child(void)
{
    places_hold(&held_by_child);
}

static void
after_libuv_in_child(void)
{
    places_give_back(&held_by_child);
}

/* libuv registers its own handler when its first loop is made, and such handlers run in
 * the order of their registration: the first here comes before that, the last after. */
static pthread_once_t first_handler = PTHREAD_ONCE_INIT;
static pthread_once_t last_handler = PTHREAD_ONCE_INIT;

static void
register_first(void)
{
    (void)pthread_atfork(NULL, NULL, before_libuv_in_child);
}

static void
register_last(void)
{
    (void)pthread_atfork(NULL, NULL, after_libuv_in_child);
}

static int
init_uv(uv_loop_t *uv)
{
    placeholders places;
    (void)pthread_once(&first_handler, register_first);
    places_hold(&places);
    int status = uv_loop_init(uv);
    places_give_back(&places);
    (void)pthread_once(&last_handler, register_last);
    return -status;
}

/* ---- the wake-up ---- */

static int
open_wake(int ends[2])
{
    placeholders places;
    int status;
    places_hold(&places);
#ifdef __linux__
    ends[0] = ends[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    status = ends[0] < 0 ? errno : 0;
#else
    status = pipe(ends) < 0 ? errno : 0;
    for (int i = 0; i < 2 && status == 0; i++) {
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
#endif
    places_give_back(&places);
    return status;
}

static void
close_wake(const int ends[2])
{
    (void)close(ends[0]);
    if (ends[1] != ends[0]) {
        (void)close(ends[1]);
    }
}

static void
on_wake(uv_poll_t *handle, int Py_UNUSED(status), int Py_UNUSED(events))
{
    pyr_engine *self = handle->data;
    char data[64];
    while (read(self->wake_fd, data, sizeof(data)) == (ssize_t)sizeof(data)) {
    }
}

void
pyr_engine_wake(pyr_engine *self)
{
    /* Should the descriptor be another's by now, that one is not written to. */
    if (pyr_engine_is_whole(self)) {
        uint64_t one = 1;
        ssize_t ignored = write(self->wake_end, &one, sizeof(one));
        (void)ignored; /* a full one is readable as well */
    }
}

/* ---- opening and closing ---- */

static int
watch_wake(pyr_engine *self)
{
    int status = uv_poll_init(&self->uv, &self->waker, self->wake_fd);
    if (status == 0) {
        self->waker.data = self;
        status = uv_poll_start(&self->waker, UV_READABLE, on_wake);
    }
    return -status;
}

pyr_engine *
pyr_engine_open(int *error)
{
    int ends[2];
    pyr_engine *self = PyMem_RawCalloc(1, sizeof(pyr_engine));
    if (self == NULL) {
        *error = ENOMEM;
        return NULL;
    }
    *error = open_wake(ends);
    if (*error != 0) {
        PyMem_RawFree(self);
        return NULL;
    }
    self->wake_fd = ends[0];
    self->wake_end = ends[1];
    *error = init_uv(&self->uv);
    if (*error == 0) {
        (void)uv_timer_init(&self->uv, &self->alarm);
        *error = watch_wake(self);
        if (*error == 0) {
            /* Now, while nobody can have closed them, the kernel is told of libuv's own
             * descriptors. */
            pyr_engine_run(self, UV_RUN_NOWAIT);
            return self;
        }
        uv_close((uv_handle_t *)&self->alarm, NULL);
        (void)uv_run(&self->uv, UV_RUN_NOWAIT);
        (void)uv_loop_close(&self->uv);
    }
    close_wake(ends);
    PyMem_RawFree(self);
    return NULL;
}

bool
pyr_engine_is_whole(pyr_engine *self)
{
#ifdef __linux__
    struct epoll_event same = {.events = EPOLLIN, .data.fd = self->wake_fd};
    int queue = uv_backend_fd(&self->uv);
    /* Asked first: from another thread's sight, the kernel may be told meanwhile. */
    bool fresh = atomic_load_explicit(&self->fresh, memory_order_acquire);
    return epoll_ctl(queue, EPOLL_CTL_MOD, self->wake_fd, &same) == 0 ||
           (fresh && errno == ENOENT);
#else
    return fcntl(uv_backend_fd(&self->uv), F_GETFD) >= 0 &&
           fcntl(self->wake_fd, F_GETFD) >= 0;
#endif
}

/* Events that are asked for with no place to put them stay where they are, and in their
 * order, and the kernel says EFAULT.  That takes a third of the time of poll(2). */
bool
pyr_engine_may_have_events(pyr_engine *self)
{
    int queue = uv_backend_fd(&self->uv);
#ifdef __linux__
    return epoll_wait(queue, self->nowhere, 1, 0) != 0;
#else
    struct pollfd look = {.fd = queue, .events = POLLIN};
    return poll(&look, 1, 0) != 0;
#endif
}

/* The parent's wake-up gets another file behind its number, as libuv knows that. */
static int
replace_wake(pyr_engine *self)
{
    int ends[2];
    int error = open_wake(ends);
    if (error != 0) {
        return error;
    }
    if (dup2(ends[0], self->wake_fd) < 0 || dup2(ends[1], self->wake_end) < 0) {
        error = errno;
    }
    (void)fcntl(self->wake_fd, F_SETFD, FD_CLOEXEC);
    (void)fcntl(self->wake_end, F_SETFD, FD_CLOEXEC);
    close_wake(ends);
    return error;
}

int
pyr_engine_fork(pyr_engine *self)
{
    placeholders places;
    int error = replace_wake(self);
    if (error == 0) {
        places_hold(&places);
        error = -uv_loop_fork(&self->uv);
        places_give_back(&places);
        self->fresh = true;
    }
    return error;
}

void
pyr_engine_close(pyr_engine *self)
{
    int ends[2] = {self->wake_fd, self->wake_end};
    uv_close((uv_handle_t *)&self->waker, NULL);
    uv_close((uv_handle_t *)&self->alarm, NULL);
    while (uv_run(&self->uv, UV_RUN_NOWAIT) != 0) {
    }
    (void)uv_loop_close(&self->uv);
    close_wake(ends);
    PyMem_RawFree(self);
}

/* ---- running ---- */

void
pyr_engine_run(pyr_engine *self, uv_run_mode mode)
{
    (void)uv_run(&self->uv, mode);
    if (atomic_load_explicit(&self->fresh, memory_order_relaxed)) {
        atomic_store_explicit(&self->fresh, false, memory_order_release);
    }
}

/* The alarm only ends the sleep; what is due is found by our own heap.  It must end also
 * a sleep that has not begun: libuv before 1.45 runs its timers before it polls, and
 * would then sleep without any limit if other processes had the processor since the alarm
 * was set. */
static void
on_alarm(uv_timer_t *handle)
{
    uv_stop(handle->loop);
}

void
pyr_engine_limit(pyr_engine *self, double milliseconds)
{
    if (milliseconds < 0) {
        (void)uv_timer_stop(&self->alarm);
    } else {
        uv_update_time(&self->uv);
        (void)uv_timer_start(&self->alarm, on_alarm, (uint64_t)milliseconds, 0);
    }
}

int
pyr_engine_refuses(pyr_engine *self, int fd)
{
#ifdef __linux__
    struct epoll_event nothing = {0};
    bool takes = epoll_ctl(uv_backend_fd(&self->uv), EPOLL_CTL_MOD, fd, &nothing) == 0 ||
                 errno == ENOENT;
#else
    (void)self;
    bool takes = fcntl(fd, F_GETFD) >= 0;
#endif
    return takes ? 0 : errno;
}

int
pyr_engine_add(pyr_engine *self, int fd)
{
#ifdef __linux__
    struct epoll_event nothing = {0};
    bool takes = epoll_ctl(uv_backend_fd(&self->uv), EPOLL_CTL_ADD, fd, &nothing) == 0 ||
                 errno == EEXIST;
    return takes ? 0 : errno;
#else
    (void)self;
    (void)fd;
    return 0;
#endif
}
