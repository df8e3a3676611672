/* The __dict__ of an instance; see own_dict.h. */
#include "framing/own_dict.h"

int
pyr_own_dict_get(PyObject *self, PyObject *name, PyObject **value)
{
    *value = NULL;
    PyObject *dict = pyr_instance_dict(self);
    int found = dict == NULL ? 0 : PyDict_GetItemRef(dict, name, value);
    Py_XDECREF(dict);
    return found;
}

/* A __dict__ that was made for an instance shares its keys with other instances, and
 * since 3.11 CPython reads and sets attributes slowly by way of such a one. */
int
pyr_own_dict_unshare(PyObject *self, PyObject *popitem)
{
    int status = 0;
#if PY_VERSION_HEX >= 0x030B0000
    PyObject *dict = pyr_instance_dict(self);
    status = dict == NULL ? 0 : pyr_dict_unshare(dict, popitem);
    Py_XDECREF(dict);
#else
    (void)self, (void)popitem;
#endif
    return status;
}

/* ---- has it changed? ------------------------------------------------------- */

/* The hashes of the names that count, each at the first free place from its last bits on:
 * those of equal strings are equal, in whatever interpreter they are. */
enum { NAME_PLACES = 64 };
static Py_hash_t names[NAME_PLACES];

static inline Py_hash_t *
place_of(PyObject *name)
{
    Py_hash_t hash = PyObject_Hash(name);
    size_t place = (size_t)hash % NAME_PLACES;
    while (names[place] != hash && names[place] != 0) {
        place = (place + 1) % NAME_PLACES;
    }
    return &names[place];
}

void
pyr_own_name_add(PyObject *name)
{
    *place_of(name) = PyObject_Hash(name);
}

bool
pyr_own_name_counts(PyObject *key)
{
    return !PyUnicode_CheckExact(key) || *place_of(key) != 0;
}

void
pyr_own_dict_see(pyr_own_seen *seen, PyObject *self, PyObject *dict, int watcher)
{
    seen->place = _PyObject_GetDictPtr(self);
    seen->dict = seen->place != NULL ? dict : NULL;
#if PY_VERSION_HEX >= 0x030C0000
    if (watcher < 0 || pyr_dict_changes_unseen(dict) || PyDict_Watch(watcher, dict) < 0) {
        seen->dict = NULL;
    }
    PyErr_Clear();
#else
    (void)watcher;
    seen->stamp = pyr_dict_stamp(dict);
    seen->keys = pyr_dict_keys(dict);
    seen->size = PyDict_GET_SIZE(dict);
    seen->count = 0;
    seen->unchecked = false;
    seen->expected = (pyr_own_item){.place = 0, .value = NULL};
#endif
}

#if PY_VERSION_HEX < 0x030C0000

/* Is one change all that there was, to the item that was expected to? */
static bool
changed_as_expected(pyr_own_seen *seen, PyObject *dict)
{
    uint64_t stamp = pyr_dict_stamp(dict);
    Py_ssize_t place = seen->expected.place;
    PyObject *value;
    if (seen->unchecked || seen->expected.value == NULL || stamp != seen->stamp + 1 ||
        PyDict_GET_SIZE(dict) != seen->size || pyr_dict_keys(dict) != seen->keys ||
        !PyDict_Next(dict, &place, NULL, &value) || place != seen->expected.place + 1 ||
        value == seen->expected.value) {
        return false;
    }
    seen->expected.value = value;
    seen->stamp = stamp;
    return true;
}

static bool
counts_at(const pyr_own_seen *seen, Py_ssize_t place)
{
    for (int i = 0; i < seen->count; i++) {
        if (seen->items[i].place == place) {
            return true;
        }
    }
    return seen->buffer.place == place;
}

/* Expect the next change at the same place; or, where it was elsewhere, at another. */
static void
expect_change(pyr_own_seen *seen, PyObject *dict)
{
    Py_ssize_t place = seen->expected.place;
    bool same = seen->expected.value == NULL && !counts_at(seen, place);
    for (Py_ssize_t tried = 0; !same && tried < seen->end; tried++) {
        place = place + 1 < seen->end ? place + 1 : 0;
        same = !counts_at(seen, place);
    }
    seen->expected.place = place;
    PyObject *value = NULL;
    bool there = same && PyDict_Next(dict, &place, NULL, &value) &&
                 place == seen->expected.place + 1;
    seen->expected.value = there ? value : NULL;
}

/* Are names and values as seen, where a `false` may leave `end` and `size` further on
 * than what was seen.  Rarely asked: not to lengthen the function that asks. */
static PYR_NO_INLINE bool
has_names(pyr_own_seen *seen, PyObject *dict)
{
    PyObject *key;
    const void *keys = pyr_dict_keys(dict);
    Py_ssize_t last = seen->end - 1;
    if (keys == NULL || keys != seen->keys || !PyDict_Next(dict, &last, &key, NULL) ||
        key != seen->last) {
        return false;
    }
    while (PyDict_Next(dict, &seen->end, &key, NULL)) {
        if (pyr_own_name_counts(key)) {
            return false;
        }
        seen->size++;
        seen->last = key;
    }
    if (seen->size != PyDict_GET_SIZE(dict) || !pyr_dict_has_at(dict, &seen->buffer) ||
        !pyr_own_dict_has_values(seen)) {
        return false;
    }
    bool single = pyr_dict_stamp(dict) == seen->stamp + 1;
    seen->stamp = pyr_dict_stamp(dict);
    seen->unchecked = false;
    if (single) {
        expect_change(seen, dict);
    } else {
        seen->expected.value = NULL;
    }
    return true;
}

bool
pyr_own_dict_has_names(pyr_own_seen *seen)
{
    bool has = changed_as_expected(seen, *seen->place) || has_names(seen, *seen->place);
    if (!has) {
        seen->dict = NULL; /* nor will it be when asked again */
    }
    return has;
}

#endif
