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

/* What a call gave (stolen), where only success matters: 0, or -1 if it is NULL. */
static inline int
pyr_drop(PyObject *result)
{
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* The same the other way round: what a method gives that has nothing to give. */
static inline PyObject *
pyr_none_or_error(int status)
{
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

/* pyr_call_named, where the result does not matter.  -1 with an exception set. */
static inline int
pyr_call_dropping(PyObject *self, PyObject *name, PyObject *argument)
{
    return pyr_drop(pyr_call_named(self, name, argument));
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

/* The truth of what a call gave (stolen), or -1 if that is NULL. */
static inline int
pyr_drop_for_truth(PyObject *result)
{
    int truth = result == NULL ? -1 : pyr_truth(result);
    Py_XDECREF(result);
    return truth;
}

/* Truth of object.<name>, or -1. */
static inline int
pyr_attribute_true(PyObject *object, PyObject *name)
{
    return pyr_drop_for_truth(PyObject_GetAttr(object, name));
}

#endif
