/*
 * Looking at attributes of Twisted's and pyOpenSSL's objects, by way of their dicts.
 *
 * A record takes some fifty looks at half a dozen objects, of which nothing changes
 * between two records as a rule.  So a name is looked for where such an object had it the
 * last time; and that a dict has none of some names is known for as long as the dict is
 * in the state in which that was found out.
 */
#ifndef PYREACTOR_LOOK_H
#define PYREACTOR_LOOK_H

#include "core/core.h"
#include "core/override.h"
#include "tls/state.h"

/* Where the name was in the last dict is in *place. */
PyObject *pyr_look_anew(PyObject *dict, PyObject *name, Py_ssize_t *place);

/* An entry of a dict under an interned name: a new reference, or NULL without an
 * exception. */
static inline PyObject *
pyr_look_find(PyObject *dict, PyObject *name, Py_ssize_t *place)
{
    PyObject *key, *value;
    Py_ssize_t next = *place;
    return PyDict_Next(dict, &next, &key, &value) && key == name
               ? Py_NewRef(value)
               : pyr_look_anew(dict, name, place);
}

/* The same for one of PYR_TLS_PLACES. */
#define PYR_LOOK(st, dict, name) \
    pyr_look_find(dict, (st)->names.name, &(st)->tls->places.name)

/* An entry of a table: under the name is one of two objects in pyr_tls_state. */
#define PYR_LOOK_EXPECT(name, one, other)                                               \
    {                                                                                   \
        PYR_NAME(name), {offsetof(pyr_tls_state, one), offsetof(pyr_tls_state, other)}, \
            1                                                                           \
    }

/* Are none of the table's names in the dict? */
bool pyr_look_has_none(core_state *st, PyObject *dict, const pyr_override *table);

/* Has the class what the table expects? */
bool pyr_look_has_methods(core_state *st, pyr_tls_class *known, PyTypeObject *type,
                          const pyr_override *methods);

#endif
