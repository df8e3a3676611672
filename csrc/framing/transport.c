/*
 * What the framings ask of a transport: whether it is closing, and to send a line.  For
 * those of the module's own types, whose class leaves these as they are, without
 * attribute access.
 */
#include "core/call.h"
#include "core/override.h"
#include "core/transport_ops.h"
#include "framing/framing.h"
#include "framing/attributes.h"

/* Is an attribute of this class the descriptor that the type of transports was made with?
 * That type itself may have been changed, too. */
static bool
is_of_transport(core_state *st, PyTypeObject *type, PyObject *name, PyTypeObject *kind)
{
    PyObject *found = pyr_class_find(type, name);
    PyObject *method = pyr_standin_method(st, found);
    bool result = method != NULL && Py_IS_TYPE(method, kind) &&
                  PyDescr_TYPE(method) == st->transport_type &&
                  PyDescr_NAME(method) == name;
    Py_XDECREF(found);
    return result;
}

/* What a class of transports has unchanged from the module's type. */
static const pyr_transport_class *
look_at_transport(core_state *st, PyTypeObject *type)
{
    pyr_transport_class *known = &st->framing->transport_class;
    PyTypeObject *own_type = st->transport_type;
    PyObject *disconnecting = st->names.disconnecting;
    memset(known, 0, sizeof(*known));
    pyr_class_see(st, &known->seen, type);
    if (own_type != NULL && PyType_IsSubtype(type, own_type) &&
        type->tp_getattro == own_type->tp_getattro) {
        known->write = is_of_transport(st, type, st->names.write, &PyMethodDescr_Type);
        known->disconnecting =
            is_of_transport(st, type, disconnecting, &PyGetSetDescr_Type);
    }
    return known;
}

/* The same; the class seen last needs no look. */
static inline const pyr_transport_class *
transport_class(core_state *st, PyTypeObject *type)
{
    const pyr_transport_class *known = &st->framing->transport_class;
    return pyr_class_is_as_seen(&known->seen, type) ? known : look_at_transport(st, type);
}

/* Truth of transport.disconnecting or, if `checked`, of "transport and
 * transport.disconnecting"; -1: exception. */
static int
ask_transport(core_state *st, PyObject *transport, bool checked)
{
    int truth = checked ? PyObject_IsTrue(transport) : 1;
    if (truth <= 0) {
        return truth;
    }
    return transport_class(st, Py_TYPE(transport))->disconnecting
               ? st->transport_ops->disconnecting(transport)
               : pyr_attribute_true(transport, st->names.disconnecting);
}

int
pyr_closing(pyr_framing_method *method, pyr_buffer *b, PyObject *self, bool checked,
            int *fits)
{
    *fits = pyr_attributes_holds(method, b, self) &&
                    pyr_own_dict_is_checked(&b->view.own_seen)
                ? b->view.fits
                : pyr_attributes_refresh(method, b, self);
    if (*fits < 0) {
        return -1;
    }
    PyObject *known = *fits ? pyr_attributes_borrowed(b->view.value[AT_TRANSPORT]) : NULL;
    PyObject *transport = known != NULL
                              ? Py_NewRef(known)
                              : PyObject_GetAttr(self, method->st->names.transport);
    if (transport == NULL) {
        return -1;
    }
    int closing = ask_transport(method->st, transport, checked);
    Py_DECREF(transport);
    if (closing == 0) {
        *fits = pyr_attributes_ready(method, b, self);
    }
    return *fits < 0 ? -1 : closing;
}

/* ---- LineReceiver.sendLine ------------------------------------------------- */

/* transport.write is the one of the module's type, on this object too. */
static bool
writes_in_c(core_state *st, PyObject *transport)
{
    PyObject *own;
    if (!transport_class(st, Py_TYPE(transport))->write) {
        return false;
    }
    int found = pyr_own_dict_get(transport, st->names.write, &own);
    Py_XDECREF(own);
    PyErr_Clear();
    return found == 0;
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

/* The view of a protocol of lines that received last, if it fits now; else NULL. */
static pyr_view *
view_of(core_state *st, PyObject *self)
{
    pyr_buffer *b = st->framing->recent;
    if (b == NULL || b->owner != self || b->view.kind == NULL ||
        !b->view.kind->delimited ||
        !pyr_class_is_as_seen(&b->view.class_seen, Py_TYPE(self)) ||
        !pyr_own_dict_is_as_seen(&b->view.own_seen)) {
        return NULL;
    }
    return b->view.fits ? &b->view : NULL;
}

static PyObject *
transport_for_lines(core_state *st, PyObject *self)
{
    pyr_view *view = view_of(st, self);
    PyObject *transport = NULL;
    if (view != NULL) {
        pyr_own_dict_begin(&view->own_seen);
        transport = pyr_own_dict_is_checked(&view->own_seen)
                        ? pyr_attributes_borrowed(view->value[AT_TRANSPORT])
                        : NULL;
    }
    return transport != NULL ? Py_NewRef(transport)
                             : PyObject_GetAttr(self, st->names.transport);
}

static PyObject *
delimiter_for_lines(core_state *st, PyObject *self)
{
    const pyr_view *view = view_of(st, self);
    return view != NULL ? Py_NewRef(view->delimiter_from)
                        : PyObject_GetAttr(self, st->names.delimiter);
}

/* self.transport.write(line + self.delimiter), each looked up when Python does it. */
static PyObject *
send_line(core_state *st, PyObject *self, PyObject *line)
{
    PyObject *transport = transport_for_lines(st, self);
    if (transport == NULL) {
        return NULL;
    }
    PyObject *write = NULL;
    bool in_c = writes_in_c(st, transport);
    if (!in_c) {
        write = PyObject_GetAttr(transport, st->names.write);
    }
    PyObject *delimiter = in_c || write != NULL ? delimiter_for_lines(st, self) : NULL;
    PyObject *whole = delimiter == NULL ? NULL : add_delimiter(line, delimiter);
    PyObject *result = NULL;
    if (whole != NULL) {
        result = in_c ? st->transport_ops->write(transport, whole)
                      : PyObject_CallOneArg(write, whole);
    }
    Py_XDECREF(whole);
    Py_XDECREF(delimiter);
    Py_XDECREF(write);
    Py_DECREF(transport);
    return result;
}

PyObject *
pyr_send_line(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    return nargs != 2 ? pyr_call_refused(2, nargs)
                      : send_line(pyr_module_state(module), args[0], args[1]);
}
