/*
 * Timed calls in the order of their time: running what is due.
 */
#ifndef PYREACTOR_TIMERS_H
#define PYREACTOR_TIMERS_H

#include "core/core.h"

#include "loop/heap.h"

struct Loop;

/* Give `call` an entry for its present time; an older entry of its becomes stale. */
int pyr_timers_push(pyr_timers *self, struct DelayedCall *call);

/* Run what is due now and was scheduled before this began.  -1 only if logging failed. */
int pyr_timers_run(struct Loop *loop);

/* Seconds until the next call is due (0 if it is), or -1.0 if none is scheduled;
 * -2.0 with an exception set if the reactor's clock raised. */
double pyr_timers_delay(struct Loop *loop);

/* reactor.getDelayedCalls: a new list of the active calls. */
PyObject *pyr_timers_list(struct Loop *loop);

int pyr_timers_traverse(pyr_timers *self, visitproc visit, void *arg);
void pyr_timers_clear(pyr_timers *self);

#endif
