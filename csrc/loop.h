/*
 * The event loop: one Loop per reactor, one uv_loop_t per Loop.
 *
 * Loop is the hub that the other reactor concepts (timer, threadcalls, poller, stream)
 * hang their state on.  Everything here is touched only with the GIL held, but for the
 * time libuv sleeps in the kernel, when Loop.parked holds the saved thread state.
 */
#ifndef PYREACTOR_LOOP_H
#define PYREACTOR_LOOP_H

#include <stdbool.h>
#include <uv.h>

#include "core.h"
#include "logcontext.h"
#include "poller.h"
#include "threadcalls.h"
#include "timer.h"

struct StreamConnection;

typedef struct Loop {
    PyObject_HEAD core_state *st;
    PyObject *weakrefs;
    PyObject *reactor; /* the Twisted reactor this loop drives */

    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_async_t async;
    uv_timer_t alarm; /* bounds how long libuv may block */
    bool open;        /* uv and the four handles above are initialised */
    bool async_open;  /* async, too */
    bool forked;      /* set in a forked child until uv_loop_fork has run there */

    PyThreadState *parked; /* saved while the loop sleeps without the GIL */
    bool asleep;     /* from before the GIL is given up: a wake-up must end the sleep */
    bool async_sent; /* a wake-up is already on its way */
    bool quick;      /* this poll does not sleep: keep the GIL */
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
    PyObject *seconds;     /* replacement clock, or NULL for time.time's clock */

    double last_seconds; /* the system clock when it was last read */

    pyr_timers timers;
    pyr_threadcalls threadcalls;
    pyr_pollers pollers;
    pyr_logcontext logcontext;

    /* Streams with unsent data, in the order of their first write; strong references. */
    struct StreamConnection *flush_head;
    struct StreamConnection *flush_tail;
    size_t flush_count;

    char *read_buffer;     /* shared by all streams; see stream.c */
    bool read_buffer_busy; /* it holds what is not yet handed over */
} Loop;

#define PYR_READ_BUFFER_SIZE (256 * 1024)

/* Take the GIL back if the loop sleeps without it.  First thing in every uv callback. */
void pyr_loop_unpark(Loop *loop);

/* Make the iteration that runs or comes next return soon.  From any thread, GIL held. */
void pyr_loop_wake(Loop *loop);

/* In a forked child, give the loop a kernel queue of its own.  -1 with OSError set. */
int pyr_loop_ready(Loop *loop);

/* Keep the exception that is set now, to be raised when the iteration ends. */
void pyr_loop_keep_exception(Loop *loop);

/* Now, by the reactor's clock, in seconds.  -1.0 with an exception set if it raised. */
double pyr_loop_seconds(Loop *loop);

/* Set OSError for libuv's error code `status`. */
void pyr_set_uv_error(int status);

int pyr_loop_exec(PyObject *module, core_state *st);

#endif
