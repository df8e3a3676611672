/*
 * What Deferred and DeferredList are as classes, and whether a program has replaced
 * something in them.
 *
 * Their metaclass is ABCMeta, as stock's is: a subclass that has another abstract class,
 * a protocol or a generic among its bases must find no metaclass conflict.
 */
#include "core/override.h"
#include "core/core.h"
#include "core/objects.h"
#include "deferred/object.h"

/* ---- replaced methods ---- */

/* What the class has now; a new dict. */
static PyObject *
names_of(PyTypeObject *type)
{
    PyObject *dict = PyType_GetDict(type);
    PyObject *names = dict == NULL ? NULL : PyDict_Copy(dict);
    Py_XDECREF(dict);
    return names;
}

/* Set-up is done: what the classes have now is what they should have. */
int
pyr_metaclass_note_pristine(core_state *st)
{
    Py_XSETREF(st->deferred->pristine, names_of(st->deferred->type));
    Py_XSETREF(st->deferred->pristine_list, names_of(st->deferred->list_type));
    if (st->deferred->pristine == NULL || st->deferred->pristine_list == NULL) {
        return -1;
    }
    pyr_metaclass_look(st);
    return 0;
}

/* What changes no behaviour of C code.  Deferred's own `debug` is looked at; one of
 * DeferredList's, which had none, is another name more. */
static bool
is_harmless(core_state *st, PyObject *name)
{
    return name == st->names.debug || name == st->names.dunder_doc ||
           name == st->names.dunder_module;
}

/* Does the class have what it had at set-up, no more and no less? */
static bool
is_pristine(core_state *st, PyTypeObject *type, PyObject *pristine)
{
    PyObject *names = names_of(type);
    PyObject *name, *value;
    Py_ssize_t position = 0;
    bool same = names != NULL && pristine != NULL &&
                PyDict_GET_SIZE(names) == PyDict_GET_SIZE(pristine);
    while (same && PyDict_Next(names, &position, &name, &value)) {
        same = PyDict_GetItemWithError(pristine, name) == value || is_harmless(st, name);
    }
    Py_XDECREF(names);
    return same;
}

/* Truth of Deferred.debug; what cannot tell is not. */
static bool
class_debug(core_state *st)
{
    PyObject *debug = pyr_class_find(st->deferred->type, st->names.debug);
    bool truth = debug != NULL && pyr_truth(debug) > 0;
    Py_XDECREF(debug);
    return truth;
}

bool
pyr_metaclass_debug(pyr_deferred *self)
{
    PyObject *type, *value, *tb;
    PyErr_Fetch(&type, &value, &tb);
    PyObject *debug = PyObject_GetAttr((PyObject *)self, self->st->names.debug);
    int truth = debug == NULL ? -1 : PyObject_IsTrue(debug);
    Py_XDECREF(debug);
    PyErr_Restore(type, value, tb);
    return truth > 0;
}

/*
 * One of the classes has changed, or may have: see what of it concerns C code.  A change
 * of Deferred is one of DeferredList, too, which therefore stands for both.
 */
void
pyr_metaclass_look(core_state *st)
{
    pyr_deferred_state *state = st->deferred;
    PyObject *type, *value, *tb;
    PyErr_Fetch(&type, &value, &tb);
    pyr_class_see(st, &state->seen, state->list_type);
    state->patched = !is_pristine(st, state->type, state->pristine) ||
                     !is_pristine(st, state->list_type, state->pristine_list);
    state->debug = class_debug(st);
    PyErr_Restore(type, value, tb);
}

/* ---- subclasses that declare Deferred's attributes again ---- */

/* Does the class find C's own descriptors by the names of the fields?  One that is no
 * DeferredList need not have those of that class. */
static bool
finds_fields(pyr_deferred_state *state, PyTypeObject *type)
{
    PyObject *name, *field;
    Py_ssize_t position = 0;
    bool finds = true;
    while (finds && PyDict_Next(state->fields, &position, &name, &field)) {
        PyObject *found = pyr_class_find(type, name);
        finds = found == field || found == NULL;
        Py_XDECREF(found);
    }
    return finds;
}

/* Give an instance what the fields in the dict begin with. */
static int
set_fields(PyObject *self, PyObject *begins)
{
    PyObject *field, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(begins, &position, &field, &value)) {
        if (Py_TYPE(field)->tp_descr_set(field, self, value) < 0) {
            return -1;
        }
    }
    return 0;
}

/*
 * Stock's methods set self.called and the like.  Where a subclass has a value under such
 * a name, that would not reach the field: declared.py puts a descriptor in its place.
 */
int
pyr_metaclass_begin(pyr_deferred *self)
{
    PyTypeObject *type = Py_TYPE(self);
    core_state *st = self->st;
    pyr_class_seen *settled =
        &st->deferred->settled[((uintptr_t)type >> 6) % PYR_SETTLED];
    if (pyr_class_is_as_seen(settled, type) || st->deferred->fields == NULL) {
        return 0; /* no fields: the module is being taken apart */
    }
    pyr_class_seen seen;
    pyr_class_see(st, &seen, type);
    PyObject *begins =
        finds_fields(st->deferred, type)
            ? Py_NewRef(Py_None)
            : PyObject_CallFunctionObjArgs(st->deferred->settle, (PyObject *)type,
                                           st->deferred->fields, NULL);
    int result = begins == NULL ? -1 : 0;
    if (begins == Py_None) {
        *settled = seen;
    } else if (begins != NULL) {
        result = set_fields((PyObject *)self, begins);
    }
    Py_XDECREF(begins);
    return result;
}

/* ---- the metaclass ---- */

/*
 * Make `type`, fresh from its spec, an instance of ABCMeta.  PyType_FromMetaclass (3.12)
 * refuses metaclasses that have a __new__, as ABCMeta has; and so must, since it warns, a
 * base class be adopted only after all that are made from it.
 */
static int
adopt(PyTypeObject *type, PyObject *meta)
{
    /* Instances count on heap types only, so the static `type` is owed nothing back. */
    Py_INCREF(meta);
    Py_SET_TYPE((PyObject *)type, (PyTypeObject *)meta);
    /* What ABCMeta.__new__ does for a class made in Python */
    PyObject *abc = PyImport_ImportModule("_abc");
    PyObject *none =
        abc == NULL ? NULL : PyObject_CallMethod(abc, "_abc_init", "O", (PyObject *)type);
    Py_XDECREF(abc);
    return pyr_drop(none);
}

int
pyr_metaclass_adopt(core_state *st)
{
    PyObject *abc = PyImport_ImportModule("abc");
    PyObject *meta = abc == NULL ? NULL : PyObject_GetAttrString(abc, "ABCMeta");
    int result = -1;
    if (meta != NULL && PyType_Check(meta) &&
        ((PyTypeObject *)meta)->tp_basicsize == PyType_Type.tp_basicsize) {
        pyr_type_allow_vectorcall((PyTypeObject *)meta);
        result = adopt(st->deferred->type, meta);
        result = result < 0 ? -1 : adopt(st->deferred->list_type, meta);
    } else if (meta != NULL) {
        PyErr_SetString(PyExc_TypeError, "abc.ABCMeta is not what it was");
    }
    Py_XDECREF(abc);
    Py_XDECREF(meta);
    return result;
}
