/*
 * Attributes that stock has in the instance's dict, and we in the C struct: absent until
 * they are set, and again when deleted.  What T_OBJECT_EX is for; but its message names
 * the class with its module, since 3.13, where the interpreter's own does not.
 */
#ifndef PYREACTOR_ATTRIBUTE_H
#define PYREACTOR_ATTRIBUTE_H

#include <Python.h>
#include <stdint.h>

typedef struct {
    const char *name;
    Py_ssize_t offset; /* of the PyObject * in the object */
} pyr_attribute;

static inline PyObject **
pyr_attribute_slot(PyObject *self, void *closure)
{
    return (PyObject **)((char *)self + ((pyr_attribute *)closure)->offset);
}

/* Raise the AttributeError of one that is absent. */
static inline void
pyr_attribute_absent(PyObject *self, const char *name)
{
    PyErr_Format(PyExc_AttributeError, "'%.100s' object has no attribute '%s'",
                 Py_TYPE(self)->tp_name, name);
}

/* `value`, which self has under `name`, or NULL with that raised; a new reference. */
static inline PyObject *
pyr_attribute_value(PyObject *self, PyObject *value, const char *name)
{
    if (value == NULL) {
        pyr_attribute_absent(self, name);
    }
    return Py_XNewRef(value);
}

static inline PyObject *
pyr_attribute_get(PyObject *self, void *closure)
{
    return pyr_attribute_value(self, *pyr_attribute_slot(self, closure),
                               ((pyr_attribute *)closure)->name);
}

static inline int
pyr_attribute_set(PyObject *self, PyObject *value, void *closure)
{
    PyObject **slot = pyr_attribute_slot(self, closure);
    if (value == NULL && *slot == NULL) {
#if PY_VERSION_HEX >= 0x030B0000
        pyr_attribute_absent(self, ((pyr_attribute *)closure)->name);
#else
        PyErr_SetString(PyExc_AttributeError, ((pyr_attribute *)closure)->name);
#endif
        return -1;
    }
    Py_XSETREF(*slot, Py_XNewRef(value));
    return 0;
}

/* Flags: stock has ints or bools; all of them are set to true or false values.  Deleting
 * one brings back what its class has, which is false. */
static inline PyObject *
pyr_attribute_as_int(PyObject *self, void *offset)
{
    return PyLong_FromLong(((char *)self)[(uintptr_t)offset]);
}

static inline PyObject *
pyr_attribute_as_bool(PyObject *self, void *offset)
{
    return PyBool_FromLong(((char *)self)[(uintptr_t)offset]);
}

static inline int
pyr_attribute_set_flag(PyObject *self, PyObject *value, void *offset)
{
    int truth = value == NULL ? 0 : PyObject_IsTrue(value);
    if (truth >= 0) {
        ((char *)self)[(uintptr_t)offset] = (char)truth;
    }
    return truth < 0 ? -1 : 0;
}

/* An entry of a PyGetSetDef table: the char or bool `field` of `type` under `name`, as
 * `kind`, as_int or as_bool. */
#define PYR_FLAG(name, kind, type, field, doc)                   \
    {                                                            \
        name, pyr_attribute_##kind, pyr_attribute_set_flag, doc, \
            (void *)(uintptr_t)offsetof(type, field)             \
    }

/* An entry of a PyGetSetDef table: the member `field` of `type` under `name`. */
#define PYR_ATTRIBUTE(name, type, field)                                   \
    {                                                                      \
        name, pyr_attribute_get, pyr_attribute_set, NULL, &(pyr_attribute) \
        {                                                                  \
            name, offsetof(type, field)                                    \
        }                                                                  \
    }

#endif
