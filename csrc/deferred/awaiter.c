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
 * making one must cost next to nothing.  `await` makes it known to the garbage collector
 * only when it waits.
 */
static awaiter *
make_awaiter(core_state *st, PyObject *deferred)
{
    awaiter *self =
        (awaiter *)pyr_freelist_new(&st->deferred->free_awaiters, sizeof(awaiter));
    if (self != NULL) {
        self->st = st;
        self->deferred = Py_NewRef(deferred);
        self->started = false;
        self->tracked = false;
    }
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
    return (PyObject *)make_awaiter(((pyr_deferred *)deferred)->st, deferred);
}

PyObject *
pyr_awaiter_new(PyObject *deferred)
{
    awaiter *self = make_awaiter(((pyr_deferred *)deferred)->st, deferred);
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

static void
awaiter_dealloc(PyObject *op)
{
    if (SELF->tracked) {
        PyObject_GC_UnTrack(op);
    }
    Py_CLEAR(SELF->deferred);
    bool module = pyr_type_has_module(Py_TYPE(op));
    pyr_freelist_drop(module ? &SELF->st->deferred->free_awaiters : NULL, op);
}

/* The Deferred has failed: raised as stock's generator raises it. */
static PySendResult
raise_failure(core_state *st, PyObject *deferred, PyObject **result)
{
    PyObject *generator = PyObject_CallOneArg(st->deferred->stock_iter, deferred);
    if (generator == NULL) {
        return PYGEN_ERROR;
    }
    PySendResult outcome = PyIter_Send(generator, Py_None, result);
    Py_DECREF(generator);
    return outcome;
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
        *result = PyObject_GetAttr((PyObject *)deferred, self->st->names.result);
        outcome = *result == NULL ? PYGEN_ERROR : PYGEN_RETURN;
    } else if (pyr_is_failure(self->st, value)) {
        Py_DECREF(value);
        outcome = raise_failure(self->st, (PyObject *)deferred, result);
    } else {
        *result = value;
    }
    Py_DECREF(deferred);
    return outcome;
}

/* Leave with a value (stolen), as StopIteration(value), or as a generator that returns
 * None: StopIteration(). */
static void
stop_with(PyObject *value)
{
    PyObject *stop = value == Py_None ? PyObject_CallNoArgs(PyExc_StopIteration)
                                      : PyObject_CallOneArg(PyExc_StopIteration, value);
    Py_DECREF(value);
    if (stop != NULL) {
        PyErr_SetRaisedException(stop);
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
    if (awaiter_send(op, value, &result) == PYGEN_RETURN) {
        stop_with(result);
        result = NULL;
    }
    return result;
}

/* From Python 3.12 on `await` comes here, and not to awaiter_send.  An iterator that ends
 * without an exception gives None. */
static PyObject *
awaiter_next(PyObject *op)
{
    PyObject *result;
    if (awaiter_send(op, Py_None, &result) == PYGEN_RETURN) {
        if (result == Py_None) {
            Py_DECREF(result);
        } else {
            stop_with(result);
        }
        result = NULL;
    }
    return result;
}

/* Keeps the current exception. */
static bool
is_finished(PyObject *generator)
{
    PyObject *type, *value, *tb;
    PyErr_Fetch(&type, &value, &tb);
    PyObject *frame = PyObject_GetAttrString(generator, "gi_frame");
    bool finished = frame == NULL || frame == Py_None;
    Py_XDECREF(frame);
    PyErr_Restore(type, value, tb);
    return finished;
}

PyDoc_STRVAR(throw_doc, "throw(type, value=None, traceback=None, /)\n--\n\n"
                        "Raise an exception where the Deferred is awaited.");
static PyObject *
awaiter_throw(PyObject *op, PyObject *args)
{
    /* One of stock's generators in the same state throws it, or refuses to. */
    PyObject *generator = PyObject_CallFunctionObjArgs(
        SELF->st->deferred->generator_at, SELF->started ? Py_True : Py_False,
        SELF->deferred == NULL ? Py_True : Py_False, NULL);
    PyObject *throw =
        generator == NULL ? NULL : PyObject_GetAttr(generator, SELF->st->names.throw);
    PyObject *result = throw == NULL ? NULL : PyObject_Call(throw, args, NULL);
    Py_XDECREF(throw);
    if (generator != NULL && is_finished(generator)) {
        Py_CLEAR(SELF->deferred);
    }
    Py_XDECREF(generator);
    return result;
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
    pyr_deferred_state *state = st->deferred;
    int status = pyr_add_type(module, &awaiter_spec, NULL, &state->awaiter_type);
    state->free_awaiters.type = state->awaiter_type;
    return status;
}
