/* Attributes of an instance that has no __dict__ yet; see inline_values.h. */
#include "framing/inline_values.h"

/* ---- names and places ------------------------------------------------------ */

bool pyr_inline_values_known = false;

#if PYR_INLINE_VALUES

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
    const pyr_shared_name *entries = pyr_shared_entries(names);
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
    if (names == NULL || names->kind != PYR_SHARED_KIND ||
        names->log2_index_bytes != names->log2_size) {
        return -1;
    }
    return find_name(names, name);
}

/*
 * CPython 3.11 and 3.12 take the values of an object that the garbage collector breaks
 * open, and leave their places in the order; such an object can still be reached.
 */
static void
forget_cleared(PyObject **values)
{
    uint8_t *count = pyr_order_count(values);
    uint64_t seen = 0;
    int kept = 0;
    for (int i = 0; i < *count; i++) {
        uint8_t place = *pyr_order_at(values, i);
        uint64_t bit = (uint64_t)1 << place;
        if (values[place] != NULL && (seen & bit) == 0) {
            *pyr_order_at(values, kept++) = place;
            seen |= bit;
        }
    }
    *count = (uint8_t)kept;
}

static void
note_order(PyObject **values, int place)
{
    uint8_t *count = pyr_order_count(values);
    if (*count >= pyr_order_room(values)) {
        forget_cleared(values);
    }
    *pyr_order_at(values, *count) = (uint8_t)place;
    *count += 1;
}

void
pyr_set_value(PyObject **values, int place, PyObject *value)
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
 * CPython 3.11 to 3.15 read and set attributes slowly by way of such a one: give it keys
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

static PyObject *
make_instance_dict(PyObject *self)
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
    /* Otherwise it may not have been made just now. */
    if (made != NULL && pyr_inline_values_known &&
        PyType_HasFeature(Py_TYPE(self), Py_TPFLAGS_MANAGED_DICT)) {
        /* What is dropped may run code, and replace self.__dict__. */
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

/*
 * While CPython makes a __dict__ of an instance's values, a garbage collection may come,
 * whose code asks for the same: then two of them would own the values.
 */
PyObject *
pyr_make_instance_dict(PyObject *self)
{
    int collecting = PyGC_Disable();
    PyObject *dict = make_instance_dict(self);
    if (collecting) {
        (void)PyGC_Enable();
    }
    return dict;
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
/* The __dict__ of `self`, in which setting a name adds it to those that the next
 * instances share; new reference. */
static PyObject *
sharing_dict(PyObject *self)
{
    int collecting = PyGC_Disable(); /* as above */
    PyObject *dict = PyObject_GenericGetDict(self, NULL);
    if (collecting) {
        (void)PyGC_Enable();
    }
    return dict;
}

/*
 * Add the name by an instance that is made for that alone, so that the one which is in
 * use need not get a __dict__, by which its attributes would be slower as long as it
 * lives.  Nobody sees it, where the class has no finalizer.  True if that could be done.
 */
static bool
introduce_by_another(PyTypeObject *type, PyObject *name)
{
    if (type->tp_finalize != NULL || type->tp_del != NULL) {
        return false;
    }
    PyObject *other = PyObject_CallMethod((PyObject *)&PyBaseObject_Type, "__new__", "O",
                                          (PyObject *)type);
    PyObject *dict = other == NULL ? NULL : sharing_dict(other);
    bool done = dict != NULL && PyDict_SetItem(dict, name, Py_None) == 0;
    PyErr_Clear();
    Py_XDECREF(dict);
    Py_XDECREF(other);
    return done;
}

/* Let this instance itself be the first with this name. */
static int
introduce_name(PyObject *self, PyObject *name, PyObject *value)
{
    PyObject *dict = sharing_dict(self);
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

/* Where in the array of `self` the value belongs; -1: nowhere. */
static int
place_for(PyObject *self, PyObject *name)
{
    int place = pyr_shared_place(Py_TYPE(self), name);
    if (place < 0 && introduce_by_another(Py_TYPE(self), name)) {
        place = pyr_shared_place(Py_TYPE(self), name);
    }
    return place;
}
#endif

int
pyr_set_own_attribute(PyObject *self, PyObject *name, PyObject *value)
{
#if PYR_INLINE_VALUES
    if (pyr_inline_values(self) != NULL) {
        int place = place_for(self, name);
        PyObject **values = pyr_inline_values(self); /* code may have run meanwhile */
        if (values != NULL && place < 0) {
            return introduce_name(self, name, value);
        }
        if (values != NULL) {
            pyr_set_value(values, place, value);
            return 0;
        }
    }
#endif
    PyObject *dict = pyr_instance_dict(self);
    if (dict == NULL) {
        PyErr_SetString(PyExc_SystemError, "an instance without a __dict__");
        return -1;
    }
    return set_in_dict(dict, name, value);
}
