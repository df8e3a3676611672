/*
 * The __dict__ of an instance: what it has itself, past the descriptors of its class.
 *
 * It is made when it is asked for, if the interpreter has not yet.
 *
 * What was found in it holds as long as it is as seen: beside that stands a
 * pyr_own_seen: who looks sees the dict first, then looks up names, and looks again when
 * it is not as seen.  Only the names that framings look up count, so that a protocol may
 * set others at any time.
 */
#ifndef PYREACTOR_OWN_DICT_H
#define PYREACTOR_OWN_DICT_H

#include "core/compat.h"

#include <stdbool.h>
#include <stdint.h>

/* New reference; NULL without an exception: it can have none. */
PyObject *pyr_own_dict(PyObject *self);

/* What the instance has itself under the name: 1, *value is a new reference; 0, NULL:
 * nothing; -1 with an exception set. */
int pyr_own_dict_get(PyObject *self, PyObject *name, PyObject **value);

/* Give the dict of an instance keys of its own; `popitem` is that name.  -1: exception.
 */
int pyr_own_dict_unshare(PyObject *dict, PyObject *popitem);

/* Is the value the one at this place, as PyDict_Next counts? */
static inline bool
pyr_dict_has_at(PyObject *dict, Py_ssize_t place, const PyObject *value)
{
    PyObject *found;
    return place >= 0 && PyDict_Next(dict, &place, NULL, &found) && found == value;
}

/* ---- has it changed? ------------------------------------------------------- */

/* From now on this name counts. */
void pyr_own_name_add(PyObject *name);
/* Does it?  A key that is no plain string might be equal to one that does. */
bool pyr_own_name_counts(PyObject *key);

/*
 * CPython 3.12 and later tell of each change before it is made (PyDict_Watch), and then
 * the dict is forgotten.  Earlier versions number each state of a dict, so that the same
 * number says that the names are the same; after another number, their table of keys
 * does, to the end of which new ones are added.  There other values are not covered:
 * while one that the interpreter replaces is freed, the new one is there and the number
 * the old.
 */
typedef struct {
    const PyObject *dict; /* compared only; NULL: it is not as seen */
#if PY_VERSION_HEX < 0x030C0000
    uint64_t stamp;
    const void *keys;
    Py_ssize_t size, end; /* so many items; behind the last, as PyDict_Next counts */
    Py_ssize_t place;     /* of an item that must still be there for the names to be so */
    const PyObject *value;
#endif
} pyr_own_seen;

/*
 * `watcher` is what CPython knows the module by; -1: it does not tell it of changes.  The
 * dict has this value under a name that counts, and under no other.
 */
void pyr_own_dict_see(pyr_own_seen *seen, PyObject *dict, int watcher,
                      const PyObject *value);

#if PY_VERSION_HEX < 0x030C0000
/* The same after its number is another one. */
bool pyr_own_dict_has_names(pyr_own_seen *seen, PyObject *dict);
#endif

/* Are the names of this dict that count those that it had when it was seen? */
static inline bool
pyr_own_dict_is_as_seen(pyr_own_seen *seen, PyObject *dict)
{
#if PY_VERSION_HEX < 0x030C0000
    return dict == seen->dict &&
           (pyr_dict_stamp(dict) == seen->stamp || pyr_own_dict_has_names(seen, dict));
#else
    return dict == seen->dict;
#endif
}

#endif
