/* A heap of timed calls, by time: four children a node, so that a sift touches few cache
 * lines. */
#ifndef PYREACTOR_HEAP_H
#define PYREACTOR_HEAP_H

#include "core/core.h"

#include <stdbool.h>
#include <stdint.h>

/* The children of the entry at n are the next so many from n * PYR_HEAP_ARITY + 1 on. */
#define PYR_HEAP_ARITY 4

struct DelayedCall;

/* An entry is valid while its number is the one its call carries: a call that was moved
 * to an earlier time has a second entry, and the first one is skipped when it comes up.
 */
typedef struct {
    double time;    /* seconds since the epoch */
    uint64_t order; /* ties fire in the order they were made */
    uint64_t number;
    struct DelayedCall *call; /* strong */
} pyr_heap_entry;

typedef struct {
    pyr_heap_entry *entries;
    size_t count;
    size_t capacity;
} pyr_heap;

/* Add an entry with its reference; -1 with an exception set. */
int pyr_heap_add(pyr_heap *self, pyr_heap_entry entry);

/* Take the first entry off, with its reference. */
pyr_heap_entry pyr_heap_pop(pyr_heap *self);

/* Take the entry at this index off, with its reference. */
pyr_heap_entry pyr_heap_take(pyr_heap *self, size_t at);

/* Does an entry come before another one? */
static inline bool
pyr_heap_before(const pyr_heap_entry *a, const pyr_heap_entry *b)
{
    return a->time < b->time || (a->time == b->time && a->order < b->order);
}

/* Make a heap again of what has just any order. */
void pyr_heap_repair(pyr_heap *self);

#endif
