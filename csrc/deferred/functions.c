/* The module's functions; calls that are not the plainest are stock's. */
#include "deferred/inline.h"
#include "deferred/object.h"

static PyObject *
succeeded(core_state *st, PyObject *result)
{
    pyr_deferred *deferred = pyr_create(st, NULL);
    if (deferred != NULL) {
        /* A program's __init__ may have given it another. */
        pyr_set_result(deferred, Py_NewRef(result));
        deferred->called = true;
    }
    return (PyObject *)deferred;
}

/* A Deferred fired with `failure` (stolen; NULL passes an exception on) */
static PyObject *
failed_with(core_state *st, PyObject *failure)
{
    if (failure == NULL) {
        return NULL;
    }
    PyObject *deferred = (PyObject *)pyr_create(st, NULL);
    pyr_firing firing = {.deferred = deferred, .value = failure, .errback = true};
    if (deferred != NULL && pyr_run_firing(st, &firing) < 0) {
        Py_CLEAR(deferred);
    }
    Py_DECREF(failure);
    return deferred;
}

PyDoc_STRVAR(succeed_doc, "succeed(result)\n--\n\n"
                          "A Deferred that has the result already.\n\n"
                          "Mirrors twisted.internet.defer.succeed.");

static PyObject *
api_succeed(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    core_state *st = pyr_module_state(module);
    return nargs == 1 && kwnames == NULL
               ? succeeded(st, args[0])
               : PyObject_Vectorcall(st->deferred->stock_succeed, args, nargs, kwnames);
}

PyDoc_STRVAR(fail_doc, "fail(result=None)\n--\n\n"
                       "A Deferred that has failed already.\n\n"
                       "Mirrors twisted.internet.defer.fail.");

static PyObject *
api_fail(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    core_state *st = pyr_module_state(module);
    if (nargs != 1 || kwnames != NULL || !PyExceptionInstance_Check(args[0]) ||
        pyr_patched(st) || st->deferred->debug) {
        return PyObject_Vectorcall(st->deferred->stock_fail, args, nargs, kwnames);
    }
    return failed_with(st, pyr_is_failure(st, args[0])
                               ? Py_NewRef(args[0])
                               : pyr_failure_from_value(st, args[0]));
}

/* Deferred.fromCoroutine(coroutine), which a program may have replaced */
static PyObject *
from_coroutine(core_state *st, PyObject *coroutine)
{
    if (!pyr_patched(st)) {
        return pyr_driver_start_coroutine(st, coroutine);
    }
    return PyObject_CallMethodOneArg((PyObject *)st->deferred->type,
                                     st->names.fromCoroutine, coroutine);
}

/* What a function gave, as a Deferred; `value` is stolen. */
static PyObject *
as_deferred(core_state *st, PyObject *value)
{
    if (pyr_is_deferred(st, value)) {
        return value;
    }
    PyObject *deferred;
    if (PyCoro_CheckExact(value)) {
        deferred = from_coroutine(st, value);
    } else if (pyr_is_failure(st, value)) {
        deferred = failed_with(st, Py_NewRef(value));
    } else {
        deferred = succeeded(st, value);
    }
    Py_DECREF(value);
    return deferred;
}

PyDoc_STRVAR(
    maybeDeferred_doc,
    "maybeDeferred(f, *args, **kwargs)\n--\n\n"
    "Call f and give its result as a Deferred: itself if it is one, driven if it is a\n"
    "coroutine, failed if it is a Failure or an exception was raised.\n\n"
    "Mirrors twisted.internet.defer.maybeDeferred.");

static PyObject *
api_maybeDeferred(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                  PyObject *kwnames)
{
    static const pyr_traceback_point point[] = {PYR_TRACE_maybe_deferred};
    core_state *st = pyr_module_state(module);
    int named = kwnames == NULL ? 0 : PySequence_Contains(kwnames, st->names.f);
    if (nargs == 0 || named != 0) { /* `f` by name, or twice */
        return named < 0 ? NULL
                         : PyObject_Vectorcall(st->deferred->stock_maybe, args,
                                               (size_t)nargs, kwnames);
    }
    PyObject *value =
        PyObject_Vectorcall(args[0], args + 1, (size_t)(nargs - 1), kwnames);
    if (value != NULL) {
        return as_deferred(st, value);
    }
    return failed_with(st, pyr_failure_from_error(st, point, 1, pyr_class_debug(st)));
}

PyDoc_STRVAR(ensureDeferred_doc, "ensureDeferred(coro)\n--\n\n"
                                 "A Deferred as it is; a coroutine or generator as "
                                 "Deferred.fromCoroutine takes it.\n\n"
                                 "Raises NotACoroutineError for anything else.\n"
                                 "Mirrors twisted.internet.defer.ensureDeferred.");

static PyObject *
api_ensureDeferred(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                   PyObject *kwnames)
{
    core_state *st = pyr_module_state(module);
    if (nargs == 1 && kwnames == NULL && pyr_is_deferred(st, args[0])) {
        return Py_NewRef(args[0]);
    }
    if (nargs == 1 && kwnames == NULL && PyCoro_CheckExact(args[0])) {
        return from_coroutine(st, args[0]);
    }
    return PyObject_Vectorcall(st->deferred->stock_ensure, args, nargs, kwnames);
}

PyDoc_STRVAR(drive_doc,
             "_cancellableInlineCallbacks(gen)\n--\n\n"
             "Drive a generator or coroutine; gives the Deferred of its result.");

static PyObject *
api_drive(PyObject *module, PyObject *generator)
{
    return pyr_driver_start(pyr_module_state(module), generator);
}

PyDoc_STRVAR(parse_doc, "_parseDeferredListResult(resultList)\n--\n\n"
                        "The results alone of a list of (True, result).\n\n"
                        "Mirrors twisted.internet.defer._parseDeferredListResult.");

#define FAST (METH_FASTCALL | METH_KEYWORDS)
#define CAST(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef api_functions[] = {
    {"succeed", CAST(api_succeed), FAST, succeed_doc},
    {"fail", CAST(api_fail), FAST, fail_doc},
    {"maybeDeferred", CAST(api_maybeDeferred), FAST, maybeDeferred_doc},
    {"ensureDeferred", CAST(api_ensureDeferred), FAST, ensureDeferred_doc},
    {"_cancellableInlineCallbacks", api_drive, METH_O, drive_doc},
    {"_parseDeferredListResult", CAST(pyr_list_parse), METH_FASTCALL, parse_doc},
    {NULL},
};

/* Once they can be called. */
int
pyr_functions_add(PyObject *module)
{
    return PyModule_AddFunctions(module, api_functions);
}
