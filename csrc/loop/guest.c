/* Turns that another event loop gives to ours; see guest.h. */
#include "loop/guest.h"
#include "loop/state.h"

#include <math.h>

#include "loop/sleep.h"
#include "loop/whole.h"

/* How much the loop does before the host has its turn. */
#define MOST_ROUNDS 8
#define LONGEST_TURN 0.001 /* seconds, after which no further round begins */

/* Seconds between two clocks, more than the time from asking the one to asking the other
 * on a busy machine. */
#define CLOCK_WAS_SET 0.1

static bool
has_more(Loop *self)
{
    return self->just_stopped || self->pending_exc != NULL ||
           self->threadcalls.count > 0 || pyr_watches_any(self) ||
           self->watches.changed_head != NULL || pyr_flush_is_due(&self->flush) ||
           !self->guest.engine_told;
}

/* May the host run inside a turn, as nest_asyncio lets the class do?  Then what comes
 * during the turn has to lead to another one, too. */
static bool
may_nest(Loop *self)
{
    PyObject *runs =
        self->guest.host == NULL
            ? NULL
            : PyObject_GetAttr(self->guest.host, self->st->names.run_forever);
    PyErr_Clear();
    Py_XDECREF(runs);
    return runs == NULL || runs != self->guest.runs; /* compared only */
}

int
pyr_guest_enter(Loop *self, PyObject *ready, PyObject *host, PyObject *runs)
{
    if (pyr_whole_make(self) < 0) {
        return -1;
    }
    self->guest.engine_told = true;
    if (!self->guest.is_guest) {
        self->guest.is_guest = self->wake.away = true;
        self->timers.captures = self->threadcalls.as_timed = true;
        self->guest.alarm = INFINITY;
        self->guest.ready = ready == Py_None ? NULL : Py_NewRef(ready);
        self->guest.host = Py_XNewRef(host);
        self->guest.runs = Py_XNewRef(runs);
        if (has_more(self) || self->timers.heap.count > 0) {
            pyr_wake_up(&self->wake);
        }
    }
    return pyr_queue_descriptor(&self->engine->queue);
}

/* Has the host something to call now?  Only loops of asyncio's own tell. */
static bool
host_has_calls(Loop *self)
{
    return self->guest.ready != NULL && PyObject_Size(self->guest.ready) > 0;
}

/* Send what was written.  But what the host is to call already comes before that, as in
 * stock, and its answers leave together with it: in the turn after. */
static void
send_written(Loop *self)
{
    if (!host_has_calls(self)) {
        pyr_flush_run(self);
    }
}

/* Seconds until there is something to do.  To ask for the next timed call may run Python
 * code, of a replaced clock or of what a cancelled call held: what comes meanwhile, from
 * another thread even, is told nobody but here. */
static int
next_delay(Loop *self, double *delay)
{
    int status = has_more(self) ? 0 : pyr_timers_delay(&self->timers, delay);
    if (has_more(self)) {
        *delay = 0.0;
    }
    return status;
}

/* Is a call of Twisted's due?  -1: the reactor's clock raised. */
static int
is_due(Loop *self)
{
    double delay;
    if (self->threadcalls.count > 0 || self->just_stopped) {
        return 1;
    }
    return pyr_timers_delay(&self->timers, &delay) < 0 ? -1 : delay == 0.0;
}

/* In asyncio's order: handle what is ready, send what that has written, and run what is
 * due.  What an event calls at once comes after what the host is to call, in another
 * round, unless something was due before. */
static int
take_round(Loop *self)
{
    int due_before = is_due(self);
    if (due_before < 0 || pyr_logcontext_enter(self->st, &self->logcontext) < 0 ||
        pyr_loop_iterate(self, 0) < 0) {
        return -1;
    }
    send_written(self);
    int due = is_due(self);
    if (due > 0 && (due_before || !host_has_calls(self))) {
        due = pyr_loop_run_due(self);
        if (due == 0) {
            send_written(self);
        }
    }
    return due < 0 ? -1 : pyr_sleep_by_host(self);
}

/* Rounds, as long as there is something to do, the host has nothing, and the reactor was
 * not stopped, nor its methods replaced; but not so many that descriptors which the host
 * watches, and its timed calls, would wait for long. */
static int
take_rounds(Loop *self, double *delay)
{
    double began = 0.0;
    for (int round = 1;; round++) {
        if (take_round(self) < 0 || next_delay(self, delay) < 0) {
            return -1;
        }
        began = round == 1 ? self->clock.last : began;
        if (*delay > 0.0 || round == MOST_ROUNDS || self->guest.ready == NULL ||
            !self->started || self->overridden || host_has_calls(self) ||
            !(self->clock.last - began < LONGEST_TURN)) {
            return 0;
        }
    }
}

/* The host's alarm rings early enough, unless a timed call is due before, or the
 * reactor's clock was set or replaced since: the alarm's is a monotonic one.  Where it
 * rings too early, the turn that follows sets the next one. */
static PyObject *
set_alarm(Loop *self, double delay)
{
    if (delay > 0.0) {
        bool any = !isinf(delay);
        double due = any ? pyr_timers_first_time(&self->timers) : INFINITY;
        double offset =
            any ? due - delay - (double)pyr_nanoseconds() / 1e9 : self->guest.offset;
        if (due >= self->guest.alarm &&
            fabs(offset - self->guest.offset) < CLOCK_WAS_SET) {
            Py_RETURN_NONE;
        }
        self->guest.alarm = due;
        self->guest.offset = offset;
    }
    return PyFloat_FromDouble(fmin(delay, PYR_LONGEST_SLEEP));
}

/* One round where the reactor's methods are others than PyReactor's; the alarm is set
 * anew each time, as its timeout() has it. */
static int
take_round_by_methods(Loop *self, PyObject **delay)
{
    *delay = PyObject_CallOneArg(self->st->loop->turn_by_methods, self->reactor);
    self->guest.alarm = INFINITY;
    if (*delay == NULL) {
        return -1;
    }
    send_written(self);
    if (pyr_sleep_by_host(self) < 0) {
        Py_CLEAR(*delay);
        return -1;
    }
    if (has_more(self)) {
        Py_SETREF(*delay, PyFloat_FromDouble(0.0));
    }
    return 0;
}

/* The host is to call a turn at once, for which it is given a delay of 0 (stolen; or NULL
 * with an exception); None: that turn is among what it has to call already. */
static PyObject *
go_on_soon(Loop *self, PyObject *delay)
{
    if (delay != NULL && self->guest.soon && self->guest.engine_told) {
        Py_SETREF(delay, Py_NewRef(Py_None));
    }
    self->guest.soon = delay != NULL;
    return delay;
}

/* A callback that a host calls each time, in the same context variables, cannot be called
 * inside itself: where the host may run inside a turn, what it calls soon takes the turn.
 */
static PyObject *
turn_soon(Loop *self)
{
    self->wake.sent = true;
    return go_on_soon(self, PyFloat_FromDouble(0.0));
}

static bool
is_zero(PyObject *delay)
{
    return PyFloat_CheckExact(delay)  ? PyFloat_AS_DOUBLE(delay) == 0.0
           : PyLong_CheckExact(delay) ? PyObject_Not(delay) == 1
                                      : false;
}

PyObject *
pyr_guest_turn(Loop *self, bool is_ready)
{
    bool nests = may_nest(self);
    if (nests && is_ready) {
        return turn_soon(self);
    }
    double seconds = 0.0;
    PyObject *delay = NULL;
    pyr_statistics_wakes(&self->statistics);
    /* What is asked of a program's methods is not asked again after what they run. */
    self->wake.away = nests || self->overridden;
    self->wake.sent = false;
    int status = self->overridden ? take_round_by_methods(self, &delay)
                                  : take_rounds(self, &seconds);
    self->wake.away = true;
    pyr_statistics_sleeps(&self->statistics);
    if (status < 0) {
        pyr_wake_up(&self->wake); /* the rest is for another turn */
        return NULL;
    }
    if (self->wake.sent && delay == NULL && seconds == 0.0 && self->guest.engine_told) {
        Py_RETURN_NONE; /* it was sent during the turn, as the host may have run in it */
    }
    self->wake.sent = delay == NULL && seconds == 0.0;
    if (delay == NULL) {
        delay = set_alarm(self, seconds);
    }
    return delay != NULL && is_zero(delay) ? go_on_soon(self, delay) : delay;
}

void
pyr_guest_ask_anew(Loop *self)
{
    self->guest.alarm = INFINITY;
    self->guest.engine_told = self->guest.soon = false;
    self->wake.sent = false;
    pyr_wake_up(&self->wake);
}
