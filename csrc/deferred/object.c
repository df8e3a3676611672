/* The Deferred type: attributes, methods, life and death.  See deferred.h for the map. */
#include "deferred/inline.h"
#include "deferred/object.h"
#include "core/depth.h"

#include <stddef.h>

#define SELF ((pyr_deferred *)op)

/* --- methods: firing ------------------------------------------------------------- */

static PyObject *
start_run(pyr_deferred *self, PyObject *result)
{
    int begun = pyr_fire_begin(self, result);
    if (begun > 0) {
        begun = pyr_is_native(self->st, (PyObject *)self) ? pyr_run(self)
                                                          : pyr_run_dynamic(self);
    }
    return begun < 0 ? NULL : Py_NewRef(Py_None);
}

/* Show the caller's line in the traceback of what was raised; NULL. */
static PYR_NO_INLINE PyObject *
refused_by(core_state *st, pyr_trace_point caller)
{
    pyr_trace_prepend(st, &caller, 1);
    return NULL;
}

/* self._startRunCallbacks(result), called by the method that `caller` is the line of */
static PyObject *
start_run_dynamic(pyr_deferred *self, PyObject *result, pyr_trace_point caller)
{
    PyObject *none;
    if (pyr_is_native(self->st, (PyObject *)self)) {
        none = start_run(self, result);
    } else {
        none = PyObject_CallMethodOneArg((PyObject *)self,
                                         self->st->names.startRunCallbacks, result);
    }
    return none != NULL ? none : refused_by(self->st, caller);
}

PyDoc_STRVAR(startRunCallbacks_doc, "_startRunCallbacks(result)\n--\n\n"
                                    "What callback and errback have in common.");

static PyObject *
deferred_startRunCallbacks(PyObject *op, PyObject *result)
{
    return start_run(SELF, result);
}

PyDoc_STRVAR(runCallbacks_doc, "_runCallbacks()\n--\n\n"
                               "Give the result to the links that wait for it.");

static PyObject *
deferred_runCallbacks(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    if (pyr_run(SELF) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(continuation_doc,
             "_continuation()\n--\n\n"
             "What a Deferred this one waits for has in its _callbacks.");

static PyObject *
deferred_continuation(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return pyr_continuation(SELF->st, op);
}

PyDoc_STRVAR(
    addCallback_doc,
    "addCallback(callback, *args, **kwargs)\n--\n\n"
    "Run callback(result, *args, **kwargs) once there is a result that is no Failure.\n\n"
    "Returns self.  Mirrors twisted.internet.defer.Deferred.addCallback.");

PyDoc_STRVAR(addErrback_doc,
             "addErrback(errback, *args, **kwargs)\n--\n\n"
             "Run errback(failure, *args, **kwargs) once the result is a Failure.\n\n"
             "Returns self.  Mirrors twisted.internet.defer.Deferred.addErrback.");

PyDoc_STRVAR(
    addBoth_doc,
    "addBoth(callback, *args, **kwargs)\n--\n\n"
    "Run callback(result, *args, **kwargs) once there is a result or a Failure.\n\n"
    "Returns self.  Mirrors twisted.internet.defer.Deferred.addBoth.");

PyDoc_STRVAR(addCallbacks_doc,
             "addCallbacks(callback, errback=None, callbackArgs=(), callbackKeywords={}, "
             "errbackArgs=(), errbackKeywords={})\n--\n\n"
             "Add a callback and the errback that runs in its place if the result is a "
             "Failure.\n\n"
             "Returns self.  Mirrors twisted.internet.defer.Deferred.addCallbacks.");

PyDoc_STRVAR(chainDeferred_doc,
             "chainDeferred(d)\n--\n\n"
             "Fire d with the result this Deferred will have.\n\n"
             "Returns self.  Mirrors twisted.internet.defer.Deferred.chainDeferred.");

PyDoc_STRVAR(callback_doc, "callback(result)\n--\n\n"
                           "Fire with a result.\n\n"
                           "Raises AlreadyCalledError the second time.\n"
                           "Mirrors twisted.internet.defer.Deferred.callback.");

static PyObject *
deferred_callback(PyObject *op, PyObject *result)
{
    return start_run_dynamic(SELF, result, PYR_TRACE_callback);
}

PyDoc_STRVAR(
    errback_doc,
    "errback(fail=None)\n--\n\n"
    "Fire with a Failure: the one given, one for the exception given, or one for the\n"
    "exception that is being handled.\n\n"
    "Raises AlreadyCalledError the second time, NoCurrentExceptionError if there is\n"
    "no exception.  Mirrors twisted.internet.defer.Deferred.errback.");

static PyObject *
deferred_errback(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                 PyObject *Py_UNUSED(kwnames))
{
    core_state *st = SELF->st;
    PyObject *value = nargs > 0 ? args[0] : NULL;
    PyObject *failure;
    if (value == NULL || value == Py_None) {
        failure = pyr_failure_from_handled(st, pyr_debug(SELF));
    } else if (pyr_is_failure(st, value)) {
        failure = Py_NewRef(value);
    } else {
        failure = pyr_failure_from_value(st, value);
    }
    if (failure == NULL) {
        return NULL;
    }
    PyObject *result = start_run_dynamic(SELF, failure, PYR_TRACE_errback);
    Py_DECREF(failure);
    return result;
}

PyDoc_STRVAR(pause_doc,
             "pause()\n--\n\n"
             "Run no callbacks until unpause() was called as often as this.\n\n"
             "Mirrors twisted.internet.defer.Deferred.pause.");

static PyObject *
deferred_pause(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    SELF->paused++;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(unpause_doc, "unpause()\n--\n\n"
                          "Undo one pause(), and run what has been waiting.\n\n"
                          "Mirrors twisted.internet.defer.Deferred.unpause.");

static PyObject *
deferred_unpause(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    SELF->paused--;
    if (SELF->paused == 0 && SELF->called && pyr_run_dynamic(SELF) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    cancel_doc,
    "cancel()\n--\n\n"
    "Call the canceller, and fire with a CancelledError if that did not fire; hand the\n"
    "request on to the Deferred this one waits for, if it waits for one.\n\n"
    "Mirrors twisted.internet.defer.Deferred.cancel.");

PyDoc_STRVAR(
    fromCoroutine_doc,
    "fromCoroutine(coro)\n--\n\n"
    "Run a coroutine or generator that awaits Deferreds; gives a Deferred that fires\n"
    "with what it returns or raises.\n\n"
    "Raises NotACoroutineError for anything else.\n"
    "Mirrors twisted.internet.defer.Deferred.fromCoroutine.");

static PyObject *
deferred_fromCoroutine(PyObject *cls, PyObject *coroutine)
{
    core_state *st = pyr_state_of_type((PyTypeObject *)cls);
    if (st == NULL || pyr_deferred_ready(st) < 0) {
        return NULL;
    }
    return pyr_drive_coroutine(st, coroutine);
}

PyDoc_STRVAR(class_getitem_doc, "__class_getitem__(item)\n--\n\nDeferred[int]");

PyDoc_STRVAR(subclasshook_doc, "__subclasshook__(subclass)\n--\n\n"
                               "Stock's Deferreds are taken for these.");

PyDoc_STRVAR(init_subclass_doc, "__init_subclass__(**kwargs)\n--\n\n"
                                "Note the subclass where Twisted looks Deferreds up.");

static PyObject *
deferred_init_subclass(PyObject *cls, PyObject *Py_UNUSED(args),
                       PyObject *Py_UNUSED(kwargs))
{
    core_state *st = pyr_state_of_type((PyTypeObject *)cls);
    if (st == NULL || pyr_deferred_ready(st) < 0 ||
        PyList_Append(st->deferred->subclasses, cls) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

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
repr_with_result(pyr_deferred *self, PyObject *name)
{
    pyr_depth *depth = &self->st->depth;
    if (pyr_descend(depth, " while getting the repr of an object") < 0) {
        return NULL;
    }
    PyObject *result = Py_NewRef(self->result);
    PyObject *text =
        PyUnicode_FromFormat("<%S at %p current result: %R>", name, (void *)self, result);
    Py_DECREF(result);
    pyr_ascend(depth);
    return text;
}

static PyObject *
deferred_repr(PyObject *op)
{
    pyr_deferred *self = SELF;
    PyObject *class = PyObject_GetAttrString(op, "__class__");
    PyObject *name = class == NULL ? NULL : PyObject_GetAttrString(class, "__name__");
    Py_XDECREF(class);
    if (name == NULL) {
        return NULL;
    }
    PyObject *text;
    void *here = (void *)self;
    if (self->chained_to != NULL) {
        text = PyUnicode_FromFormat("<%S at %p waiting on Deferred at %p>", name, here,
                                    (void *)self->chained_to);
    } else if (self->result == NULL) {
        text = PyUnicode_FromFormat("<%S at %p>", name, here);
    } else {
        text = repr_with_result(self, name);
    }
    Py_DECREF(name);
    return text;
}

/* --- attributes ------------------------------------------------------------------ */

static PyObject *
get_flag(PyObject *op, void *offset)
{
    return PyBool_FromLong(*((bool *)op + (uintptr_t)offset));
}

/* Deleting brings the class' default back, which is False. */
static int
set_flag(PyObject *op, PyObject *value, void *offset)
{
    int truth = value == NULL ? 0 : PyObject_IsTrue(value);
    if (truth < 0) {
        return -1;
    }
    *((bool *)op + (uintptr_t)offset) = truth;
    return 0;
}

static PyObject *
get_paused(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(SELF->paused);
}

static int
set_paused(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    Py_ssize_t paused = value == NULL ? 0 : PyLong_AsSsize_t(value);
    if (paused == -1 && PyErr_Occurred()) {
        return -1;
    }
    SELF->paused = paused;
    return 0;
}

static int
no_attribute(PyObject *op, const char *name)
{
    PyErr_Format(PyExc_AttributeError, "'%.100s' object has no attribute '%s'",
                 Py_TYPE(op)->tp_name, name);
    return -1;
}

static PyObject *
get_result(PyObject *op, void *Py_UNUSED(closure))
{
    if (SELF->result == NULL) {
        PyObject *name = PyObject_GetAttrString((PyObject *)Py_TYPE(op), "__name__");
        if (name != NULL) {
            PyErr_Format(PyExc_AttributeError, "'%U' object has no attribute 'result'",
                         name);
            Py_DECREF(name);
        }
        return NULL;
    }
    return Py_NewRef(SELF->result);
}

static int
set_result(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL && SELF->result == NULL) {
        return no_attribute(op, "result");
    }
    Py_XSETREF(SELF->result, Py_XNewRef(value));
    return 0;
}

static PyObject *
get_chained_to(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(SELF->chained_to == NULL ? Py_None : SELF->chained_to);
}

static int
set_chained_to(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    Py_XSETREF(SELF->chained_to, value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

static PyObject *
get_canceller(PyObject *op, void *Py_UNUSED(closure))
{
    PyObject *canceller = SELF->canceller;
    if (canceller != NULL && Py_TYPE(canceller) == SELF->st->deferred->driver_type) {
        return pyr_driver_canceller((pyr_driver *)canceller);
    }
    return Py_NewRef(canceller == NULL ? Py_None : canceller);
}

static int
set_canceller(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    Py_XSETREF(SELF->canceller, value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

static PyObject *
get_callbacks(PyObject *op, void *Py_UNUSED(closure))
{
    if (pyr_links_as_list(SELF) < 0) {
        return NULL;
    }
    return Py_NewRef(SELF->listed);
}

static int
set_callbacks(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL) {
        return no_attribute(op, "_callbacks");
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
    return pyr_debug_info(SELF);
}

/* Who takes the DebugInfo away loses it: one with a failure reports it at that moment. */
static int
set_debug_info(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    pyr_report_unhandled(SELF);
    value = value == Py_None ? NULL : value;
    SELF->had_debug_info = value != NULL;
    Py_XSETREF(SELF->debug_info, Py_XNewRef(value));
    return 0;
}

#define FLAG(name, field, doc)                                                          \
    {                                                                                   \
        name, get_flag, set_flag, doc, (void *)(uintptr_t)offsetof(pyr_deferred, field) \
    }

static PyGetSetDef deferred_getset[] = {
    FLAG("called", called, "Whether it was fired."),
    FLAG("_suppressAlreadyCalled", suppress_already_called,
         "Cancelled without a canceller: ignore the next callback or errback."),
    FLAG("_runningCallbacks", running, "Whether a callback runs right now."),
    {"paused", get_paused, set_paused, "Number of pause() without unpause().", NULL},
    {"result", get_result, set_result, "The result so far; absent before firing.", NULL},
    {"_chainedTo", get_chained_to, set_chained_to, "The Deferred it waits for, or None.",
     NULL},
    {"_canceller", get_canceller, set_canceller, "The canceller, or None.", NULL},
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
 * given is NULL or left out. */
static PyMethodDef deferred_methods[] = {
    {"addCallback", CAST(pyr_add_callback), FAST, addCallback_doc},
    {"addErrback", CAST(pyr_add_errback), FAST, addErrback_doc},
    {"addBoth", CAST(pyr_add_both), FAST, addBoth_doc},
    {"addCallbacks", CAST(pyr_add_callbacks), FAST, addCallbacks_doc},
    {"chainDeferred", pyr_add_chained, METH_O, chainDeferred_doc},
    {"callback", deferred_callback, METH_O, callback_doc},
    {"errback", CAST(deferred_errback), FAST, errback_doc},
    {"pause", deferred_pause, METH_NOARGS, pause_doc},
    {"unpause", deferred_unpause, METH_NOARGS, unpause_doc},
    {"cancel", pyr_cancel, METH_NOARGS, cancel_doc},
    {"fromCoroutine", deferred_fromCoroutine, METH_O | METH_CLASS, fromCoroutine_doc},
    {"_startRunCallbacks", deferred_startRunCallbacks, METH_O, startRunCallbacks_doc},
    {"_runCallbacks", deferred_runCallbacks, METH_NOARGS, runCallbacks_doc},
    {"_continuation", deferred_continuation, METH_NOARGS, continuation_doc},
    {"__await__", deferred_await, METH_NOARGS | METH_COEXIST, await_doc},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, class_getitem_doc},
    {"__subclasshook__", pyr_deferred_subclasshook, METH_O | METH_CLASS,
     subclasshook_doc},
    {"__init_subclass__", CAST(deferred_init_subclass),
     METH_VARARGS | METH_KEYWORDS | METH_CLASS, init_subclass_doc},
    {NULL},
};

PyDoc_STRVAR(deferred_doc,
             "Deferred(canceller=None)\n--\n\n"
             "A result that is not there yet, and what to do once it is.\n\n"
             "canceller, if given, is called with the Deferred by cancel().\n"
             "Mirrors twisted.internet.defer.Deferred.");

static PyType_Slot deferred_slots[] = {
    {Py_tp_doc, (void *)deferred_doc},
    {Py_tp_new, pyr_create_tp_new},
    {Py_tp_init, pyr_create_tp_init},
    {Py_tp_traverse, pyr_create_tp_traverse},
    {Py_tp_clear, pyr_create_tp_clear},
    {Py_tp_finalize, pyr_deferred_finalize},
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
pyr_deferred_add_type(PyObject *module, core_state *st)
{
    PyTypeObject *type = pyr_add_type(module, &deferred_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    st->deferred->type = type;
    type->tp_name = "Deferred"; /* the name a class made in Python has in messages */
    type->tp_vectorcall = pyr_create_vectorcall;
    if (PyObject_SetAttrString((PyObject *)type, "debug", Py_False) < 0) {
        return -1;
    }
    return 0;
}
