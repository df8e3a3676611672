/*
 * Timed calls: the DelayedCall type and the heap that keeps them in time order.
 */
#ifndef PYREACTOR_TIMER_H
#define PYREACTOR_TIMER_H

#include "core/core.h"

#include <stdbool.h>
#include <stdint.h>

struct Loop;
struct DelayedCall;

/* An entry is valid while its number is the one its call carries: a call that was moved
 * to an earlier time has a second entry, and the first one is skipped when it comes up.
 */
typedef struct {
    double time;    /* seconds since the epoch */
    uint64_t order; /* ties fire in the order they were made */
    uint64_t number;
    struct DelayedCall *call; /* strong */
} pyr_timer_entry;

typedef struct {
    pyr_timer_entry *heap;
    size_t count;
    size_t capacity;
    size_t stale; /* entries of cancelled or moved calls */
    uint64_t next_order;
    uint64_t next_number;
} pyr_timers;

/* callLater by METH_FASTCALL | METH_KEYWORDS arguments; a new DelayedCall. */
PyObject *pyr_timer_call_later(struct Loop *loop, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames);

/* Run what is due now and was scheduled before this began.  -1 only if logging failed. */
int pyr_timers_run(struct Loop *loop);

/* Seconds until the next call is due (0 if it is), or -1.0 if none is scheduled;
 * -2.0 with an exception set if the reactor's clock raised. */
double pyr_timers_delay(struct Loop *loop);

/* reactor.getDelayedCalls: a new list of the active calls. */
PyObject *pyr_timers_list(struct Loop *loop);

int pyr_timers_traverse(pyr_timers *self, visitproc visit, void *arg);
void pyr_timers_clear(pyr_timers *self);

int pyr_timer_exec(PyObject *module, core_state *st);

/* Make the type of the calls, once there is Twisted's own to derive it from. */
int pyr_timer_configure(PyObject *module, core_state *st);

#endif
