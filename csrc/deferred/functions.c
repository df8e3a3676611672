/* The functions around Deferred, and the concept's part in the module's life. */
#include "deferred/inline.h"
#include "deferred/object.h"

#include <frameobject.h>

/* --- functions ------------------------------------------------------------------- */

static PyObject *
succeeded(core_state *st, PyObject *result)
{
    pyr_deferred *deferred = pyr_deferred_new(st, NULL);
    if (deferred != NULL) {
        deferred->called = true;
        deferred->result = Py_NewRef(result);
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
    PyObject *deferred = (PyObject *)pyr_deferred_new(st, NULL);
    if (deferred != NULL && pyr_errback(deferred, failure) < 0) {
        Py_CLEAR(deferred);
    }
    Py_DECREF(failure);
    return deferred;
}

/* The single argument `name` of a module function; *value NULL if left out.  Python, too,
 * looks at keywords first. */
static int
one_argument(const char *function, const char *name, PyObject *const *args,
             Py_ssize_t nargs, PyObject *kwnames, bool required, PyObject **value)
{
    Py_ssize_t named = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    *value = nargs + named > 0 ? args[0] : NULL;
    for (Py_ssize_t i = 0; i < named; i++) {
        PyObject *keyword = PyTuple_GET_ITEM(kwnames, i);
        bool known = PyUnicode_CompareWithASCIIString(keyword, name) == 0;
        if (!known || nargs > 0) {
            PyErr_Format(PyExc_TypeError,
                         known ? "%s() got multiple values for argument '%U'"
                               : "%s() got an unexpected keyword argument '%U'",
                         function, keyword);
            return -1;
        }
    }
    if (nargs > 1) {
        PyErr_Format(
            PyExc_TypeError,
            required ? "%s() takes 1 positional argument but %zd were given"
                     : "%s() takes from 0 to 1 positional arguments but %zd were given",
            function, nargs);
        return -1;
    }
    if (required && *value == NULL) {
        PyErr_Format(PyExc_TypeError, "%s() missing 1 required positional argument: '%s'",
                     function, name);
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(succeed_doc, "succeed(result)\n--\n\n"
                          "A Deferred that has the result already.\n\n"
                          "Mirrors twisted.internet.defer.succeed.");

static PyObject *
api_succeed(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    core_state *st = pyr_module_state(module);
    PyObject *result;
    if (pyr_deferred_ready(st) < 0 ||
        one_argument("succeed", "result", args, nargs, kwnames, true, &result) < 0) {
        return NULL;
    }
    return succeeded(st, result);
}

PyDoc_STRVAR(fail_doc, "fail(result=None)\n--\n\n"
                       "A Deferred that has failed already; see Deferred.errback.\n\n"
                       "Mirrors twisted.internet.defer.fail.");

static PyObject *
api_fail(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    core_state *st = pyr_module_state(module);
    PyObject *value, *failure;
    if (pyr_deferred_ready(st) < 0 ||
        one_argument("fail", "result", args, nargs, kwnames, false, &value) < 0) {
        return NULL;
    }
    if (value == NULL || value == Py_None) {
        failure = pyr_failure_from_handled(st, pyr_class_debug(st));
    } else if (pyr_is_failure(st, value)) {
        failure = Py_NewRef(value);
    } else {
        failure = pyr_failure_from_value(st, value);
    }
    return failed_with(st, failure);
}

/* Deferred.fromCoroutine(coroutine), which a program may have replaced */
static PyObject *
from_coroutine(core_state *st, PyObject *coroutine)
{
    if (!pyr_patched(st)) {
        return pyr_drive_coroutine(st, coroutine);
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

static PyObject *
keywords_as_dict(PyObject *const *values, PyObject *kwnames)
{
    PyObject *dict = PyDict_New();
    Py_ssize_t count = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    for (Py_ssize_t i = 0; dict != NULL && i < count; i++) {
        if (PyDict_SetItem(dict, PyTuple_GET_ITEM(kwnames, i), values[i]) < 0) {
            Py_CLEAR(dict);
        }
    }
    return dict;
}

/* maybeDeferred(f=...): f out of the keywords */
static PyObject *
take_f(PyObject *kwargs)
{
    PyObject *f = Py_XNewRef(PyDict_GetItemString(kwargs, "f"));
    if (f == NULL) {
        PyErr_SetString(PyExc_TypeError,
                        "maybeDeferred() missing 1 required positional argument: 'f'");
    } else if (PyDict_DelItemString(kwargs, "f") < 0) {
        Py_CLEAR(f);
    }
    return f;
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
    static const pyr_trace_point point[] = {PYR_TRACE_maybe_deferred};
    core_state *st = pyr_module_state(module);
    if (pyr_deferred_ready(st) < 0) {
        return NULL;
    }
    PyObject *value;
    if (nargs == 0) {
        PyObject *kwargs = keywords_as_dict(args, kwnames);
        PyObject *f = kwargs == NULL ? NULL : take_f(kwargs);
        value = f == NULL ? NULL : PyObject_Call(f, st->deferred->empty_tuple, kwargs);
        Py_XDECREF(kwargs);
        if (f == NULL) {
            return NULL;
        }
        Py_DECREF(f);
    } else {
        value = PyObject_Vectorcall(args[0], args + 1, (size_t)(nargs - 1), kwnames);
    }
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
    PyObject *value;
    if (pyr_deferred_ready(st) < 0 ||
        one_argument("ensureDeferred", "coro", args, nargs, kwnames, true, &value) < 0) {
        return NULL;
    }
    if (pyr_is_deferred(st, value)) {
        return Py_NewRef(value);
    }
    PyObject *deferred = from_coroutine(st, value);
    if (deferred == NULL && PyErr_ExceptionMatches(st->deferred->not_a_coroutine_error)) {
        PyErr_Format(st->deferred->not_a_coroutine_error,
                     "%R is not a coroutine or a Deferred", value);
    }
    return deferred;
}

PyDoc_STRVAR(drive_doc,
             "_cancellableInlineCallbacks(gen)\n--\n\n"
             "Drive a generator or coroutine; gives the Deferred of its result.");

static PyObject *
api_drive(PyObject *module, PyObject *generator)
{
    core_state *st = pyr_module_state(module);
    if (pyr_deferred_ready(st) < 0) {
        return NULL;
    }
    return pyr_drive_cancellable(st, generator);
}

/* --- the concept ----------------------------------------------------------------- */

#define FAST (METH_FASTCALL | METH_KEYWORDS)
#define CAST(function) ((PyCFunction)(void (*)(void))(function))

PyDoc_STRVAR(setup_doc, "_setup_deferred(imports, trace, fast_failure)\n--\n\n"
                        "Give the C code what it uses of Twisted; pyreactor.defer does.");

static PyMethodDef api_functions[] = {
    {"succeed", CAST(api_succeed), FAST, succeed_doc},
    {"fail", CAST(api_fail), FAST, fail_doc},
    {"maybeDeferred", CAST(api_maybeDeferred), FAST, maybeDeferred_doc},
    {"ensureDeferred", CAST(api_ensureDeferred), FAST, ensureDeferred_doc},
    {"_cancellableInlineCallbacks", api_drive, METH_O, drive_doc},
    {"_setup_deferred", pyr_setup, METH_VARARGS, setup_doc},
    {NULL},
};

int
pyr_functions_add(PyObject *module)
{
    return PyModule_AddFunctions(module, api_functions);
}
