/* A heap of timed calls, by time: four children a node, so that a sift touches few cache
 * lines. */
#ifndef PYREACTOR_HEAP_H
#define PYREACTOR_HEAP_H

#include "core/core.h"

#include <stdbool.h>
#include <stdint.h>

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

/* Make room for one more; -1 with an exception set. */
int pyr_heap_reserve(pyr_timers *self);

void pyr_heap_sift_up(pyr_timer_entry *heap, size_t at);

/* Take the first entry off; the caller owns its reference to the call. */
pyr_timer_entry pyr_heap_pop(pyr_timers *self);

/* Drop stale entries once they are many. */
void pyr_heap_compact(pyr_timers *self);

#endif
