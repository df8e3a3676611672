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

/* The next ones first: what a key's finalizer runs may switch once more. */
static void
replace_statistics(pyr_statistics *self, pyr_statistics next)
{
    pyr_cost *costs = self->costs;
    *self = next;
    for (size_t i = 0; i < PYR_COST_SLOTS && costs != NULL; i++) {
        Py_CLEAR(costs[i].key);
    }
    PyMem_Free(costs);
}

int
pyr_statistics_switch(pyr_statistics *self, bool on)
{
    pyr_statistics next = {.on = on};
    if (on) {
        next.costs = PyMem_Calloc(PYR_COST_SLOTS, sizeof(pyr_cost));
        if (next.costs == NULL) {
            pyr_statistics_clear(self);
            PyErr_NoMemory();
            return -1;
        }
        next.began = next.woke_at = pyr_nanoseconds();
    }
    replace_statistics(self, next);
    return 0;
}

/* ---- counting ---- */

static void
add_to(pyr_tally *self, uint64_t took)
{
    self->count++;
    self->total += took;
    if (took > self->longest) {
        self->longest = took;
    }
}

static void
add_time(pyr_times *self, uint64_t took)
{
    static const uint64_t bounds[PYR_TIME_CLASSES - 1] = PYR_TIME_BOUNDS;
    int class = 0;
    while (class < PYR_TIME_CLASSES - 1 && took > bounds[class]) {
        class ++;
    }
    self->classes[class]++;
    add_to(&self->all, took);
}

void
pyr_statistics_note_sleep(pyr_statistics *self)
{
    self->slept_at = pyr_nanoseconds();
    add_time(&self->told.work, self->slept_at - self->woke_at);
}

void
pyr_statistics_note_wake(pyr_statistics *self)
{
    self->woke_at = pyr_nanoseconds();
    if (self->slept_at != 0) { /* else it was switched on meanwhile */
        add_time(&self->told.sleep, self->woke_at - self->slept_at);
    }
}

void
pyr_statistics_add_late(pyr_statistics *self, double seconds)
{
    bool sane = seconds > 0 && seconds < 1e9; /* a clock may be set */
    add_time(&self->told.late, sane ? (uint64_t)(seconds * 1e9) : 0);
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
    self->told.counts[activity & 7]++;
    add_to(&(key == NULL ? &self->other : cost_of(self, activity, key))->all, took);
}

/* ---- telling ---- */

static int
append_cost(PyObject *list, const pyr_cost *cost)
{
    PyObject *item =
        Py_BuildValue("iOKdd", cost->activity, cost->key != NULL ? cost->key : Py_None,
                      (unsigned long long)cost->all.count, (double)cost->all.total / 1e9,
                      (double)cost->all.longest / 1e9);
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
    if (list != NULL && self->other.all.count > 0 &&
        append_cost(list, &self->other) < 0) {
        Py_CLEAR(list);
    }
    return list;
}

static int
append_numbers(PyObject *list, const void *numbers, size_t size)
{
    const uint64_t *next = numbers, *end = next + size / sizeof(uint64_t);
    int status = 0;
    for (; status == 0 && next < end; next++) {
        PyObject *number = PyLong_FromUnsignedLongLong(*next);
        status = number == NULL ? -1 : PyList_Append(list, number);
        Py_XDECREF(number);
    }
    return status;
}

PyObject *
pyr_statistics_tell(pyr_statistics *self, core_state *st)
{
    if (!self->on) {
        Py_RETURN_NONE;
    }
    uint64_t passed = pyr_nanoseconds() - self->began;
    PyObject *costs = costs_as_list(self), *numbers = PyList_New(0);
    if (costs == NULL || numbers == NULL ||
        append_numbers(numbers, &passed, sizeof(passed)) < 0 ||
        append_numbers(numbers, &self->told, sizeof(self->told)) < 0 ||
        append_numbers(numbers, st->loop->traffic, sizeof(st->loop->traffic)) < 0 ||
        append_numbers(numbers, &st->callbacks, sizeof(st->callbacks)) < 0) {
        Py_XDECREF(costs);
        Py_XDECREF(numbers);
        return NULL;
    }
    return Py_BuildValue("(NN)", costs, numbers);
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
    replace_statistics(self, (pyr_statistics){.on = false});
}
