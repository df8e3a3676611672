/* What the loop is doing right now; see watchdog.h. */
#include "loop/watchdog.h"

#include <math.h>

pyr_span
pyr_watchdog_enter(pyr_watchdog *self, pyr_activity activity, PyObject *what)
{
    self->activity = activity;
    self->what = what;
    self->began = self->now != 0 ? self->now : pyr_nanoseconds();
    self->number = ++self->last_number;
    return (pyr_span){self->began, self->number};
}

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
    self->number = 0;
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

PyObject *
pyr_watchdog_set(pyr_watchdog *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2) {
        PyErr_SetString(PyExc_TypeError, "watch() takes 2 arguments");
        return NULL;
    }
    double slow = args[0] == Py_None ? INFINITY : PyFloat_AsDouble(args[0]);
    if (slow == -1.0 && PyErr_Occurred()) {
        return NULL;
    }
    self->on = args[0] != Py_None || self->statistics != NULL;
    self->slow = slow < 1e9 ? (uint64_t)(slow * 1e9) : UINT64_MAX;
    Py_XSETREF(self->report, args[1] == Py_None ? NULL : Py_NewRef(args[1]));
    Py_RETURN_NONE;
}

PyObject *
pyr_watchdog_moment(pyr_watchdog *self, PyObject *longer_than)
{
    double least = PyFloat_AsDouble(longer_than);
    if (least == -1.0 && PyErr_Occurred()) {
        return NULL;
    }
    uint64_t number = self->number;
    double passed = number == 0 ? 0.0 : (double)(pyr_nanoseconds() - self->began) / 1e9;
    bool tell = number != 0 && passed >= least && self->what != NULL;
    return Py_BuildValue("KdiO", (unsigned long long)number, passed, (int)self->activity,
                         tell ? self->what : Py_None);
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
    if (pyr_statistics_switch(statistics, on) < 0) {
        return -1;
    }
    if (on) {
        self->statistics = statistics;
        self->on = true;
    }
    return 0;
}

void
pyr_watchdog_clear(pyr_watchdog *self)
{
    self->on = false;
    self->statistics = NULL;
    Py_CLEAR(self->report);
}
