/* reactor.callFromThread's queue; see loop/thread_calls.h. */
#include "loop/thread_calls.h"
#include "loop/state.h"
#include "core/call.h"
#include "core/report.h"
#include "loop/variables.h"

/* The ring is full: what wrapped around goes on where it ended. */
static int
ring_grow(pyr_threadcalls *self)
{
    size_t before = self->capacity, capacity = before == 0 ? 16 : before * 2;
    pyr_threadcall *ring = self->ring;
    PyMem_Resize(ring, pyr_threadcall, capacity);
    if (ring == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (self->head > 0) {
        memcpy(ring + before, ring, self->head * sizeof(*ring));
    }
    self->ring = ring;
    self->capacity = capacity;
    return 0;
}

static void
threadcall_release(pyr_threadcall *call)
{
    Py_CLEAR(call->func);
    Py_CLEAR(call->args);
    Py_CLEAR(call->kwargs);
    Py_CLEAR(call->context);
}

int
pyr_threadcalls_add(pyr_threadcalls *self, PyObject *const *args, Py_ssize_t nargs,
                    PyObject *kwnames)
{
    pyr_threadcall call = {0};
    if (pyr_pack_arguments(args + 1, nargs - 1, kwnames, &call.args, &call.kwargs) < 0) {
        return -1;
    }
    if (self->as_timed) {
        call.context = pyr_variables_capture();
    }
    /* Packing may have run a collection, so the queue is looked at only now. */
    if (self->count == self->capacity && ring_grow(self) < 0) {
        threadcall_release(&call);
        return -1;
    }
    call.func = Py_NewRef(args[0]);
    self->ring[(self->head + self->count) & (self->capacity - 1)] = call;
    self->count++;
    return 0;
}

static pyr_threadcall
ring_pop(pyr_threadcalls *self)
{
    pyr_threadcall call = self->ring[self->head];
    self->head = (self->head + 1) & (self->capacity - 1);
    self->count--;
    return call;
}

static int
report_thread_call(core_state *st, bool as_timed)
{
    return as_timed ? pyr_report(st->loop->timed_call_error, Py_None)
                    : pyr_report(st->loop->thread_call_error, NULL);
}

static int
threadcall_run(pyr_threadcall *call, core_state *st, bool as_timed)
{
    bool entered = pyr_variables_enter(call->context);
    PyObject *result = pyr_call_packed(call->func, call->args, call->kwargs);
    int status = result == NULL ? report_thread_call(st, as_timed) : 0;
    Py_XDECREF(result);
    if (entered) {
        pyr_variables_leave(call->context);
    }
    return status;
}

int
pyr_threadcalls_run(pyr_threadcalls *self, size_t count, core_state *st,
                    pyr_watchdog *watchdog)
{
    for (size_t left = count; left > 0 && self->count > 0; left--) {
        pyr_threadcall call = ring_pop(self);
        pyr_span span = pyr_watchdog_begin(watchdog, PYR_AT_THREAD_CALL, call.func);
        int status = threadcall_run(&call, st, self->as_timed);
        pyr_watchdog_end(watchdog, span, PYR_AT_THREAD_CALL, call.func);
        threadcall_release(&call);
        if (status < 0) {
            return -1;
        }
    }
    return self->count > 0 ? 1 : 0;
}

int
pyr_threadcalls_traverse(pyr_threadcalls *self, visitproc visit, void *arg)
{
    for (size_t i = 0; i < self->count; i++) {
        pyr_threadcall *call = &self->ring[(self->head + i) & (self->capacity - 1)];
        Py_VISIT(call->func);
        Py_VISIT(call->args);
        Py_VISIT(call->kwargs);
        Py_VISIT(call->context);
    }
    return 0;
}

void
pyr_threadcalls_clear(pyr_threadcalls *self)
{
    while (self->count > 0) {
        pyr_threadcall call = ring_pop(self);
        threadcall_release(&call);
    }
    PyMem_Free(self->ring);
    self->ring = NULL;
    self->capacity = 0;
    self->head = 0;
}
