/* The room's life, and what Python code hands over. */
#include "deferred/inline.h"
#include "deferred/object.h"

static const pyr_given deferred_objects[] = {
    PYR_MADE(pyr_deferred_state, type),
    PYR_MADE(pyr_deferred_state, list_type),
    PYR_MADE(pyr_deferred_state, driver_type),
    PYR_MADE(pyr_deferred_state, awaiter_type),
    PYR_MADE(pyr_deferred_state, empty_tuple),
    PYR_MADE(pyr_deferred_state, pristine),
    PYR_MADE(pyr_deferred_state, pristine_list),
    PYR_MADE(pyr_deferred_state, capture_names),
#define X(name) PYR_GIVEN_AS(pyr_deferred_state, name, &PyType_Type),
    PYR_DEFERRED_CLASSES(X)
#undef X
#define X(name) PYR_GIVEN_AS(pyr_deferred_state, name, &PyDict_Type),
        PYR_DEFERRED_DICTS(X)
#undef X
#define X(name) PYR_GIVEN(pyr_deferred_state, name),
            PYR_DEFERRED_GIVEN(X)
#undef X
#define X(name)                                                                   \
    {"trace_" #name,                                                              \
     offsetof(pyr_deferred_state, trace) + sizeof(PyObject *) * PYR_TRACE_##name, \
     &PyTuple_Type},
                PYR_TRACE_POINTS(X)
#undef X
                    {NULL},
};

static int
deferred_configure(PyObject *module, core_state *st, PyObject *Py_UNUSED(given))
{
    st->deferred->ready = pyr_metaclass_note_pristine(st) == 0 &&
                          pyr_internals_begin(st) == 0 && pyr_functions_add(module) == 0;
    return st->deferred->ready ? 0 : -1;
}

PyDoc_STRVAR(empty_frame_doc,
             "_empty_frame(code, globals, /)\n--\n\n"
             "A frame in which nothing runs, for entries of tracebacks.");

static PyMethodDef setup_functions[] = {
    {"_empty_frame", pyr_traceback_empty_frame, METH_VARARGS, empty_frame_doc},
    {NULL},
};

static int
deferred_exec(PyObject *module, core_state *st)
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

static int
deferred_traverse(core_state *st, visitproc visit, void *arg)
{
    pyr_deferred_state *state = st->deferred;
    int result = pyr_freelist_visit(&state->free_deferreds, visit, arg);
    result = result != 0 ? result : pyr_freelist_visit(&state->free_awaiters, visit, arg);
    return result != 0 ? result : pyr_freelist_visit(&state->free_drivers, visit, arg);
}

static void
deferred_clear(core_state *st)
{
    pyr_deferred_state *state = st->deferred;
    pyr_internals_clear(st);
    PyMem_Free(state->spare_stack);
    state->spare_stack = NULL;
    pyr_freelist_clear(&state->free_deferreds);
    pyr_freelist_clear(&state->free_awaiters);
    pyr_freelist_clear(&state->free_drivers);
}

const pyr_room pyr_deferred_room = {
    PYR_ROOM_STATE(deferred),      .objects = deferred_objects,
    .exec = deferred_exec,         .configure = deferred_configure,
    .traverse = deferred_traverse, .clear = deferred_clear,
};
