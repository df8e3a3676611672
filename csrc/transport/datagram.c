/* Datagram ports: the type; see datagram.h. */
#include "transport/datagram_internal.h"

#include "core/attribute.h"
#include "transport/kind.h"

PyDoc_STRVAR(
    doRead_doc,
    "doRead($self)\n--\n\n"
    "Receive what is there, up to maxThroughput bytes or a little more, and call\n"
    "protocol.datagramReceived(bytes, address) for each datagram; without the\n"
    "address if the port is a connected one of UNIX sockets.\n\n"
    "What that raises is logged, and OSError raised if receiving fails; but for such\n"
    "a port an OSError from either is told by connectionRefused() if it is\n"
    "ECONNREFUSED, ends the reading if it is EAGAIN or EINTR, and is raised otherwise.\n"
    "Mirrors doRead of twisted.internet.udp.Port and unix.ConnectedDatagramPort.");

PyDoc_STRVAR(
    write_doc,
    "write($self, datagram, addr=None)\n--\n\n"
    "Send datagram (bytes) at once, to addr: a tuple of a numeric IPv4 or IPv6 address\n"
    "(str) and a port (int), or a UNIX socket's path (str or bytes) or abstract name\n"
    "(bytes); None once the port is connected.\n\n"
    "Returns the number of bytes (int), or None where it was dropped: the peer\n"
    "refused an earlier one, or a UNIX socket takes no more now.\n"
    "Raises InvalidAddressError for a name or an address of another family,\n"
    "MessageLengthError if the datagram is too long, OSError if sending fails.\n"
    "Mirrors write of twisted.internet.udp.Port, unix.DatagramPort and\n"
    "unix.ConnectedDatagramPort.");

PyDoc_STRVAR(logPrefix_doc, "logPrefix($self)\n--\n\n"
                            "The prefix (str) to log with: logstr.\n\n"
                            "Mirrors twisted.internet.udp.Port.logPrefix.");

static PyObject *
datagram_logPrefix(DatagramPort *self, PyObject *Py_UNUSED(ignored))
{
    return PyObject_GetAttr((PyObject *)self, self->st->names.logstr);
}

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
    static const char *const kinds[] = {
        [DATAGRAM_UDP] = "UDP",
        [DATAGRAM_UNIX] = "UNIX",
        [DATAGRAM_UNIX_CONNECTED] = "connected UNIX",
        NULL,
    };
    core_state *st = pyr_state_of_type(type);
    if (st == NULL) {
        return NULL;
    }
    if (st->transport->stock_datagram_write == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "import pyreactor.reactor first");
        return NULL;
    }
    int kind = pyr_kind_of(type, kinds);
    DatagramPort *self = kind < 0 ? NULL : (DatagramPort *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->st = st;
        self->kind = kind;
    }
    return (PyObject *)self;
}

static const pyr_given datagram_objects[] = {
    PYR_MADE(DatagramPort, protocol),
    PYR_MADE(DatagramPort, socket),
    PYR_MADE(DatagramPort, connected_address),
    PYR_MADE(DatagramPort, packet_size),
    {NULL},
};

static int
datagram_traverse(DatagramPort *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return pyr_given_visit(datagram_objects, self, visit, arg);
}

static int
datagram_clear(DatagramPort *self)
{
    pyr_given_clear(datagram_objects, self);
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

PyDoc_STRVAR(
    datagram_doc,
    "The hot half of a datagram port: receiving and sending.\n\n"
    "To be mixed in before twisted.internet.udp.Port, unix.DatagramPort or\n"
    "unix.ConnectedDatagramPort; which of them, the class's _kind (str) tells: \"UDP\",\n"
    "\"UNIX\" or \"connected UNIX\".");

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

int
pyr_datagram_exec(PyObject *module, core_state *Py_UNUSED(st))
{
    return pyr_add_type(module, &datagram_spec, NULL, NULL);
}
