/* The __dict__ of an instance; see own_dict.h. */
#include "framing/own_dict.h"

#include "core/compat.h"

/*
 * While CPython 3.11 makes a __dict__ of an instance's values, a garbage collection may
 * come, whose code asks for the same: then two of them would own the values.
 */
PyObject *
pyr_own_dict(PyObject *self)
{
    int collecting = PyGC_Disable();
    PyObject *dict = pyr_own_dict_again(self);
    if (collecting) {
        (void)PyGC_Enable();
    }
    return dict;
}

int
pyr_own_dict_get(PyObject *self, PyObject *name, PyObject **value)
{
    *value = NULL;
    PyObject *dict = pyr_own_dict(self);
    int found = dict == NULL ? 0 : PyDict_GetItemRef(dict, name, value);
    Py_XDECREF(dict);
    return found;
}

/*
 * A __dict__ that was made for an instance shares its keys with other instances, and
 * since 3.11 CPython reads and sets attributes slowly by way of such a one.  Taking an
 * item away ends that.  The order stays; nothing else runs between the two calls.
 */
int
pyr_own_dict_unshare(PyObject *dict, PyObject *popitem)
{
#if PY_VERSION_HEX >= 0x030B0000
    if (!PyDict_CheckExact(dict) || PyDict_GET_SIZE(dict) == 0) {
        return 0;
    }
    PyObject *last = PyObject_CallMethodNoArgs(dict, popitem);
    if (last == NULL) {
        return -1;
    }
    int status =
        PyDict_SetItem(dict, PyTuple_GET_ITEM(last, 0), PyTuple_GET_ITEM(last, 1));
    Py_DECREF(last);
    return status;
#else
    (void)dict;
    (void)popitem;
    return 0;
#endif
}
