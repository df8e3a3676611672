/* DeferredList, and what gatherResults makes of one. */
#include "deferred/inline.h"
#include "deferred/object.h"

#include <stddef.h>

#define SELF ((pyr_deferred_list *)op)

/* --- collecting ------------------------------------------------------------------ */

/* 1 or 0, -1 with an exception; NULL is a flag that was never set */
static int
is_true(PyObject *flag)
{
    return flag == NULL ? 0 : PyObject_IsTrue(flag);
}

/* self.resultList as a new reference */
static PyObject *
result_list(pyr_deferred_list *self)
{
    if (self->results == NULL) {
        PyErr_SetString(PyExc_AttributeError,
                        "'DeferredList' object has no attribute 'resultList'");
    }
    return Py_XNewRef(self->results);
}

/* resultList[index] = (succeeded, result) */
static int
store_result(pyr_deferred_list *self, PyObject *result, Py_ssize_t index, bool succeeded)
{
    PyObject *results = result_list(self);
    if (results == NULL) {
        return -1;
    }
    PyObject *pair = PyTuple_Pack(2, succeeded ? Py_True : Py_False, result);
    int stored = -1;
    if (pair != NULL && PyList_CheckExact(results)) {
        stored = PyList_SetItem(results, index, Py_NewRef(pair));
    } else if (pair != NULL) {
        stored = PySequence_SetItem(results, index, pair);
    }
    Py_XDECREF(pair);
    Py_DECREF(results);
    return stored;
}

/* self.errback(Failure(FirstError(failure, index))) */
static int
fire_first_error(pyr_deferred_list *self, PyObject *failure, Py_ssize_t index)
{
    core_state *st = self->base.st;
    PyObject *error =
        PyObject_CallFunction(st->deferred->first_error, "On", failure, index);
    PyObject *wrapped = error == NULL ? NULL : pyr_failure_from_value(st, error);
    Py_XDECREF(error);
    int fired = wrapped == NULL ? -1 : pyr_errback((PyObject *)self, wrapped);
    Py_XDECREF(wrapped);
    return fired;
}

/* self.callback(self.resultList), if that is full */
static int
fire_if_full(pyr_deferred_list *self)
{
    PyObject *results = result_list(self);
    Py_ssize_t size = results == NULL ? -1 : PyObject_Size(results);
    int fired = size < 0 ? -1 : 0;
    if (size >= 0 && self->finished_count == size) {
        fired = pyr_callback((PyObject *)self, results);
    }
    Py_XDECREF(results);
    return fired;
}

/* Does this result make the list fire?  Then fire it. */
static int
fire_if_complete(pyr_deferred_list *self, PyObject *result, Py_ssize_t index,
                 bool succeeded)
{
    int first =
        is_true(succeeded ? self->fire_on_one_callback : self->fire_on_one_errback);
    if (first <= 0) {
        return first < 0 ? -1 : fire_if_full(self);
    }
    if (!succeeded) {
        return fire_first_error(self, result, index);
    }
    PyObject *pair = Py_BuildValue("(On)", result, index);
    int fired = pair == NULL ? -1 : pyr_callback((PyObject *)self, pair);
    Py_XDECREF(pair);
    return fired;
}

PyObject *
pyr_deferred_list_collect(PyObject *op, PyObject *result, Py_ssize_t index,
                          bool succeeded)
{
    pyr_deferred_list *self = SELF;
    if (store_result(self, result, index, succeeded) < 0) {
        return NULL;
    }
    self->finished_count++;
    if (!self->base.called && fire_if_complete(self, result, index, succeeded) < 0) {
        return NULL;
    }
    int consume = succeeded ? 0 : is_true(self->consume_errors);
    return consume < 0 ? NULL : Py_NewRef(consume ? Py_None : result);
}

/* --- making one ------------------------------------------------------------------ */

/* deferred.addCallbacks(self._cbDeferred, ...) for what is not natively ours */
static int
attach_dynamic(pyr_deferred_list *self, PyObject *deferred, Py_ssize_t index)
{
    core_state *st = self->base.st;
    PyObject *method = PyObject_GetAttrString((PyObject *)self, "_cbDeferred");
    PyObject *add =
        method == NULL ? NULL : PyObject_GetAttr(deferred, st->names.addCallbacks);
    PyObject *args = add == NULL ? NULL : PyTuple_Pack(2, method, method);
    PyObject *kwargs = args == NULL
                           ? NULL
                           : Py_BuildValue("{s(nO)s(nO)}", "callbackArgs", index, Py_True,
                                           "errbackArgs", index, Py_False);
    PyObject *ignored = kwargs == NULL ? NULL : PyObject_Call(add, args, kwargs);
    Py_XDECREF(method);
    Py_XDECREF(add);
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    Py_XDECREF(ignored);
    return ignored == NULL ? -1 : 0;
}

static int
attach(pyr_deferred_list *self, PyObject *deferred, Py_ssize_t index)
{
    core_state *st = self->base.st;
    if (pyr_is_native(st, (PyObject *)self) && pyr_is_native(st, deferred) &&
        index < INT32_MAX) {
        return pyr_add_collect((pyr_deferred *)deferred, (PyObject *)self,
                               (int32_t)index);
    }
    return attach_dynamic(self, deferred, index);
}

/* [None] * size */
static PyObject *
list_of_none(Py_ssize_t size)
{
    PyObject *list = PyList_New(size);
    for (Py_ssize_t i = 0; list != NULL && i < size; i++) {
        PyList_SET_ITEM(list, i, Py_NewRef(Py_None));
    }
    return list;
}

/* self.callback([]) */
static int
fire_empty(pyr_deferred_list *self)
{
    PyObject *empty = PyList_New(0);
    int fired = empty == NULL ? -1 : pyr_callback((PyObject *)self, empty);
    Py_XDECREF(empty);
    return fired;
}

/* What list_start does once there are lists. */
static int
list_begin(pyr_deferred_list *self, PyObject *deferreds, PyObject *on_callback,
           PyObject *on_errback, PyObject *consume)
{
    if (pyr_deferred_init_by_name(&self->base) < 0) {
        return -1;
    }
    int one = PyObject_IsTrue(on_callback);
    if (one < 0 || (PyList_GET_SIZE(deferreds) == 0 && !one && fire_empty(self) < 0)) {
        return -1;
    }
    Py_XSETREF(self->fire_on_one_callback, Py_NewRef(on_callback));
    Py_XSETREF(self->fire_on_one_errback, Py_NewRef(on_errback));
    Py_XSETREF(self->consume_errors, Py_NewRef(consume));
    self->finished_count = 0;
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(deferreds); i++) {
        PyObject *deferred = Py_NewRef(PyList_GET_ITEM(deferreds, i));
        result = attach(self, deferred, i);
        Py_DECREF(deferred);
    }
    return result;
}

static int
list_start(pyr_deferred_list *self, PyObject *iterable, PyObject *on_callback,
           PyObject *on_errback, PyObject *consume)
{
    PyObject *deferreds = PySequence_List(iterable);
    PyObject *results =
        deferreds == NULL ? NULL : list_of_none(PyList_GET_SIZE(deferreds));
    if (results == NULL) {
        Py_XDECREF(deferreds);
        return -1;
    }
    Py_XSETREF(self->deferreds, Py_NewRef(deferreds));
    Py_XSETREF(self->results, results);
    int result = list_begin(self, deferreds, on_callback, on_errback, consume);
    Py_DECREF(deferreds);
    return result;
}

static int
list_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"deferredList", "fireOnOneCallback", "fireOnOneErrback",
                            "consumeErrors", NULL};
    PyObject *iterable, *on_callback = Py_False, *on_errback = Py_False,
                        *consume = Py_False;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OOO:DeferredList", names, &iterable,
                                     &on_callback, &on_errback, &consume)) {
        PyObject *stock = SELF->base.st->deferred->stock_deferred_list;
        return pyr_deferred_refuse(op, stock, args, kwargs);
    }
    return list_start(SELF, iterable, on_callback, on_errback, consume);
}

/* --- gatherResults --------------------------------------------------------------- */

/* Are a list's items (True, result), as we make them? */
static bool
are_successes(PyObject *results)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(results); i++) {
        PyObject *pair = PyList_GET_ITEM(results, i);
        if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2 ||
            PyTuple_GET_ITEM(pair, 0) != Py_True) {
            return false;
        }
    }
    return true;
}

PyDoc_STRVAR(parse_doc, "_parseDeferredListResult(resultList)\n--\n\n"
                        "The results alone of a list of (True, result).");
static PyObject *
parse_list_result(PyObject *module, PyObject *results)
{
    PyObject *items = PyList_CheckExact(results) ? PySequence_List(results) : NULL;
    if (items == NULL && PyErr_Occurred()) {
        return NULL;
    }
    if (items == NULL || !are_successes(items)) {
        /* Fired by somebody else, with anything: as stock takes it apart. */
        Py_XDECREF(items);
        return PyObject_CallOneArg(pyr_module_state(module)->deferred->stock_parse,
                                   results);
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); i++) {
        PyObject *pair = PyList_GET_ITEM(items, i);
        PyList_SetItem(items, i, Py_NewRef(PyTuple_GET_ITEM(pair, 1)));
    }
    return items;
}

/* DeferredList(iterable, fireOnOneErrback=True, consumeErrors=consume) */
static PyObject *
failing_list(core_state *st, PyObject *iterable, PyObject *consume)
{
    PyTypeObject *type = st->deferred->list_type;
    PyObject *list = NULL;
    if (!pyr_patched(st)) {
        list = type->tp_new(type, st->deferred->empty_tuple, NULL);
        if (list != NULL && list_start((pyr_deferred_list *)list, iterable, Py_False,
                                       Py_True, consume) < 0) {
            Py_CLEAR(list);
        }
        return list;
    }
    PyObject *args = PyTuple_Pack(1, iterable);
    PyObject *kwargs = args == NULL ? NULL
                                    : Py_BuildValue("{sOsO}", "fireOnOneErrback", Py_True,
                                                    "consumeErrors", consume);
    if (kwargs != NULL) {
        list = PyObject_Call((PyObject *)type, args, kwargs);
    }
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    return list;
}

PyDoc_STRVAR(
    gather_doc,
    "gatherResults(deferredList, consumeErrors=False)\n--\n\n"
    "A Deferred of the list of all results; it fails with a FirstError as soon as one\n"
    "of them fails.  Mirrors twisted.internet.defer.gatherResults.");
static PyObject *
gather_results(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"deferredList", "consumeErrors", NULL};
    core_state *st = pyr_module_state(module);
    PyObject *iterable, *consume = Py_False;
    if (pyr_deferred_ready(st) < 0) {
        return NULL;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:gatherResults", names, &iterable,
                                     &consume)) {
        PyErr_Clear(); /* stock's function refuses them in its own words */
        return PyObject_Call(st->deferred->stock_gather, args, kwargs);
    }
    PyObject *list = failing_list(st, iterable, consume);
    if (list == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_CallMethodOneArg(list, st->names.addCallback,
                                                 st->deferred->parse_list_result);
    Py_DECREF(list);
    return result;
}

/* --- the rest of the type -------------------------------------------------------- */

PyDoc_STRVAR(list_cancel_doc,
             "cancel()\n--\n\n"
             "Cancel every Deferred of the list, if the list has not fired.\n\n"
             "Mirrors twisted.internet.defer.DeferredList.cancel.");
static PyObject *
list_cancel(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    if (!SELF->base.called && SELF->deferreds != NULL) {
        return PyObject_CallOneArg(SELF->base.st->deferred->cancel_all, SELF->deferreds);
    }
    Py_RETURN_NONE;
}

static int
list_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(SELF->deferreds);
    Py_VISIT(SELF->results);
    Py_VISIT(SELF->fire_on_one_callback);
    Py_VISIT(SELF->fire_on_one_errback);
    Py_VISIT(SELF->consume_errors);
    return pyr_deferred_traverse_base(&SELF->base, visit, arg);
}

static int
list_clear(PyObject *op)
{
    pyr_deferred_clear_base(&SELF->base);
    Py_CLEAR(SELF->deferreds);
    Py_CLEAR(SELF->results);
    Py_CLEAR(SELF->fire_on_one_callback);
    Py_CLEAR(SELF->fire_on_one_errback);
    Py_CLEAR(SELF->consume_errors);
    return 0;
}

static void
list_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_TRASHCAN_BEGIN(op, list_dealloc);
    if (SELF->base.weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    if (SELF->base.links != NULL) { /* NULL: tp_new failed half-way */
        (void)list_clear(op);
    }
    type->tp_free(op);
    Py_DECREF(type);
    Py_TRASHCAN_END
}

static PyObject *
get_flag(PyObject *op, void *offset)
{
    PyObject *flag = *(PyObject **)((char *)op + (uintptr_t)offset);
    return Py_NewRef(flag == NULL ? Py_False : flag);
}

static int
set_flag(PyObject *op, PyObject *value, void *offset)
{
    PyObject **flag = (PyObject **)((char *)op + (uintptr_t)offset);
    PyObject *old = *flag;
    *flag = Py_XNewRef(value);
    Py_XDECREF(old);
    return 0;
}

static PyMethodDef list_methods[] = {
    {"cancel", list_cancel, METH_NOARGS, list_cancel_doc},
    {NULL},
};

#define FLAG(name, field)                                         \
    {                                                             \
        name, get_flag, set_flag, NULL,                           \
            (void *)(uintptr_t)offsetof(pyr_deferred_list, field) \
    }

static PyGetSetDef list_getset[] = {
    FLAG("fireOnOneCallback", fire_on_one_callback),
    FLAG("fireOnOneErrback", fire_on_one_errback),
    {NULL},
};

static PyMemberDef list_members[] = {
    {"_deferredList", T_OBJECT_EX, offsetof(pyr_deferred_list, deferreds), 0,
     "The Deferreds."},
    {"resultList", T_OBJECT_EX, offsetof(pyr_deferred_list, results), 0,
     "What they gave so far."},
    {"consumeErrors", T_OBJECT_EX, offsetof(pyr_deferred_list, consume_errors), 0,
     "Whether failures end here."},
    {"finishedCount", T_PYSSIZET, offsetof(pyr_deferred_list, finished_count), 0,
     "How many have a result."},
    {NULL},
};

PyDoc_STRVAR(
    list_doc,
    "DeferredList(deferredList, fireOnOneCallback=False, fireOnOneErrback=False, "
    "consumeErrors=False)\n--\n\n"
    "Fires with the (success, result) of every Deferred, or with the first one.\n\n"
    "Mirrors twisted.internet.defer.DeferredList.");

static PyType_Slot list_slots[] = {
    {Py_tp_doc, (void *)list_doc},           {Py_tp_init, list_init},
    {Py_tp_traverse, list_traverse},         {Py_tp_clear, list_clear},
    {Py_tp_finalize, pyr_deferred_finalize}, {Py_tp_dealloc, list_dealloc},
    {Py_tp_methods, list_methods},           {Py_tp_getset, list_getset},
    {Py_tp_members, list_members},           {0, NULL},
};

static PyType_Spec list_spec = {
    .name = "pyreactor.defer.DeferredList",
    .basicsize = sizeof(pyr_deferred_list),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = list_slots,
};

static PyMethodDef list_functions[] = {
    {"gatherResults", (PyCFunction)(void (*)(void))gather_results,
     METH_VARARGS | METH_KEYWORDS, gather_doc},
    {"_parseDeferredListResult", parse_list_result, METH_O, parse_doc},
    {NULL},
};

int
pyr_deferred_list_add_type(PyObject *module, core_state *st)
{
    PyObject *bases = PyTuple_Pack(1, (PyObject *)st->deferred->type);
    if (bases == NULL) {
        return -1;
    }
    st->deferred->list_type = pyr_add_type(module, &list_spec, bases);
    Py_DECREF(bases);
    if (st->deferred->list_type == NULL ||
        PyModule_AddFunctions(module, list_functions) < 0) {
        return -1;
    }
    st->deferred->list_type->tp_name = "DeferredList"; /* as Deferred's */
    st->deferred->parse_list_result =
        PyObject_GetAttrString(module, "_parseDeferredListResult");
    return st->deferred->parse_list_result == NULL ? -1 : 0;
}
