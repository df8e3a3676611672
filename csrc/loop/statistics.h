/*
 * What a loop has done, and how long that took, while somebody wants to know.
 *
 * Costs are counted for each function, or class of what an event is for: a table by
 * address that owns its keys.  What finds no room in it is counted together.
 */
#ifndef PYREACTOR_STATISTICS_H
#define PYREACTOR_STATISTICS_H

#include "core/core.h"

#include <stdbool.h>

/* Upper bounds of the classes of times, in nanoseconds; the last class has none. */
#define PYR_TIME_BOUNDS                                  \
    {                                                    \
        100000, 1000000, 10000000, 100000000, 1000000000 \
    }
#define PYR_TIME_CLASSES 6

typedef struct {
    uint64_t count;
    uint64_t total;   /* nanoseconds, as below */
    uint64_t longest; /* of one */
} pyr_tally;

typedef struct {
    pyr_tally all;
    uint64_t classes[PYR_TIME_CLASSES];
} pyr_times;

#define PYR_COST_SLOTS 1024

typedef struct {
    PyObject *key; /* NULL: a free slot */
    int activity;
    pyr_tally all;
} pyr_cost;

typedef struct {
    bool on;
    uint64_t began, woke_at, slept_at;
    struct {
        uint64_t counts[8]; /* by activity */
        pyr_times work;     /* of iterations */
        pyr_times sleep;    /* between them */
        pyr_times late;     /* of timed calls, by their clock */
    } told;
    size_t kinds;    /* slots that are taken */
    pyr_cost *costs; /* NULL while off */
    pyr_cost other;
} pyr_statistics;

/* -1: no memory. */
int pyr_statistics_switch(pyr_statistics *self, bool on);

/* An iteration has done its work, and is about to look what is ready; it goes on. */
void pyr_statistics_note_sleep(pyr_statistics *self);
void pyr_statistics_note_wake(pyr_statistics *self);

static inline void
pyr_statistics_sleeps(pyr_statistics *self)
{
    if (self->on) {
        pyr_statistics_note_sleep(self);
    }
}

static inline void
pyr_statistics_wakes(pyr_statistics *self)
{
    if (self->on) {
        pyr_statistics_note_wake(self);
    }
}

/* What stays the same from one call of a callable to the next: of a bound method its
 * function, of a function its code.  Borrowed; NULL of NULL. */
PyObject *pyr_statistics_key(PyObject *called);

/* An activity of this kind (loop/watchdog.h) took so many nanoseconds.  `key` is the
 * class that an event was for, or what pyr_statistics_key gives, and may be NULL. */
void pyr_statistics_add(pyr_statistics *self, int activity, PyObject *key, uint64_t took);

/* A timed call runs so many seconds after its time. */
void pyr_statistics_add_late(pyr_statistics *self, double seconds);

/*
 * All of it, as a new tuple of a list of costs, (activity, key or None, count, seconds,
 * longest), and a list of numbers: the nanoseconds since counting began, `told`, the
 * traffic of each kind, and Deferreds' callbacks.  None while it is off.
 */
PyObject *pyr_statistics_tell(pyr_statistics *self, core_state *st);

int pyr_statistics_traverse(pyr_statistics *self, visitproc visit, void *arg);
void pyr_statistics_clear(pyr_statistics *self);

uint64_t pyr_nanoseconds(void);

#endif
