/*
 * The kernel's queue: the descriptors that are watched, and what the kernel tells of
 * them.
 *
 * It is the one that libuv's loop has.  On Linux descriptors are put into it, and what is
 * ready is taken out of it, without libuv: one system call each.  Elsewhere libuv does
 * that, by a uv_poll_t for each descriptor.
 *
 * What is watched has a token, which comes back with its events: an event whose token is
 * not that of a watch any more is void.
 */
#ifndef PYREACTOR_QUEUE_H
#define PYREACTOR_QUEUE_H

#include <Python.h>

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#if defined(__linux__) && !defined(PYREACTOR_PLAIN_QUEUE)
#define PYR_QUEUE_IS_EPOLL 1
#include <sys/epoll.h>
#else
#define PYR_QUEUE_IS_EPOLL 0
#endif

/* Events.  A hang-up, or an error, is a clean end to who was reading. */
enum {
    PYR_READ = 1,
    PYR_WRITE = 2,
    PYR_HANG_UP = 4,
    PYR_HANG_UP_OF_READER = 8,
};

#define PYR_MOST_FOUND 1024 /* events that are taken at once from epoll */

typedef struct {
    uv_loop_t uv;
    int next, count; /* of what was found, that which is not taken yet, and all */
#if PYR_QUEUE_IS_EPOLL
    struct epoll_event found[PYR_MOST_FOUND];
#else
    struct pyr_poll **polls, **found; /* `polls` by descriptor */
    int capacity;                     /* of each */
    struct pyr_poll *pending;         /* that libuv is to be told of */
    ino_t inode;                      /* of the queue */
#endif
} pyr_queue;

/* Of an event: the token, and PYR_READ, PYR_WRITE and PYR_HANG_UP. */
typedef struct {
    uint64_t token;
    int events;
} pyr_found;

/* 0 or an errno.  In a forked child the queue is another one, which knows of nothing. */
int pyr_queue_open(pyr_queue *self);
int pyr_queue_fork(pyr_queue *self);
void pyr_queue_close(pyr_queue *self);

static inline int
pyr_queue_descriptor(const pyr_queue *self)
{
    return uv_backend_fd(&self->uv);
}

/* Is it the queue that was opened, and has it this descriptor, which is watched for
 * reading? */
bool pyr_queue_has(pyr_queue *self, int fd, uint64_t token);

/* Watch for the events `after` (PYR_READ, PYR_WRITE), where `before` were watched for; 0:
 * none, not even hang-ups.  0 or the kernel's errno. */
int pyr_queue_watch(pyr_queue *self, int fd, uint64_t token, unsigned before,
                    unsigned after);

/* Have the kernel know of that, so that it makes the queue readable for who waits without
 * us.  What is ready is found, behind what is not taken yet. */
#if PYR_QUEUE_IS_EPOLL
static inline void
pyr_queue_flush(pyr_queue *Py_UNUSED(self))
{
}
#else
void pyr_queue_flush(pyr_queue *self);
#endif

/* Does the kernel know at once, and by any thread, also while another one waits? */
#define PYR_QUEUE_IS_DIRECT PYR_QUEUE_IS_EPOLL

/* Wait so many milliseconds (-1: without a limit) until there are events, and find them.
 * To be called when all that was found was taken.  True: a signal ended the wait. */
bool pyr_queue_wait(pyr_queue *self, int milliseconds);

static inline bool
pyr_queue_has_found(const pyr_queue *self)
{
    return self->next < self->count;
}

/* Is an event with this token among what the wait has found? */
bool pyr_queue_found(const pyr_queue *self, uint64_t token);

/* The next that was found; false if there is none. */
bool pyr_queue_take(pyr_queue *self, pyr_found *event);

#endif
