/* CPython's calls and attribute access, in the short forms that several concepts use. */
#ifndef PYREACTOR_OBJECTS_H
#define PYREACTOR_OBJECTS_H

#include <Python.h>

/* Changes with every change of the class; 0: nothing is known of it. */
static inline unsigned int
pyr_type_tag(PyTypeObject *type)
{
#if PY_VERSION_HEX < 0x030C0000
    if (!(type->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG)) {
        return 0;
    }
#endif
    return type->tp_version_tag;
}

/* Make the class have a tag that its next change takes away; 0 if there are none left. */
static inline unsigned int
pyr_type_new_tag(PyTypeObject *type, PyObject *any_name)
{
#if PY_VERSION_HEX >= 0x030C0000
    (void)any_name;
    (void)PyUnstable_Type_AssignVersionTag(type);
#else
    (void)_PyType_Lookup(type, any_name);
#endif
    return pyr_type_tag(type);
}

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
