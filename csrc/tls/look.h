/*
 * Looking at attributes of Twisted's and pyOpenSSL's objects, by way of their dicts.
 *
 * A record takes some thirty looks at half a dozen objects, of which nothing changes
 * between two records as a rule.  So what was found in an object's dict is kept, a view,
 * for as long as the dict is in the state in which it was found.  Up to CPython 3.11 the
 * number of that state tells; there the interpreter may put a value in the place of
 * another, run a finalizer of the old one's, and only then count on: so values are read
 * anew, from their places.  Later versions tell of a change before it is made
 * (PyDict_Watch), and the view ends.
 */
#ifndef PYREACTOR_LOOK_H
#define PYREACTOR_LOOK_H

#include "core/core.h"
#include "core/override.h"
#include "tls/state.h"

enum { PYR_LOOK_MOST = 5 };

/* Each kind's views are a table of their own. */
enum { PYR_LOOK_PROTOCOLS, PYR_LOOK_CONNECTIONS, PYR_LOOK_CONTEXTS, PYR_LOOK_HELPERS };

/* A kind of objects. */
typedef struct {
    int views;                    /* PYR_LOOK_PROTOCOLS ... */
    const pyr_override *of_class; /* what the class has, and no object itself */
    int count;
    size_t names[PYR_LOOK_MOST]; /* PYR_NAME(_ssl): what an object has itself */
} pyr_look_kind;

/* What an object has itself. */
typedef struct {
    const PyObject *dict; /* compared only; NULL: none */
    uint64_t stamp;       /* of the dict's state (pyr_dict_stamp) */
    /* In the order of the kind's names, borrowed from the dict; NULL: it has none. */
    PyObject *values[PYR_LOOK_MOST];
    Py_ssize_t places[PYR_LOOK_MOST]; /* of these in the dict, as PyDict_Next counts */
    void *pointers[PYR_LOOK_MOST];    /* what openssl.c found in these; NULL: not yet */
} pyr_look_view;

/* Where the view of this dict is, if there is one. */
pyr_look_view *pyr_look_place(int views, const PyObject *dict);

/* The same as pyr_look, which found no view. */
pyr_look_view *pyr_look_anew(core_state *st, const pyr_look_kind *kind,
                             pyr_tls_class *known, PyObject *object);

/*
 * The view of an object whose class has what the kind expects, where the object has
 * nothing of that itself.  NULL without an exception: its attributes have to be asked
 * for, and its methods to be called.
 *
 * Good until something is called: Python code may run in functions of OpenSSL's that work
 * on records, and in another look, where a dict has keys that are no strings.
 */
static inline pyr_look_view *
pyr_look(core_state *st, const pyr_look_kind *kind, pyr_tls_class *known,
         PyObject *object)
{
    if (known->place != 0 && pyr_class_is_as_seen(&known->seen, Py_TYPE(object))) {
        PyObject *dict = *(PyObject **)((char *)object + known->place);
        pyr_look_view *view = pyr_look_place(kind->views, dict);
        if (dict != NULL && view->dict == dict && view->stamp == pyr_dict_stamp(dict)) {
            return view;
        }
    }
    return pyr_look_anew(st, kind, known, object);
}

/* What the object has under one of the kind's names: borrowed, or NULL. */
static inline PyObject *
pyr_look_value(const pyr_look_view *view, int which)
{
#if PY_VERSION_HEX < 0x030C0000
    PyObject *value = view->values[which];
    Py_ssize_t next = view->places[which];
    if (value == NULL || value == Py_None || value == Py_True) {
        return value; /* which have no finalizer */
    }
    return PyDict_Next((PyObject *)view->dict, &next, NULL, &value) ? value : NULL;
#else
    return view->values[which];
#endif
}

/* An entry of a table: under the name is one of two objects in pyr_tls_state. */
#define PYR_LOOK_EXPECT(name, one, other)                                               \
    {                                                                                   \
        PYR_NAME(name), {offsetof(pyr_tls_state, one), offsetof(pyr_tls_state, other)}, \
            1                                                                           \
    }

/* Has the class what the table expects? */
bool pyr_look_has_methods(core_state *st, pyr_tls_class *known, PyTypeObject *type,
                          const pyr_override *methods);

void pyr_look_exec(core_state *st);
void pyr_look_clear(core_state *st);

#endif
