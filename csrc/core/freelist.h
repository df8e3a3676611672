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
#include <stdbool.h>

#include "core/compat.h"

#define PYR_FREELIST_MOST 256

typedef struct {
    int count;
    PyObject *objects[PYR_FREELIST_MOST];
} pyr_freelist;

/* One of the list, with its one reference, which the caller gets; NULL if it is empty. */
static inline PyObject *
pyr_freelist_take(pyr_freelist *list)
{
    return list->count > 0 ? list->objects[--list->count] : NULL;
}

/*
 * In the place of tp_free: keep an object that is being deallocated, has been cleared and
 * untracked, and has not been finalized.  False if the list is full.
 */
static inline bool
pyr_freelist_keep(pyr_freelist *list, PyObject *op)
{
    if (list->count == PYR_FREELIST_MOST) {
        return false;
    }
    pyr_revive(op);
    list->objects[list->count++] = op;
    return true;
}

static inline int
pyr_freelist_visit(pyr_freelist *list, visitproc visit, void *arg)
{
    for (int i = 0; i < list->count; i++) {
        Py_VISIT(Py_TYPE(list->objects[i]));
    }
    return 0;
}

/* The types' deallocators must not keep what is dropped here. */
static inline void
pyr_freelist_clear(pyr_freelist *list)
{
    while (list->count > 0) {
        Py_DECREF(list->objects[--list->count]);
    }
}

#endif
