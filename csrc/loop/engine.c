/* The libuv loop below a Loop; see engine.h. */
#include <Python.h>

#include "loop/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

#define WAKE_TOKEN UINT64_MAX

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
open_queue(pyr_queue *queue)
{
    placeholders places;
    (void)pthread_once(&first_handler, register_first);
    places_hold(&places);
    int error = pyr_queue_open(queue);
    places_give_back(&places);
    (void)pthread_once(&last_handler, register_last);
    return error;
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

static int
watch_wake(pyr_engine *self)
{
    int error = pyr_queue_watch(&self->queue, self->wake_fd, WAKE_TOKEN, 0, PYR_READ);
    pyr_queue_flush(&self->queue);
    return error;
}

bool
pyr_engine_wake(pyr_engine *self)
{
    /* Should the descriptor be another's by now, that one is not written to. */
    if (!pyr_engine_is_whole(self)) {
        return false;
    }
    uint64_t one = 1;
    ssize_t ignored = write(self->wake_end, &one, sizeof(one));
    (void)ignored; /* a full one is readable as well */
    return true;
}

/* ---- opening and closing ---- */

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
    *error = open_queue(&self->queue);
    if (*error == 0) {
        *error = watch_wake(self);
        if (*error == 0) {
            return self;
        }
        pyr_queue_close(&self->queue);
    }
    close_wake(ends);
    PyMem_RawFree(self);
    return NULL;
}

bool
pyr_engine_is_whole(pyr_engine *self)
{
    return pyr_queue_has(&self->queue, self->wake_fd, WAKE_TOKEN);
}

/* The parent's wake-up gets another file behind its number. */
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
        error = pyr_queue_fork(&self->queue);
        places_give_back(&places);
    }
    return error != 0 ? error : watch_wake(self);
}

void
pyr_engine_close(pyr_engine *self)
{
    int ends[2] = {self->wake_fd, self->wake_end};
    pyr_queue_close(&self->queue);
    close_wake(ends);
    PyMem_RawFree(self);
}

/* ---- events ---- */

/* The wake-up is read at once: later its number may be another file's. */
bool
pyr_engine_wait(pyr_engine *self, int milliseconds)
{
    char data[64];
    bool interrupted = pyr_queue_wait(&self->queue, milliseconds);
    if (pyr_queue_found(&self->queue, WAKE_TOKEN)) {
        while (read(self->wake_fd, data, sizeof(data)) == (ssize_t)sizeof(data)) {
        }
    }
    return interrupted;
}

bool
pyr_engine_take(pyr_engine *self, pyr_found *event)
{
    bool any;
    do {
        any = pyr_queue_take(&self->queue, event);
    } while (any && event->token == WAKE_TOKEN);
    return any;
}
