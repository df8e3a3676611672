/* Attributes of an instance that has no __dict__ yet; see inline_values.h. */
#include "inline_values.h"

/* ---- names and places ------------------------------------------------------ */

#if PYR_INLINE_VALUES

/* PyDictUnicodeEntry */
typedef struct {
    PyObject *name;
    PyObject *unused;
} shared_name;

#define KIND_SPLIT 2
#define INDEX_EMPTY (-1)

static bool
same_name(PyObject *one, PyObject *other)
{
    return one == other || (PyObject_Hash(one) == PyObject_Hash(other) &&
                            PyUnicode_Compare(one, other) == 0);
}

/* CPython's own way through its hash table. */
static int
find_name(const pyr_shared_names *names, PyObject *name)
{
    const shared_name *entries =
        (const void *)(names->indices + ((size_t)1 << names->log2_index_bytes));
    size_t hash = (size_t)PyObject_Hash(name);
    size_t mask = ((size_t)1 << names->log2_size) - 1;
    size_t at = hash & mask;
    for (size_t perturb = hash;;) {
        int place = names->indices[at];
        if (place == INDEX_EMPTY) {
            return -1;
        }
        if (place >= 0 && same_name(entries[place].name, name)) {
            return place;
        }
        perturb >>= 5;
        at = (at * 5 + perturb + 1) & mask;
    }
}

int
pyr_shared_place(const PyTypeObject *type, PyObject *name)
{
    const pyr_shared_names *names = pyr_shared_names_of(type);
    /* There are never more than fit small indices. */
    if (names == NULL || names->kind != KIND_SPLIT ||
        names->log2_index_bytes != names->log2_size) {
        return -1;
    }
    return find_name(names, name);
}

/* CPython notes in which order values came, for the __dict__ that may be made later. */
static void
note_order(PyObject **values, int place)
{
#if PY_VERSION_HEX < 0x030D0000
    uint8_t *count = (uint8_t *)values - 2;
    *count += 1;
    count[-*count] = (uint8_t)place;
#else
    uint8_t *head = (uint8_t *)(values - 1); /* capacity, size */
    uint8_t *order = (uint8_t *)(values + head[0]);
    order[head[1]++] = (uint8_t)place;
#endif
}

static void
set_value(PyObject **values, int place, PyObject *value)
{
    PyObject *before = values[place];
    if (before == NULL) {
        note_order(values, place);
    }
    values[place] = Py_NewRef(value);
    Py_XDECREF(before);
}

#else

int
pyr_shared_place(const PyTypeObject *Py_UNUSED(type), PyObject *Py_UNUSED(name))
{
    return -1;
}

#endif

/* ---- the __dict__ ---------------------------------------------------------- */

#if PY_VERSION_HEX >= 0x030B0000
/*
 * A __dict__ made for an instance that had none shares its keys with other instances.
 * CPython 3.11 to 3.13 read and set attributes slowly by way of such a one: give it keys
 * of its own.  The order stays.  Between the two calls nothing else runs, and the new
 * keys have room.
 */
static int
unshare_keys(PyObject *dict)
{
    if (PyDict_GET_SIZE(dict) == 0) {
        return 0;
    }
    PyObject *last = PyObject_CallMethod(dict, "popitem", NULL);
    if (last == NULL) {
        return -1;
    }
    int status =
        PyDict_SetItem(dict, PyTuple_GET_ITEM(last, 0), PyTuple_GET_ITEM(last, 1));
    Py_DECREF(last);
    return status;
}
#endif

PyObject *
pyr_make_instance_dict(PyObject *self)
{
    PyObject **pointer = _PyObject_GetDictPtr(self);
    if (pointer == NULL) {
        return NULL;
    }
    if (*pointer == NULL) {
        PyObject *dict = PyObject_GenericGetDict(self, NULL); /* makes and keeps it */
        if (dict == NULL) {
            PyErr_Clear();
            return NULL;
        }
        Py_DECREF(dict);
        pointer = _PyObject_GetDictPtr(self);
    }
    PyObject *made = pointer == NULL ? NULL : *pointer;
#if PY_VERSION_HEX >= 0x030B0000
    if (made != NULL && PyType_HasFeature(Py_TYPE(self), Py_TPFLAGS_MANAGED_DICT)) {
        /* A garbage collection may run, and replace self.__dict__. */
        Py_INCREF(made);
        if (unshare_keys(made) < 0) {
            PyErr_Clear();
        }
        Py_DECREF(made);
        pointer = _PyObject_GetDictPtr(self);
        made = pointer == NULL ? NULL : *pointer;
    }
#endif
    return made;
}

/* ---- own attributes -------------------------------------------------------- */

bool
pyr_has_own_attributes(PyObject *self)
{
    return pyr_inline_values(self) != NULL || pyr_instance_dict(self) != NULL;
}

PyObject *
pyr_own_attribute(PyObject *self, PyObject *name)
{
    PyObject **values = pyr_inline_values(self);
    if (values != NULL) {
        int place = pyr_shared_place(Py_TYPE(self), name);
        return place < 0 ? NULL : values[place];
    }
    PyObject *dict = pyr_instance_dict(self);
    return dict == NULL ? NULL : PyDict_GetItemWithError(dict, name);
}

static int
set_in_dict(PyObject *dict, PyObject *name, PyObject *value)
{
    Py_INCREF(dict);
    int status = PyDict_SetItem(dict, name, value);
    Py_DECREF(dict);
    return status;
}

#if PYR_INLINE_VALUES
/* The class's first instance with this name gets a __dict__: setting the name there adds
 * it to those that the next instances share. */
static int
introduce_name(PyObject *self, PyObject *name, PyObject *value)
{
    PyObject *dict = PyObject_GenericGetDict(self, NULL);
    if (dict == NULL) {
        return -1;
    }
    int status = PyDict_SetItem(dict, name, value);
    if (status == 0 && unshare_keys(dict) < 0) {
        PyErr_Clear();
    }
    Py_DECREF(dict);
    return status;
}
#endif

int
pyr_set_own_attribute(PyObject *self, PyObject *name, PyObject *value)
{
#if PYR_INLINE_VALUES
    PyObject **values = pyr_inline_values(self);
    if (values != NULL) {
        int place = pyr_shared_place(Py_TYPE(self), name);
        if (place < 0) {
            return introduce_name(self, name, value);
        }
        set_value(values, place, value);
        return 0;
    }
#endif
    PyObject *dict = pyr_instance_dict(self);
    if (dict == NULL) {
        PyErr_SetString(PyExc_SystemError, "an instance without a __dict__");
        return -1;
    }
    return set_in_dict(dict, name, value);
}
