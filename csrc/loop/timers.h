/*
 * Timed calls in the order of their time: running what is due.
 *
 * The garbage collector does not know of a call while it is in the heap: the loop keeps
 * it alive anyway, and a server has so many calls scheduled that looking at each of them
 * took longer than scheduling them; see pyr_timers_traverse.
 */
#ifndef PYREACTOR_TIMERS_H
#define PYREACTOR_TIMERS_H

#include "core/core.h"

#include <stdbool.h>

#include "loop/clock.h"
#include "loop/heap.h"
#include "loop/wake.h"
#include "loop/watchdog.h"

/* The timers of one loop. */
typedef struct {
    core_state *st;
    PyObject *owner; /* the Loop that this is a part of; borrowed */
    pyr_clock *clock;
    pyr_wake *wake;
    pyr_watchdog *watchdog;
    pyr_heap heap;
    size_t stale; /* entries of cancelled or moved calls */
    uint64_t next_order;
    uint64_t barrier; /* orders below this are of calls that may run already */
    uint64_t next_number;
    bool captures;     /* who makes the earliest call has the calls run in its context */
    PyObject *context; /* the last one that did; see variables.h */
} pyr_timers;

typedef struct DelayedCall {
    PyObject_HEAD pyr_timers *timers; /* with a reference to its owner */
    double time;
    double delayed_time;
    uint64_t order;
    uint64_t number; /* of the valid heap entry */
    PyObject *func;  /* NULL once cancelled */
    PyObject *args;  /* tuple, or NULL for none */
    PyObject *kwargs;
    PyObject *seconds; /* the reactor's clock when this was made, which reset() reads */
    PyObject *dict;    /* what a program put in, and debug mode */
    PyObject *weakrefs;
    char called;
    char cancelled;
} DelayedCall;

/* The garbage collector is to know of the call from now on. */
static inline void
pyr_timers_track(DelayedCall *call)
{
    if (!PyObject_GC_IsTracked((PyObject *)call)) {
        PyObject_GC_Track(call);
    }
}

/* Give the call an entry for its present time; an older entry of its becomes stale, and
 * is for the caller to count.  -1: an exception is set. */
int pyr_timers_push(DelayedCall *call);

/* Run what is due now and was scheduled before this began, or before the last look at
 * when the next call is due, as in stock.  -1 only if logging, or the reactor's clock,
 * failed. */
int pyr_timers_run(pyr_timers *self);

/* Seconds until the next call is due (0 if it is), or INFINITY if none is scheduled.
 * -1: the reactor's clock raised.  As stock's timeout() does, it lets the calls that were
 * made since a run began take part in it. */
int pyr_timers_delay(pyr_timers *self, double *delay);

/* When the next call is due, by the reactor's clock; right after pyr_timers_delay, and if
 * one is scheduled. */
static inline double
pyr_timers_first_time(const pyr_timers *self)
{
    return self->heap.entries[0].time;
}

/* reactor.getDelayedCalls: a new list of the active calls. */
PyObject *pyr_timers_list(pyr_timers *self);

int pyr_timers_traverse(pyr_timers *self, visitproc visit, void *arg);
void pyr_timers_clear(pyr_timers *self);

#endif
