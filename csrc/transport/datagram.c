/* Datagram ports: the types; see datagram.h. */
#include "transport/datagram_internal.h"

#include "core/attribute.h"

PyDoc_STRVAR(logPrefix_doc, "logPrefix($self)\n--\n\n"
                            "The prefix (str) to log with: logstr.\n\n"
                            "Mirrors twisted.internet.udp.Port.logPrefix.");

static PyObject *
datagram_logPrefix(DatagramPort *self, PyObject *Py_UNUSED(ignored))
{
    return PyObject_GetAttr((PyObject *)self, self->st->names.logstr);
}

PyDoc_STRVAR(
    doRead_doc,
    "doRead($self)\n--\n\n"
    "Receive what is there, up to maxThroughput bytes or a little more, and call\n"
    "protocol.datagramReceived(bytes, address) for each datagram.\n\n"
    "What that raises is logged.  Raises OSError if receiving fails.\n"
    "Mirrors twisted.internet.udp.Port.doRead.");

PyDoc_STRVAR(
    write_doc,
    "write($self, datagram, addr=None)\n--\n\n"
    "Send datagram (bytes) at once, to addr: a tuple of a numeric IPv4 or IPv6 address\n"
    "(str) and a port (int); None once the port is connected.\n\n"
    "Returns the number of bytes (int), or None where the peer refused an earlier one.\n"
    "Raises InvalidAddressError for a name or an address of another family,\n"
    "MessageLengthError if the datagram is too long, OSError if sending fails.\n"
    "Mirrors twisted.internet.udp.Port.write.");

static PyMethodDef datagram_methods[] = {
    {"doRead", (PyCFunction)pyr_datagram_read, METH_NOARGS, doRead_doc},
    {"logPrefix", (PyCFunction)datagram_logPrefix, METH_NOARGS, logPrefix_doc},
    {"write", (PyCFunction)(void (*)(void))pyr_datagram_write,
     METH_FASTCALL | METH_KEYWORDS, write_doc},
    {NULL},
};

static PyGetSetDef datagram_getset[] = {
    PYR_ATTRIBUTE("protocol", DatagramPort, protocol),
    PYR_ATTRIBUTE("socket", DatagramPort, socket),
    PYR_ATTRIBUTE("_connectedAddr", DatagramPort, connected_address),
    PYR_ATTRIBUTE("maxPacketSize", DatagramPort, packet_size),
    {NULL},
};

static PyObject *
datagram_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    core_state *st = pyr_state_of_type(type);
    if (st == NULL) {
        return NULL;
    }
    if (st->reactor->stock_datagram_write == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "import pyreactor.reactor first");
        return NULL;
    }
    DatagramPort *self = (DatagramPort *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->st = st;
    }
    return (PyObject *)self;
}

static int
datagram_traverse(DatagramPort *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->protocol);
    Py_VISIT(self->socket);
    Py_VISIT(self->connected_address);
    Py_VISIT(self->packet_size);
    return 0;
}

static int
datagram_clear(DatagramPort *self)
{
    Py_CLEAR(self->protocol);
    Py_CLEAR(self->socket);
    Py_CLEAR(self->connected_address);
    Py_CLEAR(self->packet_size);
    return 0;
}

static void
datagram_dealloc(DatagramPort *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)datagram_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

PyDoc_STRVAR(datagram_doc, "The hot half of a UDP port: receiving and sending.\n\n"
                           "To be mixed in before twisted.internet.udp.Port.");

static PyType_Slot datagram_slots[] = {
    {Py_tp_doc, (void *)datagram_doc}, {Py_tp_new, datagram_new},
    {Py_tp_dealloc, datagram_dealloc}, {Py_tp_traverse, datagram_traverse},
    {Py_tp_clear, datagram_clear},     {Py_tp_methods, datagram_methods},
    {Py_tp_getset, datagram_getset},   {0, NULL},
};

static PyType_Spec datagram_spec = {
    .name = "pyreactor._core.DatagramPort",
    .basicsize = sizeof(DatagramPort),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = datagram_slots,
};

PyDoc_STRVAR(unix_doc, "The hot half of a UNIX datagram port.\n\n"
                       "To be mixed in before twisted.internet.unix.DatagramPort.");

PyDoc_STRVAR(
    unix_write_doc,
    "write($self, datagram, address)\n--\n\n"
    "Send datagram (bytes) at once to address: a path (str or bytes) or an\n"
    "abstract name (bytes).\n\n"
    "Returns the number of bytes (int), or None where the peer takes no more now\n"
    "and the datagram is dropped.  Raises MessageLengthError if it is too long,\n"
    "OSError if sending fails.\n"
    "Mirrors twisted.internet.unix.DatagramPort.write.");

static PyMethodDef unix_methods[] = {
    {"write", (PyCFunction)(void (*)(void))pyr_datagram_unix_write,
     METH_FASTCALL | METH_KEYWORDS, unix_write_doc},
    {NULL},
};

static PyType_Slot unix_slots[] = {
    {Py_tp_doc, (void *)unix_doc},
    {Py_tp_methods, unix_methods},
    {0, NULL},
};

static PyType_Spec unix_spec = {
    .name = "pyreactor._core.UNIXDatagramPort",
    .basicsize = sizeof(DatagramPort),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = unix_slots,
};

PyDoc_STRVAR(connected_doc,
             "The hot half of a connected UNIX datagram port.\n\n"
             "To be mixed in before twisted.internet.unix.ConnectedDatagramPort.");

PyDoc_STRVAR(
    connected_doRead_doc,
    "doRead($self)\n--\n\n"
    "Receive what is there, up to maxThroughput bytes or a little more, and call\n"
    "protocol.datagramReceived(bytes) for each datagram.\n\n"
    "An OSError, of the socket or out of that call, is told by connectionRefused()\n"
    "if it is ECONNREFUSED, ends the reading if it is EAGAIN or EINTR, and is\n"
    "raised otherwise; all else is logged.\n"
    "Mirrors twisted.internet.unix.ConnectedDatagramPort.doRead.");

PyDoc_STRVAR(
    connected_write_doc,
    "write($self, data)\n--\n\n"
    "Send data (bytes) at once to the peer.\n\n"
    "Returns the number of bytes (int), or None where the peer takes no more now\n"
    "or refused: connectionRefused() of the protocol is called then.  Raises\n"
    "MessageLengthError if it is too long, OSError if sending fails.\n"
    "Mirrors twisted.internet.unix.ConnectedDatagramPort.write.");

static PyMethodDef connected_methods[] = {
    {"doRead", (PyCFunction)pyr_datagram_unix_connected_read, METH_NOARGS,
     connected_doRead_doc},
    {"write", (PyCFunction)(void (*)(void))pyr_datagram_unix_connected_write,
     METH_FASTCALL | METH_KEYWORDS, connected_write_doc},
    {NULL},
};

static PyType_Slot connected_slots[] = {
    {Py_tp_doc, (void *)connected_doc},
    {Py_tp_methods, connected_methods},
    {0, NULL},
};

static PyType_Spec connected_spec = {
    .name = "pyreactor._core.UNIXConnectedDatagramPort",
    .basicsize = sizeof(DatagramPort),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = connected_slots,
};

int
pyr_datagram_exec(PyObject *module, core_state *Py_UNUSED(st))
{
    PyTypeObject *base = pyr_add_type(module, &datagram_spec, NULL);
    if (base == NULL) {
        return -1;
    }
    PyTypeObject *plain = pyr_add_type(module, &unix_spec, (PyObject *)base);
    PyTypeObject *connected = pyr_add_type(module, &connected_spec, (PyObject *)base);
    int status = plain == NULL || connected == NULL ? -1 : 0;
    Py_DECREF(base);
    Py_XDECREF(plain);
    Py_XDECREF(connected);
    return status;
}
