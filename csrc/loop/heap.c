/* The heap of timed calls; see loop/heap.h. */
#include "loop/heap.h"
#include "loop/delayed_call.h"

#define ARITY 4

#ifdef __GNUC__
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)(address))
#endif

static inline bool
entry_before(const pyr_timer_entry *a, const pyr_timer_entry *b)
{
    return a->time < b->time || (a->time == b->time && a->order < b->order);
}

void
pyr_heap_sift_up(pyr_timer_entry *heap, size_t at)
{
    pyr_timer_entry moving = heap[at];
    while (at > 0) {
        size_t parent = (at - 1) / ARITY;
        if (!entry_before(&moving, &heap[parent])) {
            break;
        }
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = moving;
}

static size_t
first_child(const pyr_timer_entry *heap, size_t from, size_t count)
{
    size_t end = from + ARITY < count ? from + ARITY : count;
    size_t best = from;
    for (size_t i = from + 1; i < end; i++) {
        if (entry_before(&heap[i], &heap[best])) {
            best = i;
        }
    }
    return best;
}

static void
sift_down(pyr_timer_entry *heap, size_t count, size_t at)
{
    pyr_timer_entry moving = heap[at];
    for (;;) {
        size_t child = at * ARITY + 1;
        if (child >= count) {
            break;
        }
        child = first_child(heap, child, count);
        if (!entry_before(&heap[child], &moving)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

int
pyr_heap_reserve(pyr_timers *self)
{
    if (self->count < self->capacity) {
        return 0;
    }
    size_t capacity = self->capacity == 0 ? 64 : self->capacity * 2;
    pyr_timer_entry *heap = self->heap;
    PyMem_Resize(heap, pyr_timer_entry, capacity);
    if (heap == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->heap = heap;
    self->capacity = capacity;
    return 0;
}

/* Take the first entry off; the caller owns its reference to the call. */
pyr_timer_entry
pyr_heap_pop(pyr_timers *self)
{
    pyr_timer_entry first = self->heap[0];
    self->count--;
    if (self->count > 0) {
        self->heap[0] = self->heap[self->count];
        sift_down(self->heap, self->count, 0);
        PREFETCH(self->heap[0].call); /* likely run next, and long out of the caches */
    }
    return first;
}

/* Drop stale entries once they are many, in time linear in the heap. */
void
pyr_heap_compact(pyr_timers *self)
{
    if (self->stale <= 50 || self->stale <= self->count / 2) {
        return;
    }
    pyr_timer_entry *heap = self->heap;
    size_t kept = 0, dropped = 0;
    DelayedCall **stale = PyMem_New(DelayedCall *, self->count);
    if (stale == NULL) {
        return; /* merely a saving: try again later */
    }
    for (size_t i = 0; i < self->count; i++) {
        if (pyr_entry_is_stale(&heap[i])) {
            stale[dropped++] = heap[i].call;
        } else {
            heap[kept++] = heap[i];
        }
    }
    self->count = kept;
    self->stale = 0;
    for (size_t i = kept / ARITY + 1; i-- > 0;) {
        if (i < kept) {
            sift_down(heap, kept, i);
        }
    }
    /* Only now, with the heap consistent again, may destructors run. */
    for (size_t i = 0; i < dropped; i++) {
        Py_DECREF(stale[i]);
    }
    PyMem_Free(stale);
}
