/* The iterator behind `await deferred` and `yield from deferred`. */
#include "deferred/inline.h"
#include "deferred/object.h"

typedef struct {
    PyObject_HEAD core_state *st;
    PyObject *deferred; /* NULL: finished */
    bool started;
    bool tracked; /* the garbage collector knows it */
} awaiter;

#define SELF ((awaiter *)op)

/*
 * An awaiter lives for one `await`, most often, and for one that does not even wait, so
 * making one must cost next to nothing.  Those in the free list are whole, referred to by
 * it alone, and unknown to the garbage collector, which `await` makes them known to only
 * when it waits.
 */
static awaiter *
make(core_state *st, PyObject *deferred)
{
    awaiter *self;
    if (st->deferred->free_awaiter_count > 0) {
        self = (awaiter *)st->deferred->free_awaiters[--st->deferred->free_awaiter_count];
    } else if (st->deferred->awaiter_type == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the interpreter is shutting down");
        return NULL;
    } else {
        self = PyObject_GC_New(awaiter, st->deferred->awaiter_type);
        if (self == NULL) {
            return NULL;
        }
        self->st = st;
    }
    self->deferred = Py_NewRef(deferred);
    self->started = false;
    self->tracked = false;
    return self;
}

static inline void
track(awaiter *self)
{
    if (!self->tracked) {
        self->tracked = true;
        PyObject_GC_Track(self);
    }
}

PyObject *
pyr_awaiter_of_await(PyObject *deferred)
{
    return (PyObject *)make(((pyr_deferred *)deferred)->st, deferred);
}

PyObject *
pyr_awaiter_new(PyObject *deferred)
{
    awaiter *self = make(((pyr_deferred *)deferred)->st, deferred);
    if (self != NULL) {
        track(self);
    }
    return (PyObject *)self;
}

static int
awaiter_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(SELF->deferred);
    return 0;
}

static int
awaiter_clear(PyObject *op)
{
    Py_CLEAR(SELF->deferred);
    return 0;
}

/* The free list takes it, unless that is full or going away with the module. */
static bool
keep(PyObject *op)
{
    if (((PyHeapTypeObject *)Py_TYPE(op))->ht_module == NULL) {
        return false;
    }
    pyr_deferred_state *state = SELF->st->deferred;
    if (state->awaiter_type != Py_TYPE(op) ||
        state->free_awaiter_count == PYR_FREE_AWAITERS) {
        return false;
    }
#ifdef Py_REF_DEBUG
    _Py_NewReference(op);
#else
    Py_SET_REFCNT(op, 1);
#endif
    state->free_awaiters[state->free_awaiter_count++] = op;
    return true;
}

static void
awaiter_dealloc(PyObject *op)
{
    if (SELF->tracked) {
        PyObject_GC_UnTrack(op);
    }
    Py_CLEAR(SELF->deferred);
    if (!keep(op)) {
        PyTypeObject *type = Py_TYPE(op);
        type->tp_free(op);
        Py_DECREF(type);
    }
}

/* A StopIteration must not leave a generator as an error: it would say that it ended. */
static void
replace_stop_iteration(void)
{
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) {
        return;
    }
    PyObject *stop = PyErr_GetRaisedException();
    PyErr_SetString(PyExc_RuntimeError, "generator raised StopIteration");
    PyObject *error = PyErr_GetRaisedException();
    PyException_SetCause(error, Py_NewRef(stop));
    PyException_SetContext(error, stop);
    PyErr_SetRaisedException(error);
}

/* Raise the failure's exception at the place where the Deferred is awaited. */
static PySendResult
raise_failure(core_state *st, pyr_deferred *deferred, PyObject *failure)
{
    static const pyr_trace_point point[] = {PYR_TRACE_await_raise};
    if (!deferred->had_debug_info) {
        /* Somebody put a Failure into `result` by hand. */
        PyErr_SetNone(PyExc_AssertionError);
        return PYGEN_ERROR;
    }
    pyr_forget_failure(deferred);
    pyr_failure_raise(st, failure);
    pyr_trace_prepend(st, point, 1);
    replace_stop_iteration();
    return PYGEN_ERROR;
}

static PySendResult
awaiter_send(PyObject *op, PyObject *Py_UNUSED(value), PyObject **result)
{
    awaiter *self = SELF;
    *result = NULL;
    if (self->deferred == NULL) {
        *result = Py_NewRef(Py_None);
        return PYGEN_RETURN;
    }
    pyr_deferred *deferred = (pyr_deferred *)self->deferred;
    if (!deferred->called || deferred->paused) {
        self->started = true;
        track(self);
        *result = Py_NewRef(self->deferred);
        return PYGEN_NEXT;
    }
    self->deferred = NULL;
    PySendResult outcome = PYGEN_RETURN;
    PyObject *value = Py_XNewRef(deferred->result);
    if (value == NULL) {
        value = PyObject_GetAttr((PyObject *)deferred, self->st->names.result);
        outcome = value == NULL ? PYGEN_ERROR : PYGEN_RETURN;
    } else if (pyr_is_failure(self->st, value)) {
        outcome = raise_failure(self->st, deferred, value);
        Py_CLEAR(value);
    }
    *result = value;
    Py_DECREF(deferred);
    return outcome;
}

/* A returned value leaves as StopIteration(value); a tuple or exception must be wrapped.
 */
static void
stop_with(PyObject *value)
{
    if (value == Py_None) {
        PyErr_SetNone(PyExc_StopIteration);
        return;
    }
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, value);
    if (stop != NULL) {
        PyErr_SetObject(PyExc_StopIteration, stop);
        Py_DECREF(stop);
    }
}

static PyObject *
awaiter_send_method(PyObject *op, PyObject *value)
{
    PyObject *result;
    if (SELF->deferred != NULL && !SELF->started && value != Py_None) {
        PyErr_SetString(PyExc_TypeError,
                        "can't send non-None value to a just-started generator");
        return NULL;
    }
    PySendResult outcome = awaiter_send(op, value, &result);
    if (outcome == PYGEN_RETURN) {
        stop_with(result);
        Py_CLEAR(result);
    }
    return result;
}

static PyObject *
awaiter_next(PyObject *op)
{
    return awaiter_send_method(op, Py_None);
}

/* Can throw(type, value, tb) raise that?  Else a TypeError, and nothing is thrown. */
static bool
is_throwable(PyObject *type, PyObject *value, PyObject *tb)
{
    if (tb != NULL && !PyTraceBack_Check(tb)) {
        PyErr_SetString(PyExc_TypeError,
                        "throw() third argument must be a traceback object");
    } else if (PyExceptionInstance_Check(type) && value != NULL && value != Py_None) {
        PyErr_SetString(PyExc_TypeError,
                        "instance exception may not have a separate value");
    } else if (!PyExceptionInstance_Check(type) && !PyExceptionClass_Check(type)) {
        PyErr_Format(
            PyExc_TypeError,
            "exceptions must be classes or instances deriving from BaseException, "
            "not %s",
            Py_TYPE(type)->tp_name);
    } else {
        return true;
    }
    return false;
}

/* Raise what throw(type, value, tb) was given, as the raise statement would. */
static void
raise_thrown(PyObject *type, PyObject *value, PyObject *tb)
{
    if (PyExceptionInstance_Check(type)) {
        PyErr_SetObject((PyObject *)Py_TYPE(type), type);
    } else {
        PyErr_SetObject(type, value);
    }
    if (tb != NULL) {
        PyObject *exc = PyErr_GetRaisedException();
        (void)PyException_SetTraceback(exc, tb);
        PyErr_SetRaisedException(exc);
    }
}

PyDoc_STRVAR(throw_doc, "throw(type, value=None, traceback=None, /)\n--\n\n"
                        "Raise an exception where the Deferred is awaited.");
static PyObject *
awaiter_throw(PyObject *op, PyObject *args)
{
    static const pyr_trace_point point[] = {PYR_TRACE_await_yield};
    PyObject *type, *value = NULL, *tb = NULL;
    if (!PyArg_ParseTuple(args, "O|OO:throw", &type, &value, &tb)) {
        return NULL;
    }
    tb = tb == Py_None ? NULL : tb;
    if (!is_throwable(type, value, tb)) {
        return NULL;
    }
    bool finished = SELF->deferred == NULL;
    Py_CLEAR(SELF->deferred);
    raise_thrown(type, value, tb);
    if (!finished && SELF->started) {
        pyr_trace_prepend(SELF->st, point, 1);
    }
    /* Since 3.12 it is code of the generator that does so: one not started has run none.
     */
    if (!finished && (SELF->started || PY_VERSION_HEX < 0x030C0000)) {
        replace_stop_iteration();
    }
    return NULL;
}

PyDoc_STRVAR(close_doc, "close()\n--\n\nFinish.");
static PyObject *
awaiter_close(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    Py_CLEAR(SELF->deferred);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(send_doc,
             "send(value, /)\n--\n\nThe Deferred while it has no result; StopIteration "
             "with the result, or its exception, afterwards.");

static PyMethodDef awaiter_methods[] = {
    {"send", awaiter_send_method, METH_O, send_doc},
    {"throw", awaiter_throw, METH_VARARGS, throw_doc},
    {"close", awaiter_close, METH_NOARGS, close_doc},
    {NULL},
};

PyDoc_STRVAR(awaiter_doc, "Waits for a Deferred on behalf of a coroutine or generator.");

static PyType_Slot awaiter_slots[] = {
    {Py_tp_doc, (void *)awaiter_doc},
    {Py_tp_traverse, awaiter_traverse},
    {Py_tp_clear, awaiter_clear},
    {Py_tp_dealloc, awaiter_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, awaiter_next},
    {Py_am_send, awaiter_send},
    {Py_tp_methods, awaiter_methods},
    {0, NULL},
};

static PyType_Spec awaiter_spec = {
    .name = "pyreactor._core.DeferredAwaiter",
    .basicsize = sizeof(awaiter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = awaiter_slots,
};

int
pyr_awaiter_add_type(PyObject *module, core_state *st)
{
    st->deferred->awaiter_type = pyr_add_type(module, &awaiter_spec, NULL);
    return st->deferred->awaiter_type == NULL ? -1 : 0;
}
