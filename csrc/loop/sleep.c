/* Collecting what is ready, and sleeping; see sleep.h. */
#include "loop/sleep.h"

#include <math.h>
#include <poll.h>

#include "loop/errors.h"
#include "loop/whole.h"

/* Below this, milliseconds are too coarse and we sleep by nanoseconds. */
#define PRECISE_BELOW 0.002

/*
 * Whether the numbers of the queue and the wake-up are other files' by now is a question
 * to the kernel.  It is asked before each sleep but for some: looks that do not sleep,
 * and, while there are events in each iteration, short sleeps, go without it so many
 * times.  A queue that is no more ends such a sleep at once or after this time, without
 * an event, and is found out before the next.
 */
#define SLEEPS_UNASKED 16
#define SHORT_SLEEP 0.05 /* seconds */

/* Is there no other thread that could want the GIL?  The watchdog's does not, while it
 * looks on. */
static bool
is_alone(const pyr_watchdog *watchdog)
{
    PyThreadState *first = PyInterpreterState_ThreadHead(PyInterpreterState_Get()),
                  *second = PyThreadState_Next(first);
    if (second == NULL) {
        return true;
    }
    PyThreadState *onlooker = pyr_watchdog_onlooker(watchdog);
    return onlooker != NULL && (first == onlooker || second == onlooker) &&
           PyThreadState_Next(second) == NULL;
}

/* Sleep on the kernel's queue with nanosecond resolution, ended also by a signal. */
static void
sleep_precisely(int descriptor, double delay)
{
    struct pollfd queue = {.fd = descriptor, .events = POLLIN};
#ifdef __linux__
    struct timespec limit = {.tv_sec = (time_t)delay};
    limit.tv_nsec = (long)((delay - (double)limit.tv_sec) * 1e9);
    (void)ppoll(&queue, 1, &limit, NULL);
#else
    (void)poll(&queue, 1, (int)ceil(delay * 1000.0));
#endif
}

/* The last two milliseconds before a deadline are left for the next iteration, which
 * sleeps precisely.  True: a signal ended the wait. */
static bool
wait_up_to(Loop *self, double delay)
{
    double most = fmin(delay, PYR_LONGEST_SLEEP);
    if (delay >= PRECISE_BELOW) {
        return pyr_engine_wait(self->engine,
                               isinf(delay) ? -1 : (int)(most * 1000.0) - 1);
    }
    if (delay > 0) {
        sleep_precisely(pyr_queue_descriptor(&self->engine->queue), delay);
    }
    (void)pyr_engine_wait(self->engine, 0);
    return false;
}

/* Find what is ready, without the GIL if that could sleep or another thread wants it.
 * True: a signal ended the sleep. */
static bool
sleep_up_to(Loop *self, double delay)
{
    if (delay == 0 && is_alone(&self->watchdog)) {
        (void)pyr_engine_wait(self->engine, 0);
        self->wake.sent = false; /* it has come */
        return false;
    }
    self->wake.asleep = true;
    PyThreadState *thread = PyEval_SaveThread();
    bool interrupted = wait_up_to(self, delay);
    PyEval_RestoreThread(thread);
    self->wake.asleep = self->wake.sent = false;
    return interrupted;
}

/* Another thread waits already, and takes what is found: wait without looking.  Once the
 * GIL is given up that thread may close the engine. */
static void
sleep_beside(Loop *self, double delay)
{
    int descriptor = pyr_queue_descriptor(&self->engine->queue);
    PyThreadState *thread = PyEval_SaveThread();
    sleep_precisely(descriptor, fmin(delay, PYR_LONGEST_SLEEP));
    PyEval_RestoreThread(thread);
}

/* May the kernel's queue be waited on for a short while without the question? */
static bool
may_go_unasked(const Loop *self)
{
    return self->sleeps_unasked < SLEEPS_UNASKED && self->watches.changed_head == NULL &&
           !self->engine_lost;
}

double
pyr_sleep_at_most(const Loop *self, double delay)
{
    return self->busy && may_go_unasked(self) ? fmin(delay, SHORT_SLEEP) : delay;
}

/* Have an engine that is whole, and tell the kernel of what changed. */
static int
be_prepared(Loop *self, double delay)
{
    if (pyr_whole_open(self) < 0) {
        return -1;
    }
    if ((delay == 0 || (self->busy && delay <= SHORT_SLEEP)) && may_go_unasked(self)) {
        self->sleeps_unasked++;
        return 0;
    }
    self->sleeps_unasked = 0;
    if (pyr_whole_make(self) < 0) {
        return -1;
    }
    pyr_watches_apply(self);
    return 0;
}

/* Handle the signals that came since Python code ran, or that ended the sleep: the next
 * one would not end by them.  Have their handlers given the loop something to do? */
static bool
was_signalled(Loop *self)
{
    uint64_t calls = self->timers.next_number;
    bool started = self->started;
    if (PyErr_CheckSignals() < 0) {
        pyr_errors_keep(self);
    }
    return pyr_sleep_is_needless(self) || self->just_stopped ||
           calls != self->timers.next_number || started != self->started;
}

/* 1: a signal ended the sleep; -1: an exception is set. */
static int
sleep_once(Loop *self, double delay)
{
    if (self->wake.asleep && self->engine != NULL) {
        sleep_beside(self, delay);
    } else if (be_prepared(self, delay) < 0) {
        return -1;
    } else if (!pyr_watches_any(self)) {
        return sleep_up_to(self, delay);
    }
    return 0;
}

int
pyr_sleep_until_ready(Loop *self, double delay)
{
    uint64_t began = delay > 0 ? pyr_nanoseconds() : 0;
    double left = delay > 0 && was_signalled(self) ? 0 : delay;
    int interrupted;
    /* A signal that gives nothing to do, as of a process that was stopped and goes on,
     * does not end a sleep of more than milliseconds; in stock Python sees to that.  The
     * time that handlers take is the sleep's. */
    while ((interrupted = sleep_once(self, left)) > 0) {
        bool needless = was_signalled(self);
        double slept = (double)(pyr_nanoseconds() - began) / 1e9;
        left = needless ? 0 : fmax(delay - slept, 0);
    }
    if (interrupted < 0) {
        return -1;
    }
    /* Without this, Ctrl-C would wait for the next Python line. */
    if (PyErr_CheckSignals() < 0) {
        pyr_errors_keep(self);
    }
    return 0;
}

int
pyr_sleep_by_host(Loop *self)
{
    if (self->watches.changed_head == NULL && !self->engine_lost) {
        if (self->engine != NULL) {
            pyr_queue_flush(&self->engine->queue);
        }
        return 0;
    }
    if (pyr_whole_make(self) < 0) {
        return -1;
    }
    pyr_watches_apply(self);
    return 0;
}
