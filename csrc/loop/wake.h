/* Whether the loop sleeps, and what ends its sleep. */
#ifndef PYREACTOR_WAKE_H
#define PYREACTOR_WAKE_H

#include "core/core.h"

#include <stdbool.h>

#include "loop/engine.h"

typedef struct {
    pyr_engine **engine; /* where the loop has its engine */
    bool asleep;         /* from before the GIL is given up until it is taken back */
    bool away;           /* between two turns that a host gives; see guest.h */
    bool sent;           /* a wake-up is on its way to the sleeper, or to the host */
    bool woken;          /* the next iteration must not sleep */
} pyr_wake;

/* Have what sleeps, or the host, hear of it, unless it was told already. */
void pyr_wake_sleeper(pyr_wake *self);

/* Make the iteration that runs or comes next return soon.  From any thread, with the GIL.
 */
static inline void
pyr_wake_up(pyr_wake *self)
{
    self->woken = true;
    if (self->asleep || self->away) {
        pyr_wake_sleeper(self);
    }
}

/* The loop got something to do: another thread's doing ends its sleep, and anybody's has
 * the host give it a turn. */
static inline void
pyr_wake_notice(pyr_wake *self)
{
    if (self->asleep || self->away) {
        pyr_wake_up(self);
    }
}

#endif
