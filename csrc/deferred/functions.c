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

/* --- set-up ---------------------------------------------------------------------- */

static int
set_trace_point(core_state *st, pyr_trace_point which, PyObject *value)
{
    PyObject *code, *globals, *lasti, *lineno;
    if (value == Py_None) {
        return 0;
    }
    if (!PyArg_ParseTuple(value, "O!O!O!O!", &PyCode_Type, &code, &PyDict_Type, &globals,
                          &PyLong_Type, &lasti, &PyLong_Type, &lineno)) {
        return -1;
    }
    PyFrameObject *frame =
        PyFrame_New(PyThreadState_Get(), (PyCodeObject *)code, globals, NULL);
    if (frame == NULL) {
        return -1;
    }
#if PY_VERSION_HEX < 0x030B0000
    /* Nor must it keep the frames alive, and their variables, that import us. */
    Py_CLEAR(frame->f_back);
#endif
    pyr_trace_entry *entry = &st->deferred->trace[which];
    Py_XSETREF(entry->frame, (PyObject *)frame);
    Py_XSETREF(entry->lasti, Py_NewRef(lasti));
    Py_XSETREF(entry->lineno, Py_NewRef(lineno));
    return 0;
}

/* imports[name] as a new reference, or NULL with KeyError */
static PyObject *
required(PyObject *imports, const char *name)
{
    PyObject *value = PyDict_GetItemString(imports, name);
    if (value == NULL) {
        PyErr_Format(PyExc_KeyError, "_setup_deferred needs %s", name);
    }
    return Py_XNewRef(value);
}

static int
take_imports(core_state *st, PyObject *imports)
{
    PyObject *value;
#define X(name)                       \
    value = required(imports, #name); \
    if (value == NULL) {              \
        return -1;                    \
    }                                 \
    Py_XSETREF(st->deferred->name, value);
    PYR_DEFERRED_IMPORTS(X)
#undef X
    return 0;
}

static int
take_trace_points(core_state *st, PyObject *trace)
{
    int result = 0;
    PyObject *value;
#define X(name)                                             \
    value = required(trace, #name);                         \
    if (value == NULL) {                                    \
        return -1;                                          \
    }                                                       \
    result |= set_trace_point(st, PYR_TRACE_##name, value); \
    Py_DECREF(value);
    PYR_TRACE_POINTS(X)
#undef X
    return result;
}

static int
check_types(core_state *st)
{
    if (PyType_Check(st->deferred->failure_type) &&
        PyType_Check(st->deferred->stock_deferred) &&
        PyType_Check(st->deferred->stock_deferred_list) &&
        PyList_Check(st->deferred->subclasses) &&
        PyDict_Check(st->deferred->failure_globals) &&
        PyDict_Check(st->deferred->failure_template) &&
        PyDict_Check(st->deferred->globals) && PyDict_Check(st->deferred->internals) &&
        PyType_IsSubtype((PyTypeObject *)st->deferred->failure_type,
                         (PyTypeObject *)PyExc_BaseException)) {
        return 0;
    }
    PyErr_SetString(PyExc_TypeError, "_setup_deferred was given something unexpected");
    return -1;
}

PyDoc_STRVAR(setup_doc, "_setup_deferred(imports, trace, fast_failure)\n--\n\n"
                        "Give the C code what it uses of Twisted; pyreactor.defer does.");
static PyObject *
api_setup(PyObject *module, PyObject *args)
{
    core_state *st = pyr_module_state(module);
    PyObject *imports, *trace;
    int fast_failure;
    if (!PyArg_ParseTuple(args, "O!O!p:_setup_deferred", &PyDict_Type, &imports,
                          &PyDict_Type, &trace, &fast_failure) ||
        take_imports(st, imports) < 0 || take_trace_points(st, trace) < 0 ||
        check_types(st) < 0) {
        return NULL;
    }
    st->deferred->fast_failure = fast_failure;
    if (pyr_deferred_note_pristine(st) < 0 || pyr_defer_globals_begin(st) < 0) {
        return NULL;
    }
    st->deferred->ready = true;
    Py_RETURN_NONE;
}

int
pyr_deferred_ready(core_state *st)
{
    if (st->deferred->ready) {
        return 0;
    }
    PyObject *module = PyImport_ImportModule("pyreactor.defer");
    Py_XDECREF(module);
    if (module != NULL && !st->deferred->ready) {
        PyErr_SetString(PyExc_RuntimeError, "pyreactor.defer has not been set up");
    }
    return module == NULL || !st->deferred->ready ? -1 : 0;
}

/* --- the concept ----------------------------------------------------------------- */

#define FAST (METH_FASTCALL | METH_KEYWORDS)
#define CAST(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef api_functions[] = {
    {"succeed", CAST(api_succeed), FAST, succeed_doc},
    {"fail", CAST(api_fail), FAST, fail_doc},
    {"maybeDeferred", CAST(api_maybeDeferred), FAST, maybeDeferred_doc},
    {"ensureDeferred", CAST(api_ensureDeferred), FAST, ensureDeferred_doc},
    {"_cancellableInlineCallbacks", api_drive, METH_O, drive_doc},
    {"_setup_deferred", api_setup, METH_VARARGS, setup_doc},
    {NULL},
};

int
pyr_deferred_exec(PyObject *module, core_state *st)
{
    st->deferred->empty_tuple = PyTuple_New(0);
    st->deferred->capture_names = Py_BuildValue("(s)", "captureVars");
    if (st->deferred->empty_tuple == NULL || st->deferred->capture_names == NULL ||
        pyr_deferred_add_type(module, st) < 0 ||
        pyr_deferred_list_add_type(module, st) < 0 || pyr_deferred_adopt_meta(st) < 0 ||
        pyr_awaiter_add_type(module, st) < 0 || pyr_driver_add_type(module, st) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, api_functions);
}

int
pyr_deferred_traverse(core_state *st, visitproc visit, void *arg)
{
    pyr_deferred_state *state = st->deferred;
    Py_VISIT(state->type);
    Py_VISIT(state->list_type);
    Py_VISIT(state->driver_type);
    Py_VISIT(state->awaiter_type);
    Py_VISIT(state->parse_list_result);
    Py_VISIT(state->empty_tuple);
    Py_VISIT(state->pristine);
    Py_VISIT(state->pristine_list);
    Py_VISIT(state->capture_names);
    Py_VISIT(state->replaced_driver);
    for (int i = 0; i < state->free_deferred_count; i++) {
        Py_VISIT(Py_TYPE(state->free_deferreds[i]));
    }
    for (int i = 0; i < state->free_awaiter_count; i++) {
        Py_VISIT(Py_TYPE(state->free_awaiters[i]));
    }
#define X(name) Py_VISIT(state->name);
    PYR_DEFERRED_IMPORTS(X)
#undef X
    for (int i = 0; i < PYR_TRACE_COUNT; i++) {
        Py_VISIT(state->trace[i].frame);
    }
    return 0;
}

static void
free_list_clear(PyObject **list, int *count)
{
    while (*count > 0) {
        PyObject_GC_Del(list[--*count]);
    }
}

void
pyr_deferred_clear(core_state *st)
{
    pyr_deferred_state *state = st->deferred;
    free_list_clear(state->free_drivers, &state->free_driver_count);
    pyr_defer_globals_clear(st);
    Py_CLEAR(state->replaced_driver);
    PyMem_Free(state->spare_stack);
    state->spare_stack = NULL;
    Py_CLEAR(state->type);
    Py_CLEAR(state->list_type);
    Py_CLEAR(state->driver_type);
    Py_CLEAR(state->awaiter_type);
    while (state->free_deferred_count > 0) {
        Py_DECREF(state->free_deferreds[--state->free_deferred_count]);
    }
    while (state->free_awaiter_count > 0) {
        Py_DECREF(state->free_awaiters[--state->free_awaiter_count]);
    }
    Py_CLEAR(state->parse_list_result);
    Py_CLEAR(state->empty_tuple);
    Py_CLEAR(state->pristine);
    Py_CLEAR(state->pristine_list);
    Py_CLEAR(state->capture_names);
#define X(name) Py_CLEAR(state->name);
    PYR_DEFERRED_IMPORTS(X)
#undef X
    for (int i = 0; i < PYR_TRACE_COUNT; i++) {
        Py_CLEAR(state->trace[i].frame);
        Py_CLEAR(state->trace[i].lasti);
        Py_CLEAR(state->trace[i].lineno);
    }
}
