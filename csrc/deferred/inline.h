/* The Deferred concept's small tests for hot paths; they need the whole module state. */
#ifndef PYREACTOR_DEFERRED_INLINE_H
#define PYREACTOR_DEFERRED_INLINE_H

#include "core/core.h"
#include "deferred/object.h"
#include "core/objects.h"

/* A C type that says nothing of its own about __class__: certainly no Failure or
 * Deferred. */
static inline bool
pyr_is_plain(PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    return !PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) &&
           type->tp_getattro == PyObject_GenericGetAttr;
}

/* isinstance(value, Failure), as stock asks it. */
static inline bool
pyr_is_failure(core_state *st, PyObject *value)
{
    if (pyr_is_plain(value)) {
        return false;
    }
    if (Py_TYPE(value) == (PyTypeObject *)st->deferred->failure_type) {
        return true;
    }
    return pyr_failure_check(st, value);
}

/* An own Deferred (see object.h). */
static inline bool
pyr_is_own(core_state *st, PyObject *value)
{
    return Py_TYPE(value) == st->deferred->type ||
           PyType_IsSubtype(Py_TYPE(value), st->deferred->type);
}

/* Any Deferred, stock's own included. */
static inline bool
pyr_is_deferred(core_state *st, PyObject *value)
{
    if (!PyType_HasFeature(Py_TYPE(value), Py_TPFLAGS_HEAPTYPE)) {
        return false;
    }
    return pyr_is_own(st, value) ||
           PyType_IsSubtype(Py_TYPE(value), (PyTypeObject *)st->deferred->stock_deferred);
}

/* Notice what was changed in the classes since.  Only while they are there. */
static inline void
pyr_see_changes(core_state *st)
{
    if (!pyr_class_is_as_seen(&st->deferred->seen, st->deferred->list_type)) {
        pyr_metaclass_look(st);
    }
}

/* Did a program replace a method in one of the classes? */
static inline bool
pyr_patched(core_state *st)
{
    pyr_see_changes(st);
    return st->deferred->patched;
}

/* The truth of Deferred.debug. */
static inline bool
pyr_class_debug(core_state *st)
{
    pyr_see_changes(st);
    return st->deferred->debug;
}

/*
 * May C code skip the methods' Python names?  Not on subclasses and instances that may
 * have replaced one, nor after a program patched the class; and what is listed is stock's
 * to work on.
 */
static inline bool
pyr_is_native(core_state *st, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    /* The class first: a look at it may run a garbage collection. */
    return (type == st->deferred->type || type == st->deferred->list_type) &&
           !pyr_patched(st) && ((pyr_deferred *)value)->dict == NULL &&
           ((pyr_deferred *)value)->listed == NULL;
}

static inline void
pyr_forget_failure(pyr_deferred *self)
{
    if (self->unhandled != NULL) {
        pyr_unhandled_forget(self);
    }
}

/* The truth of self.debug. */
static inline bool
pyr_debug(pyr_deferred *self)
{
    if (Py_TYPE(self) == self->st->deferred->type && self->dict == NULL) {
        return pyr_class_debug(self->st);
    }
    return pyr_metaclass_debug(self);
}

static inline void
pyr_set_result(pyr_deferred *self, PyObject *stolen)
{
    PyObject *old = self->result;
    self->result = stolen;
    Py_XDECREF(old);
}

#endif
