/* Failures that nobody handled, and what debug mode notes: what stock has in a DebugInfo.
 */
#include "core/core.h"
#include "deferred/object.h"

#define SELF ((pyr_deferred *)op)

void
pyr_unhandled_finalize(PyObject *op)
{
    pyr_unhandled_report(SELF);
}

/* _debugInfo.failResult = value; an object that refuses is told about, not obeyed. */
static void
set_fail_result(pyr_deferred *self, PyObject *value)
{
    PyObject *info = Py_NewRef(self->unhandled);
    if (PyObject_SetAttr(info, self->st->names.failResult, value) < 0) {
        PyErr_WriteUnraisable(info);
    }
    Py_DECREF(info);
}

void
pyr_unhandled_note(pyr_deferred *self, PyObject *failure)
{
    if (self->has_debug_info) {
        set_fail_result(self, failure);
        return;
    }
    self->had_debug_info = true;
    Py_XSETREF(self->unhandled, Py_NewRef(failure));
    if (Py_TYPE(self)->tp_finalize != pyr_unhandled_finalize) {
        /* A subclass has a __del__ of its own: the report needs another finalizer. */
        PyObject *info = pyr_unhandled_info(self);
        if (info == NULL) {
            PyErr_WriteUnraisable((PyObject *)self);
        }
        Py_XDECREF(info);
    }
}

void
pyr_unhandled_forget(pyr_deferred *self)
{
    if (self->has_debug_info) {
        set_fail_result(self, Py_None);
    } else {
        Py_CLEAR(self->unhandled);
    }
}

/* `_debugInfo` as Python sees it: a DebugInfo, made now if stock would have one. */
PyObject *
pyr_unhandled_info(pyr_deferred *self)
{
    if (!self->had_debug_info) {
        Py_RETURN_NONE;
    }
    if (!self->has_debug_info) {
        PyObject *info = PyObject_CallNoArgs(self->st->deferred->debug_info_type);
        if (info == NULL) {
            return NULL;
        }
        if (self->has_debug_info) { /* a finalizer asked for it just now */
            Py_DECREF(info);
            return Py_NewRef(self->unhandled);
        }
        PyObject *failure = self->unhandled;
        self->unhandled = info;
        self->has_debug_info = true;
        if (failure != NULL) {
            set_fail_result(self, failure);
            Py_DECREF(failure);
        }
    }
    return Py_NewRef(self->unhandled);
}

/*
 * Is the module state still there?  When the interpreter shuts down the collector takes
 * the module away from its types, and instances may outlive it for a moment.
 */
static bool
has_state(PyTypeObject *type)
{
    for (; type != NULL && PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE);
         type = type->tp_base) {
        if (pyr_type_has_module(type)) {
            return true;
        }
    }
    return false;
}

/*
 * Report the failure nobody handled, if there is one.  Twisted's DebugInfo does it in its
 * __del__, so one is made for the purpose and dropped.  Keeps the current exception.
 */
void
pyr_unhandled_report(pyr_deferred *self)
{
    PyObject *failure = self->unhandled;
    if (failure == NULL || self->has_debug_info || !has_state(Py_TYPE(self)) ||
        self->st->deferred->debug_info_type == NULL) {
        return;
    }
    self->unhandled = NULL;
    PyObject *type, *value, *tb;
    PyErr_Fetch(&type, &value, &tb);
    PyObject *info = PyObject_CallNoArgs(self->st->deferred->debug_info_type);
    if (info == NULL || PyObject_SetAttr(info, self->st->names.failResult, failure) < 0) {
        PyErr_WriteUnraisable(self->st->deferred->debug_info_type);
    }
    Py_XDECREF(info);
    Py_DECREF(failure);
    PyErr_Restore(type, value, tb);
}
