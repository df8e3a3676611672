/* The room's part in the module's life, and what Python code hands over. */
#include "deferred/inline.h"
#include "deferred/object.h"

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
#define X(name)                                           \
    value = required(trace, #name);                       \
    if (value == NULL) {                                  \
        return -1;                                        \
    }                                                     \
    result |= pyr_trace_set(st, PYR_TRACE_##name, value); \
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

PyObject *
pyr_setup(PyObject *module, PyObject *args)
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
    return pyr_functions_add(module);
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
