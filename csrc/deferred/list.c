/* DeferredList.  What is not the plainest is done by the methods of stock's. */
#include "core/attribute.h"
#include "deferred/inline.h"
#include "deferred/object.h"

#include <stddef.h>

typedef struct {
    pyr_deferred base;
    PyObject *deferreds;
    PyObject *results;
    PyObject *fire_on_one_callback; /* these three may be any objects */
    PyObject *fire_on_one_errback;
    PyObject *consume_errors;
    Py_ssize_t finished_count;
} deferred_list;

#define SELF ((deferred_list *)op)

/* --- collecting ------------------------------------------------------------------ */

/* A success of a list that fires when all have a result: note it, and fire then. */
static PyObject *
collect_plainly(deferred_list *self, PyObject *result, Py_ssize_t index)
{
    /* Making the pair, and dropping what was there, may run Python code, which may put in
     * another list, or none. */
    PyObject *results = Py_NewRef(self->results);
    PyObject *pair = PyTuple_Pack(2, Py_True, result);
    int done = pair == NULL ? -1 : PyList_SetItem(results, index, pair);
    if (done == 0) {
        self->finished_count++;
        if (!self->base.called && self->finished_count == PyList_GET_SIZE(results)) {
            done = pyr_run_callback((PyObject *)self, results);
        }
    }
    Py_DECREF(results);
    return done < 0 ? NULL : Py_NewRef(result);
}

static PyObject *
collect_result(const pyr_link *link, PyObject *result, bool failed,
               pyr_firing *Py_UNUSED(firing))
{
    PyObject *op = link->target;
    if (!failed && SELF->fire_on_one_callback == Py_False && SELF->results != NULL &&
        PyList_CheckExact(SELF->results)) {
        return collect_plainly(SELF, result, PyLong_AsSsize_t(link->args));
    }
    return PyObject_CallFunctionObjArgs(SELF->base.st->deferred->stock_collect, op,
                                        result, link->args, failed ? Py_False : Py_True,
                                        NULL);
}

/* Tell the DeferredList `target` about the result whose number (an int) is `args`. */
static const pyr_link_kind collect_kind = {.name = "collect", .run = collect_result};

/* --- making one ------------------------------------------------------------------ */

static int
attach(PyObject *op, PyObject *deferred, PyObject *index)
{
    core_state *st = SELF->base.st;
    if (!pyr_is_native(st, op) || !pyr_is_native(st, deferred)) {
        return pyr_drop(PyObject_CallFunctionObjArgs(st->deferred->attach, op, deferred,
                                                     index, NULL));
    }
    pyr_deferred *own = (pyr_deferred *)deferred;
    int added = pyr_links_add(own, &collect_kind, op, index);
    return added == 0 && own->called ? pyr_run(own) : added;
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

/* deferreds: a list of this object's own, that is not empty */
static int
start(PyObject *op, PyObject *deferreds, PyObject *const *flags)
{
    PyObject *results = list_of_none(PyList_GET_SIZE(deferreds));
    if (results == NULL || pyr_create_init(&SELF->base, NULL) < 0) {
        Py_XDECREF(results);
        return -1;
    }
    Py_XSETREF(SELF->results, results);
    Py_XSETREF(SELF->deferreds, Py_NewRef(deferreds));
    Py_XSETREF(SELF->fire_on_one_callback, Py_NewRef(flags[0]));
    Py_XSETREF(SELF->fire_on_one_errback, Py_NewRef(flags[1]));
    Py_XSETREF(SELF->consume_errors, Py_NewRef(flags[2]));
    SELF->finished_count = 0;
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(deferreds); i++) {
        PyObject *deferred = Py_NewRef(PyList_GET_ITEM(deferreds, i));
        PyObject *index = PyLong_FromSsize_t(i);
        result = index == NULL ? -1 : attach(op, deferred, index);
        Py_XDECREF(index);
        Py_DECREF(deferred);
    }
    return result;
}

static int
list_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"deferredList", "fireOnOneCallback", "fireOnOneErrback",
                            "consumeErrors", NULL};
    PyObject *iterable, *flags[] = {Py_False, Py_False, Py_False};
    bool native = pyr_is_native(SELF->base.st, op);
    if (!native ||
        !PyArg_ParseTupleAndKeywords(args, kwargs, "O|OOO:DeferredList", names, &iterable,
                                     &flags[0], &flags[1], &flags[2])) {
        PyErr_Clear(); /* stock's function refuses them in its own words */
        return pyr_create_init_by(SELF->base.st->deferred->stock_list_init, op, args,
                                  kwargs);
    }
    PyObject *deferreds = PySequence_List(iterable);
    if (deferreds == NULL) {
        return -1;
    }
    int result;
    if (PyList_GET_SIZE(deferreds) > 0) {
        result = start(op, deferreds, flags);
    } else {
        PyObject *again =
            Py_BuildValue("(OOOO)", deferreds, flags[0], flags[1], flags[2]);
        result = again == NULL
                     ? -1
                     : pyr_create_init_by(SELF->base.st->deferred->stock_list_init, op,
                                          again, NULL);
        Py_XDECREF(again);
    }
    Py_DECREF(deferreds);
    return result;
}

/* --- gatherResults --------------------------------------------------------------- */

/* Are a list's items (True, result), as they are made here? */
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

PyObject *
pyr_list_parse(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    core_state *st = pyr_module_state(module);
    /* A copy is looked at: making it may run a finalizer's code. */
    PyObject *items =
        nargs == 1 && PyList_CheckExact(args[0]) ? PySequence_List(args[0]) : NULL;
    if (items != NULL && !are_successes(items)) {
        Py_CLEAR(items);
    }
    if (items == NULL) {
        return PyErr_Occurred()
                   ? NULL
                   : PyObject_Vectorcall(st->deferred->stock_parse, args, nargs, NULL);
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); i++) {
        PyObject *pair = PyList_GET_ITEM(items, i);
        PyList_SetItem(items, i, Py_NewRef(PyTuple_GET_ITEM(pair, 1)));
    }
    return items;
}

/* --- the rest of the type -------------------------------------------------------- */

#define LIST_OBJECTS(X) \
    X(deferreds)        \
    X(results) X(fire_on_one_callback) X(fire_on_one_errback) X(consume_errors)

static int
list_traverse(PyObject *op, visitproc visit, void *arg)
{
#define X(field) Py_VISIT(SELF->field);
    LIST_OBJECTS(X)
#undef X
    return pyr_create_traverse(&SELF->base, visit, arg);
}

static int
clear_list(PyObject *op)
{
#define X(field) Py_CLEAR(SELF->field);
    LIST_OBJECTS(X)
#undef X
    return 0;
}

static int
list_clear(PyObject *op)
{
    pyr_create_clear(&SELF->base);
    return clear_list(op);
}

static void
list_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    Py_TRASHCAN_BEGIN(op, list_dealloc);
    (void)clear_list(op);
    pyr_create_tp_dealloc(op);
    Py_TRASHCAN_END
}

/* Before it is set, the class' default is found, which is False. */
static PyObject *
get_list_flag(PyObject *op, void *attribute)
{
    PyObject *flag = *pyr_attribute_slot(op, attribute);
    return Py_NewRef(flag == NULL ? Py_False : flag);
}

#define LIST_FLAG(name, field)                                         \
    {                                                                  \
        name, get_list_flag, pyr_attribute_set, NULL, &(pyr_attribute) \
        {                                                              \
            name, offsetof(deferred_list, field)                       \
        }                                                              \
    }

static PyGetSetDef list_getset[] = {
    PYR_ATTRIBUTE("_deferredList", deferred_list, deferreds),
    PYR_ATTRIBUTE("resultList", deferred_list, results),
    PYR_ATTRIBUTE("consumeErrors", deferred_list, consume_errors),
    LIST_FLAG("fireOnOneCallback", fire_on_one_callback),
    LIST_FLAG("fireOnOneErrback", fire_on_one_errback),
    {NULL},
};

static PyMemberDef list_members[] = {
    {"finishedCount", T_PYSSIZET, offsetof(deferred_list, finished_count), 0,
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
    {Py_tp_doc, (void *)list_doc},
    {Py_tp_init, list_init},
    {Py_tp_traverse, list_traverse},
    {Py_tp_clear, list_clear},
    {Py_tp_finalize, pyr_unhandled_finalize},
    {Py_tp_dealloc, list_dealloc},
    {Py_tp_getset, list_getset},
    {Py_tp_members, list_members},
    {0, NULL},
};

static PyType_Spec list_spec = {
    .name = "pyreactor.defer.DeferredList",
    .basicsize = sizeof(deferred_list),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = list_slots,
};

int
pyr_list_add_type(PyObject *module, core_state *st)
{
    pyr_deferred_state *state = st->deferred;
    if (pyr_add_type(module, &list_spec, state->type, &state->list_type) < 0) {
        return -1;
    }
    state->list_type->tp_name = "DeferredList"; /* as Deferred's */
    return 0;
}
