/* Timed calls in the order of their time; see timers.h. */
#include "loop/timers.h"
#include "loop/state.h"

#include <math.h>

#include "core/attribute.h"
#include "core/report.h"
#include "core/call.h"
#include "loop/variables.h"

/* ---- the entries ---- */

int
pyr_timers_push(DelayedCall *call)
{
    pyr_timers *self = call->timers;
    pyr_heap_entry entry = {call->time, call->order, self->next_number, call};
    if (pyr_heap_add(&self->heap, entry) < 0) {
        return -1;
    }
    Py_INCREF(call);
    call->number = self->next_number++;
    if (self->heap.entries[0].number == call->number) { /* earlier than all others */
        pyr_wake_notice(self->wake);
        if (self->captures) {
            Py_XSETREF(self->context, pyr_variables_capture());
        }
    }
    return 0;
}

static inline bool
entry_is_stale(const pyr_heap_entry *entry)
{
    return entry->call->cancelled || entry->call->number != entry->number;
}

/* The first entry that counts, or NULL; what is stale before it is dropped. */
static pyr_heap_entry *
first_entry(pyr_timers *self)
{
    while (self->heap.count > 0 && entry_is_stale(&self->heap.entries[0])) {
        pyr_heap_entry entry = pyr_heap_pop(&self->heap);
        if (self->stale > 0) {
            self->stale--;
        }
        Py_DECREF(entry.call);
    }
    return self->heap.count > 0 ? &self->heap.entries[0] : NULL;
}

/* Drop stale entries once they are many, in time linear in the heap. */
static void
drop_stale_entries(pyr_timers *self)
{
    if (self->stale <= 50 || self->stale <= self->heap.count / 2) {
        return;
    }
    pyr_heap_entry *entries = self->heap.entries;
    size_t kept = 0, dropped = 0;
    DelayedCall **stale = PyMem_New(DelayedCall *, self->heap.count);
    if (stale == NULL) {
        return; /* merely a saving: try again later */
    }
    for (size_t i = 0; i < self->heap.count; i++) {
        if (entry_is_stale(&entries[i])) {
            stale[dropped++] = entries[i].call;
        } else {
            entries[kept++] = entries[i];
        }
    }
    self->heap.count = kept;
    self->stale = 0;
    pyr_heap_repair(&self->heap);
    /* Only now, with the heap consistent again, may destructors run. */
    for (size_t i = 0; i < dropped; i++) {
        Py_DECREF(stale[i]);
    }
    PyMem_Free(stale);
}

/* ---- running ---- */

static int
report_timed_call(DelayedCall *call)
{
    return pyr_report(call->timers->st->loop->timed_call_error, (PyObject *)call);
}

static int
run_call(DelayedCall *call)
{
    call->called = 1;
    if (call->func == NULL) {
        pyr_attribute_absent((PyObject *)call, "func");
        return report_timed_call(call);
    }
    PyObject *func = Py_NewRef(call->func), *args = Py_XNewRef(call->args),
             *kwargs = Py_XNewRef(call->kwargs);
    if (Py_REFCNT(call) > 1) { /* else it ends with this function */
        pyr_timers_track(call);
    }
    pyr_watchdog *watchdog = call->timers->watchdog;
    pyr_span span = pyr_watchdog_begin(watchdog, PYR_AT_TIMED_CALL, func);
    PyObject *result = pyr_call_packed(func, args, kwargs);
    int status = result == NULL ? report_timed_call(call) : 0;
    pyr_watchdog_end(watchdog, span, PYR_AT_TIMED_CALL, func);
    Py_XDECREF(result);
    Py_DECREF(func);
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    return status;
}

#define NOWHERE SIZE_MAX
#define MOST_PASSED 100 /* new calls, in the search below */

/*
 * Where the first call is that is due and may run, of those at an index and below it; or
 * `best`, if none comes before that.  What is below a call that may run comes after it:
 * the search goes on only below those that were made since this run began.  They are due
 * in it, and before others, where they were put forward, or the clock was set back.
 * Where they are many, the search would take longer than what it finds: the run ends, and
 * the rest comes in one that begins when it is due.
 */
static size_t
find_older(const pyr_timers *self, double now, size_t at, size_t best, int *passed)
{
    const pyr_heap_entry *entries = self->heap.entries;
    if (at >= self->heap.count || entries[at].time > now) {
        return best;
    }
    if (entries[at].order < self->barrier && !entry_is_stale(&entries[at])) {
        return best == NOWHERE || pyr_heap_before(&entries[at], &entries[best]) ? at
                                                                                : best;
    }
    ++*passed;
    for (size_t child = 1; child <= PYR_HEAP_ARITY && *passed < MOST_PASSED; child++) {
        best = find_older(self, now, at * PYR_HEAP_ARITY + child, best, passed);
    }
    return *passed < MOST_PASSED ? best : NOWHERE;
}

/* Where the next call to run is, or NOWHERE. */
static size_t
find_due(pyr_timers *self, double now)
{
    const pyr_heap_entry *first = first_entry(self);
    int passed = 0;
    if (first == NULL || first->time > now) {
        return NOWHERE;
    }
    return first->order < self->barrier ? 0 : find_older(self, now, 0, NOWHERE, &passed);
}

/* Run the call of an entry, or put it back at the time it was delayed to. */
static int
run_entry(pyr_timers *self, size_t at)
{
    pyr_heap *heap = &self->heap;
    DelayedCall *call = (at == 0 ? pyr_heap_pop(heap) : pyr_heap_take(heap, at)).call;
    int status;
    if (call->delayed_time > 0.0) {
        call->time += call->delayed_time;
        call->delayed_time = 0.0;
        status = pyr_timers_push(call);
    } else {
        status = run_call(call);
    }
    Py_DECREF(call);
    return status;
}

int
pyr_timers_run(pyr_timers *self)
{
    if (self->heap.count == 0 && pyr_clock_is_systems(self->clock)) {
        return 0; /* another clock may tell that it was read */
    }
    /* Calls made while this runs wait for the next iteration, as in stock. */
    self->barrier = self->next_order;
    size_t at;
    double now;
    if (pyr_clock_read(self->clock, &now) < 0) {
        return -1;
    }
    while ((at = find_due(self, now)) != NOWHERE) {
        const pyr_heap_entry *entry = &self->heap.entries[at];
        if (self->watchdog->statistics != NULL && entry->call->delayed_time <= 0.0) {
            pyr_statistics_add_late(self->watchdog->statistics, now - entry->time);
        }
        if (run_entry(self, at) < 0) {
            return -1;
        }
    }
    drop_stale_entries(self);
    return 0;
}

int
pyr_timers_delay(pyr_timers *self, double *delay)
{
    double now;
    self->barrier = self->next_order;
    pyr_heap_entry *first = first_entry(self);
    if (first == NULL) {
        *delay = INFINITY;
        return 0;
    }
    if (first->time <= self->clock->last && pyr_clock_is_systems(self->clock)) {
        *delay = 0.0; /* due by a clock reading we have: a callLater(0), mostly */
        return 0;
    }
    if (pyr_clock_read(self->clock, &now) < 0) {
        return -1;
    }
    first = first_entry(self); /* a replaced clock may have changed the calls */
    *delay = first == NULL ? INFINITY : first->time - now;
    if (!(*delay > 0.0)) {
        *delay = 0.0;
    }
    return 0;
}

PyObject *
pyr_timers_list(pyr_timers *self)
{
    PyObject *list = PyList_New(0);
    if (list == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < self->heap.count; i++) {
        pyr_heap_entry *entry = &self->heap.entries[i];
        if (!entry_is_stale(entry) && PyList_Append(list, (PyObject *)entry->call) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

/* ---- the collector ---- */

/* A call that only the heap holds, and that the collector does not know of, is a part of
 * the loop: what it refers to is what the loop refers to.  One that something else holds,
 * too, is left out, and so keeps all of it alive. */
int
pyr_timers_traverse(pyr_timers *self, visitproc visit, void *arg)
{
    Py_VISIT(self->context);
    for (size_t i = 0; i < self->heap.count; i++) {
        PyObject *call = (PyObject *)self->heap.entries[i].call;
        if (PyObject_GC_IsTracked(call)) {
            Py_VISIT(call);
        } else if (Py_REFCNT(call) == 1) {
            int result = Py_TYPE(call)->tp_traverse(call, visit, arg);
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}

void
pyr_timers_clear(pyr_timers *self)
{
    while (self->heap.count > 0) {
        Py_DECREF(self->heap.entries[--self->heap.count].call);
    }
    PyMem_Free(self->heap.entries);
    self->heap = (pyr_heap){0};
    Py_CLEAR(self->context);
    self->stale = 0;
}
