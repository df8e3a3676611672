/* The __dict__ of an instance; see own_dict.h. */
#include "framing/own_dict.h"

#include <assert.h>

/*
 * While CPython 3.11 makes a __dict__ of an instance's values, a garbage collection may
 * come, whose code asks for the same: then two of them would own the values.
 */
PyObject *
pyr_own_dict(PyObject *self)
{
    int collecting = PyGC_Disable();
    PyObject *dict = Py_XNewRef(pyr_instance_dict(self));
    if (collecting) {
        (void)PyGC_Enable();
    }
    return dict;
}

int
pyr_own_dict_get(PyObject *self, PyObject *name, PyObject **value)
{
    *value = NULL;
    PyObject *dict = pyr_own_dict(self);
    int found = dict == NULL ? 0 : PyDict_GetItemRef(dict, name, value);
    Py_XDECREF(dict);
    return found;
}

/*
 * A __dict__ that was made for an instance shares its keys with other instances, and
 * since 3.11 CPython reads and sets attributes slowly by way of such a one.  Taking an
 * item away ends that.  The order stays; nothing else runs between the two calls.
 */
int
pyr_own_dict_unshare(PyObject *self, PyObject *popitem)
{
    int status = 0;
#if PY_VERSION_HEX >= 0x030B0000
    PyObject *dict = pyr_own_dict(self);
    if (dict != NULL && PyDict_CheckExact(dict) && PyDict_GET_SIZE(dict) > 0) {
        PyObject *last = PyObject_CallMethodNoArgs(dict, popitem);
        status = last == NULL ? -1
                              : PyDict_SetItem(dict, PyTuple_GET_ITEM(last, 0),
                                               PyTuple_GET_ITEM(last, 1));
        Py_XDECREF(last);
    }
    Py_XDECREF(dict);
#else
    (void)self, (void)popitem;
#endif
    return status;
}

/* ---- has it changed? ------------------------------------------------------- */

/* The hashes of the names that count: those of equal strings are equal, in whatever
 * interpreter they are. */
static struct {
    uint64_t some; /* by their last bits: which there may be */
    int count;
    Py_hash_t hashes[32];
} names;

void
pyr_own_name_add(PyObject *name)
{
    if (!pyr_own_name_counts(name)) {
        Py_hash_t hash = PyObject_Hash(name);
        assert(names.count < 32);
        names.some |= (uint64_t)1 << (hash & 63);
        names.hashes[names.count++] = hash;
    }
}

bool
pyr_own_name_counts(PyObject *key)
{
    if (!PyUnicode_CheckExact(key)) {
        return true;
    }
    Py_hash_t hash = PyObject_Hash(key);
    bool counts = false;
    if ((names.some >> (hash & 63) & 1) != 0) {
        for (int i = 0; i < names.count && !counts; i++) {
            counts = names.hashes[i] == hash;
        }
    }
    return counts;
}

void
pyr_own_dict_see(pyr_own_seen *seen, PyObject *dict, int watcher)
{
#if PY_VERSION_HEX >= 0x030C0000
    bool told = watcher >= 0 && !pyr_dict_changes_unseen(dict) &&
                PyDict_Watch(watcher, dict) == 0;
    seen->dict = told ? dict : NULL;
    PyErr_Clear();
#else
    (void)watcher;
    seen->dict = dict;
    seen->stamp = pyr_dict_stamp(dict);
    seen->keys = pyr_dict_keys(dict);
    seen->size = PyDict_GET_SIZE(dict);
    seen->count = 0;
#endif
}

#if PY_VERSION_HEX < 0x030C0000

/* The same, where a `false` may leave `end` and `size` further on than what was seen. */
static bool
has_names(pyr_own_seen *seen, PyObject *dict)
{
    PyObject *key;
    const void *keys = pyr_dict_keys(dict);
    if (keys == NULL || keys != seen->keys) {
        return false;
    }
    while (PyDict_Next(dict, &seen->end, &key, NULL)) {
        if (pyr_own_name_counts(key)) {
            return false;
        }
        seen->size++;
    }
    if (seen->size != PyDict_GET_SIZE(dict) || !pyr_dict_has_at(dict, &seen->buffer) ||
        !pyr_own_dict_has_values(seen)) {
        return false;
    }
    seen->stamp = pyr_dict_stamp(dict);
    return true;
}

bool
pyr_own_dict_has_names(pyr_own_seen *seen, PyObject *dict)
{
    bool has = has_names(seen, dict);
    if (!has) {
        seen->dict = NULL; /* nor will it be when asked again */
    }
    return has;
}

#endif
