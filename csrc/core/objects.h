/* CPython's calls and attribute access, in the short forms that several concepts use. */
#ifndef PYREACTOR_OBJECTS_H
#define PYREACTOR_OBJECTS_H

#include <Python.h>

/* self.<name>(argument), or without an argument if that is NULL. */
static inline PyObject *
pyr_call_named(PyObject *self, PyObject *name, PyObject *argument)
{
    PyObject *arguments[2] = {self, argument};
    size_t count = argument == NULL ? 1 : 2;
    return PyObject_VectorcallMethod(name, arguments,
                                     count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}

/* The same, where the result does not matter.  -1 with an exception set. */
static inline int
pyr_call_dropping(PyObject *self, PyObject *name, PyObject *argument)
{
    PyObject *result = pyr_call_named(self, name, argument);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* PyObject_IsTrue, fast for True, False and None. */
static inline int
pyr_truth(PyObject *value)
{
    if (value == Py_True) {
        return 1;
    }
    if (value == Py_False || value == Py_None) {
        return 0;
    }
    return PyObject_IsTrue(value);
}

/* Truth of object.<name>, or -1. */
static inline int
pyr_attribute_true(PyObject *object, PyObject *name)
{
    PyObject *value = PyObject_GetAttr(object, name);
    if (value == NULL) {
        return -1;
    }
    int result = pyr_truth(value);
    Py_DECREF(value);
    return result;
}

#endif
