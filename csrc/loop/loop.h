/*
 * The event loop: one Loop per reactor, one engine, which has libuv's loop, per Loop.
 *
 * Loop is the hub that the other reactor concepts (timer, threadcalls, poller, stream)
 * hang their state on.  Everything here is touched only with the GIL held, but for what
 * libuv's callbacks collect while it sleeps without the GIL, which is when Loop.asleep is
 * set and the engine is the sleeper's alone.
 */
#ifndef PYREACTOR_LOOP_H
#define PYREACTOR_LOOP_H

#include "core/core.h"

#include <stdbool.h>

#include "loop/clock.h"
#include "loop/engine.h"
#include "loop/logcontext.h"
#include "loop/poller.h"
#include "loop/thread_calls.h"
#include "loop/timers.h"

struct StreamConnection;

typedef struct Loop {
    PyObject_HEAD core_state *st;
    PyObject *weakrefs;
    PyObject *reactor; /* the Twisted reactor this loop drives */

    pyr_engine *engine; /* NULL until it is first needed */
    bool closed;
    bool forked;      /* set in a forked child until its engine is its own */
    bool engine_lost; /* libuv's own descriptors were closed */
    bool asleep;      /* from before the GIL is given up: a wake-up must end the sleep */
    bool wake_sent;   /* a wake-up is already on its way */
    bool has_continuous;   /* something that cannot be polled was added once */
    bool woken;            /* the next iteration must not block */
    PyObject *pending_exc; /* first exception that must leave the current iteration */

    /* Mirrors of reactor attributes, kept by PyReactor.__setattr__ via Loop.watch. */
    bool started;
    bool running;
    bool just_stopped;
    bool signal_wakeup;    /* a signal writes to a descriptor that this loop polls */
    bool overridden;       /* somebody replaced a method that the main loop calls */
    bool plain_disconnect; /* _disconnectSelectable is stock's */

    pyr_clock clock;
    pyr_timers timers;
    pyr_threadcalls threadcalls;
    pyr_pollers pollers;
    pyr_logcontext logcontext;

    /* Streams with unsent data, in the order of their first write; strong references. */
    struct StreamConnection *flush_head;
    struct StreamConnection *flush_tail;
    size_t flush_count;

    char *read_buffer;     /* shared by all streams; see stream_internal.h */
    bool read_buffer_busy; /* it holds what is not yet handed over */
} Loop;

#define PYR_READ_BUFFER_SIZE (256 * 1024)

/* Make the iteration that runs or comes next return soon.  From any thread, GIL held. */
void pyr_loop_wake(Loop *loop);

/* The loop got something to do: another thread's doing ends its sleep. */
static inline void
pyr_loop_notice(Loop *loop)
{
    if (loop->asleep) {
        pyr_loop_wake(loop);
    }
}

/* There is an engine, and in a forked child it is the child's own.  -1 with an exception
 * set. */
int pyr_loop_ready(Loop *loop);

/* Would the kernel poll this descriptor?  0 or its errno.  The loop must be ready. */
int pyr_loop_refuses(Loop *loop, int fd);

/* Keep the exception that is set now, to be raised when the iteration ends. */
void pyr_loop_keep_exception(Loop *loop);

/* Set OSError for libuv's error code `status`. */
void pyr_set_uv_error(int status);

/* The same, and the engine has all its descriptors. */
int pyr_loop_make_whole(Loop *loop);

/* The engine's descriptors are other files by now. */
void pyr_loop_abandon_engine(Loop *loop);

/* Raise what was kept: -1, or 0 if there is nothing. */
int pyr_loop_raise_kept(Loop *loop);

#define LONGEST_SLEEP 2147483.0 /* seconds; stock's limit */

/* Collect what is ready within `delay` seconds (negative: without limit). */
void pyr_loop_wait(Loop *loop, double delay);

/* Flush, sleep up to `delay` seconds (negative: without limit), handle events. */
int pyr_loop_iterate(Loop *loop, double delay);

/* Run the calls from threads and the timed calls that are due. */
int pyr_loop_run_due(Loop *loop);

/* One turn of the main loop; and by the reactor's methods. */
int pyr_loop_iterate_once(Loop *loop);
int pyr_loop_iterate_by_methods(Loop *loop);

int pyr_loop_exec(PyObject *module, core_state *st);

#endif
