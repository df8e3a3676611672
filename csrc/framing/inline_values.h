/*
 * Attributes of an instance that has no __dict__ yet.
 *
 * CPython 3.11 to 3.15 keep them in an array beside the object, by the place of their
 * name among the names that all instances of the class share, and make a __dict__ only
 * when somebody asks for one.  An instance without is smaller, and its attributes are
 * faster, so these functions read and set attributes of its own without making it one.
 *
 * The place of a name never changes; names are only ever added.  An instance has room for
 * as many values as its class may ever share names: what is left of these only shrinks.
 *
 * All this is of CPython's inside.  So the module tries it out when it is imported
 * (inline_check.c), and goes by way of the __dict__ if anything is not as it says here.
 */
#ifndef PYREACTOR_INLINE_VALUES_H
#define PYREACTOR_INLINE_VALUES_H

#include "core/compat.h"

#include <stdbool.h>
#include <stdint.h>

#if PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x03100000 && \
    !defined(Py_GIL_DISABLED) && !defined(Py_TRACE_REFS)
#define PYR_INLINE_VALUES 1
#else
#define PYR_INLINE_VALUES 0
#endif

/* Whether the interpreter has been seen to keep attributes as these functions think. */
extern bool pyr_inline_values_known;

/* PyDictKeysObject of these versions. */
typedef struct {
    Py_ssize_t refcnt;
    uint8_t log2_size;
    uint8_t log2_index_bytes;
    uint8_t kind;
    uint32_t version;
    Py_ssize_t usable;
    Py_ssize_t count;
    int8_t indices[];
} pyr_shared_names;

/* PyDictUnicodeEntry */
typedef struct {
    PyObject *name;
    PyObject *unused;
} pyr_shared_name;

#define PYR_SHARED_KIND 2

static inline const pyr_shared_name *
pyr_shared_entries(const pyr_shared_names *names)
{
    return (const void *)(names->indices + ((size_t)1 << names->log2_index_bytes));
}

/* The names that the instances of a class with inline values share. */
static inline const pyr_shared_names *
pyr_shared_names_of(const PyTypeObject *type)
{
    return (const pyr_shared_names *)((const PyHeapTypeObject *)type)->ht_cached_keys;
}

/* So many they are now. */
static inline Py_ssize_t
pyr_shared_count(const PyTypeObject *type)
{
    const pyr_shared_names *names = pyr_shared_names_of(type);
    return names == NULL ? 0 : names->count;
}

/* The same whether or not that has been seen. */
static inline PyObject **
pyr_inline_values_unchecked(PyObject *self)
{
#if !PYR_INLINE_VALUES
    (void)self;
    return NULL;
#elif PY_VERSION_HEX < 0x030C0000
    if (!PyType_HasFeature(Py_TYPE(self), Py_TPFLAGS_MANAGED_DICT)) {
        return NULL;
    }
    return ((PyObject ***)self)[-4];
#elif PY_VERSION_HEX < 0x030D0000
    if (!PyType_HasFeature(Py_TYPE(self), Py_TPFLAGS_MANAGED_DICT)) {
        return NULL;
    }
    char *tagged = ((char **)self)[-3]; /* odd: values, one byte further on */
    return ((uintptr_t)tagged & 1) == 0 ? NULL : (PyObject **)(void *)(tagged + 1);
#else
    /* Where the object ends: capacity, size, embedded, valid.  (3.13 has them only in
     * objects that are no larger than the head of all objects.) */
    uint8_t *values = (uint8_t *)self + Py_TYPE(self)->tp_basicsize;
    if (!PyType_HasFeature(Py_TYPE(self), Py_TPFLAGS_INLINE_VALUES) ||
        ((PyObject **)self)[-3] != NULL || values[3] == 0) {
        return NULL;
    }
    return (PyObject **)(void *)values + 1;
#endif
}

/* The values of an instance without a __dict__; NULL: look in its __dict__, if any. */
static inline PyObject **
pyr_inline_values(PyObject *self)
{
    return pyr_inline_values_known ? pyr_inline_values_unchecked(self) : NULL;
}

#if PYR_INLINE_VALUES
/*
 * CPython notes in which order values came, for the __dict__ that may be made later: how
 * many there are, how many there can be, and the place of each.
 */
static inline uint8_t *
pyr_order_count(PyObject **values)
{
#if PY_VERSION_HEX < 0x030D0000
    return (uint8_t *)values - 2;
#else
    return (uint8_t *)(values - 1) + 1;
#endif
}

static inline int
pyr_order_room(PyObject **values)
{
#if PY_VERSION_HEX < 0x030D0000
    return ((uint8_t *)values)[-1] - 2; /* the size of all that is before the values */
#else
    return *(uint8_t *)(values - 1);
#endif
}

static inline uint8_t *
pyr_order_at(PyObject **values, int number)
{
#if PY_VERSION_HEX < 0x030D0000
    return pyr_order_count(values) - 1 - number;
#else
    return (uint8_t *)(values + pyr_order_room(values)) + number;
#endif
}

/* Set the value that has this place. */
void pyr_set_value(PyObject **values, int place, PyObject *value);
#endif

/* Try it out; anything but what is expected leaves pyr_inline_values_known false. */
void pyr_inline_values_check(void);

/* The place of an interned name among the values of this class's instances, or -1. */
int pyr_shared_place(const PyTypeObject *type, PyObject *name);

/* An instance's own attribute (borrowed), which need not make it a __dict__.  NULL: it
 * has none; with an exception if the look-up failed. */
PyObject *pyr_own_attribute(PyObject *self, PyObject *name);
/* Whether an instance can have attributes of its own that no descriptor keeps. */
bool pyr_has_own_attributes(PyObject *self);
/* Set an own attribute, by-passing descriptors.  -1: exception. */
int pyr_set_own_attribute(PyObject *self, PyObject *name, PyObject *value);

/* ---- the __dict__ ---------------------------------------------------------- */

/* Borrowed; NULL without an exception when `self` has no __dict__. */
PyObject *pyr_make_instance_dict(PyObject *self);

/* The same; what it adds is only speed, for the dict that exists already. */
static inline PyObject *
pyr_instance_dict(PyObject *self)
{
#if PYR_INLINE_VALUES
    /* Three words before the object; in 3.12 an odd value is no dict yet. */
    if (pyr_inline_values_known &&
        PyType_HasFeature(Py_TYPE(self), Py_TPFLAGS_MANAGED_DICT)) {
        PyObject *dict = ((PyObject **)self)[-3];
        if (dict != NULL && ((uintptr_t)dict & 1) == 0) {
            return dict;
        }
    }
#elif PY_VERSION_HEX < 0x030B0000
    Py_ssize_t offset = Py_TYPE(self)->tp_dictoffset;
    if (offset > 0) {
        PyObject *dict = *(PyObject **)((char *)self + offset);
        if (dict != NULL) {
            return dict;
        }
    }
#endif
    return pyr_make_instance_dict(self);
}

#endif
