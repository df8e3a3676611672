/* Making Deferreds, and taking them apart. */
#include "deferred/inline.h"
#include "deferred/object.h"

#include <stddef.h>

#define SELF ((pyr_deferred *)op)

static void
reset(pyr_deferred *self, core_state *st)
{
    memset((char *)self + offsetof(pyr_deferred, st), 0,
           offsetof(pyr_deferred, inline_links) - offsetof(pyr_deferred, st));
    self->st = st;
    self->links = self->inline_links;
    self->capacity = PYR_INLINE_LINKS;
}

/* An exact Deferred, tracked; only debug mode is left to the caller. */
static pyr_deferred *
make(core_state *st)
{
    pyr_deferred *self;
    if (st->deferred->free_deferred_count > 0) {
        /* Whole and empty, referred to by the free list alone: see keep(). */
        PyObject *op = st->deferred->free_deferreds[--st->deferred->free_deferred_count];
        self = SELF;
    } else if (st->deferred->type == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the interpreter is shutting down");
        return NULL;
    } else {
        self = PyObject_GC_New(pyr_deferred, st->deferred->type);
        if (self == NULL) {
            return NULL;
        }
        reset(self, st);
    }
    PyObject_GC_Track(self);
    return self;
}

/* An exact Deferred for C code's own use, which nobody else will see */
pyr_deferred *
pyr_deferred_bare(core_state *st)
{
    return make(st);
}

/* Did a program replace what makes a Deferred? */
static bool
is_made_otherwise(core_state *st)
{
    PyTypeObject *type = st->deferred->type;
    return type != NULL && pyr_patched(st) &&
           (type->tp_init != pyr_create_tp_init || type->tp_new != pyr_create_tp_new);
}

/* Deferred(canceller), or Deferred() for NULL, as Python code calls it */
static pyr_deferred *
make_by_call(core_state *st, PyObject *canceller)
{
    PyObject *type = Py_NewRef(st->deferred->type);
    PyObject *op;
    if (canceller == NULL) {
        op = PyObject_CallNoArgs(type);
    } else if (Py_TYPE(canceller) == st->deferred->driver_type) {
        PyObject *method = pyr_driver_canceller((pyr_driver *)canceller);
        op = method == NULL ? NULL : PyObject_CallOneArg(type, method);
        Py_XDECREF(method);
    } else {
        op = PyObject_CallOneArg(type, canceller);
    }
    Py_DECREF(type);
    if (op != NULL && !pyr_is_own(st, op)) {
        PyErr_SetString(PyExc_TypeError, "Deferred.__new__ gave no Deferred");
        Py_CLEAR(op);
    }
    return SELF;
}

pyr_deferred *
pyr_deferred_new(core_state *st, PyObject *canceller)
{
    if (is_made_otherwise(st)) {
        return make_by_call(st, canceller);
    }
    pyr_deferred *self = make(st);
    if (self != NULL) {
        self->canceller = Py_XNewRef(canceller);
        /* Looked for a moment ago, with what makes one otherwise. */
        if (st->deferred->debug && pyr_deferred_record_creator(self) < 0) {
            Py_CLEAR(self);
        }
    }
    return self;
}

PyObject *
pyr_create_tp_new(PyTypeObject *type, PyObject *Py_UNUSED(args),
                  PyObject *Py_UNUSED(kwargs))
{
    core_state *st = pyr_state_of_type(type);
    if (st == NULL || pyr_deferred_ready(st) < 0) {
        return NULL;
    }
    if (type == st->deferred->type) {
        return (PyObject *)make(st);
    }
    if (type->tp_flags & Py_TPFLAGS_IS_ABSTRACT) { /* let object.__new__ say why not */
        return PyBaseObject_Type.tp_new(type, st->deferred->empty_tuple, NULL);
    }
    pyr_deferred *self = (pyr_deferred *)type->tp_alloc(type, 0);
    if (self != NULL) {
        reset(self, st);
    }
    return (PyObject *)self;
}

int
pyr_deferred_init_base(pyr_deferred *self, PyObject *canceller)
{
    Py_CLEAR(self->listed);
    pyr_links_clear(self);
    canceller = canceller == Py_None ? NULL : canceller;
    Py_XSETREF(self->canceller, Py_XNewRef(canceller));
    return pyr_debug(self) ? pyr_deferred_record_creator(self) : 0;
}

/* Deferred.__init__(self), which a program may have replaced */
int
pyr_deferred_init_by_name(pyr_deferred *self)
{
    core_state *st = self->st;
    if (!is_made_otherwise(st)) {
        return pyr_deferred_init_base(self, NULL);
    }
    PyObject *init =
        PyObject_GetAttr((PyObject *)st->deferred->type, st->names.dunder_init);
    PyObject *none = init == NULL ? NULL : PyObject_CallOneArg(init, (PyObject *)self);
    Py_XDECREF(init);
    Py_XDECREF(none);
    return none == NULL ? -1 : 0;
}

/* Arguments do not suit, as is said already: say it in the words of stock's __init__; -1
 */
int
pyr_deferred_refuse(PyObject *op, PyObject *stock, PyObject *args, PyObject *kwargs)
{
    PyObject *error = PyErr_GetRaisedException();
    PyObject *init = PyObject_GetAttr(stock, SELF->st->names.dunder_init);
    PyObject *self = PyTuple_Pack(1, op);
    PyObject *all = self == NULL ? NULL : PySequence_Concat(self, args);
    PyObject *none =
        init == NULL || all == NULL ? NULL : PyObject_Call(init, all, kwargs);
    Py_XDECREF(init);
    Py_XDECREF(self);
    Py_XDECREF(all);
    if (none == NULL) {
        Py_DECREF(error);
        return -1;
    }
    Py_DECREF(none);
    PyErr_SetRaisedException(error);
    return -1;
}

int
pyr_create_tp_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"canceller", NULL};
    PyObject *canceller = NULL;
    bool simple = kwargs == NULL && PyTuple_GET_SIZE(args) <= 1;
    if (simple && PyTuple_GET_SIZE(args) == 1) {
        canceller = PyTuple_GET_ITEM(args, 0);
    }
    if (!simple &&
        !PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Deferred", names, &canceller)) {
        return pyr_deferred_refuse(op, SELF->st->deferred->stock_deferred, args, kwargs);
    }
    return pyr_deferred_init_base(SELF, canceller);
}

/* Deferred(...) by way of tuple and dict, for all but the simplest calls */
static PyObject *
call_slowly(PyObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *tuple = PyTuple_New(nargs);
    PyObject *kwargs = PyDict_New();
    PyObject *result = NULL;
    if (tuple == NULL || kwargs == NULL) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < nargs; i++) {
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
    }
    Py_ssize_t named = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    for (Py_ssize_t i = 0; i < named; i++) {
        if (PyDict_SetItem(kwargs, PyTuple_GET_ITEM(kwnames, i), args[nargs + i]) < 0) {
            goto done;
        }
    }
    result = PyType_Type.tp_call(type, tuple, kwargs);
done:
    Py_XDECREF(tuple);
    Py_XDECREF(kwargs);
    return result;
}

PyObject *
pyr_create_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf,
                      PyObject *kwnames)
{
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    if (kwnames == NULL && nargs <= 1 &&
        ((PyTypeObject *)type)->tp_init == pyr_create_tp_init &&
        ((PyTypeObject *)type)->tp_new == pyr_create_tp_new) {
        /* No class inherits this, so it is the type that the module made. */
        core_state *st = PyType_GetModuleState((PyTypeObject *)type);
        if (st == NULL || (!st->deferred->ready && pyr_deferred_ready(st) < 0)) {
            return NULL;
        }
        PyObject *canceller = nargs == 0 || args[0] == Py_None ? NULL : args[0];
        return (PyObject *)pyr_deferred_new(st, canceller);
    }
    return call_slowly(type, args, nargs, kwnames);
}

int
pyr_deferred_traverse_base(pyr_deferred *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->result);
    Py_VISIT(self->canceller);
    Py_VISIT(self->chained_to);
    Py_VISIT(self->fail_result);
    Py_VISIT(self->debug_info);
    Py_VISIT(self->listed);
    Py_VISIT(self->dict);
    return pyr_links_traverse(self, visit, arg);
}

int
pyr_create_tp_traverse(PyObject *op, visitproc visit, void *arg)
{
    return pyr_deferred_traverse_base(SELF, visit, arg);
}

void
pyr_deferred_clear_base(pyr_deferred *self)
{
    /* A subclass that got a __del__ of its own later has kept us from reporting there. */
    if (self->fail_result != NULL) {
        pyr_report_unhandled(self);
    }
    Py_CLEAR(self->listed);
    pyr_links_clear(self);
    Py_CLEAR(self->canceller);
    Py_CLEAR(self->result);
    Py_CLEAR(self->chained_to);
    Py_CLEAR(self->dict);
    Py_CLEAR(self->debug_info);
    Py_CLEAR(self->fail_result);
}

int
pyr_create_tp_clear(PyObject *op)
{
    pyr_deferred_clear_base(SELF);
    return 0;
}

/*
 * The free list takes an exact Deferred that was cleared, unless that is full or going
 * away with the module, which lets go of the type before it empties the list.
 */
static bool
keep(pyr_deferred *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (((PyHeapTypeObject *)type)->ht_module == NULL) {
        return false;
    }
    pyr_deferred_state *state = self->st->deferred;
    if (type != state->type || state->free_deferred_count == PYR_FREE_DEFERREDS ||
        PyObject_GC_IsFinalized((PyObject *)self)) {
        return false;
    }
    self->called = self->suppress_already_called = false;
    self->running = self->had_debug_info = false;
    self->paused = 0;
#ifdef Py_REF_DEBUG
    _Py_NewReference((PyObject *)self);
#else
    Py_SET_REFCNT((PyObject *)self, 1);
#endif
    state->free_deferreds[state->free_deferred_count++] = (PyObject *)self;
    return true;
}

static void
destroy(pyr_deferred *self)
{
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    if (self->links != NULL) { /* NULL: tp_new failed half-way */
        pyr_deferred_clear_base(self);
        if (keep(self)) {
            return;
        }
    }
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* Can clearing it end in a Deferred again, and so on?  Else it needs no care. */
static inline bool
is_shallow(pyr_deferred *self)
{
    return (self->result == NULL || !PyObject_IS_GC(self->result)) &&
           self->head == self->tail && self->canceller == NULL &&
           self->chained_to == NULL && self->fail_result == NULL &&
           self->debug_info == NULL && self->listed == NULL && self->dict == NULL;
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

bool
pyr_debug_slow(pyr_deferred *self)
{
    PyObject *type, *value, *tb;
    PyErr_Fetch(&type, &value, &tb);
    PyObject *debug = PyObject_GetAttr((PyObject *)self, self->st->names.debug);
    int truth = debug == NULL ? -1 : PyObject_IsTrue(debug);
    Py_XDECREF(debug);
    PyErr_Restore(type, value, tb);
    return truth > 0;
}
