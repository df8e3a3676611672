/* Keeping the arguments of a call for later; see core/call.h. */
#include "core/call.h"

int
pyr_keep_arguments(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                   PyObject **packed)
{
    Py_ssize_t count = nargs + (kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames));
    *packed = count == 0 ? NULL : PyTuple_New(count);
    if (*packed == NULL) {
        return count == 0 ? 0 : -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyTuple_SET_ITEM(*packed, i, Py_NewRef(args[i]));
    }
    return 0;
}

/* The dict of the keywords of a call, whose values are given. */
static PyObject *
pack_keywords(PyObject *kwnames, PyObject *const *values)
{
    PyObject *dict = PyDict_New();
    for (Py_ssize_t i = 0; dict != NULL && i < PyTuple_GET_SIZE(kwnames); i++) {
        if (PyDict_SetItem(dict, PyTuple_GET_ITEM(kwnames, i), values[i]) < 0) {
            Py_CLEAR(dict);
        }
    }
    return dict;
}

int
pyr_pack_arguments(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                   PyObject **packed_args, PyObject **packed_kwargs)
{
    bool named = kwnames != NULL && PyTuple_GET_SIZE(kwnames) > 0;
    PyObject *dict = named ? pack_keywords(kwnames, args + nargs) : NULL;
    if ((named && dict == NULL) ||
        pyr_keep_arguments(args, nargs, NULL, packed_args) < 0) {
        Py_XDECREF(dict);
        return -1;
    }
    *packed_kwargs = dict;
    return 0;
}

PyObject *
pyr_call_packed(PyObject *func, PyObject *args, PyObject *kwargs)
{
    if (args == NULL && kwargs == NULL) {
        return PyObject_CallNoArgs(func);
    }
    PyObject *const *values = args == NULL ? NULL : &PyTuple_GET_ITEM(args, 0);
    size_t count = args == NULL ? 0 : (size_t)PyTuple_GET_SIZE(args);
    return kwargs == NULL ? PyObject_Vectorcall(func, values, count, NULL)
                          : PyObject_VectorcallDict(func, values, count, kwargs);
}

#define SMALL_CALL 2

PyObject *
pyr_call_kept(PyObject *func, PyObject *first, PyObject *args, PyObject *keywords,
              bool named)
{
    Py_ssize_t count = args == NULL ? 0 : PyTuple_GET_SIZE(args);
    PyObject *small[SMALL_CALL + 2];
    PyObject **stack = small;
    if (count > SMALL_CALL) {
        stack = PyMem_Malloc(sizeof(PyObject *) * (size_t)(count + 2));
        if (stack == NULL) {
            return PyErr_NoMemory();
        }
    }
    stack[0] = NULL;
    stack[1] = first;
    for (Py_ssize_t i = 0; i < count; i++) {
        stack[i + 2] = PyTuple_GET_ITEM(args, i);
    }
    PyObject *returned;
    if (keywords == NULL || named) {
        Py_ssize_t names = keywords == NULL ? 0 : PyTuple_GET_SIZE(keywords);
        size_t positional = (size_t)(count + 1 - names);
        returned = PyObject_Vectorcall(
            func, stack + 1, positional | PY_VECTORCALL_ARGUMENTS_OFFSET, keywords);
    } else {
        returned = PyObject_VectorcallDict(
            func, stack + 1, (size_t)(count + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET,
            keywords);
    }
    if (stack != small) {
        PyMem_Free(stack);
    }
    return returned;
}

PyObject *
pyr_call_refused(Py_ssize_t expected, Py_ssize_t nargs)
{
    return PyErr_Format(PyExc_TypeError, "%zd arguments expected, got %zd", expected,
                        nargs);
}

/* For CPython 3.10 (compat.h): NULL with an exception of the type, or what formatting it
 * raised. */
PyObject *
pyr_call_error(PyObject *type, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    PyObject *text = PyUnicode_FromFormatV(format, values);
    va_end(values);
    if (text != NULL) {
        PyErr_SetObject(type, text);
        Py_DECREF(text);
    }
    return NULL;
}
