/*
 * The __dict__ of an instance: what it has itself, past the descriptors of its class.
 *
 * What was found in it holds as long as it is as seen: beside that stands a
 * pyr_own_seen: who looks sees the dict first, then looks up names, and looks again when
 * it is not as seen.  Only the names that framings look up count, so that a protocol may
 * set others at any time.
 */
#ifndef PYREACTOR_OWN_DICT_H
#define PYREACTOR_OWN_DICT_H

#include "core/dict.h"
#include "framing/framing.h"

#include <stdbool.h>
#include <stdint.h>

/* What the instance has itself under the name: 1, *value is a new reference; 0, NULL:
 * nothing; -1 with an exception set. */
int pyr_own_dict_get(PyObject *self, PyObject *name, PyObject **value);

/* Give the dict of an instance keys of its own; `popitem` is that name.  -1: exception.
 */
int pyr_own_dict_unshare(PyObject *self, PyObject *popitem);

/* ---- has it changed? ------------------------------------------------------- */

/* From now on this name counts. */
void pyr_own_name_add(PyObject *name);
/* Does it?  A key that is no plain string might be equal to one that does. */
bool pyr_own_name_counts(PyObject *key);

/*
 * CPython 3.12 and later tell of each change before it is made (PyDict_Watch), and then
 * the dict is forgotten; one whose changes 3.13 hides is never as seen.  Earlier versions
 * number each state of a dict: the same number says that nothing has changed.  After
 * another one the names are the same if the table of keys is, to the end of which new
 * ones are added, and the last key; and the values are looked at.  A table that other
 * dicts use, too, says nothing: after another number they are not as seen.
 *
 * A handler mostly sets the same attribute each time.  With one item looked at before and
 * after, where the number is the next one and there are as many items, and that item has
 * another value, it was this that changed, and nothing else: all dicts count by one
 * counter, so that the next number is that of one change.
 *
 * Only while a value that the interpreter replaces is freed, the new one is there and the
 * number the old.  Who is called then by that value's finalizer begins by looking at the
 * values (pyr_own_dict_has_values); what goes on after a call that has ended need not.
 */
#if PY_VERSION_HEX < 0x030C0000
/* What the view depends on beside names: a value, and its place as PyDict_Next counts. */
typedef struct {
    Py_ssize_t place;
    const PyObject *value; /* compared only */
} pyr_own_item;
#endif

typedef struct {
    const PyObject *dict; /* compared only; NULL: it is not as seen */
    PyObject **place;     /* where the instance has it */
#if PY_VERSION_HEX < 0x030C0000
    uint64_t stamp;
    const void *keys;
    Py_ssize_t size, end; /* so many items; behind the last, as PyDict_Next counts */
    const PyObject *last; /* key; where popitem() took it away, another may follow */
    pyr_own_item buffer;  /* must be there for the names to be as seen */
    int count;
    pyr_own_item items[PYR_MOST_SLOTS]; /* of the slots */
    bool unchecked; /* values are to be looked at before one is used, see above */
    pyr_own_item
        expected; /* the next to change, if it is as before: nothing that counts */
#endif
} pyr_own_seen;

/*
 * See it: what is looked up from now on counts.  `watcher` is what CPython knows the
 * module by; -1: it does not tell it of changes.  Before CPython 3.12 the caller goes
 * through it now, and fills in `end`, `last` and the items.
 */
void pyr_own_dict_see(pyr_own_seen *seen, PyObject *self, PyObject *dict, int watcher);

#if PY_VERSION_HEX < 0x030C0000
static inline bool
pyr_dict_has_at(PyObject *dict, const pyr_own_item *item)
{
    Py_ssize_t place = item->place;
    PyObject *found;
    return PyDict_Next(dict, &place, NULL, &found) && found == item->value;
}

/* Has it the values under the names that count? */
static inline bool
pyr_own_dict_has_values(const pyr_own_seen *seen)
{
    for (int i = 0; i < seen->count; i++) {
        if (!pyr_dict_has_at((PyObject *)seen->dict, &seen->items[i])) {
            return false;
        }
    }
    return true;
}

/* Are names and values as seen, after its number is another one? */
bool pyr_own_dict_has_names(pyr_own_seen *seen);
#endif

/* Has the instance that it was seen of the same dict, which as to the names that count is
 * as it was when it was seen? */
static inline bool
pyr_own_dict_is_as_seen(pyr_own_seen *seen)
{
    if (seen->dict == NULL || *seen->place != seen->dict) {
        return false;
    }
#if PY_VERSION_HEX < 0x030C0000
    return pyr_dict_stamp(*seen->place) == seen->stamp || pyr_own_dict_has_names(seen);
#else
    return true;
#endif
}

/* A call begins. */
static inline void
pyr_own_dict_begin(pyr_own_seen *seen)
{
#if PY_VERSION_HEX < 0x030C0000
    seen->unchecked = true;
#else
    (void)seen;
#endif
}

/* Are the values of one that is as seen as they were, too?  To be asked before one is
 * used that may have had a finalizer: transport, listStack. */
static inline bool
pyr_own_dict_is_checked(pyr_own_seen *seen)
{
#if PY_VERSION_HEX < 0x030C0000
    if (seen->unchecked) {
        seen->expected.value =
            NULL; /* one not numbered yet might be taken for the next */
        if (!pyr_own_dict_has_values(seen)) {
            seen->dict = NULL;
        }
    }
    seen->unchecked = false;
    return seen->dict != NULL;
#else
    (void)seen;
    return true;
#endif
}

#endif
