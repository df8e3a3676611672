/*
 * The metaclass of Deferred.  It makes isinstance and issubclass say yes to stock's own
 * Deferreds, which may be around when acceleration was switched on late, and it notices
 * when a program replaces a method on the class.
 *
 * It derives from ABCMeta because stock's Deferred is an Awaitable: subclasses that have
 * another abstract class among their bases must find no metaclass conflict.
 */
#include "deferred_inline.h"

#include <stddef.h>

/* The stock class that instances of `type` may come from, or NULL (borrowed). */
static PyTypeObject *
stock_counterpart(core_state *st, PyTypeObject *type)
{
    if (type == st->deferred.type) {
        return (PyTypeObject *)st->deferred.stock_deferred;
    }
    if (type == st->deferred.list_type) {
        return (PyTypeObject *)st->deferred.stock_deferred_list;
    }
    return NULL;
}

/* ABCMeta's own answer, for subclasses and registered classes */
static PyObject *
ask_abc(core_state *st, const char *method, PyObject *cls, PyObject *other)
{
    PyObject *base = (PyObject *)st->deferred.meta_type->tp_base;
    return PyObject_CallMethod(base, method, "OO", cls, other);
}

/* 1 or 0 where ABCMeta need not be asked, -1 where it must */
static int
quick_subclass_check(core_state *st, PyTypeObject *cls, PyTypeObject *type)
{
    if (PyType_IsSubtype(type, cls)) {
        return 1;
    }
    PyTypeObject *stock = stock_counterpart(st, cls);
    if (stock == NULL || st->deferred.registered) {
        return -1;
    }
    return PyType_IsSubtype(type, stock);
}

PyDoc_STRVAR(instancecheck_doc,
             "__instancecheck__(instance)\n--\n\nisinstance(instance, cls)");
static PyObject *
meta_instancecheck(PyObject *cls, PyObject *instance)
{
    core_state *st = pyr_state_of_type((PyTypeObject *)cls);
    if (st == NULL) {
        return NULL;
    }
    int quick = quick_subclass_check(st, (PyTypeObject *)cls, Py_TYPE(instance));
    if (quick == 0 && !pyr_is_plain(instance)) {
        /* It may say of itself what it is, by its __class__. */
        PyObject *class = PyObject_GetAttr(instance, st->names.dunder_class);
        if (class == NULL) {
            return NULL;
        }
        if (class != (PyObject *)Py_TYPE(instance) && PyType_Check(class)) {
            quick = quick_subclass_check(st, (PyTypeObject *)cls, (PyTypeObject *)class);
        }
        Py_DECREF(class);
    }
    return quick >= 0 ? PyBool_FromLong(quick)
                      : ask_abc(st, "__instancecheck__", cls, instance);
}

PyDoc_STRVAR(subclasscheck_doc,
             "__subclasscheck__(subclass)\n--\n\nissubclass(subclass, cls)");
static PyObject *
meta_subclasscheck(PyObject *cls, PyObject *subclass)
{
    core_state *st = pyr_state_of_type((PyTypeObject *)cls);
    if (st == NULL) {
        return NULL;
    }
    int quick = -1;
    if (PyType_Check(subclass)) {
        quick = quick_subclass_check(st, (PyTypeObject *)cls, (PyTypeObject *)subclass);
    }
    return quick >= 0 ? PyBool_FromLong(quick)
                      : ask_abc(st, "__subclasscheck__", cls, subclass);
}

PyDoc_STRVAR(register_doc, "register(subclass)\n--\n\nAs abc.ABCMeta.register.");
static PyObject *
meta_register(PyObject *cls, PyObject *subclass)
{
    core_state *st = pyr_state_of_type((PyTypeObject *)cls);
    if (st == NULL) {
        return NULL;
    }
    st->deferred.registered = true;
    return ask_abc(st, "register", cls, subclass);
}

/* The state's record of what the class (ours) had under its names at set-up, or NULL */
static PyObject *
pristine_names(core_state *st, PyObject *cls)
{
    if (cls == (PyObject *)st->deferred.type) {
        return st->deferred.pristine;
    }
    return cls == (PyObject *)st->deferred.list_type ? st->deferred.pristine_list : NULL;
}

/*
 * What one of our classes had under a name at set-up: 1 in *ours; NULL there for what
 * DeferredList inherits.  0: it has no such name, -1: error
 */
static int
pristine_name(core_state *st, PyObject *cls, PyObject *name, PyObject **ours)
{
    PyObject *names = pristine_names(st, cls);
    if (names == NULL) {
        return 0;
    }
    int known = PyDict_GetItemRef(names, name, ours);
    if (known == 0 && names == st->deferred.pristine_list) {
        known = PyDict_Contains(st->deferred.pristine, name);
    }
    return known;
}

/* A name of our class was set (value NULL: deleted): do methods differ from ours now? */
static int
note_patch(core_state *st, PyObject *cls, PyObject *name, PyObject *value)
{
    PyObject *ours = NULL;
    int known = pristine_name(st, cls, name, &ours);
    if (known <= 0) {
        return known;
    }
    Py_XDECREF(ours); /* only compared */
    PyObject *key = PyTuple_Pack(2, cls, name);
    if (key == NULL) {
        return -1;
    }
    PyObject *patches = st->deferred.patches;
    int result = value == ours ? PySet_Discard(patches, key) : PySet_Add(patches, key);
    Py_DECREF(key);
    st->deferred.patched = PySet_GET_SIZE(patches) > 0;
    return result < 0 ? -1 : 0;
}

/* What the class has now, without the names that change no behaviour of C code */
static PyObject *
names_of(PyTypeObject *type)
{
    static const char *const harmless[] = {"debug", "__module__", "__doc__"};
    PyObject *names = PyDict_Copy(type->tp_dict);
    for (size_t i = 0; names != NULL && i < sizeof(harmless) / sizeof(*harmless); i++) {
        PyObject *name = PyUnicode_FromString(harmless[i]);
        int known = name == NULL ? -1 : PyDict_Contains(names, name);
        if (known < 0 || (known > 0 && PyDict_DelItem(names, name) < 0)) {
            Py_CLEAR(names);
        }
        Py_XDECREF(name);
    }
    return names;
}

/* Set-up is done: what the classes have now is what they should have. */
int
pyr_deferred_note_pristine(core_state *st)
{
    PyObject *base = names_of(st->deferred.type);
    PyObject *list = base == NULL ? NULL : names_of(st->deferred.list_type);
    PyObject *patches = list == NULL ? NULL : PySet_New(NULL);
    if (patches == NULL) {
        Py_XDECREF(base);
        Py_XDECREF(list);
        return -1;
    }
    Py_XSETREF(st->deferred.pristine, base);
    Py_XSETREF(st->deferred.pristine_list, list);
    Py_XSETREF(st->deferred.patches, patches);
    st->deferred.patched = false;
    return 0;
}

static int
meta_setattro(PyObject *cls, PyObject *name, PyObject *value)
{
    if (PyType_Type.tp_setattro(cls, name, value) < 0) {
        return -1;
    }
    core_state *st = pyr_state_of_type((PyTypeObject *)cls);
    if (st == NULL) {
        return -1;
    }
    if (cls == (PyObject *)st->deferred.type &&
        PyUnicode_CompareWithASCIIString(name, "debug") == 0) {
        int truth = value == NULL ? 0 : PyObject_IsTrue(value);
        st->deferred.debug = truth > 0;
        return truth < 0 ? -1 : 0;
    }
    return note_patch(st, cls, name, value);
}

static PyMethodDef meta_methods[] = {
    {"__instancecheck__", meta_instancecheck, METH_O, instancecheck_doc},
    {"__subclasscheck__", meta_subclasscheck, METH_O, subclasscheck_doc},
    {"register", meta_register, METH_O, register_doc},
    {NULL},
};

PyDoc_STRVAR(meta_doc, "The metaclass of Deferred.");

static PyType_Slot meta_slots[] = {
    {Py_tp_doc, (void *)meta_doc},
    {Py_tp_methods, meta_methods},
    {Py_tp_setattro, meta_setattro},
    {0, NULL},
};

static PyType_Spec meta_spec = {
    .name = "pyreactor._core.DeferredMeta",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = meta_slots,
};

int
pyr_deferred_add_meta(PyObject *module, core_state *st)
{
    PyObject *abc = PyImport_ImportModule("abc");
    PyObject *base = abc == NULL ? NULL : PyObject_GetAttrString(abc, "ABCMeta");
    PyObject *bases = base == NULL ? NULL : PyTuple_Pack(1, base);
    Py_XDECREF(abc);
    Py_XDECREF(base);
    if (bases == NULL) {
        return -1;
    }
    PyTypeObject *meta = pyr_add_type(module, &meta_spec, bases);
    Py_DECREF(bases);
    if (meta == NULL) {
        return -1;
    }
    /* Calls of our classes use their tp_vectorcall; a heap type does not inherit that. */
    meta->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
    meta->tp_vectorcall_offset = offsetof(PyTypeObject, tp_vectorcall);
    st->deferred.meta_type = meta;
    return 0;
}

/*
 * Make `type`, fresh from its spec, an instance of the metaclass.  PyType_FromMetaclass
 * (3.12) refuses metaclasses that have a __new__, as ABCMeta has; and so must, since it
 * warns, a base class be adopted only after all that are made from it.
 */
int
pyr_deferred_adopt_meta(core_state *st, PyTypeObject *type)
{
    /* Instances count on heap types only, so the static `type` is owed nothing back. */
    Py_INCREF(st->deferred.meta_type);
    Py_SET_TYPE((PyObject *)type, st->deferred.meta_type);
    /* What ABCMeta.__new__ does for a class made in Python */
    PyObject *abc = PyImport_ImportModule("_abc");
    PyObject *none =
        abc == NULL ? NULL : PyObject_CallMethod(abc, "_abc_init", "O", (PyObject *)type);
    Py_XDECREF(abc);
    Py_XDECREF(none);
    return none == NULL ? -1 : 0;
}
