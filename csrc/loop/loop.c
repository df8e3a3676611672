/*
 * The event loop; see loop.h.
 *
 * One iteration: flush what was written, sleep in the kernel without the GIL, handle
 * what became ready.  libuv's callbacks only collect that; no Python code runs before
 * libuv has returned and the GIL is taken back, so it changes hands once an iteration.
 */
#include "loop/loop.h"
#include "loop/reactor_state.h"

#include <math.h>

#include "transport/datagram.h"
#include "transport/stream.h"

static bool
has_work(Loop *self)
{
    return self->woken || self->flush_head != NULL || self->pending_exc != NULL;
}

/* Flush, sleep up to `delay` seconds (negative: without limit), handle events. */
int
pyr_loop_iterate(Loop *self, double delay)
{
    pyr_stream_flush(self);
    /* The rest of what the event that iterates here came with. */
    bool handled = pyr_datagram_deliver_rest(self);
    handled |= pyr_pollers_dispatch(self);
    if (handled || has_work(self)) {
        delay = 0;
    }
    self->woken = false;
    if (delay > LONGEST_SLEEP) {
        delay = LONGEST_SLEEP;
    }
    if (pyr_loop_make_whole(self) < 0) {
        return -1;
    }
    pyr_loop_wait(self, delay);
    (void)pyr_pollers_dispatch(self);
    return pyr_loop_raise_kept(self);
}

static int
fire_shutdown(Loop *self)
{
    core_state *st = self->st;
    if (PyObject_SetAttr(self->reactor, st->names._justStopped, Py_False) < 0) {
        return -1;
    }
    self->just_stopped = false;
    PyObject *result = PyObject_CallMethodOneArg(self->reactor, st->names.fireSystemEvent,
                                                 st->names.shutdown);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
pyr_loop_run_due(Loop *self)
{
    if (self->threadcalls.count > 0 && pyr_threadcalls_run(self) < 0) {
        return -1;
    }
    if (pyr_timers_run(self) < 0) {
        return -1;
    }
    return self->just_stopped ? fire_shutdown(self) : 0;
}

int
pyr_loop_iterate_once(Loop *self)
{
    if (pyr_loop_run_due(self) < 0) {
        return -1;
    }
    double delay = self->running ? pyr_timers_delay(self) : 0.0;
    if (delay == -2.0) {
        return -1;
    }
    if (delay > 0 && !pyr_clock_is_systems(self)) {
        /* A clock that stands would be asked again and again: wait as long as stock. */
        delay = ceil(delay * 1000.0) / 1000.0;
    }
    return pyr_loop_iterate(self, delay);
}

/* The same by the reactor's methods, as somebody has replaced one of them. */
int
pyr_loop_iterate_by_methods(Loop *self)
{
    PyObject *result =
        PyObject_CallOneArg(self->st->reactor->iterate_by_methods, self->reactor);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}
