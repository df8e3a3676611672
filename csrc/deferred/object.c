/* The Deferred type: its attributes and methods. */
#include "core/attribute.h"
#include "core/depth.h"
#include "deferred/inline.h"
#include "deferred/object.h"

#include <stddef.h>

#define SELF ((pyr_deferred *)op)

/* --- methods: firing ------------------------------------------------------------- */

static PyObject *
deferred_callback(PyObject *op, PyObject *result)
{
    core_state *st = SELF->st;
    if (!pyr_fire_is_plain(SELF)) {
        return PyObject_CallFunctionObjArgs(st->deferred->stock_callback, op, result,
                                            NULL);
    }
    pyr_fire_note(SELF, result);
    return pyr_none_or_error(pyr_run(SELF));
}

static PyObject *
deferred_errback(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                 PyObject *Py_UNUSED(kwnames))
{
    core_state *st = SELF->st;
    PyObject *value = nargs > 0 ? args[0] : Py_None;
    bool made = pyr_is_failure(st, value);
    if (!made && !PyExceptionInstance_Check(value)) {
        return PyObject_CallFunctionObjArgs(st->deferred->stock_errback, op, value, NULL);
    }
    PyObject *failure = made ? Py_NewRef(value) : pyr_failure_from_value(st, value);
    PyObject *none = NULL;
    if (failure != NULL && pyr_fire_is_plain(SELF)) {
        pyr_fire_note(SELF, failure);
        none = pyr_none_or_error(pyr_run(SELF));
    } else if (failure != NULL) {
        none =
            PyObject_CallFunctionObjArgs(st->deferred->stock_errback, op, failure, NULL);
    }
    Py_XDECREF(failure);
    return none;
}

static PyObject *
deferred_runCallbacks(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return pyr_none_or_error(pyr_run(SELF));
}

/* canceller(self), or the note that there is none */
static int
call_canceller(PyObject *op)
{
    static const pyr_traceback_point point[] = {PYR_TRACE_cancel};
    PyObject *canceller = Py_XNewRef(SELF->canceller);
    if (canceller == NULL) {
        SELF->suppress_already_called = true;
        return 0;
    }
    int status = pyr_drop(PyObject_CallOneArg(canceller, op));
    if (status < 0) {
        pyr_traceback_prepend(SELF->st, point, 1);
    }
    Py_DECREF(canceller);
    return status;
}

/* self.errback(Failure(CancelledError())) */
static int
fire_cancelled(PyObject *op)
{
    core_state *st = SELF->st;
    PyObject *type = Py_XNewRef(
        PyDict_GetItemWithError(st->deferred->module_globals, st->names.CancelledError));
    if (type == NULL && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_NameError, "name 'CancelledError' is not defined");
    }
    PyObject *error = type == NULL ? NULL : PyObject_CallNoArgs(type);
    PyObject *failure = error == NULL ? NULL : pyr_failure_from_value(st, error);
    pyr_firing firing = {.deferred = op, .value = failure, .errback = true};
    int status = failure == NULL ? -1 : pyr_run_firing(st, &firing);
    Py_XDECREF(failure);
    Py_XDECREF(error);
    Py_XDECREF(type);
    return status;
}

/* One that is true, whatever it is. */
static inline bool
is_plain_canceller(core_state *st, PyObject *canceller)
{
    return canceller == NULL || PyFunction_Check(canceller) ||
           PyMethod_Check(canceller) || Py_IS_TYPE(canceller, st->deferred->driver_type);
}

static PyObject *
deferred_cancel(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    core_state *st = SELF->st;
    if (!pyr_fire_is_plain(SELF) || !is_plain_canceller(st, SELF->canceller)) {
        return PyObject_CallOneArg(st->deferred->stock_cancel, op);
    }
    int status = call_canceller(op);
    return pyr_none_or_error(status == 0 && !SELF->called ? fire_cancelled(op) : status);
}

static PyObject *
deferred_pause(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    SELF->paused++;
    Py_RETURN_NONE;
}

static PyObject *
deferred_unpause(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    SELF->paused--;
    return pyr_none_or_error(SELF->paused == 0 && SELF->called ? pyr_run_by_name(SELF)
                                                               : 0);
}

/* --- methods: the others --------------------------------------------------------- */

static PyObject *
deferred_fromCoroutine(PyObject *cls, PyObject *coroutine)
{
    core_state *st = pyr_state_of_type((PyTypeObject *)cls);
    if (st == NULL || pyr_create_ready(st) < 0) {
        return NULL;
    }
    return pyr_driver_start_coroutine(st, coroutine);
}

PyDoc_STRVAR(class_getitem_doc, "__class_getitem__(item)\n--\n\nDeferred[int]");

static PyObject *
deferred_iter(PyObject *op)
{
    return pyr_awaiter_new(op);
}

/* `deferred.__await__()`, called by name: who knows what becomes of the iterator. */
PyDoc_STRVAR(await_doc, "__await__()\n--\n\nAn iterator that waits for the result.");

static PyObject *
deferred_await(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return pyr_awaiter_new(op);
}

/* The result may be a Deferred, which has a result, and so on. */
static PyObject *
deferred_repr(PyObject *op)
{
    core_state *st = SELF->st;
    if (pyr_descend(&st->depth, " while getting the repr of an object") < 0) {
        return NULL;
    }
    PyObject *text = PyObject_CallOneArg(st->deferred->stock_str, op);
    pyr_ascend(&st->depth);
    return text;
}

/* --- attributes ------------------------------------------------------------------ */

/* Absent is None. */
static PyObject *
get_or_none(PyObject *op, void *attribute)
{
    PyObject *value = *pyr_attribute_slot(op, attribute);
    return Py_NewRef(value == NULL ? Py_None : value);
}

static int
set_or_none(PyObject *op, PyObject *value, void *attribute)
{
    Py_XSETREF(*pyr_attribute_slot(op, attribute),
               value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

static PyObject *
get_paused(PyObject *op, void *Py_UNUSED(closure))
{
    int32_t paused = SELF->resumed ? 0 : SELF->paused;
    SELF->resumed = false;
    return PyLong_FromLong(paused);
}

static int
set_paused(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    long paused = value == NULL ? 0 : PyLong_AsLong(value);
    if (paused == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (paused > INT32_MAX || paused < INT32_MIN) {
        PyErr_SetString(PyExc_OverflowError, "paused too often");
        return -1;
    }
    SELF->paused = (int32_t)paused;
    return 0;
}

static PyObject *
get_callbacks(PyObject *op, void *Py_UNUSED(closure))
{
    return pyr_listed_get(SELF);
}

static int
set_callbacks(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL) {
        pyr_attribute_absent(op, "_callbacks");
        return -1;
    }
    PyObject *old = SELF->listed;
    SELF->listed = Py_NewRef(value);
    pyr_links_clear(SELF);
    Py_XDECREF(old);
    return 0;
}

static PyObject *
get_debug_info(PyObject *op, void *Py_UNUSED(closure))
{
    return pyr_unhandled_info(SELF);
}

/* Who takes the DebugInfo away loses it: one with a failure reports it at that moment. */
static int
set_debug_info(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    pyr_unhandled_report(SELF);
    value = value == Py_None ? NULL : value;
    SELF->had_debug_info = SELF->has_debug_info = value != NULL;
    Py_XSETREF(SELF->unhandled, Py_XNewRef(value));
    return 0;
}

#define NONE_OR(name, field, doc)                             \
    {                                                         \
        name, get_or_none, set_or_none, doc, &(pyr_attribute) \
        {                                                     \
            name, offsetof(pyr_deferred, field)               \
        }                                                     \
    }

static PyGetSetDef deferred_getset[] = {
    PYR_FLAG("called", as_bool, pyr_deferred, called, "Whether it was fired."),
    PYR_FLAG("_suppressAlreadyCalled", as_bool, pyr_deferred, suppress_already_called,
             "Cancelled without a canceller: ignore the next callback or errback."),
    PYR_FLAG("_runningCallbacks", as_bool, pyr_deferred, running,
             "Whether a callback runs right now."),
    {"paused", get_paused, set_paused, "Number of pause() without unpause().", NULL},
    PYR_ATTRIBUTE("result", pyr_deferred, result),
    NONE_OR("_chainedTo", chained_to, "The Deferred it waits for, or None."),
    NONE_OR("_canceller", canceller, "The canceller, or None."),
    {"_callbacks", get_callbacks, set_callbacks, "What waits for the result.", NULL},
    {"_debugInfo", get_debug_info, set_debug_info, "The DebugInfo, or None.", NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL},
};

static PyMemberDef deferred_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(pyr_deferred, weakrefs), READONLY},
    {"__dictoffset__", T_PYSSIZET, offsetof(pyr_deferred, dict), READONLY},
    {NULL},
};

#define FAST (METH_FASTCALL | METH_KEYWORDS)
#define CAST(function) ((PyCFunction)(void (*)(void))(function))

/* Called by way of StandIns, which know stock's parameters: what is optional and was not
 * given is NULL or left out.  Programs see Twisted's docstrings. */
static PyMethodDef deferred_methods[] = {
    {"addCallback", CAST(pyr_add_callback), FAST, NULL},
    {"addErrback", CAST(pyr_add_errback), FAST, NULL},
    {"addBoth", CAST(pyr_add_both), FAST, NULL},
    {"addCallbacks", CAST(pyr_add_callbacks), FAST, NULL},
    {"chainDeferred", pyr_add_chained, METH_O, NULL},
    {"callback", deferred_callback, METH_O, NULL},
    {"errback", CAST(deferred_errback), FAST, NULL},
    {"cancel", deferred_cancel, METH_NOARGS, NULL},
    {"pause", deferred_pause, METH_NOARGS, NULL},
    {"unpause", deferred_unpause, METH_NOARGS, NULL},
    {"fromCoroutine", deferred_fromCoroutine, METH_O | METH_CLASS, NULL},
    {"_runCallbacks", deferred_runCallbacks, METH_NOARGS, NULL},
    {"__await__", deferred_await, METH_NOARGS | METH_COEXIST, await_doc},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, class_getitem_doc},
    {NULL},
};

static int
object_traverse(PyObject *op, visitproc visit, void *arg)
{
    return pyr_create_traverse(SELF, visit, arg);
}

static int
object_clear(PyObject *op)
{
    pyr_create_clear(SELF);
    return 0;
}

PyDoc_STRVAR(deferred_doc,
             "Deferred(canceller=None)\n--\n\n"
             "A result that is not there yet, and what to do once it is.\n\n"
             "canceller, if given, is called with the Deferred by cancel().\n"
             "Mirrors twisted.internet.defer.Deferred.");

static PyType_Slot deferred_slots[] = {
    {Py_tp_doc, (void *)deferred_doc},
    {Py_tp_new, pyr_create_tp_new},
    {Py_tp_init, pyr_create_tp_init},
    {Py_tp_traverse, object_traverse},
    {Py_tp_clear, object_clear},
    {Py_tp_finalize, pyr_unhandled_finalize},
    {Py_tp_dealloc, pyr_create_tp_dealloc},
    {Py_tp_repr, deferred_repr},
    {Py_tp_str, deferred_repr},
    {Py_tp_iter, deferred_iter},
    {Py_am_await, pyr_awaiter_of_await},
    {Py_tp_methods, deferred_methods},
    {Py_tp_getset, deferred_getset},
    {Py_tp_members, deferred_members},
    {0, NULL},
};

static PyType_Spec deferred_spec = {
    .name = "pyreactor.defer.Deferred",
    .basicsize = sizeof(pyr_deferred),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = deferred_slots,
};

int
pyr_object_add_type(PyObject *module, core_state *st)
{
    if (pyr_add_type(module, &deferred_spec, NULL, &st->deferred->type) < 0) {
        return -1;
    }
    PyTypeObject *type = st->deferred->free_deferreds.type = st->deferred->type;
    type->tp_name = "Deferred"; /* the name a class made in Python has in messages */
    type->tp_vectorcall = pyr_create_vectorcall;
    return PyObject_SetAttrString((PyObject *)type, "debug", Py_False);
}
