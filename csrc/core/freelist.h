/*
 * Lists of objects that were dropped and are used again.
 *
 * An object in such a list is whole: the list alone refers to it, its own references are
 * gone, and the garbage collector does not know it.  So taking one costs a few
 * instructions.  It keeps its type alive, as every object does; who owns the list visits
 * the types (pyr_freelist_visit) and empties it when the module goes.
 */
#ifndef PYREACTOR_FREELIST_H
#define PYREACTOR_FREELIST_H

#include <Python.h>
#include <string.h>

#include "core/compat.h"

#define PYR_FREELIST_MOST 256

typedef struct {
    PyTypeObject *type; /* of the objects; borrowed, NULL once the module goes */
    int count;
    PyObject *objects[PYR_FREELIST_MOST];
} pyr_freelist;

/*
 * An object that the garbage collector does not know yet: one of the list, as it was
 * dropped; or a new one, of which `size` bytes are zero but for the head.
 */
static inline PyObject *
pyr_freelist_new(pyr_freelist *list, size_t size)
{
    if (list->count > 0) {
        return list->objects[--list->count];
    }
    if (list->type == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the interpreter is shutting down");
        return NULL;
    }
    PyObject *op = PyObject_GC_New(PyObject, list->type);
    if (op != NULL) {
        memset((char *)op + sizeof(PyObject), 0, size - sizeof(PyObject));
    }
    return op;
}

/*
 * The end of a deallocator, for an object that was cleared and untracked: the list keeps
 * it, if there is one, it is of the list's type, and there is room.
 */
static inline void
pyr_freelist_drop(pyr_freelist *list, PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    if (list != NULL && type == list->type && list->count < PYR_FREELIST_MOST) {
        pyr_revive(op);
        list->objects[list->count++] = op;
    } else {
        type->tp_free(op);
        Py_DECREF(type);
    }
}

static inline int
pyr_freelist_visit(pyr_freelist *list, visitproc visit, void *arg)
{
    for (int i = 0; i < list->count; i++) {
        Py_VISIT(list->type);
    }
    return 0;
}

static inline void
pyr_freelist_clear(pyr_freelist *list)
{
    list->type = NULL; /* nothing that is dropped now is kept */
    while (list->count > 0) {
        Py_DECREF(list->objects[--list->count]);
    }
}

#endif
