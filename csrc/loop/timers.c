/* Timed calls in the order of their time; see loop/timers.h. */
#include "loop/timers.h"
#include "loop/delayed_call.h"
#include "loop/heap.h"
#include "loop/loop.h"
#include "loop/reactor_state.h"
#include "core/call.h"
#include "core/report.h"

/* Give `call` an entry for its present time; an older entry of its becomes stale. */
int
pyr_timers_push(pyr_timers *self, DelayedCall *call)
{
    if (pyr_heap_reserve(self) < 0) {
        return -1;
    }
    call->number = self->next_number++;
    self->heap[self->count] = (pyr_timer_entry){call->time, call->order, call->number,
                                                (DelayedCall *)Py_NewRef(call)};
    self->count++;
    pyr_heap_sift_up(self->heap, self->count - 1);
    pyr_loop_notice(call->loop);
    return 0;
}

/* ---- running ---- */

static int
report_timed_call(DelayedCall *call)
{
    core_state *st = call->loop->st;
    PyObject *creator = call->creator != NULL ? call->creator : Py_None;
    return pyr_report_with(st->reactor->timed_call_error, creator);
}

static int
run_call(DelayedCall *call)
{
    if (call->func == NULL) { /* the garbage collector was here */
        return 0;
    }
    PyObject *func = Py_NewRef(call->func), *args = Py_XNewRef(call->args),
             *kwargs = Py_XNewRef(call->kwargs);
    call->called = 1;
    if (Py_REFCNT(call) > 1) { /* else it ends with this function */
        pyr_delayed_call_tell(call);
    }
    PyObject *result = pyr_call_packed(func, args, kwargs);
    int status = 0;
    if (result == NULL) {
        status = report_timed_call(call);
    }
    Py_XDECREF(result);
    Py_DECREF(func);
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    return status;
}

/* Forget stale entries at the top, so that the first entry, if any, counts. */
static void
timers_trim(pyr_timers *self)
{
    while (self->count > 0 && pyr_entry_is_stale(&self->heap[0])) {
        pyr_timer_entry entry = pyr_heap_pop(self);
        if (self->stale > 0) {
            self->stale--;
        }
        Py_DECREF(entry.call);
    }
}

/* Run the first call, or put it back at the time it was delayed to. */
static int
run_first(pyr_timers *self)
{
    pyr_timer_entry entry = pyr_heap_pop(self);
    DelayedCall *call = entry.call;
    int status;
    if (call->delayed_time > 0.0) {
        call->time += call->delayed_time;
        call->delayed_time = 0.0;
        status = pyr_timers_push(self, call);
    } else {
        status = run_call(call);
    }
    Py_DECREF(call);
    return status;
}

int
pyr_timers_run(Loop *loop)
{
    pyr_timers *self = &loop->timers;
    if (self->count == 0 && pyr_clock_is_systems(loop)) {
        return 0; /* another clock may tell that it was read */
    }
    /* Calls made while this runs wait for the next iteration, as in stock. */
    uint64_t barrier = self->next_order;
    double now = pyr_loop_seconds(loop);
    if (now == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    for (;;) {
        timers_trim(self);
        if (self->count == 0 || self->heap[0].time > now ||
            self->heap[0].order >= barrier) {
            break;
        }
        if (run_first(self) < 0) {
            return -1;
        }
    }
    pyr_heap_compact(self);
    return 0;
}

double
pyr_timers_delay(Loop *loop)
{
    pyr_timers *self = &loop->timers;
    timers_trim(self);
    if (self->count == 0) {
        return -1.0;
    }
    if (self->heap[0].time <= loop->clock.last && pyr_clock_is_systems(loop)) {
        return 0.0; /* due by a clock reading we have: a callLater(0), mostly */
    }
    double now = pyr_loop_seconds(loop);
    if (now == -1.0 && PyErr_Occurred()) {
        return -2.0;
    }
    if (self->count == 0) { /* a replaced clock may have cancelled calls */
        return -1.0;
    }
    double delay = self->heap[0].time - now;
    return delay > 0.0 ? delay : 0.0;
}

PyObject *
pyr_timers_list(Loop *loop)
{
    pyr_timers *self = &loop->timers;
    PyObject *list = PyList_New(0);
    if (list == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < self->count; i++) {
        if (!pyr_entry_is_stale(&self->heap[i]) &&
            PyList_Append(list, (PyObject *)self->heap[i].call) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

/* ---- the collector ---- */

int
pyr_timers_traverse(pyr_timers *self, visitproc visit, void *arg)
{
    /* A call that only the heap holds, and that the collector does not know of, is a
     * part of the loop: what it refers to is what the loop refers to.  One that somebody
     * else holds, too, is left out, and so keeps all of it alive. */
    for (size_t i = 0; i < self->count; i++) {
        DelayedCall *call = self->heap[i].call;
        if (PyObject_GC_IsTracked((PyObject *)call)) {
            Py_VISIT(call);
        } else if (Py_REFCNT(call) == 1) {
            int result = delayed_call_traverse(call, visit, arg);
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
    while (self->count > 0) {
        self->count--;
        Py_DECREF(self->heap[self->count].call);
    }
    PyMem_Free(self->heap);
    self->heap = NULL;
    self->capacity = 0;
    self->stale = 0;
}
