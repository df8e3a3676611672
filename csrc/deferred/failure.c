/* Failures for Deferreds, and the exception that is being handled. */
#include "core/core.h"
#include "core/override.h"
#include "deferred/object.h"

bool
pyr_failure_check(core_state *st, PyObject *value)
{
    PyTypeObject *type = (PyTypeObject *)st->deferred->failure_type;
    if (PyType_IsSubtype(Py_TYPE(value), type)) {
        return true;
    }
    /* Its __class__ may be a property, which may drop what we look at. */
    Py_INCREF(value);
    int result = PyObject_IsInstance(value, (PyObject *)type);
    Py_DECREF(value);
    if (result < 0) {
        /* A __class__ property that raises does not make it a Failure. */
        PyErr_Clear();
        return false;
    }
    return result == 1;
}

/* twisted.python.failure.count += 1, and give the new number back. */
static PyObject *
next_count(core_state *st)
{
    PyObject *count;
    PyObject *module_globals = st->deferred->failure_globals;
    if (PyDict_GetItemRef(module_globals, st->names.count, &count) <= 0) {
        return NULL;
    }
    PyObject *one = PyLong_FromLong(1);
    PyObject *next = one == NULL ? NULL : PyNumber_Add(count, one);
    Py_XDECREF(one);
    Py_DECREF(count);
    if (next != NULL && PyDict_SetItem(module_globals, st->names.count, next) < 0) {
        Py_CLEAR(next);
    }
    return next;
}

/* What Failure.__init__ would have put into the instance. */
static PyObject *
failure_dict(core_state *st, PyObject *value, PyObject *tb)
{
    PyObject *count = next_count(st);
    if (count == NULL) {
        return NULL;
    }
    PyObject *dict = PyDict_Copy(st->deferred->failure_template);
    if (dict == NULL || PyDict_SetItem(dict, st->names.count, count) < 0 ||
        PyDict_SetItem(dict, st->names.type, (PyObject *)Py_TYPE(value)) < 0 ||
        PyDict_SetItem(dict, st->names.value, value) < 0 ||
        (tb != NULL && PyDict_SetItem(dict, st->names.tb, tb) < 0)) {
        Py_CLEAR(dict);
    }
    Py_DECREF(count);
    return dict;
}

/* Has Failure the __init__ that it had?  twisted.python.failure.startDebugMode replaces
 * it. */
static inline bool
has_known_init(core_state *st)
{
    pyr_deferred_state *state = st->deferred;
    PyTypeObject *type = (PyTypeObject *)state->failure_type;
    if (!pyr_class_is_as_seen(&state->failure_seen, type)) {
        pyr_class_see(st, &state->failure_seen, type);
        state->fast_failure =
            pyr_class_has(st, type, st->names.dunder_init, state->failure_init);
    }
    return state->fast_failure;
}

/* May we fill a Failure for `value` in by ourselves? */
static bool
fast_failure(core_state *st, PyObject *value)
{
    if (!PyExceptionInstance_Check(value) ||
        PyType_IsSubtype(Py_TYPE(value), (PyTypeObject *)st->deferred->failure_type)) {
        return false;
    }
    return has_known_init(st);
}

/* A Failure without its __init__ having run; args is what Failure(...) would be called
 * with. */
static PyObject *
bare_failure(core_state *st, PyObject *value, PyObject *tb, PyObject *args)
{
    PyTypeObject *type = (PyTypeObject *)st->deferred->failure_type;
    PyObject *failure = type->tp_new(type, args, NULL);
    PyObject *dict = failure == NULL ? NULL : failure_dict(st, value, tb);
    if (dict == NULL || PyObject_GenericSetDict(failure, dict, NULL) < 0) {
        Py_CLEAR(failure);
    }
    Py_XDECREF(dict);
    return failure;
}

/* Failure(captureVars=capture), which takes the exception being handled. */
static PyObject *
call_failure(core_state *st, bool capture)
{
    PyObject *args[] = {capture ? Py_True : Py_False};
    return PyObject_Vectorcall(st->deferred->failure_type, args, 0,
                               st->deferred->capture_names);
}

static void
set_handled(PyObject *exc)
{
    PyObject *type = exc == NULL ? NULL : Py_NewRef(Py_TYPE(exc));
    PyObject *tb = exc == NULL ? NULL : PyException_GetTraceback(exc);
    PyErr_SetExcInfo(type, Py_XNewRef(exc), tb);
}

/* The exception being handled, as a new reference or NULL */
static PyObject *
get_handled(void)
{
    PyObject *type, *value, *tb;
    PyErr_GetExcInfo(&type, &value, &tb);
    Py_XDECREF(type);
    Py_XDECREF(tb);
    if (value == Py_None) {
        Py_CLEAR(value);
    }
    return value;
}

PyObject *
pyr_failure_handling_begin(PyObject *exc)
{
    PyObject *outer = get_handled();
    set_handled(exc);
    return outer;
}

/*
 * Each generator has such an exception of its own, and what we got may be that of its
 * caller: then nothing must stay behind, or the generator would keep it.
 */
void
pyr_failure_handling_end(PyObject *stolen_outer)
{
    set_handled(NULL);
    PyObject *callers = get_handled();
    if (callers != stolen_outer) {
        set_handled(stolen_outer);
    }
    Py_XDECREF(callers);
    Py_XDECREF(stolen_outer);
}

/* As call_failure, with `exc` made the exception being handled meanwhile. */
static PyObject *
call_failure_handling(core_state *st, PyObject *exc, bool capture)
{
    PyObject *outer = pyr_failure_handling_begin(exc);
    PyObject *failure = call_failure(st, capture);
    pyr_failure_handling_end(outer);
    return failure;
}

PyObject *
pyr_failure_from_error(core_state *st, const pyr_traceback_point *points, int count,
                       bool capture)
{
    PyObject *exc = PyErr_GetRaisedException();
    PyObject *tb = pyr_traceback_before(st, points, count, PyException_GetTraceback(exc));
    if (tb != NULL && PyException_SetTraceback(exc, tb) < 0) {
        PyErr_Clear();
    }
    PyObject *failure;
    if (!capture && fast_failure(st, exc)) {
        failure = bare_failure(st, exc, tb, st->deferred->empty_tuple);
    } else {
        failure = call_failure_handling(st, exc, capture);
    }
    Py_XDECREF(tb);
    Py_DECREF(exc);
    return failure;
}

PyObject *
pyr_failure_from_value(core_state *st, PyObject *value)
{
    if (!fast_failure(st, value)) {
        return PyObject_CallOneArg(st->deferred->failure_type, value);
    }
    PyObject *args = PyTuple_Pack(1, value);
    if (args == NULL) {
        return NULL;
    }
    PyObject *tb = PyException_GetTraceback(value);
    PyObject *failure = bare_failure(st, value, tb, args);
    Py_XDECREF(tb);
    Py_DECREF(args);
    return failure;
}
