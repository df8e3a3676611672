/* What the loop is doing right now; see watchdog.h. */
#include "loop/watchdog.h"

#include <math.h>

/* What the report raises is shown, and changes nothing. */
static void
report_slow(pyr_watchdog *self, pyr_span span, pyr_activity activity, PyObject *what,
            uint64_t took)
{
    PyObject *function = Py_NewRef(self->report);
    PyObject *result = PyObject_CallFunction(
        function, "iOdK", (int)activity, what != NULL ? what : Py_None,
        (double)took / 1e9, (unsigned long long)span.number);
    if (result == NULL) {
        PyErr_WriteUnraisable(function);
    }
    Py_XDECREF(result);
    Py_DECREF(function);
}

void
pyr_watchdog_leave(pyr_watchdog *self, pyr_span span, pyr_activity activity,
                   PyObject *what)
{
    atomic_store_explicit(&self->number, 0, memory_order_relaxed);
    self->what = NULL;
    self->now = pyr_nanoseconds();
    uint64_t took = self->now - span.began;
    if (self->statistics != NULL) {
        PyObject *key =
            activity == PYR_AT_EVENT ? self->event_for : pyr_statistics_key(what);
        pyr_statistics_add(self->statistics, (int)activity, key, took);
        self->event_for = NULL;
    }
    /* An exception that is on its way (KeyboardInterrupt) must not get lost. */
    if (took > self->slow && self->report != NULL && !PyErr_Occurred()) {
        report_slow(self, span, activity, what, took);
        pyr_watchdog_pause(self);
    }
}

/* ---- for pyreactor/_watch ---- */

#define NEVER (UINT64_MAX / 2) /* nanoseconds */

/* One at least, so that nobody looks on without a pause; and where it is no number. */
static uint64_t
nanoseconds_of(double seconds)
{
    double wanted = fmax(seconds * 1e9, 1);
    return wanted < (double)NEVER ? (uint64_t)wanted : NEVER;
}

/* Have who looks on stay, or go. */
static int
be_watched(pyr_watchdog *self, bool watched)
{
    if (self->ends == NULL && watched) {
        self->ends = PyThread_allocate_lock();
        if (self->ends == NULL) {
            PyErr_NoMemory();
            return -1;
        }
    }
    if (watched && !self->is_watched) {
        PyThread_acquire_lock(self->ends, WAIT_LOCK); /* who goes has it for a moment */
    } else if (!watched && self->is_watched) {
        PyThread_release_lock(self->ends);
    }
    self->is_watched = watched;
    return 0;
}

PyObject *
pyr_watchdog_set(pyr_watchdog *self, PyObject *args)
{
    PyObject *limit, *report;
    if (!PyArg_ParseTuple(args, "OO:watch", &limit, &report)) {
        return NULL;
    }
    bool watched = limit != Py_None;
    double slow = watched ? PyFloat_AsDouble(limit) : INFINITY;
    if ((slow == -1.0 && PyErr_Occurred()) || be_watched(self, watched) < 0) {
        return NULL;
    }
    self->on = watched || self->statistics != NULL;
    self->slow = nanoseconds_of(slow);
    Py_XSETREF(self->report, report == Py_None ? NULL : Py_NewRef(report));
    Py_RETURN_NONE;
}

/* ---- in the thread that looks on ---- */

typedef struct {
    uint64_t slow;   /* nanoseconds after which an activity is to be known */
    uint64_t number; /* the one that is known */
    uint64_t hangs;  /* nanoseconds after which that one is to be told of again */
} pyr_wanted;

/* How long until there may be something to tell: 0 is now. */
static uint64_t
time_left(pyr_watchdog *self, const pyr_wanted *wanted)
{
    uint64_t number = atomic_load_explicit(&self->number, memory_order_acquire);
    uint64_t limit = number == wanted->number ? wanted->hangs : wanted->slow;
    if (number == 0) {
        return wanted->slow;
    }
    uint64_t began = atomic_load_explicit(&self->began, memory_order_relaxed);
    uint64_t now = pyr_nanoseconds(), passed = now > began ? now - began : 0;
    uint64_t left = passed < limit ? limit - passed : 0;
    return left < wanted->slow ? left : wanted->slow; /* another may begin meanwhile */
}

#define SHORTEST_PAUSE 100   /* microseconds */
#define LONGEST_PAUSE 3600e6 /* likewise */

/* Without the GIL.  False: nobody watches any more. */
static bool
sleep_until_slow(pyr_watchdog *self, const pyr_wanted *wanted)
{
    uint64_t left;
    while ((left = time_left(self, wanted)) > 0) {
        double pause = fmin(fmax((double)left / 1e3, SHORTEST_PAUSE), LONGEST_PAUSE);
        if (PyThread_acquire_lock_timed(self->ends, (PY_TIMEOUT_T)pause, 0) !=
            PY_LOCK_FAILURE) {
            PyThread_release_lock(self->ends);
            return false;
        }
    }
    return true;
}

PyObject *
pyr_watchdog_look_on(pyr_watchdog *self, PyObject *args)
{
    unsigned long long known;
    double hangs;
    if (!PyArg_ParseTuple(args, "Kd:look_on", &known, &hangs)) {
        return NULL;
    }
    pyr_wanted wanted = {.number = known, .hangs = nanoseconds_of(hangs)};
    while (self->is_watched) {
        wanted.slow = self->slow;
        PyThreadState *thread = PyEval_SaveThread();
        atomic_store_explicit(&self->onlooker, thread, memory_order_relaxed);
        bool goes_on = sleep_until_slow(self, &wanted);
        atomic_store_explicit(&self->onlooker, NULL, memory_order_relaxed);
        PyEval_RestoreThread(thread);
        if (goes_on && time_left(self, &wanted) == 0) { /* it may have ended meanwhile */
            bool hangs_on = self->number == wanted.number && self->what != NULL;
            return Py_BuildValue("KdiO", (unsigned long long)self->number,
                                 (double)(pyr_nanoseconds() - self->began) / 1e9,
                                 (int)self->activity, hangs_on ? self->what : Py_None);
        }
    }
    Py_RETURN_NONE;
}

PyObject *
pyr_watchdog_moment(pyr_watchdog *self)
{
    return PyLong_FromUnsignedLongLong(self->number);
}

void
pyr_watchdog_forked(pyr_watchdog *self)
{
    self->onlooker = NULL;
}

int
pyr_watchdog_traverse(pyr_watchdog *self, visitproc visit, void *arg)
{
    Py_VISIT(self->report);
    return 0;
}

int
pyr_watchdog_count(pyr_watchdog *self, pyr_statistics *statistics, bool on)
{
    self->statistics = NULL;
    self->on = self->report != NULL;
    int status = pyr_statistics_switch(statistics, on);
    if (statistics->on) { /* what was counted may have had finalizers that switch, too */
        self->statistics = statistics;
        self->on = true;
    }
    return status;
}

void
pyr_watchdog_clear(pyr_watchdog *self)
{
    self->on = false;
    self->statistics = NULL;
    Py_CLEAR(self->report);
    /* Who looks on has a reference to the loop: nobody does now. */
    if (self->ends != NULL) {
        (void)be_watched(self, false);
        PyThread_free_lock(self->ends);
        self->ends = NULL;
    }
}
