/* Whether methods are still Twisted's own; see override.h. */
#include "core/override.h"

PyObject *
pyr_class_find(PyTypeObject *type, PyObject *name)
{
    PyObject *found = NULL;
    PyObject *mro = Py_XNewRef(type->tp_mro);
    Py_ssize_t count = mro == NULL ? 0 : PyTuple_GET_SIZE(mro);
    for (Py_ssize_t i = 0; i < count && found == NULL; i++) {
        PyObject *dict = PyType_GetDict((PyTypeObject *)PyTuple_GET_ITEM(mro, i));
        if (dict != NULL && PyDict_GetItemRef(dict, name, &found) < 0) {
            PyErr_Clear();
        }
        Py_XDECREF(dict);
    }
    Py_XDECREF(mro);
    return found;
}

bool
pyr_is_expected(core_state *st, PyObject *found, PyObject *expected)
{
    if (found == NULL || expected == NULL) {
        return false;
    }
    if (found == expected) {
        return true;
    }
    if (!Py_IS_TYPE(found, st->standin.type)) {
        return false;
    }
    const pyr_standin *standin = (pyr_standin *)found;
    return standin->method == expected || standin->stock == expected;
}

bool
pyr_class_has(core_state *st, PyTypeObject *type, PyObject *name, PyObject *expected)
{
    PyObject *found = pyr_class_find(type, name);
    bool has;
    if (expected != NULL && PyType_Check(expected)) {
        PyObject *of_class = pyr_class_find((PyTypeObject *)expected, name);
        has = pyr_is_expected(st, found, of_class);
        Py_XDECREF(of_class);
    } else {
        has = pyr_is_expected(st, found, expected);
    }
    Py_XDECREF(found);
    return has;
}

/* Has the class under this name nothing that could take part in an instance's access?
 * What a program's own classes make might get a __set__ at any time. */
static bool
takes_no_part(PyTypeObject *type, PyObject *name)
{
    PyObject *found = pyr_class_find(type, name);
    bool none =
        found == NULL || (Py_TYPE(found)->tp_descr_set == NULL &&
                          !PyType_HasFeature(Py_TYPE(found), Py_TPFLAGS_HEAPTYPE));
    Py_XDECREF(found);
    return none;
}

bool
pyr_class_leaves_to_dict(core_state *st, PyTypeObject *type, const size_t *names,
                         size_t count)
{
    /* __getattr__ is asked for names that are missing only. */
    bool leaves =
        type->tp_setattro == PyObject_GenericSetAttr &&
        (type->tp_getattro == PyObject_GenericGetAttr ||
         pyr_class_has(st, type, st->names.getattribute, (PyObject *)&PyBaseObject_Type));
    for (size_t i = 0; leaves && i < count; i++) {
        leaves = takes_no_part(type, pyr_name_at(st, names[i]));
    }
    return leaves;
}

/* Is this what a C method's descriptor gives for an instance? */
static bool
is_made_by(PyObject *attribute, PyObject *descriptor)
{
    return PyCFunction_Check(attribute) && descriptor != NULL &&
           Py_IS_TYPE(descriptor, &PyMethodDescr_Type) &&
           PyCFunction_GET_FUNCTION(attribute) ==
               ((PyMethodDescrObject *)descriptor)->d_method->ml_meth;
}

bool
pyr_is_bound(core_state *st, PyObject *attribute, PyObject *object, PyObject *expected)
{
    if (PyMethod_Check(attribute)) {
        return PyMethod_GET_SELF(attribute) == object &&
               pyr_is_expected(st, PyMethod_GET_FUNCTION(attribute), expected);
    }
    return is_made_by(attribute, expected) && PyCFunction_GET_SELF(attribute) == object;
}

static inline PyObject *
expected_at(const void *room, size_t offset)
{
    return *(PyObject *const *)((const char *)room + offset);
}

unsigned int
pyr_class_overrides(core_state *st, PyTypeObject *type, const pyr_override *table,
                    const void *room)
{
    unsigned int bits = 0;
    for (; table->bit != 0; table++) {
        PyObject *name = pyr_name_at(st, table->name);
        if (!pyr_class_has(st, type, name, expected_at(room, table->expected[0])) &&
            !pyr_class_has(st, type, name, expected_at(room, table->expected[1]))) {
            bits |= table->bit;
        }
    }
    return bits;
}

unsigned int
pyr_override_bit(core_state *st, const pyr_override *table, PyObject *name)
{
    while (table->bit != 0 && pyr_name_at(st, table->name) != name) {
        table++;
    }
    return table->bit;
}
