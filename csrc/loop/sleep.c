/* Collecting what is ready, and sleeping until something is; see loop/loop.h. */
#include "loop/loop.h"

#include <math.h>
#include <poll.h>

/* Below this, libuv's milliseconds are too coarse and we sleep by nanoseconds. */
#define PRECISE_BELOW 0.002

static bool
has_ready(Loop *self)
{
    return pyr_pollers_have_ready(&self->pollers);
}

/* Is there no other thread that could want the GIL? */
static bool
is_alone(void)
{
    PyThreadState *first = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    return PyThreadState_Next(first) == NULL;
}

/* Collect what is ready now, with the GIL. */
static void
collect(Loop *self)
{
    pyr_engine_run(self->engine, UV_RUN_NOWAIT);
    pyr_pollers_settle(self);
}

/* Tell libuv and, if other threads could close descriptors meanwhile, the kernel of all
 * that changed. */
static void
tell_changes(Loop *self)
{
    bool news = pyr_pollers_apply(self);
    if (self->engine_lost) {
        if (pyr_loop_make_whole(self) < 0) {
            pyr_loop_keep_exception(self);
            return;
        }
        news = pyr_pollers_apply(self);
    }
    if (news && !is_alone()) {
        collect(self);
    }
}

/* Give up the GIL, and wait for what is ready; take it back. */
static void
collect_without_gil(Loop *self, uv_run_mode mode)
{
    self->asleep = true;
    PyThreadState *thread = PyEval_SaveThread();
    pyr_engine_run(self->engine, mode);
    PyEval_RestoreThread(thread);
    self->asleep = self->wake_sent = false;
    pyr_pollers_settle(self);
}

/* Sleep in libuv; the last two milliseconds before a deadline are left for the next
 * iteration, which sleeps precisely. */
static void
sleep_in_uv(Loop *self, double delay)
{
    pyr_engine_limit(self->engine, delay < 0 ? -1.0 : floor(delay * 1000.0) - 1.0);
    collect_without_gil(self, UV_RUN_ONCE);
}

/* Collect what is ready now; other threads, if there are any, get their turn. */
static void
poll_without_sleep(Loop *self)
{
    if (is_alone()) {
        collect(self);
    } else {
        collect_without_gil(self, UV_RUN_NOWAIT);
    }
}

/* Sleep on libuv's kernel queue with nanosecond resolution, ended also by a signal. */
static void
sleep_precisely(Loop *self, double delay)
{
    collect(self); /* tells the kernel of new descriptors, too */
    if (has_ready(self)) {
        return;
    }
    struct pollfd queue = {.fd = uv_backend_fd(&self->engine->uv), .events = POLLIN};
    self->asleep = true;
    PyThreadState *thread = PyEval_SaveThread();
#ifdef __linux__
    struct timespec limit;
    if (delay >= 0) {
        limit.tv_sec = (time_t)delay;
        limit.tv_nsec = (long)((delay - (double)limit.tv_sec) * 1e9);
    }
    (void)ppoll(&queue, 1, delay < 0 ? NULL : &limit, NULL);
#else
    (void)poll(&queue, 1, delay < 0 ? -1 : (int)ceil(delay * 1000.0));
#endif
    PyEval_RestoreThread(thread);
    self->asleep = self->wake_sent = false;
    if (pyr_engine_is_whole(self->engine)) {
        collect(self);
    }
}

static void
sleep_up_to(Loop *self, double delay)
{
    if (delay == 0) {
        poll_without_sleep(self);
    } else if (self->signal_wakeup && (delay < 0 || delay >= PRECISE_BELOW)) {
        sleep_in_uv(self, delay);
    } else {
        sleep_precisely(self, delay);
    }
}

/* Collect what is ready within `delay` seconds (negative: without limit). */
void
pyr_loop_wait(Loop *self, double delay)
{
    tell_changes(self);
    if (!has_ready(self) && self->engine != NULL) {
        sleep_up_to(self, self->pending_exc != NULL ? 0 : delay);
    }
    /* libuv swallows EINTR: without this, Ctrl-C would wait for the next Python line. */
    if (PyErr_CheckSignals() < 0) {
        pyr_loop_keep_exception(self);
    }
}
