/* The room's life, and what Python code hands over. */
#include "deferred/inline.h"
#include "deferred/object.h"

const pyr_given pyr_deferred_objects[] = {
    PYR_MADE(pyr_deferred_state, type),
    PYR_MADE(pyr_deferred_state, list_type),
    PYR_MADE(pyr_deferred_state, driver_type),
    PYR_MADE(pyr_deferred_state, awaiter_type),
    PYR_MADE(pyr_deferred_state, empty_tuple),
    PYR_MADE(pyr_deferred_state, pristine),
    PYR_MADE(pyr_deferred_state, pristine_list),
    PYR_MADE(pyr_deferred_state, capture_names),
    PYR_GIVEN_AS(pyr_deferred_state, subclasses, &PyList_Type),
#define X(name) PYR_GIVEN_AS(pyr_deferred_state, name, &PyType_Type),
    PYR_DEFERRED_CLASSES(X)
#undef X
#define X(name) PYR_GIVEN_AS(pyr_deferred_state, name, &PyDict_Type),
        PYR_DEFERRED_DICTS(X)
#undef X
#define X(name) PYR_GIVEN(pyr_deferred_state, name),
            PYR_DEFERRED_GIVEN(X)
#undef X
                {NULL},
};

PyDoc_STRVAR(setup_doc,
             "_setup_deferred(given, trace, fast_failure)\n--\n\n"
             "Give the C code what it uses of Twisted.\n\n"
             "given (dict) has objects by name, trace (dict) places in Twisted's code;\n"
             "fast_failure (bool): a Failure has nothing but plain attributes.\n"
             "Raises TypeError or KeyError for what is missing or not suitable.");
static PyObject *
setup_deferred(PyObject *module, PyObject *args)
{
    core_state *st = pyr_module_state(module);
    PyObject *given, *trace;
    int fast_failure;
    if (!PyArg_ParseTuple(args, "O!O!p:_setup_deferred", &PyDict_Type, &given,
                          &PyDict_Type, &trace, &fast_failure) ||
        pyr_given_take(pyr_deferred_objects, st->deferred, given, "_setup_deferred") <
            0 ||
        pyr_traceback_take(st, trace) < 0 || pyr_metaclass_note_pristine(st) < 0 ||
        pyr_internals_begin(st) < 0 || pyr_functions_add(module) < 0) {
        return NULL;
    }
    st->deferred->fast_failure = fast_failure;
    st->deferred->ready = true;
    Py_RETURN_NONE;
}

static PyMethodDef setup_functions[] = {
    {"_setup_deferred", setup_deferred, METH_VARARGS, setup_doc},
    {NULL},
};

int
pyr_deferred_exec(PyObject *module, core_state *st)
{
    st->deferred->empty_tuple = PyTuple_New(0);
    st->deferred->capture_names = Py_BuildValue("(s)", "captureVars");
    if (st->deferred->empty_tuple == NULL || st->deferred->capture_names == NULL ||
        pyr_object_add_type(module, st) < 0 || pyr_list_add_type(module, st) < 0 ||
        pyr_metaclass_adopt(st) < 0 || pyr_awaiter_add_type(module, st) < 0 ||
        pyr_driver_add_type(module, st) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, setup_functions);
}

int
pyr_deferred_traverse(core_state *st, visitproc visit, void *arg)
{
    pyr_deferred_state *state = st->deferred;
    int result = pyr_freelist_visit(&state->free_deferreds, visit, arg);
    result = result != 0 ? result : pyr_freelist_visit(&state->free_awaiters, visit, arg);
    result = result != 0 ? result : pyr_freelist_visit(&state->free_drivers, visit, arg);
    return result != 0 ? result : pyr_traceback_visit(st, visit, arg);
}

void
pyr_deferred_clear(core_state *st)
{
    pyr_deferred_state *state = st->deferred;
    pyr_internals_clear(st);
    PyMem_Free(state->spare_stack);
    state->spare_stack = NULL;
    pyr_freelist_clear(&state->free_deferreds);
    pyr_freelist_clear(&state->free_awaiters);
    pyr_freelist_clear(&state->free_drivers);
    pyr_given_clear(pyr_deferred_objects, state);
    pyr_traceback_clear(st);
}
