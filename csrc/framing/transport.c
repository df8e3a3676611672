/*
 * What the framings ask of a transport: whether it is closing, and to send a line.  For
 * our own connections, whose class leaves these as they are, without attribute access.
 */
#include "framing/parser.h"
#include "framing/framing.h"
#include "transport/state.h"
#include "transport/stream.h"

/* Whether an attribute of this class is the descriptor that StreamConnection was made
 * with.  StreamConnection itself may have been changed, too. */
static bool
is_of_stream(core_state *st, PyTypeObject *type, PyObject *name, PyTypeObject *kind)
{
    PyObject *found = pyr_standin_method(st, _PyType_Lookup(type, name));
    return found != NULL && Py_IS_TYPE(found, kind) &&
           PyDescr_TYPE(found) == st->transport->stream_type && PyDescr_NAME(found) == name;
}

/* What a class of transports has unchanged from StreamConnection. */
static const pyr_transport_class *
look_at_class(core_state *st, PyTypeObject *type)
{
    pyr_transport_class *known = &st->framing->transport_class;
    PyTypeObject *stream = st->transport->stream_type;
    memset(known, 0, sizeof(*known));
    if (PyType_IsSubtype(type, stream) && type->tp_getattro == stream->tp_getattro) {
        PyNumberMethods *number = type->tp_as_number;
        known->write = is_of_stream(st, type, st->names.write, &PyMethodDescr_Type);
        known->disconnecting =
            is_of_stream(st, type, st->framing->names.disconnecting, &PyGetSetDescr_Type);
        known->always_true =
            (number == NULL || number->nb_bool == NULL) &&
            (type->tp_as_mapping == NULL || type->tp_as_mapping->mp_length == NULL) &&
            (type->tp_as_sequence == NULL || type->tp_as_sequence->sq_length == NULL);
    }
    known->type = type;
    known->tag = pyr_type_tag(type); /* the look-up gives a type its tag */
    return known;
}

/* The same; the class seen last needs no look. */
static inline const pyr_transport_class *
transport_class(core_state *st, PyTypeObject *type)
{
    const pyr_transport_class *known = &st->framing->transport_class;
    unsigned int tag = pyr_type_tag(type);
    bool same = tag != 0 && tag == known->tag && type == known->type;
    return same ? known : look_at_class(st, type);
}

int
pyr_disconnecting(core_state *st, PyObject *transport)
{
    if (transport_class(st, Py_TYPE(transport))->disconnecting) {
        return pyr_stream_disconnecting((StreamConnection *)transport);
    }
    return pyr_attribute_true(transport, st->framing->names.disconnecting);
}

int
pyr_true_and_disconnecting(core_state *st, PyObject *transport)
{
    if (transport == Py_None) {
        return 0;
    }
    if (!transport_class(st, Py_TYPE(transport))->always_true) {
        int truth = PyObject_IsTrue(transport);
        if (truth <= 0) {
            return truth;
        }
    }
    return pyr_disconnecting(st, transport);
}

/* ---- LineReceiver.sendLine ------------------------------------------------- */

/* transport.write is the one of our C type, on this object too. */
static bool
writes_in_c(core_state *st, PyObject *transport)
{
    if (!transport_class(st, Py_TYPE(transport))->write) {
        return false;
    }
    PyObject *own = pyr_own_attribute(transport, st->names.write);
    if (own == NULL && PyErr_Occurred()) {
        PyErr_Clear();
        return false;
    }
    return own == NULL;
}

/* Two bytes objects joined; else whatever line + delimiter is in Python. */
static PyObject *
add_delimiter(PyObject *line, PyObject *delimiter)
{
    if (!PyBytes_CheckExact(line) || !PyBytes_CheckExact(delimiter)) {
        return PyNumber_Add(line, delimiter);
    }
    Py_ssize_t size = PyBytes_GET_SIZE(line);
    Py_ssize_t end_size = PyBytes_GET_SIZE(delimiter);
    if (size > PY_SSIZE_T_MAX - end_size) {
        return PyErr_NoMemory();
    }
    PyObject *whole = PyBytes_FromStringAndSize(NULL, size + end_size);
    if (whole != NULL) {
        char *place = PyBytes_AS_STRING(whole);
        memcpy(place, PyBytes_AS_STRING(line), (size_t)size);
        memcpy(place + size, PyBytes_AS_STRING(delimiter), (size_t)end_size);
    }
    return whole;
}

/* self.transport.write(line + self.delimiter), each looked up when Python does it. */
static PyObject *
send_line(core_state *st, PyObject *self, PyObject *line)
{
    PyObject *transport = PyObject_GetAttr(self, st->framing->names.transport);
    if (transport == NULL) {
        return NULL;
    }
    PyObject *write = NULL;
    bool in_c = writes_in_c(st, transport);
    if (!in_c) {
        write = PyObject_GetAttr(transport, st->names.write);
    }
    PyObject *delimiter = in_c || write != NULL
                              ? PyObject_GetAttr(self, st->framing->names.delimiter)
                              : NULL;
    PyObject *whole = delimiter == NULL ? NULL : add_delimiter(line, delimiter);
    PyObject *result = NULL;
    if (whole != NULL) {
        result = in_c ? pyr_stream_write_method((StreamConnection *)transport, whole)
                      : PyObject_CallOneArg(write, whole);
    }
    Py_XDECREF(whole);
    Py_XDECREF(delimiter);
    Py_XDECREF(write);
    Py_DECREF(transport);
    return result;
}

PyObject *
pyr_send_line_vectorcall(PyObject *callable, PyObject *const *args, size_t nargsf,
                         PyObject *kwnames)
{
    pyr_framing_method *method = (pyr_framing_method *)callable;
    if (PyVectorcall_NARGS(nargsf) != 2 || kwnames != NULL) {
        return PyObject_Vectorcall(method->stock, args, nargsf, kwnames);
    }
    return send_line(method->st, args[0], args[1]);
}
