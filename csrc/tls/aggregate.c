/* Twisted's _AggregateSmallWrites; see aggregate.h. */
#include "tls/aggregate.h"

#include <limits.h>

#include "core/attribute.h"
#include "core/objects.h"
#include "core/types.h"
#include "tls/look.h"
#include "tls/state.h"

/* Each is an attribute of Twisted's, and absent until it is set. */
typedef struct {
    PyObject_HEAD PyObject *write; /* _write: takes the bytes of a turn, joined */
    PyObject *clock;               /* _clock */
    PyObject *closed;              /* _closed */
    PyObject *buffer;    /* _buffer: the list of what was written since the last flush */
    PyObject *left;      /* _bufferLeft: how many bytes more wait for a flush */
    PyObject *scheduled; /* _scheduled: the timed call of the next flush, or None */
    PyObject *dict;      /* what else a program has set; NULL: nothing */
    PyObject *weakrefs;
} Aggregate;

#define AGGREGATE_OBJECTS(X) \
    X(write) X(clock) X(closed) X(buffer) X(left) X(scheduled) X(dict)

/* ---- is it Twisted's own? ---- */

#define METHOD(name) PYR_LOOK_EXPECT(name, c_##name, c_##name),
static const pyr_override aggregate_methods[] = {PYR_AGGREGATE_METHODS(METHOD){0}};
#undef METHOD

static bool
look_at_aggregate(core_state *st, PyTypeObject *type)
{
    pyr_tls_state *tls = st->tls;
    PyObject *method = pyr_class_find(type, st->names._scheduledFlush);
    PyObject *most = pyr_class_find(type, st->names.MAX_BUFFER_SIZE);
    bool fits = pyr_class_overrides(st, type, aggregate_methods, tls) == 0 &&
                most != NULL && PyLong_CheckExact(most);
    if (fits) {
        Py_XSETREF(tls->scheduled_flush, Py_NewRef(method));
        Py_XSETREF(tls->most_buffered, Py_NewRef(most));
    }
    Py_XDECREF(method);
    Py_XDECREF(most);
    return fits;
}

/* Has it the methods that are C's, and all of its class?  Then st->tls has what it finds
 * under _scheduledFlush and MAX_BUFFER_SIZE. */
static inline bool
is_all_of_class(core_state *st, Aggregate *self)
{
    pyr_tls_class *known = &st->tls->aggregate_class;
    if (!pyr_class_is_as_seen(&known->seen, Py_TYPE(self))) {
        pyr_class_see(st, &known->seen, Py_TYPE(self));
        known->fits = look_at_aggregate(st, Py_TYPE(self));
    }
    return known->fits && self->dict == NULL;
}

/* Borrowed; NULL without an exception if it is of a program's subclass, which may have
 * properties of these names, or attributes are not of the kinds that Twisted makes them:
 * its own code knows what to do then. */
static inline Aggregate *
plain_aggregate(core_state *st, PyObject *op)
{
    Aggregate *self = (Aggregate *)op;
    return Py_TYPE(op)->tp_base == st->tls->aggregate_type && self->write != NULL &&
                   self->clock != NULL && self->scheduled != NULL &&
                   self->buffer != NULL && PyList_CheckExact(self->buffer) &&
                   self->left != NULL && PyLong_CheckExact(self->left)
               ? self
               : NULL;
}

/* ---- its methods ---- */

/* self.flush() */
static PyObject *
call_flush(core_state *st, Aggregate *self)
{
    PyObject *op = (PyObject *)self;
    PyObject *result = is_all_of_class(st, self) ? pyr_aggregate_flush(st, op, NULL)
                                                 : Py_NewRef(Py_NotImplemented);
    if (result == Py_NotImplemented) {
        Py_DECREF(result);
        result = pyr_none_or_error(pyr_call_dropping(op, st->names.flush, NULL));
    }
    return result;
}

/* self._scheduled = self._clock.callLater(0, self._scheduledFlush) */
static int
schedule_flush(core_state *st, Aggregate *self)
{
    /* The truth of the last timed call may have run a program's code, which took it away.
     */
    PyObject *clock = pyr_attribute_value((PyObject *)self, self->clock, "_clock");
    if (clock == NULL) {
        return -1;
    }
    PyObject *flush = is_all_of_class(st, self)
                          ? PyMethod_New(st->tls->scheduled_flush, (PyObject *)self)
                          : PyObject_GetAttr((PyObject *)self, st->names._scheduledFlush);
    PyObject *call = NULL;
    if (flush != NULL) {
        PyObject *arguments[] = {clock, st->tls->zero, flush};
        call = PyObject_VectorcallMethod(st->names.callLater, arguments,
                                         3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
        Py_DECREF(flush);
    }
    Py_DECREF(clock);
    if (call == NULL) {
        return -1;
    }
    Py_XSETREF(self->scheduled, call);
    return 0;
}

/* Append the bytes, and set what room is left.  -1 with an exception set. */
static int
append_data(Aggregate *self, PyObject *data, long long left)
{
    PyObject *number = PyLong_FromLongLong(left);
    if (number == NULL || PyList_Append(self->buffer, data) < 0) {
        Py_XDECREF(number);
        return -1;
    }
    Py_SETREF(self->left, number);
    return 0;
}

PyObject *
pyr_aggregate_write(core_state *st, PyObject *op, PyObject *data)
{
    Aggregate *self = plain_aggregate(st, op);
    int overflow = 0;
    long long left =
        self == NULL ? 0 : PyLong_AsLongLongAndOverflow(self->left, &overflow);
    if (self == NULL || !PyBytes_CheckExact(data) || overflow != 0 ||
        left < LLONG_MIN + PyBytes_GET_SIZE(data)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    left -= PyBytes_GET_SIZE(data);
    if (append_data(self, data, left) < 0) {
        return NULL;
    }
    if (left < 0) {
        return call_flush(st, self);
    }
    int scheduled = pyr_drop_for_truth(Py_NewRef(self->scheduled));
    return pyr_none_or_error(scheduled != 0 ? scheduled : schedule_flush(st, self));
}

/* del self._buffer[:], whatever that is by now */
static int
empty_buffer(Aggregate *self)
{
    PyObject *buffer = pyr_attribute_value((PyObject *)self, self->buffer, "_buffer");
    if (buffer == NULL) {
        return -1;
    }
    int status;
    if (PyList_CheckExact(buffer)) {
        status = PyList_SetSlice(buffer, 0, PY_SSIZE_T_MAX, NULL);
    } else {
        PyObject *all = PySlice_New(NULL, NULL, NULL);
        status = all == NULL ? -1 : PyObject_DelItem(buffer, all);
        Py_XDECREF(all);
    }
    Py_DECREF(buffer);
    return status;
}

/* b"".join(the list) */
static PyObject *
join_bytes(core_state *st, PyObject *list)
{
    if (PyList_GET_SIZE(list) == 1 && PyBytes_CheckExact(PyList_GET_ITEM(list, 0))) {
        return Py_NewRef(PyList_GET_ITEM(list, 0));
    }
    return PyObject_CallMethodOneArg(st->tls->no_bytes, st->names.join, list);
}

PyObject *
pyr_aggregate_flush(core_state *st, PyObject *op, PyObject *Py_UNUSED(data))
{
    Aggregate *self = plain_aggregate(st, op);
    if (self == NULL) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    if (PyList_GET_SIZE(self->buffer) == 0) {
        Py_RETURN_NONE;
    }
    PyObject *most = is_all_of_class(st, self)
                         ? Py_NewRef(st->tls->most_buffered)
                         : PyObject_GetAttr(op, st->names.MAX_BUFFER_SIZE);
    if (most == NULL) {
        return NULL;
    }
    Py_XSETREF(self->left, most);
    /* That may have run a finalizer's code, or a descriptor's of the program. */
    self = plain_aggregate(st, op);
    if (self == NULL) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    PyObject *write = Py_NewRef(self->write);
    PyObject *data = join_bytes(st, self->buffer);
    int status = data == NULL ? -1 : pyr_drop(PyObject_CallOneArg(write, data));
    Py_XDECREF(data);
    Py_DECREF(write);
    return pyr_none_or_error(status < 0 ? status : empty_buffer(self));
}

PyObject *
pyr_aggregate_scheduled_flush(core_state *st, PyObject *op, PyObject *Py_UNUSED(data))
{
    Aggregate *self = plain_aggregate(st, op);
    if (self == NULL) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    Py_XSETREF(self->scheduled, Py_NewRef(Py_None));
    return call_flush(st, self);
}

/* ---- the type ---- */

static PyGetSetDef aggregate_getset[] = {
    PYR_ATTRIBUTE("_write", Aggregate, write),
    PYR_ATTRIBUTE("_clock", Aggregate, clock),
    PYR_ATTRIBUTE("_closed", Aggregate, closed),
    PYR_ATTRIBUTE("_buffer", Aggregate, buffer),
    PYR_ATTRIBUTE("_bufferLeft", Aggregate, left),
    PYR_ATTRIBUTE("_scheduled", Aggregate, scheduled),
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL},
};

static PyMemberDef aggregate_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(Aggregate, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Aggregate, weakrefs), READONLY, NULL},
    {NULL},
};

/* Without the __dict__ that object.__new__() makes on CPython 3.11. */
static PyObject *
aggregate_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    return type->tp_alloc(type, 0);
}

static int
aggregate_traverse(Aggregate *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
#define X(field) Py_VISIT(self->field);
    AGGREGATE_OBJECTS(X)
#undef X
    return 0;
}

static int
aggregate_clear(Aggregate *self)
{
#define X(field) Py_CLEAR(self->field);
    AGGREGATE_OBJECTS(X)
#undef X
    return 0;
}

static void
aggregate_dealloc(Aggregate *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    PyObject_ClearWeakRefs((PyObject *)self);
    (void)aggregate_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

PyDoc_STRVAR(aggregate_doc,
             "The attributes of twisted.protocols.tls._AggregateSmallWrites.\n\n"
             "A base of the class that stands in for that one.");

static PyType_Slot aggregate_slots[] = {
    {Py_tp_doc, (void *)aggregate_doc}, {Py_tp_new, aggregate_new},
    {Py_tp_dealloc, aggregate_dealloc}, {Py_tp_traverse, aggregate_traverse},
    {Py_tp_clear, aggregate_clear},     {Py_tp_getset, aggregate_getset},
    {Py_tp_members, aggregate_members}, {0, NULL},
};

static PyType_Spec aggregate_spec = {
    .name = "pyreactor._core.Aggregate",
    .basicsize = sizeof(Aggregate),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = aggregate_slots,
};

int
pyr_aggregate_exec(PyObject *module, core_state *st)
{
    pyr_tls_state *tls = st->tls;
    tls->no_bytes = PyBytes_FromStringAndSize(NULL, 0);
    return tls->no_bytes == NULL
               ? -1
               : pyr_add_type(module, &aggregate_spec, NULL, &tls->aggregate_type);
}
