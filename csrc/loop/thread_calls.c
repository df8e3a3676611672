/* reactor.callFromThread's queue; see loop/thread_calls.h. */
#include "loop/loop.h"
#include "loop/reactor_state.h"
#include "core/report.h"

int
pyr_pack_arguments(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                   PyObject **packed_args, PyObject **packed_kwargs)
{
    PyObject *tuple = NULL, *dict = NULL;
    if (nargs > 0) {
        tuple = PyTuple_New(nargs);
        if (tuple == NULL) {
            return -1;
        }
        for (Py_ssize_t i = 0; i < nargs; i++) {
            PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
        }
    }
    if (kwnames != NULL && PyTuple_GET_SIZE(kwnames) > 0) {
        dict = PyDict_New();
        if (dict == NULL) {
            goto error;
        }
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kwnames); i++) {
            if (PyDict_SetItem(dict, PyTuple_GET_ITEM(kwnames, i), args[nargs + i]) < 0) {
                goto error;
            }
        }
    }
    *packed_args = tuple;
    *packed_kwargs = dict;
    return 0;
error:
    Py_XDECREF(tuple);
    Py_XDECREF(dict);
    return -1;
}

PyObject *
pyr_call_packed(PyObject *func, PyObject *args, PyObject *kwargs)
{
    if (kwargs == NULL) {
        if (args == NULL) {
            return PyObject_CallNoArgs(func);
        }
        return PyObject_Vectorcall(func, &PyTuple_GET_ITEM(args, 0),
                                   (size_t)PyTuple_GET_SIZE(args), NULL);
    }
    if (args != NULL) {
        return PyObject_Call(func, args, kwargs);
    }
    PyObject *none = PyTuple_New(0);
    if (none == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_Call(func, none, kwargs);
    Py_DECREF(none);
    return result;
}

static int
ring_grow(pyr_threadcalls *self)
{
    size_t capacity = self->capacity == 0 ? 16 : self->capacity * 2;
    pyr_threadcall *ring = PyMem_New(pyr_threadcall, capacity);
    if (ring == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < self->count; i++) {
        ring[i] = self->ring[(self->head + i) & (self->capacity - 1)];
    }
    PyMem_Free(self->ring);
    self->ring = ring;
    self->capacity = capacity;
    self->head = 0;
    return 0;
}

int
pyr_threadcalls_add(pyr_threadcalls *self, PyObject *const *args, Py_ssize_t nargs,
                    PyObject *kwnames)
{
    pyr_threadcall call = {NULL, NULL, NULL};
    if (pyr_pack_arguments(args + 1, nargs - 1, kwnames, &call.args, &call.kwargs) < 0) {
        return -1;
    }
    /* Packing may have run a collection, so the queue is looked at only now. */
    if (self->count == self->capacity && ring_grow(self) < 0) {
        Py_XDECREF(call.args);
        Py_XDECREF(call.kwargs);
        return -1;
    }
    call.func = Py_NewRef(args[0]);
    self->ring[(self->head + self->count) & (self->capacity - 1)] = call;
    self->count++;
    return 0;
}

static pyr_threadcall
ring_pop(pyr_threadcalls *self)
{
    pyr_threadcall call = self->ring[self->head];
    self->head = (self->head + 1) & (self->capacity - 1);
    self->count--;
    return call;
}

static void
threadcall_release(pyr_threadcall *call)
{
    Py_CLEAR(call->func);
    Py_CLEAR(call->args);
    Py_CLEAR(call->kwargs);
}

int
pyr_threadcalls_run(Loop *loop)
{
    pyr_threadcalls *self = &loop->threadcalls;
    /* A call queued by one of these calls waits for the next iteration, as in stock. */
    for (size_t left = self->count; left > 0 && self->count > 0; left--) {
        pyr_threadcall call = ring_pop(self);
        PyObject *result = pyr_call_packed(call.func, call.args, call.kwargs);
        if (result == NULL && pyr_report(loop->st->reactor->thread_call_error) < 0) {
            threadcall_release(&call);
            return -1;
        }
        Py_XDECREF(result);
        threadcall_release(&call);
    }
    if (self->count > 0) {
        pyr_loop_wake(loop);
    }
    return 0;
}

int
pyr_threadcalls_traverse(pyr_threadcalls *self, visitproc visit, void *arg)
{
    for (size_t i = 0; i < self->count; i++) {
        pyr_threadcall *call = &self->ring[(self->head + i) & (self->capacity - 1)];
        Py_VISIT(call->func);
        Py_VISIT(call->args);
        Py_VISIT(call->kwargs);
    }
    return 0;
}

void
pyr_threadcalls_clear(pyr_threadcalls *self)
{
    while (self->count > 0) {
        pyr_threadcall call = ring_pop(self);
        threadcall_release(&call);
    }
    PyMem_Free(self->ring);
    self->ring = NULL;
    self->capacity = 0;
    self->head = 0;
}
