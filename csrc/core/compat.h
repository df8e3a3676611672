/* CPython 3.10 to 3.15: the few newer API functions that older versions lack. */
#ifndef PYREACTOR_COMPAT_H
#define PYREACTOR_COMPAT_H

#include <Python.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if PY_VERSION_HEX < 0x030A0000
#error "pyreactor needs CPython 3.10 or newer"
#endif

#if PY_VERSION_HEX < 0x030B0000
/* PyErr_Format() of CPython 3.10 hides an exception out of a __repr__ or a __str__. */
#define PyErr_Format pyr_call_error
#endif
PyObject *pyr_call_error(PyObject *type, const char *format, ...);

#if PY_VERSION_HEX < 0x030D0000
static inline int
PyDict_GetItemRef(PyObject *dict, PyObject *key, PyObject **result)
{
    PyObject *item = PyDict_GetItemWithError(dict, key);
    if (item == NULL) {
        *result = NULL;
        return PyErr_Occurred() ? -1 : 0;
    }
    *result = Py_NewRef(item);
    return 1;
}

static inline int
PyObject_GetOptionalAttr(PyObject *obj, PyObject *name, PyObject **result)
{
    return _PyObject_LookupAttr(obj, name, result); /* makes no exception to drop */
}
#endif

#if PY_VERSION_HEX < 0x030B0000
static inline PyObject *
PyType_GetModuleByDef(PyTypeObject *type, PyModuleDef *definition)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(type->tp_mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(type->tp_mro, i);
        PyObject *module = PyType_HasFeature(base, Py_TPFLAGS_HEAPTYPE)
                               ? ((PyHeapTypeObject *)base)->ht_module
                               : NULL;
        if (module != NULL && PyModule_Check(module) &&
            PyModule_GetDef(module) == definition) {
            return module;
        }
    }
    PyErr_Format(PyExc_TypeError, "%.200s is not of this module", type->tp_name);
    return NULL;
}
#endif

#if PY_VERSION_HEX < 0x030C0000
/* A new reference. */
static inline PyObject *
PyType_GetDict(PyTypeObject *type)
{
    return Py_XNewRef(type->tp_dict);
}

/* Take the current exception as a normalized instance with its traceback set. */
static inline PyObject *
PyErr_GetRaisedException(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL) {
        return NULL;
    }
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

static inline void
PyErr_SetRaisedException(PyObject *exc)
{
    PyErr_Restore(Py_NewRef(Py_TYPE(exc)), exc, PyException_GetTraceback(exc));
}

/* For class_watch.h.  CPython 3.10 and 3.11, whose layouts are settled, number each state
 * of a class; 0: it has no number now. */
static inline uint64_t
pyr_class_tag(PyTypeObject *type)
{
    return PyType_HasFeature(type, Py_TPFLAGS_VALID_VERSION_TAG) ? type->tp_version_tag
                                                                 : 0;
}

/* Make it have a number, which a look-up does. */
static inline uint64_t
pyr_class_new_tag(PyTypeObject *type, PyObject *any_name)
{
    (void)_PyType_Lookup(type, any_name);
    return pyr_class_tag(type);
}
#else
/* Will the watchers of this class hear of its next change?  Only if it has a tag, which
 * that takes away; there are not enough for a class that changes all the time. */
static inline int
pyr_class_is_told_of(PyTypeObject *type)
{
    return PyUnstable_Type_AssignVersionTag(type) == 1;
}
#endif

/* Give an object that is being deallocated one reference again. */
static inline void
pyr_revive(PyObject *op)
{
#ifdef Py_REF_DEBUG
    _Py_NewReference(op);
#else
    Py_SET_REFCNT(op, 1);
#endif
}

/* Is the module of a heap type still there?  At the end of the interpreter the collector
 * takes it away, and instances may outlive it for a moment. */
static inline int
pyr_type_has_module(PyTypeObject *type)
{
    return ((PyHeapTypeObject *)type)->ht_module != NULL;
}

/*
 * The __dict__ of an instance, made now if need be: a new reference.  NULL without an
 * exception: it can have none.
 *
 * While CPython 3.11 makes one of an instance's values, a garbage collection may come,
 * whose code asks for the same: then two of them would own the values.
 */
static inline PyObject *
pyr_instance_dict(PyObject *self)
{
#if PY_VERSION_HEX < 0x030C0000
    int collecting = PyGC_Disable();
    PyObject **place = _PyObject_GetDictPtr(self);
    PyObject *dict = place != NULL && *place != NULL
                         ? Py_NewRef(*place)
                         : PyObject_GenericGetDict(self, NULL);
    if (collecting) {
        (void)PyGC_Enable();
    }
#else
    PyObject *dict = PyObject_GenericGetDict(self, NULL);
#endif
    if (dict == NULL) {
        PyErr_Clear();
    }
    return dict;
}

/* *found is what object.<name> is, a new reference, or NULL.  1: a function of the class,
 * which is not bound to the object, as to make a method of it takes longer than to find
 * it; else 0. */
#if PY_VERSION_HEX < 0x030D0000
#define PYR_FIND_METHOD(object, name, found) _PyObject_GetMethod(object, name, found)
#else
#define PYR_FIND_METHOD(object, name, found) \
    (*(found) = PyObject_GetAttr(object, name), 0)
#endif

/* Changes with every change of the dict; 0: this Python does not tell. */
static inline uint64_t
pyr_dict_stamp(PyObject *dict)
{
#if PY_VERSION_HEX < 0x030C0000
    return ((PyDictObject *)dict)->ma_version_tag;
#else
    (void)dict;
    return 0;
#endif
}

#if PY_VERSION_HEX < 0x030E0000
/*
 * The table of a dict's keys, to the end of which new ones are added: compared only.
 * NULL: other dicts use it, too.  CPython 3.11 leaves it so when an item is deleted, and
 * then what comes after that has another place; before, a deletion gives it keys of its
 * own.
 */
static inline const void *
pyr_dict_keys(PyObject *dict)
{
#if PY_VERSION_HEX >= 0x030B0000
    if (((PyDictObject *)dict)->ma_values != NULL) {
        return NULL;
    }
#endif
    return ((PyDictObject *)dict)->ma_keys;
}
#endif

/*
 * Calls of classes use their tp_vectorcall if their metaclass says that classes may have
 * one; those that have none are called as ever.  From Python 3.12 on a metaclass inherits
 * that from `type`.  Before, nothing but this makes calls of a class as fast whose
 * metaclass was made in Python.
 */
static inline void
pyr_type_allow_vectorcall(PyTypeObject *metaclass)
{
#if PY_VERSION_HEX < 0x030C0000
    if (metaclass->tp_call == PyType_Type.tp_call) {
        metaclass->tp_vectorcall_offset = offsetof(PyTypeObject, tp_vectorcall);
        metaclass->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
    }
#else
    (void)metaclass;
#endif
}

#endif
