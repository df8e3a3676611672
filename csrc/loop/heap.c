/* The heap of timed calls; see heap.h. */
#include "loop/heap.h"

#ifdef __GNUC__
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)(address))
#endif

static void
sift_up(pyr_heap_entry *heap, size_t at)
{
    pyr_heap_entry moving = heap[at];
    while (at > 0) {
        size_t parent = (at - 1) / PYR_HEAP_ARITY;
        if (!pyr_heap_before(&moving, &heap[parent])) {
            break;
        }
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = moving;
}

static size_t
first_child(const pyr_heap_entry *heap, size_t from, size_t count)
{
    size_t end = from + PYR_HEAP_ARITY < count ? from + PYR_HEAP_ARITY : count;
    size_t best = from;
    for (size_t i = from + 1; i < end; i++) {
        if (pyr_heap_before(&heap[i], &heap[best])) {
            best = i;
        }
    }
    return best;
}

static void
sift_down(pyr_heap_entry *heap, size_t count, size_t at)
{
    pyr_heap_entry moving = heap[at];
    for (;;) {
        size_t child = at * PYR_HEAP_ARITY + 1;
        if (child >= count) {
            break;
        }
        child = first_child(heap, child, count);
        if (!pyr_heap_before(&heap[child], &moving)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

static int
reserve_one(pyr_heap *self)
{
    if (self->count < self->capacity) {
        return 0;
    }
    size_t capacity = self->capacity == 0 ? 64 : self->capacity * 2;
    pyr_heap_entry *entries = self->entries;
    PyMem_Resize(entries, pyr_heap_entry, capacity);
    if (entries == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->entries = entries;
    self->capacity = capacity;
    return 0;
}

int
pyr_heap_add(pyr_heap *self, pyr_heap_entry entry)
{
    if (reserve_one(self) < 0) {
        return -1;
    }
    self->entries[self->count] = entry;
    sift_up(self->entries, self->count++);
    return 0;
}

pyr_heap_entry
pyr_heap_pop(pyr_heap *self)
{
    pyr_heap_entry first = self->entries[0];
    self->count--;
    if (self->count > 0) {
        self->entries[0] = self->entries[self->count];
        sift_down(self->entries, self->count, 0);
        PREFETCH(self->entries[0].call); /* likely run next, and long out of the caches */
    }
    return first;
}

pyr_heap_entry
pyr_heap_take(pyr_heap *self, size_t at)
{
    pyr_heap_entry taken = self->entries[at];
    self->count--;
    if (at < self->count) {
        self->entries[at] = self->entries[self->count];
        sift_up(self->entries, at);
        sift_down(self->entries, self->count, at);
    }
    return taken;
}

void
pyr_heap_repair(pyr_heap *self)
{
    for (size_t i = self->count / PYR_HEAP_ARITY + 1; i-- > 0;) {
        if (i < self->count) {
            sift_down(self->entries, self->count, i);
        }
    }
}
