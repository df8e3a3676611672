/*
 * The log context stack; see logcontext.h.
 *
 * Stock Twisted calls twice into Python and makes two dicts for every event.  Here the
 * two dicts are made once and reused, unless something else refers to one of them
 * (deferToThread hands the current context to the worker thread): then new ones are made.
 */
#include "loop/logcontext.h"
#include "loop/state.h"

int
pyr_logcontext_enter(core_state *st, pyr_logcontext *self)
{
    PyObject *contexts = PyObject_CallNoArgs(st->loop->context_stack);
    if (contexts != NULL && !PyList_CheckExact(contexts)) {
        PyErr_SetString(PyExc_TypeError, "the context stack is not a list");
        Py_CLEAR(contexts);
    }
    if (contexts == NULL) {
        return -1;
    }
    Py_XSETREF(self->contexts, contexts);
    return 0;
}

/* The innermost log context, as context.get(ILogContext) finds it; new reference. */
static PyObject *
current_log_context(core_state *st, PyObject *contexts)
{
    for (Py_ssize_t i = PyList_GET_SIZE(contexts); i-- > 0;) {
        PyObject *context = PyList_GET_ITEM(contexts, i);
        PyObject *found;
        if (!PyDict_CheckExact(context)) {
            continue;
        }
        if (PyDict_GetItemRef(context, st->loop->ILogContext, &found) < 0) {
            return NULL;
        }
        if (found != NULL) {
            return found;
        }
    }
    return PyDict_New();
}

static int
make_context(core_state *st, pyr_logcontext *self, PyObject *base)
{
    PyObject *inner, *outer;
    inner = PyDict_Check(base) ? PyDict_Copy(base) : PyDict_New();
    if (inner == NULL) {
        return -1;
    }
    outer = PyDict_New();
    if (outer == NULL || PyDict_SetItem(outer, st->loop->ILogContext, inner) < 0) {
        Py_DECREF(inner);
        Py_XDECREF(outer);
        return -1;
    }
    Py_XSETREF(self->inner, inner);
    Py_XSETREF(self->outer, outer);
    return 0;
}

/* `inner` is referred to by self and by `outer`; a third reference is not the loop's. */
static int
can_reuse(core_state *st, pyr_logcontext *self, PyObject *base)
{
    if (self->outer == NULL || Py_REFCNT(self->outer) != 1 ||
        Py_REFCNT(self->inner) != 2 || PyDict_GET_SIZE(self->outer) != 1 ||
        PyDict_GET_SIZE(self->inner) != 1 || !PyDict_Check(base) ||
        PyDict_GET_SIZE(base) != 1) {
        return 0;
    }
    return PyDict_Contains(base, st->names.system);
}

int
pyr_logcontext_push(core_state *st, pyr_logcontext *self, PyObject *prefix)
{
    PyObject *base = current_log_context(st, self->contexts);
    if (base == NULL) {
        return -1;
    }
    int status = can_reuse(st, self, base);
    if (status == 0) {
        status = make_context(st, self, base);
    }
    Py_DECREF(base);
    if (status < 0 || PyDict_SetItem(self->inner, st->names.system, prefix) < 0) {
        return -1;
    }
    return PyList_Append(self->contexts, self->outer);
}

void
pyr_logcontext_pop(pyr_logcontext *self)
{
    PyObject *contexts = self->contexts;
    Py_ssize_t left = PyList_GET_SIZE(contexts) - 1;
    if (left < 0) {
        return;
    }
    /* It keeps its room, which the next push needs. */
    PyObject *last = PyList_GET_ITEM(contexts, left);
    Py_SET_SIZE(contexts, left);
    Py_DECREF(last);
}

int
pyr_logcontext_traverse(pyr_logcontext *self, visitproc visit, void *arg)
{
    Py_VISIT(self->contexts);
    Py_VISIT(self->outer);
    Py_VISIT(self->inner);
    return 0;
}

void
pyr_logcontext_clear(pyr_logcontext *self)
{
    Py_CLEAR(self->contexts);
    Py_CLEAR(self->outer);
    Py_CLEAR(self->inner);
}
