/* Making Deferreds, and taking them apart. */
#include "core/call.h"
#include "deferred/inline.h"
#include "deferred/object.h"

#include <stddef.h>

#define SELF ((pyr_deferred *)op)

int
pyr_create_ready(core_state *st)
{
    if (!st->deferred->ready) {
        PyErr_SetString(PyExc_RuntimeError, "import pyreactor.defer first");
        return -1;
    }
    return 0;
}

/* What a Deferred begins with that is zero so far. */
static inline void
begin_deferred(pyr_deferred *self, core_state *st)
{
    self->st = st;
    self->links = self->inline_links;
    self->capacity = PYR_INLINE_LINKS;
}

/* An exact Deferred, tracked; only debug mode is left to the caller. */
static pyr_deferred *
make_bare(core_state *st)
{
    PyObject *op = pyr_freelist_new(&st->deferred->free_deferreds,
                                    offsetof(pyr_deferred, inline_links));
    if (op != NULL) {
        begin_deferred(SELF, st);
        PyObject_GC_Track(op);
    }
    return SELF;
}

/* The class, called as Python code calls it: a program replaced something in it. */
static pyr_deferred *
make_by_call(core_state *st, PyObject *canceller)
{
    PyObject *type = Py_NewRef(st->deferred->type);
    PyObject *op = canceller == NULL ? PyObject_CallNoArgs(type)
                                     : PyObject_CallOneArg(type, canceller);
    Py_DECREF(type);
    if (op != NULL && !pyr_is_own(st, op)) {
        PyErr_SetString(PyExc_TypeError, "Deferred.__new__ gave no Deferred");
        Py_CLEAR(op);
    }
    return SELF;
}

/* Debug mode: note where it was made. */
static int
note_creator(pyr_deferred *self)
{
    return pyr_drop(
        PyObject_CallOneArg(self->st->deferred->note_creator, (PyObject *)self));
}

static pyr_deferred *
make_plain(core_state *st, PyObject *canceller)
{
    pyr_deferred *self = make_bare(st);
    if (self != NULL) {
        self->canceller = Py_XNewRef(canceller);
        if (st->deferred->debug && note_creator(self) < 0) {
            Py_CLEAR(self);
        }
    }
    return self;
}

pyr_deferred *
pyr_create(core_state *st, PyObject *canceller)
{
    return st->deferred->type != NULL && pyr_patched(st) ? make_by_call(st, canceller)
                                                         : make_plain(st, canceller);
}

PyObject *
pyr_create_tp_new(PyTypeObject *type, PyObject *Py_UNUSED(args),
                  PyObject *Py_UNUSED(kwargs))
{
    core_state *st = pyr_state_of_type(type);
    if (st == NULL || pyr_create_ready(st) < 0) {
        return NULL;
    }
    if (type == st->deferred->type) {
        return (PyObject *)make_bare(st);
    }
    if (PyType_HasFeature(type,
                          Py_TPFLAGS_IS_ABSTRACT)) { /* let object.__new__ say why not */
        return PyBaseObject_Type.tp_new(type, st->deferred->empty_tuple, NULL);
    }
    pyr_deferred *self = (pyr_deferred *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    begin_deferred(self, st);
    if (type != st->deferred->list_type && pyr_metaclass_begin(self) < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

int
pyr_create_init(pyr_deferred *self, PyObject *canceller)
{
    Py_CLEAR(self->listed);
    pyr_links_clear(self);
    canceller = canceller == Py_None ? NULL : canceller;
    Py_XSETREF(self->canceller, Py_XNewRef(canceller));
    return pyr_debug(self) ? note_creator(self) : 0;
}

int
pyr_create_init_by(PyObject *function, PyObject *op, PyObject *args, PyObject *kwargs)
{
    PyObject *method = PyMethod_New(function, op);
    PyObject *none = method == NULL ? NULL : PyObject_Call(method, args, kwargs);
    Py_XDECREF(method);
    return pyr_drop(none);
}

/* Deferred.__init__(self, canceller=None) */
int
pyr_create_tp_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    Py_ssize_t named = kwargs == NULL ? 0 : PyDict_GET_SIZE(kwargs);
    PyObject *canceller = count == 0 ? NULL : PyTuple_GET_ITEM(args, 0);
    if (count == 0 && named == 1) {
        canceller = PyDict_GetItemWithError(kwargs, SELF->st->names.canceller);
    }
    if (count + named > 1 || (named == 1 && canceller == NULL)) {
        PyObject *stock = SELF->st->deferred->stock_init;
        return PyErr_Occurred() ? -1 : pyr_create_init_by(stock, op, args, kwargs);
    }
    Py_XINCREF(canceller);
    int result = pyr_create_init(SELF, canceller);
    Py_XDECREF(canceller);
    return result;
}

/* A call that is not the plainest */
static PyObject *
call_type(PyObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *tuple, *kwargs;
    if (pyr_pack_arguments(args, nargs, kwnames, &tuple, &kwargs) < 0) {
        return NULL;
    }
    if (tuple == NULL) {
        tuple = PyTuple_New(0);
    }
    PyObject *result = tuple == NULL ? NULL : PyType_Type.tp_call(type, tuple, kwargs);
    Py_XDECREF(tuple);
    Py_XDECREF(kwargs);
    return result;
}

PyObject *
pyr_create_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf,
                      PyObject *kwnames)
{
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    if (kwnames != NULL || nargs > 1 ||
        ((PyTypeObject *)type)->tp_init != pyr_create_tp_init ||
        ((PyTypeObject *)type)->tp_new != pyr_create_tp_new) {
        return call_type(type, args, nargs, kwnames);
    }
    /* No class inherits this, so it is the type that the module made. */
    core_state *st = PyType_GetModuleState((PyTypeObject *)type);
    if (st == NULL || (!st->deferred->ready && pyr_create_ready(st) < 0)) {
        return NULL;
    }
    pyr_see_changes(st); /* for debug mode */
    return (PyObject *)make_plain(st, nargs == 0 || args[0] == Py_None ? NULL : args[0]);
}

int
pyr_create_traverse(pyr_deferred *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->result);
    Py_VISIT(self->canceller);
    Py_VISIT(self->chained_to);
    Py_VISIT(self->unhandled);
    Py_VISIT(self->listed);
    Py_VISIT(self->dict);
    return pyr_links_traverse(self, visit, arg);
}

void
pyr_create_clear(pyr_deferred *self)
{
    /* A subclass that got a __del__ of its own later leaves the report to this. */
    if (self->unhandled != NULL) {
        pyr_unhandled_report(self);
    }
    Py_CLEAR(self->listed);
    pyr_links_clear(self);
    Py_CLEAR(self->canceller);
    Py_CLEAR(self->result);
    Py_CLEAR(self->chained_to);
    Py_CLEAR(self->dict);
    self->has_debug_info = false;
    Py_CLEAR(self->unhandled);
}

static void
destroy(pyr_deferred *self)
{
    pyr_freelist *list = NULL;
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    if (self->links != NULL) { /* NULL: tp_new failed half-way */
        pyr_create_clear(self);
        self->called = self->suppress_already_called = false;
        self->running = self->had_debug_info = false;
        self->paused = 0;
        if (pyr_type_has_module(Py_TYPE(self)) &&
            !PyObject_GC_IsFinalized((PyObject *)self)) {
            list = &self->st->deferred->free_deferreds;
        }
    }
    pyr_freelist_drop(list, (PyObject *)self);
}

/* Can clearing it end in a Deferred again, and so on?  Else it needs no care. */
static inline bool
is_shallow(pyr_deferred *self)
{
    return (self->result == NULL || !PyObject_IS_GC(self->result)) &&
           self->head == self->tail && self->canceller == NULL &&
           self->chained_to == NULL && self->unhandled == NULL && self->listed == NULL &&
           self->dict == NULL;
}

void
pyr_create_tp_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    if (is_shallow(SELF)) {
        destroy(SELF);
        return;
    }
    Py_TRASHCAN_BEGIN(op, pyr_create_tp_dealloc);
    destroy(SELF);
    Py_TRASHCAN_END
}
