/* Which of a stream's methods its class or the instance replaces; see stream.h. */
#include "transport/stream_internal.h"

#include "loop/flush.h"
#include "transport/state.h"

/* A class stands for what it has under the name; nothing, for _stockWriteSomeData. */
#define EXPECTED(field)                      \
    {                                        \
        offsetof(pyr_transport_state, field) \
    }
#define C_METHOD EXPECTED(stream_type)

const pyr_override pyr_stream_socket_overrides[] = {
    {PYR_NAME(doRead), C_METHOD, OWN_READ},
    {PYR_NAME(doWrite), C_METHOD, OWN_WRITE},
    {PYR_NAME(writeSomeData), {0}, OWN_SEND},
    {PYR_NAME(logPrefix), EXPECTED(stock_logPrefix), OWN_PREFIX},
    {PYR_NAME(bufferSize), {0}, OWN_SIZE},
    {0},
};

const pyr_override pyr_stream_file_overrides[] = {
    {PYR_NAME(doRead), C_METHOD, OWN_READ},
    {PYR_NAME(doWrite), C_METHOD, OWN_WRITE},
    {PYR_NAME(writeSomeData), {0}, OWN_SEND},
    {PYR_NAME(logPrefix), EXPECTED(stock_descriptor_logPrefix), OWN_PREFIX},
    {PYR_NAME(startReading), C_METHOD, OWN_WATCH},
    {PYR_NAME(stopReading), C_METHOD, OWN_WATCH},
    {PYR_NAME(startWriting), C_METHOD, OWN_WATCH},
    {PYR_NAME(stopWriting), C_METHOD, OWN_WATCH},
    {0},
};

/* A new reference. */
static PyObject *
expected_method(core_state *st, PyTypeObject *type, const pyr_override *entry)
{
    if (entry->bit == OWN_SEND) {
        return PyObject_GetAttr((PyObject *)type, st->names._stockWriteSomeData);
    }
    PyObject *expected = *(PyObject **)((char *)st->transport + entry->expected[0]);
    return PyType_Check(expected)
               ? PyObject_GetAttr(expected, pyr_name_at(st, entry->name))
               : Py_NewRef(expected);
}

/* Has the class another method than C's or Twisted's?  -1 with an exception set. */
static int
replaces_method(core_state *st, PyTypeObject *type, const pyr_override *entry)
{
    /* By the class's own look-up, as Twisted's class may be asked at the time. */
    PyObject *found = PyObject_GetAttr((PyObject *)type, pyr_name_at(st, entry->name));
    PyObject *expected = found == NULL ? NULL : expected_method(st, type, entry);
    int replaces = expected == NULL ? -1 : !pyr_is_expected(st, found, expected);
    Py_XDECREF(found);
    Py_XDECREF(expected);
    return replaces;
}

/* May its instances have another bufferSize than stock's, before they are given one? */
static bool
replaces_size(core_state *st, PyTypeObject *type)
{
    int overflow = 0;
    PyObject *found = pyr_class_find(type, st->names.bufferSize);
    bool is_default = type->tp_getattro == PyObject_GenericGetAttr && found != NULL &&
                      PyLong_CheckExact(found) &&
                      PyLong_AsLongAndOverflow(found, &overflow) == DEFAULT_BUFFER_SIZE;
    Py_XDECREF(found);
    return !is_default;
}

int
pyr_stream_class_overrides(core_state *st, PyTypeObject *type, const pyr_override *table)
{
    unsigned int bits = 0;
    for (const pyr_override *entry = table; entry->bit != 0; entry++) {
        int replaces = entry->bit == OWN_SIZE ? replaces_size(st, type)
                                              : replaces_method(st, type, entry);
        if (replaces < 0) {
            return -1;
        }
        bits |= replaces ? entry->bit : 0;
    }
    return (int)bits;
}

/* What the instance's own attributes replace, which is OWN_*. */
static unsigned int
instance_overrides(StreamConnection *self)
{
    PyObject *dict = pyr_instance_dict((PyObject *)self);
    unsigned int bits = 0;
    for (const pyr_override *entry = self->kind->overrides; entry->bit != 0; entry++) {
        PyObject *name = pyr_name_at(self->st, entry->name);
        int has = dict == NULL ? 0 : PyDict_Contains(dict, name);
        if (has < 0) { /* a name that is no str, and refuses to be compared */
            PyErr_Clear();
        }
        bits |= has > 0 ? entry->bit : 0;
    }
    Py_XDECREF(dict);
    return bits;
}

/* It has another class now, which may replace other methods. */
static int
look_at_new_class(StreamConnection *self)
{
    int bits = pyr_stream_class_overrides(self->st, Py_TYPE(self), self->kind->overrides);
    if (bits < 0) {
        return -1;
    }
    self->class_overrides = (char)bits;
    self->overrides = (char)((unsigned int)bits | instance_overrides(self) |
                             (unsigned int)(self->overrides & OWN_SOCKET));
    return 0;
}

/* It has come to replace this method, or does so no more. */
static void
note_override(StreamConnection *self, unsigned int bit, bool is_set)
{
    self->overrides =
        (char)(is_set ? self->overrides | bit
                      : (self->overrides & ~bit) | (self->class_overrides & bit));
}

int
pyr_stream_setattro(PyObject *op, PyObject *name, PyObject *value)
{
    StreamConnection *self = (StreamConnection *)op;
    if (PyObject_GenericSetAttr(op, name, value) < 0) {
        return -1;
    }
    char before = self->overrides;
    unsigned int bit = pyr_override_bit(self->st, self->kind->overrides, name);
    if (bit != 0) {
        note_override(self, bit, value != NULL);
    } else if (name == self->st->names.fileno && value != NULL &&
               self->first_socket != NULL) {
        return pyr_stream_follow_fileno(self);
    } else if (name != self->st->names.dunder_class) {
        return 0;
    } else if (look_at_new_class(self) < 0) {
        return -1;
    }
    bool changed = ((before | self->overrides) & OWN_OUTPUT) != 0;
    return changed && self->writing && self->loop != NULL ? pyr_stream_send_by_other(self)
                                                          : 0;
}
