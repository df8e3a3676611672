/*
 * What the loop is doing right now, for a thread that looks whether it takes too long.
 *
 * While nobody watches, a call that the loop makes costs one look at `on`.  The objects
 * are borrowed: whoever begins an activity owns them until it ends.
 */
#ifndef PYREACTOR_WATCHDOG_H
#define PYREACTOR_WATCHDOG_H

#include "core/core.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "loop/statistics.h"

/* pyreactor/_watch/watchdog.py has words for these. */
typedef enum {
    PYR_AT_NOTHING,
    PYR_AT_EVENT,       /* of a selectable */
    PYR_AT_TIMED_CALL,  /* of a function */
    PYR_AT_THREAD_CALL, /* of a function */
    PYR_AT_SHUTDOWN,
} pyr_activity;

typedef struct {
    bool on;
    /* What began last, if it has not ended; `what` is borrowed, and number 0 is nothing.
     * The thread that watches looks at the time and the number without the GIL. */
    pyr_activity activity;
    PyObject *what;
    _Atomic uint64_t began; /* nanoseconds */
    _Atomic uint64_t number;
    /* When the last one ended, which is when the next begins if that follows at once: the
     * clock is read once for each.  0: something else came between. */
    uint64_t now;

    uint64_t last_number;
    uint64_t slow;    /* nanoseconds after which an activity is reported */
    PyObject *report; /* called with its kind, its object, its seconds and its number */

    PyThread_type_lock ends; /* held while somebody watches; NULL before anybody has */
    bool is_watched;
    _Atomic(PyThreadState *) onlooker; /* see pyr_watchdog_onlooker */

    pyr_statistics *statistics; /* NULL: nobody wants them */
    PyObject *event_for;        /* the class that the event that ends was for; borrowed */
} pyr_watchdog;

/* An activity, as whoever began it knows it; number 0: nobody watched as it began. */
typedef struct {
    uint64_t began;
    uint64_t number;
} pyr_span;

void pyr_watchdog_leave(pyr_watchdog *self, pyr_span span, pyr_activity activity,
                        PyObject *what);

/* What begins next does not follow at once upon what ended last. */
static inline void
pyr_watchdog_pause(pyr_watchdog *self)
{
    self->now = 0;
}

/* An activity begins.  `what`, which may be NULL, is the caller's until it ends. */
static inline pyr_span
pyr_watchdog_begin(pyr_watchdog *self, pyr_activity activity, PyObject *what)
{
    if (!self->on) {
        return (pyr_span){0, 0};
    }
    if (self->now == 0) {
        self->now = pyr_nanoseconds();
    }
    pyr_span span = {self->now, ++self->last_number};
    self->activity = activity;
    self->what = what;
    atomic_store_explicit(&self->began, span.began, memory_order_relaxed);
    atomic_store_explicit(&self->number, span.number, memory_order_release);
    return span;
}

/* It ends.  One that it was a part of, by an iterate() in it, is not known from here on
 * until its own end. */
static inline void
pyr_watchdog_end(pyr_watchdog *self, pyr_span span, pyr_activity activity, PyObject *what)
{
    if (span.number != 0) {
        pyr_watchdog_leave(self, span, activity, what);
    }
}

/* Loop.watch, Loop.look_on and Loop.moment. */
PyObject *pyr_watchdog_set(pyr_watchdog *self, PyObject *args);
PyObject *pyr_watchdog_look_on(pyr_watchdog *self, PyObject *args);
PyObject *pyr_watchdog_moment(pyr_watchdog *self);

/* The thread that looks on, while it wants nothing of the GIL; or NULL. */
static inline PyThreadState *
pyr_watchdog_onlooker(const pyr_watchdog *self)
{
    return atomic_load_explicit(&self->onlooker, memory_order_relaxed);
}

/* After a fork: the thread that looked on is not in this process. */
void pyr_watchdog_forked(pyr_watchdog *self);

/* Loop.count: have statistics made of all that happens from now on, or no more.  -1: no
 * memory. */
int pyr_watchdog_count(pyr_watchdog *self, pyr_statistics *statistics, bool on);

int pyr_watchdog_traverse(pyr_watchdog *self, visitproc visit, void *arg);
void pyr_watchdog_clear(pyr_watchdog *self);

#endif
