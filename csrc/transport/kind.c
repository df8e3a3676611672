/* Telling classes of transports apart; see kind.h. */
#include "transport/kind.h"

int
pyr_kind_of(PyTypeObject *type, const char *const *names)
{
    PyObject *kind =
        PyObject_GetAttr((PyObject *)type, pyr_state_of_type(type)->names._kind);
    if (kind == NULL) {
        return -1;
    }
    int found = 0;
    while (names[found] != NULL &&
           !(PyUnicode_Check(kind) &&
             PyUnicode_CompareWithASCIIString(kind, names[found]) == 0)) {
        found++;
    }
    if (names[found] == NULL) {
        PyErr_Format(PyExc_TypeError, "%.100s cannot be of the kind %R", type->tp_name,
                     kind);
        found = -1;
    }
    Py_DECREF(kind);
    return found;
}
