/*
 * What the loop is doing right now, for a thread that looks whether it takes too long.
 *
 * While nobody watches, a call that the loop makes costs one look at `on`.  The objects
 * are borrowed: whoever begins an activity owns them until it ends.
 */
#ifndef PYREACTOR_WATCHDOG_H
#define PYREACTOR_WATCHDOG_H

#include "core/core.h"

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
     */
    pyr_activity activity;
    PyObject *what;
    uint64_t began; /* nanoseconds */
    uint64_t number;
    /* When the last one ended, which is when the next begins if that follows at once: the
     * clock is read once for each.  0: something else came between. */
    uint64_t now;

    uint64_t last_number;
    uint64_t slow;    /* nanoseconds after which an activity is reported */
    PyObject *report; /* called with its kind, its object, its seconds and its number */

    pyr_statistics *statistics; /* NULL: nobody wants them */
    PyObject *event_for;        /* the class that the event that ends was for; borrowed */
} pyr_watchdog;

/* An activity, as whoever began it knows it; number 0: nobody watched as it began. */
typedef struct {
    uint64_t began;
    uint64_t number;
} pyr_span;

pyr_span pyr_watchdog_enter(pyr_watchdog *self, pyr_activity activity, PyObject *what);
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
    return self->on ? pyr_watchdog_enter(self, activity, what) : (pyr_span){0, 0};
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

/* Loop.watch and Loop.moment. */
PyObject *pyr_watchdog_set(pyr_watchdog *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_watchdog_moment(pyr_watchdog *self, PyObject *longer_than);

/* Loop.count: have statistics made of all that happens from now on, or no more.  -1: no
 * memory. */
int pyr_watchdog_count(pyr_watchdog *self, pyr_statistics *statistics, bool on);

int pyr_watchdog_traverse(pyr_watchdog *self, visitproc visit, void *arg);
void pyr_watchdog_clear(pyr_watchdog *self);

#endif
