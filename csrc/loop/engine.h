/*
 * What a Loop waits by: the kernel's queue, and the descriptor by which other threads end
 * the wait.  Made on first use, given a queue of its own in a forked child, and left
 * alone once the numbers of its descriptors are other files'.
 *
 * libuv, whose loop has the queue, aborts the process where it has to close one of the
 * standard three descriptors.  So it never gets one of those.
 */
#ifndef PYREACTOR_ENGINE_H
#define PYREACTOR_ENGINE_H

#include <Python.h>

#include <stdbool.h>

#include "loop/queue.h"

typedef struct {
    pyr_queue queue;
    int wake_fd;  /* readable once the loop was woken */
    int wake_end; /* where that is written: on Linux the same, an eventfd */
} pyr_engine;

/* A new one, which watches its wake-up already; NULL with an errno in *error. */
pyr_engine *pyr_engine_open(int *error);

/* Are the engine's descriptors still those that it opened, to the kernel? */
bool pyr_engine_is_whole(pyr_engine *self);

/* In a forked child: a kernel queue and a wake-up of its own, which watches nothing else
 * yet.  0, or an errno: then it can only be closed. */
int pyr_engine_fork(pyr_engine *self);

/* End the wait; from any thread.  False: nothing is sent, as the engine is not whole. */
bool pyr_engine_wake(pyr_engine *self);

/* As pyr_queue_wait. */
bool pyr_engine_wait(pyr_engine *self, int milliseconds);

/* The next event that was found, but for the wake-up's; false if there is none. */
bool pyr_engine_take(pyr_engine *self, pyr_found *event);

/* Close what is left. */
void pyr_engine_close(pyr_engine *self);

#endif
