/*
 * The event loop: one Loop per reactor, one engine, which has libuv's loop, per Loop.
 *
 * Loop is the hub that the other files of the loop hang their state on.  Everything here
 * is touched only with the GIL held, but for what is found in the kernel's queue while
 * the loop sleeps without the GIL, which is when `wake.asleep` is set.
 */
#ifndef PYREACTOR_LOOP_H
#define PYREACTOR_LOOP_H

#include "core/core.h"

#include <stdbool.h>

#include "loop/clock.h"
#include "loop/engine.h"
#include "loop/flush.h"
#include "loop/logcontext.h"
#include "loop/statistics.h"
#include "loop/thread_calls.h"
#include "loop/timers.h"
#include "loop/wake.h"
#include "loop/watch.h"
#include "loop/watchdog.h"

typedef struct Loop {
    PyObject_HEAD core_state *st;
    PyObject *module; /* has *st, which the loop looks into to its very end */
    PyObject *weakrefs;
    PyObject *reactor; /* the Twisted reactor this loop drives */
    PyObject *poller;  /* what sleeps, by poll(), in the place of the loop; or NULL */

    pyr_engine *engine; /* NULL until it is first needed */
    bool closed;
    bool forked;            /* set in a forked child until its engine is its own */
    bool engine_lost;       /* it is not to be used any more, whatever it has */
    bool has_continuous;    /* something that cannot be polled was added once */
    bool busy;              /* the last iteration's sleep ended with events */
    uint8_t sleeps_unasked; /* since the engine was last found whole; see sleep.c */
    PyObject *pending_exc;  /* first exception that must leave the current iteration */

    /* Mirrors of reactor attributes, kept by PyReactor.__setattr__ via Loop.watch. */
    bool started;
    bool running;
    bool just_stopped;
    bool overridden;       /* a method that the main loop calls was replaced */
    bool plain_disconnect; /* _disconnectSelectable is stock's */
    bool wake_replaced;    /* callFromThread's wakeUp is a program's */

    struct {
        bool is_guest;
        bool engine_told; /* the host has been told of the engine that there is */
        bool soon;        /* the host has a turn among what it is to call at once */
        double alarm;     /* when the host's alarm rings, by the reactor's clock */
        double offset;    /* of that clock from a monotonic one, when it was set */
        PyObject *ready;  /* what the host has to call, if it tells; or NULL */
        PyObject *host;   /* its class; or NULL, then it may run inside a turn */
        PyObject *runs;   /* `run_forever` of classes that never do that */
    } guest;

    pyr_clock clock;
    pyr_timers timers;
    pyr_threadcalls threadcalls;
    pyr_watches watches;
    pyr_flush flush;
    pyr_wake wake;
    pyr_logcontext logcontext;
    pyr_watchdog watchdog;
    pyr_statistics statistics;
} Loop;

/* Flush, sleep up to `delay` seconds, handle events.  -1: an exception is set. */
int pyr_loop_iterate(Loop *loop, double delay);

/* The sleep of an iteration, asked for by the poller that a program has put around it:
 * what it, or another thread, has given the loop to do meanwhile ends that. */
int pyr_loop_sleep_for_poller(Loop *loop, double delay);

/* What calls from threads do that have come to the queue: wakeUp().  -1: it raised. */
int pyr_loop_wake(Loop *loop);

/* Run the calls from threads and the timed calls that are due. */
int pyr_loop_run_due(Loop *loop);

/* One turn of the main loop. */
int pyr_loop_turn(Loop *loop);

int pyr_loop_type_exec(PyObject *module, core_state *st);

#endif
