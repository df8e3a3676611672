/*
 * Is it still Twisted's own?  The one way to ask whether a class, or an instance, has
 * what C expects under a name, or what a program put there.
 *
 * What C expects is one object: a Python function of Twisted's that was handed over
 * before any program could replace it, or the descriptor of a C method.  That very object
 * is found, or a StandIn for it (made from that C method, or standing for that function):
 * a method that has nothing but a StandIn put before it counts as Twisted's own.
 * Everything else that is found replaces it.
 *
 * What may be remembered: an answer about a class is true until that class or one of its
 * bases changes.  Take the class's stamp (core/class_watch.h) before asking, and ask
 * again when it is another one.  An answer about an instance is true until Python code
 * runs.
 */
#ifndef PYREACTOR_OVERRIDE_H
#define PYREACTOR_OVERRIDE_H

#include "core/core.h"

#include <stdbool.h>
#include <stddef.h>

/* ---- one name ---- */

/*
 * What instances of the class find under the (interned) name in it or in its bases, not
 * bound: a function, a descriptor, any value.  A new reference, or NULL without an
 * exception.  No Python code runs.
 */
PyObject *pyr_class_find(PyTypeObject *type, PyObject *name);

/* Is `found` the expected object, or a StandIn for it?  False if either is NULL. */
bool pyr_is_expected(core_state *st, PyObject *found, PyObject *expected);

/*
 * Does the class have the expected object under this name?  `expected` may be a class:
 * what that one finds under the name is expected.  No Python code runs.
 */
bool pyr_class_has(core_state *st, PyTypeObject *type, PyObject *name,
                   PyObject *expected);

/*
 * Do instances of the class have what is in their dict under these names (PYR_NAME), as
 * nothing of the class takes part in reading and setting them?
 */
bool pyr_class_leaves_to_dict(core_state *st, PyTypeObject *type, const size_t *names,
                              size_t count);

/*
 * Is `attribute`, got from `object` as Python gets it, the expected method, bound to it?
 * This sees what the class and what the instance has, and __getattr__.
 */
bool pyr_is_bound(core_state *st, PyObject *attribute, PyObject *object,
                  PyObject *expected);

/* ---- a table of names ---- */

/* One name of those that a class may replace; a table ends with a `bit` of 0. */
typedef struct {
    size_t name;        /* PYR_NAME(doRead) */
    size_t expected[2]; /* where the room's struct has the objects; either will do */
    unsigned int bit;   /* what tells of this name in an answer */
} pyr_override;

/* The bits of the names that the class replaces; `room` has the expected objects. */
unsigned int pyr_class_overrides(core_state *st, PyTypeObject *type,
                                 const pyr_override *table, const void *room);

/* The bit of one (interned) name, or 0: for a tp_setattro, by which an instance comes to
 * replace it. */
unsigned int pyr_override_bit(core_state *st, const pyr_override *table, PyObject *name);

#endif
