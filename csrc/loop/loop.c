/*
 * The event loop; see loop.h.
 *
 * One iteration: flush what was written, sleep in the kernel without the GIL, handle
 * what became ready.  In the kernel that is only collected; no Python code runs before
 * the sleep has ended and the GIL is taken back, so it changes hands once an iteration.
 */
#include "loop/loop.h"
#include "loop/state.h"

#include <math.h>

#include "core/objects.h"
#include "loop/errors.h"
#include "loop/event.h"
#include "loop/sleep.h"
#include "loop/variables.h"

/* By what a program has put around the poller of its reactor, or at once. */
static int
sleep_by_poller(Loop *self, double delay)
{
    if (self->poller == NULL || self->poller == Py_None) {
        return pyr_sleep_until_ready(self, delay);
    }
    PyObject *poller = Py_NewRef(self->poller), *poll = self->st->names.poll,
             *seconds = PyFloat_FromDouble(isinf(delay) ? -1.0 : delay),
             *most = PyLong_FromLong(PYR_MOST_FOUND);
    int status = -1;
    if (seconds != NULL && most != NULL) {
        status = pyr_drop(PyObject_CallMethodObjArgs(poller, poll, seconds, most, NULL));
    }
    if (status < 0 && PyErr_ExceptionMatches(PyExc_InterruptedError)) {
        PyErr_Clear();
        status = 0;
    }
    Py_XDECREF(seconds);
    Py_XDECREF(most);
    Py_DECREF(poller);
    return status;
}

int
pyr_loop_sleep_for_poller(Loop *self, double delay)
{
    return pyr_sleep_until_ready(self, pyr_sleep_is_needless(self) ? 0 : delay);
}

int
pyr_loop_iterate(Loop *self, double delay)
{
    pyr_flush_run(self);
    pyr_watchdog_pause(&self->watchdog);
    /* The rest of what the event that iterates here came with. */
    bool handled = pyr_event_read_rest(self);
    handled |= pyr_event_dispatch_all(self);
    if (handled || pyr_sleep_is_needless(self)) {
        delay = 0;
    }
    self->wake.woken = false;
    pyr_statistics_sleeps(&self->statistics);
    int status = sleep_by_poller(self, delay);
    pyr_statistics_wakes(&self->statistics);
    self->watchdog.now = self->statistics.woke_at; /* 0 while nothing is counted */
    if (status < 0) {
        return -1;
    }
    self->busy = pyr_event_dispatch_all(self);
    return pyr_errors_raise(self);
}

/* Call a function of pyreactor/_loop/reports.py with the reactor. */
static int
call_with_reactor(Loop *self, PyObject *function)
{
    return pyr_drop(PyObject_CallOneArg(function, self->reactor));
}

static int
shut_down(Loop *self)
{
    pyr_span span = pyr_watchdog_begin(&self->watchdog, PYR_AT_SHUTDOWN, NULL);
    int status = call_with_reactor(self, self->st->loop->fire_shutdown);
    pyr_watchdog_end(&self->watchdog, span, PYR_AT_SHUTDOWN, NULL);
    return status;
}

int
pyr_loop_wake(Loop *self)
{
    if (self->wake_replaced) {
        return pyr_call_dropping(self->reactor, self->st->names.wakeUp, NULL);
    }
    pyr_wake_up(&self->wake);
    return 0;
}

static int
run_thread_calls(Loop *self, size_t count)
{
    if (count == 0) {
        return 0;
    }
    int more = pyr_threadcalls_run(&self->threadcalls, count, self->st, &self->watchdog);
    return more > 0 ? pyr_loop_wake(self) : more;
}

/* A call from a thread is one that is timed for now where it is as_timed, and so comes
 * after those which are due by then; else it comes first. */
static int
run_due(Loop *self)
{
    size_t count = self->threadcalls.count;
    bool first = !self->threadcalls.as_timed;
    if ((first && run_thread_calls(self, count) < 0) ||
        pyr_timers_run(&self->timers) < 0 ||
        (!first && run_thread_calls(self, count) < 0)) {
        return -1;
    }
    return self->just_stopped ? shut_down(self) : 0;
}

int
pyr_loop_run_due(Loop *self)
{
    pyr_watchdog_pause(&self->watchdog);
    bool captured = self->timers.captures; /* they all run in one, and so does the next */
    PyObject *context = Py_XNewRef(self->timers.context);
    bool entered = pyr_variables_enter(context);
    self->timers.captures = false;
    int status = run_due(self);
    self->timers.captures = captured;
    if (entered) {
        pyr_variables_leave(context);
    }
    Py_XDECREF(context);
    return status;
}

static int
turn_by_c(Loop *self)
{
    double delay = 0;
    if (pyr_loop_run_due(self) < 0 ||
        (self->running && pyr_timers_delay(&self->timers, &delay) < 0)) {
        return -1;
    }
    if (delay > 0 && delay <= PYR_LONGEST_SLEEP && !pyr_clock_is_systems(&self->clock)) {
        /* A clock that stands would be asked again and again: wait as long as stock. */
        delay = ceil(delay * 1000.0) / 1000.0;
    }
    return pyr_loop_iterate(self, pyr_sleep_at_most(self, delay));
}

int
pyr_loop_turn(Loop *self)
{
    /* By the reactor's methods, if one of them was replaced. */
    return self->overridden ? call_with_reactor(self, self->st->loop->iterate_by_methods)
                            : turn_by_c(self);
}
