/*
 * The libuv loop below a Loop: made on first use, given a kernel queue of its own in a
 * forked child, and left alone once the numbers of its descriptors are other files'.
 *
 * libuv aborts the process where the kernel refuses one of its own descriptors, or where
 * it has to close one of the standard three.  So it never gets one of those, and whether
 * it still has its own is asked before it runs.
 */
#ifndef PYREACTOR_ENGINE_H
#define PYREACTOR_ENGINE_H

#include <Python.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

typedef struct {
    uv_loop_t uv;
    uv_timer_t alarm; /* bounds how long libuv may sleep */
    uv_poll_t waker;
    int wake_fd;       /* readable once the loop was woken */
    int wake_end;      /* where that is written: on Linux the same, an eventfd */
    atomic_bool fresh; /* the kernel was told of nothing yet; threads that wake ask */
    void *nowhere;     /* NULL: where the kernel cannot write */
} pyr_engine;

/* A new one, which watches its wake-up already; NULL with an errno in *error. */
pyr_engine *pyr_engine_open(int *error);

/* Are the engine's descriptors still those that it opened, to the kernel? */
bool pyr_engine_is_whole(pyr_engine *self);

/* In a forked child: a kernel queue and a wake-up of its own.  All handles are to be
 * proven before libuv runs.  0, or an errno: then it can only be abandoned. */
int pyr_engine_fork(pyr_engine *self);

/* May the kernel's queue have anything?  One cheap system call; false is certain if the
 * engine is whole. */
bool pyr_engine_may_have_events(pyr_engine *self);

/* End the sleep; from any thread. */
void pyr_engine_wake(pyr_engine *self);

/* Collect what is ready; UV_RUN_ONCE sleeps until there is something. */
void pyr_engine_run(pyr_engine *self, uv_run_mode mode);

/* Let the next sleep last `milliseconds` at most; negative: without a limit. */
void pyr_engine_limit(pyr_engine *self, double milliseconds);

/* Would the kernel take this descriptor?  0 or its errno.  Of one that it has already,
 * the events are lost: libuv must be told of them anew. */
int pyr_engine_refuses(pyr_engine *self, int fd);

/* Have the kernel take this descriptor, for no events yet: 0 or its errno.  In a queue
 * that another queue watches it takes one file less often than alone (500 times), and
 * tells so only then. */
int pyr_engine_add(pyr_engine *self, int fd);

/* Close what is left, once every other handle was closed. */
void pyr_engine_close(pyr_engine *self);

#endif
