/* Collecting what is ready, and sleeping; see sleep.h. */
#include "loop/sleep.h"

#include <math.h>
#include <poll.h>

#include "loop/errors.h"
#include "loop/whole.h"

/* Below this, libuv's milliseconds are too coarse and we sleep by nanoseconds. */
#define PRECISE_BELOW 0.002

/*
 * A short look asks the kernel's queue whether it has anything, by one system call, and
 * libuv does not run if it has not.  It does not notice that the queue's number, or that
 * of the wake-up, is another file's by now.  So the engine is found whole before each
 * sleep, before each run of libuv, and after so many short looks.
 */
#define SHORT_LOOKS 16

static bool
has_ready(Loop *self)
{
    return self->watches.ready_head != NULL;
}

/* Is there no other thread that could want the GIL? */
static bool
is_alone(void)
{
    PyThreadState *first = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    return PyThreadState_Next(first) == NULL;
}

static PyThreadState *
fall_asleep(Loop *self)
{
    self->wake.asleep = true;
    return PyEval_SaveThread();
}

static void
awake(Loop *self, PyThreadState *thread)
{
    PyEval_RestoreThread(thread);
    self->wake.asleep = self->wake.sent = false;
}

/* Collect what is ready now, with the GIL. */
static void
collect(Loop *self)
{
    pyr_engine_run(self->engine, UV_RUN_NOWAIT);
    pyr_watches_settle(self);
}

/* Give up the GIL, and wait for what is ready; take it back. */
static void
collect_without_gil(Loop *self, uv_run_mode mode)
{
    PyThreadState *thread = fall_asleep(self);
    pyr_engine_run(self->engine, mode);
    awake(self, thread);
    pyr_watches_settle(self);
}

/* Tell libuv and, if other threads could close descriptors meanwhile, the kernel of all
 * that changed. */
static void
tell_changes(Loop *self)
{
    bool news = pyr_watches_apply(self);
    if (self->engine_lost) {
        if (pyr_whole_make(self) < 0) {
            pyr_errors_keep(self);
            return;
        }
        news = pyr_watches_apply(self);
    }
    if (news && !is_alone()) {
        collect(self);
    }
}

/* Sleep on libuv's kernel queue with nanosecond resolution, ended also by a signal. */
static void
sleep_on_queue(Loop *self, double delay)
{
    struct pollfd queue = {.fd = uv_backend_fd(&self->engine->uv), .events = POLLIN};
#ifdef __linux__
    struct timespec limit = {.tv_sec = (time_t)delay};
    limit.tv_nsec = (long)((delay - (double)limit.tv_sec) * 1e9);
    (void)ppoll(&queue, 1, &limit, NULL);
#else
    (void)poll(&queue, 1, (int)ceil(delay * 1000.0));
#endif
}

/* Is a short look due, rather than a run of libuv? */
static bool
may_look_shortly(Loop *self)
{
    return self->short_looks < SHORT_LOOKS && !self->collected && !self->watches.due &&
           self->watches.changed_head == NULL && !self->engine_lost;
}

/* True if the kernel's queue was looked into, and has nothing.  Other threads, if there
 * are any, get their turn. */
static bool
look_shortly(Loop *self)
{
    self->short_looks++;
    if (is_alone()) {
        return !pyr_engine_may_have_events(self->engine);
    }
    PyThreadState *thread = fall_asleep(self);
    bool any = pyr_engine_may_have_events(self->engine);
    awake(self, thread);
    return !any;
}

/* Sleep in libuv; the last two milliseconds before a deadline are left for the next
 * iteration, which sleeps precisely. */
static void
sleep_in_uv(Loop *self, double delay)
{
    double most = delay < PYR_LONGEST_SLEEP ? delay : PYR_LONGEST_SLEEP;
    pyr_engine_limit(self->engine, isinf(delay) ? -1.0 : floor(most * 1000.0) - 1.0);
    collect_without_gil(self, UV_RUN_ONCE);
}

static void
sleep_precisely(Loop *self, double delay)
{
    collect(self); /* tells the kernel of new descriptors, too */
    if (has_ready(self)) {
        return;
    }
    PyThreadState *thread = fall_asleep(self);
    sleep_on_queue(self, fmin(delay, PYR_LONGEST_SLEEP));
    awake(self, thread);
    /* Before Python code runs, which may get the numbers of what was closed meanwhile. */
    if (pyr_whole_make(self) < 0) {
        pyr_errors_keep(self);
    } else {
        collect(self);
    }
}

static void
sleep_up_to(Loop *self, double delay)
{
    if (delay == 0 && is_alone()) {
        collect(self);
    } else if (delay == 0) {
        collect_without_gil(self, UV_RUN_NOWAIT);
    } else if (self->signal_wakeup && delay >= PRECISE_BELOW) {
        sleep_in_uv(self, delay);
    } else {
        sleep_precisely(self, delay);
    }
}

/* The same with an engine that is whole. */
static int
sleep_whole(Loop *self, double delay)
{
    if (pyr_whole_make(self) < 0) {
        return -1;
    }
    self->short_looks = 0;
    tell_changes(self);
    if (!has_ready(self) && self->engine != NULL) {
        sleep_up_to(self, self->pending_exc != NULL ? 0 : delay);
    }
    self->collected = has_ready(self);
    return 0;
}

int
pyr_sleep_until_ready(Loop *self, double delay)
{
    if (pyr_whole_open(self) < 0) {
        return -1;
    }
    bool done = delay == 0 && may_look_shortly(self) && look_shortly(self);
    if (!done && sleep_whole(self, delay) < 0) {
        return -1;
    }
    /* libuv swallows EINTR: without this, Ctrl-C would wait for the next Python line. */
    if (PyErr_CheckSignals() < 0) {
        pyr_errors_keep(self);
    }
    return 0;
}

int
pyr_sleep_by_host(Loop *self)
{
    if (self->watches.changed_head == NULL && !self->watches.due && !self->engine_lost) {
        return 0;
    }
    if (pyr_whole_make(self) < 0) {
        return -1;
    }
    tell_changes(self);
    if (self->watches.due && self->engine != NULL) {
        collect(self);
    }
    return 0;
}
