/* What a loop has done; see statistics.h. */
#include "loop/statistics.h"

#include <time.h>

#include "loop/state.h"

uint64_t
pyr_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int
pyr_statistics_switch(pyr_statistics *self, bool on)
{
    pyr_statistics_clear(self);
    if (on) {
        self->costs = PyMem_Calloc(PYR_COST_SLOTS, sizeof(pyr_cost));
        if (self->costs == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        self->began = self->woke_at = pyr_nanoseconds();
        self->on = true;
    }
    return 0;
}

/* ---- counting ---- */

static void
add_time(pyr_times *self, uint64_t took)
{
    static const uint64_t bounds[PYR_TIME_CLASSES - 1] = PYR_TIME_BOUNDS;
    int class = 0;
    while (class < PYR_TIME_CLASSES - 1 && took > bounds[class]) {
        class ++;
    }
    self->classes[class]++;
    self->count++;
    self->total += took;
    if (took > self->longest) {
        self->longest = took;
    }
}

void
pyr_statistics_note_sleep(pyr_statistics *self)
{
    self->slept_at = pyr_nanoseconds();
    add_time(&self->work, self->slept_at - self->woke_at);
}

void
pyr_statistics_note_wake(pyr_statistics *self)
{
    self->woke_at = pyr_nanoseconds();
    if (self->slept_at != 0) { /* else it was switched on meanwhile */
        add_time(&self->sleep, self->woke_at - self->slept_at);
    }
}

void
pyr_statistics_add_late(pyr_statistics *self, double seconds)
{
    bool sane = seconds > 0 && seconds < 1e9; /* a clock may be set */
    add_time(&self->late, sane ? (uint64_t)(seconds * 1e9) : 0);
}

PyObject *
pyr_statistics_key(PyObject *called)
{
    if (called != NULL && PyMethod_Check(called)) {
        called = PyMethod_GET_FUNCTION(called);
    }
    if (called != NULL && PyFunction_Check(called)) {
        return PyFunction_GetCode(called);
    }
    return called == NULL || PyType_Check(called) || PyCode_Check(called) ||
                   !PyCFunction_Check(called)
               ? called
               : (PyObject *)Py_TYPE(called);
}

/* The slot of a key, which gets one if there is room; else the one for all others. */
static pyr_cost *
cost_of(pyr_statistics *self, int activity, PyObject *key)
{
    size_t at = ((uintptr_t)key >> 4) + (size_t)activity;
    for (;; at++) {
        pyr_cost *slot = &self->costs[at % PYR_COST_SLOTS];
        if (slot->key == key && slot->activity == activity) {
            return slot;
        }
        if (slot->key == NULL) {
            if (self->kinds >= PYR_COST_SLOTS / 2) {
                return &self->other;
            }
            self->kinds++;
            slot->key = Py_NewRef(key);
            slot->activity = activity;
            return slot;
        }
    }
}

void
pyr_statistics_add(pyr_statistics *self, int activity, PyObject *key, uint64_t took)
{
    self->counts[activity & 7]++;
    pyr_cost *slot = key == NULL ? &self->other : cost_of(self, activity, key);
    slot->count++;
    slot->total += took;
    if (took > slot->longest) {
        slot->longest = took;
    }
}

/* ---- telling ---- */

static PyObject *
times_as_dict(const pyr_times *times)
{
    PyObject *classes = PyList_New(PYR_TIME_CLASSES);
    for (int i = 0; classes != NULL && i < PYR_TIME_CLASSES; i++) {
        PyObject *count = PyLong_FromUnsignedLongLong(times->classes[i]);
        if (count == NULL) {
            Py_CLEAR(classes);
        } else {
            PyList_SET_ITEM(classes, i, count);
        }
    }
    return classes == NULL
               ? NULL
               : Py_BuildValue("{sKsdsdsN}", "count", (unsigned long long)times->count,
                               "seconds", (double)times->total / 1e9, "longest",
                               (double)times->longest / 1e9, "classes", classes);
}

static int
append_cost(PyObject *list, const pyr_cost *cost)
{
    PyObject *item =
        Py_BuildValue("iOKdd", cost->activity, cost->key != NULL ? cost->key : Py_None,
                      (unsigned long long)cost->count, (double)cost->total / 1e9,
                      (double)cost->longest / 1e9);
    int status = item == NULL ? -1 : PyList_Append(list, item);
    Py_XDECREF(item);
    return status;
}

static PyObject *
costs_as_list(const pyr_statistics *self)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < PYR_COST_SLOTS && self->costs != NULL; i++) {
        /* By value: a collection may run other code, and that switch it off. */
        pyr_cost cost = self->costs[i];
        if (cost.key != NULL && append_cost(list, &cost) < 0) {
            Py_CLEAR(list);
        }
    }
    if (list != NULL && self->other.count > 0 && append_cost(list, &self->other) < 0) {
        Py_CLEAR(list);
    }
    return list;
}

static PyObject *
traffic_as_list(const core_state *st)
{
    PyObject *list = PyList_New(0);
    for (int i = 0; list != NULL && i < PYR_TRAFFIC_KINDS; i++) {
        pyr_traffic traffic = st->loop->traffic[i];
        PyObject *item = Py_BuildValue("KK", (unsigned long long)traffic.received,
                                       (unsigned long long)traffic.sent);
        if (item == NULL || PyList_Append(list, item) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(item);
    }
    return list;
}

PyObject *
pyr_statistics_tell(pyr_statistics *self, core_state *st)
{
    if (!self->on) {
        Py_RETURN_NONE;
    }
    double since = (double)(pyr_nanoseconds() - self->began) / 1e9;
    PyObject *counts = Py_BuildValue(
        "[KKKKK]", (unsigned long long)self->counts[0],
        (unsigned long long)self->counts[1], (unsigned long long)self->counts[2],
        (unsigned long long)self->counts[3], (unsigned long long)self->counts[4]);
    PyObject *work = times_as_dict(&self->work), *sleep = times_as_dict(&self->sleep),
             *late = times_as_dict(&self->late), *costs = costs_as_list(self),
             *traffic = traffic_as_list(st);
    if (counts == NULL || work == NULL || sleep == NULL || late == NULL ||
        costs == NULL || traffic == NULL) {
        Py_XDECREF(counts);
        Py_XDECREF(work);
        Py_XDECREF(sleep);
        Py_XDECREF(late);
        Py_XDECREF(costs);
        Py_XDECREF(traffic);
        return NULL;
    }
    return Py_BuildValue("{sdsNsNsNsNsNsNsK}", "seconds", since, "counts", counts, "work",
                         work, "sleep", sleep, "late", late, "costs", costs, "traffic",
                         traffic, "callbacks", (unsigned long long)st->callbacks);
}

/* ---- the collector ---- */

int
pyr_statistics_traverse(pyr_statistics *self, visitproc visit, void *arg)
{
    for (size_t i = 0; i < PYR_COST_SLOTS && self->costs != NULL; i++) {
        Py_VISIT(self->costs[i].key);
    }
    return 0;
}

void
pyr_statistics_clear(pyr_statistics *self)
{
    pyr_cost *costs = self->costs;
    *self = (pyr_statistics){.on = false};
    for (size_t i = 0; i < PYR_COST_SLOTS && costs != NULL; i++) {
        Py_CLEAR(costs[i].key);
    }
    PyMem_Free(costs);
}
