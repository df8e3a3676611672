/*
 * The __dict__ of an instance: what it has itself, past the descriptors of its class.
 *
 * It is made when it is asked for, if the interpreter has not yet.
 */
#ifndef PYREACTOR_OWN_DICT_H
#define PYREACTOR_OWN_DICT_H

#include <Python.h>

/* New reference; NULL without an exception: it can have none. */
PyObject *pyr_own_dict(PyObject *self);

/* The same for one that is likely to have been made already. */
static inline PyObject *
pyr_own_dict_again(PyObject *self)
{
    PyObject *dict = PyObject_GenericGetDict(self, NULL);
    if (dict == NULL) {
        PyErr_Clear();
    }
    return dict;
}

/* What the instance has itself under the name: 1, *value is a new reference; 0, NULL:
 * nothing; -1 with an exception set. */
int pyr_own_dict_get(PyObject *self, PyObject *name, PyObject **value);

/* Give the dict of an instance keys of its own; `popitem` is that name.  -1: exception.
 */
int pyr_own_dict_unshare(PyObject *dict, PyObject *popitem);

#endif
