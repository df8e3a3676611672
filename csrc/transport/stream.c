/* Stream connections: the types and their methods; see stream.h. */
#include "transport/stream_internal.h"

#include <sys/socket.h>
#include <unistd.h>

#include "core/call.h"
#include "core/objects.h"
#include "loop/loop.h"
#include "loop/state.h"
#include "transport/state.h"
#include "transport/kind.h"

/* ---- methods: reading and writing ---- */

PyDoc_STRVAR(startReading_doc,
             "startReading($self)\n--\n\n"
             "Ask the reactor to call doRead when there is something to read.\n\n"
             "Raises ValueError if the descriptor is closed.\n"
             "Mirrors twisted.internet.abstract.FileDescriptor.startReading.");

PyDoc_STRVAR(stopReading_doc,
             "stopReading($self)\n--\n\nStop calling doRead.\n\n"
             "Mirrors twisted.internet.abstract.FileDescriptor.stopReading.");

PyDoc_STRVAR(startWriting_doc,
             "startWriting($self)\n--\n\n"
             "Have doWrite called, at the end of this iteration at the earliest.\n\n"
             "Raises ValueError if the descriptor is closed.\n"
             "Mirrors twisted.internet.abstract.FileDescriptor.startWriting.");

PyDoc_STRVAR(stopWriting_doc,
             "stopWriting($self)\n--\n\nStop calling doWrite.\n\n"
             "Mirrors twisted.internet.abstract.FileDescriptor.stopWriting.");

#define WATCH_METHOD(name, event, start)                                       \
    static PyObject *stream_##name(StreamConnection *self, PyObject *ignored)  \
    {                                                                          \
        (void)ignored;                                                         \
        return pyr_none_or_error(pyr_stream_change_watch(self, event, start)); \
    }

WATCH_METHOD(startReading, PYR_READ, true)
WATCH_METHOD(stopReading, PYR_READ, false)
WATCH_METHOD(startWriting, PYR_WRITE, true)
WATCH_METHOD(stopWriting, PYR_WRITE, false)

PyDoc_STRVAR(doRead_doc,
             "doRead($self)\n--\n\n"
             "Receive once and call protocol.dataReceived(bytes).\n\n"
             "Returns None, or why the connection ends (an exception instance).\n"
             "Mirrors twisted.internet.tcp.Connection.doRead.");

static PyObject *
stream_doRead(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    return self->overrides & OWN_SOCKET
               ? pyr_stream_call_method(self, self->st->names._stockDoRead)
               : pyr_stream_do_read(self);
}

PyDoc_STRVAR(doWrite_doc,
             "doWrite($self)\n--\n\n"
             "Send what is queued, as far as the kernel takes it.\n\n"
             "Returns None, or why the connection ends (an exception instance).\n"
             "Mirrors twisted.internet.abstract.FileDescriptor.doWrite.");

static PyObject *
stream_doWrite(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    if (self->overrides & (OWN_SEND | OWN_SOCKET)) { /* stock's calls writeSomeData */
        return PyObject_CallOneArg(self->st->transport->stock_doWrite, (PyObject *)self);
    }
    return pyr_stream_do_write(self);
}

PyDoc_STRVAR(write_doc,
             "write($self, data, /)\n--\n\n"
             "Queue data (bytes) to be sent, in order; through TLS after startTLS.\n\n"
             "Does nothing on a connection that is closed or half-closed for writing.\n"
             "Raises TypeError if data is not bytes.\n"
             "Mirrors twisted.internet.interfaces.ITransport.write.");

PyDoc_STRVAR(writePlain_doc,
             "_writePlain($self, data, /)\n--\n\n"
             "write() below TLS: what the TLS protocol itself sends through.");

PyDoc_STRVAR(writeSequence_doc,
             "writeSequence($self, iovec, /)\n--\n\n"
             "write() each item of iovec (an iterable of bytes).\n\n"
             "Raises TypeError, and queues nothing, if an item is not bytes.\n"
             "Mirrors twisted.internet.interfaces.ITransport.writeSequence.");

PyDoc_STRVAR(writeSequencePlain_doc,
             "_writeSequencePlain($self, iovec, /)\n--\n\n"
             "writeSequence() below TLS: what the TLS protocol itself sends through.");

/* ---- methods: the descriptor ---- */

PyDoc_STRVAR(fileno_doc, "fileno($self)\n--\n\n"
                         "The descriptor's number (int), or -1 when it is closed.\n\n"
                         "Mirrors twisted.internet.abstract.FileDescriptor.fileno.");

static PyObject *
stream_fileno(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLong(pyr_stream_descriptor(self));
}

PyDoc_STRVAR(adopt_doc,
             "_adopt($self, fd, family, protocol, sessionno, /)\n--\n\n"
             "Own the accepted, non-blocking descriptor fd (int) of the address\n"
             "family (int), for a protocol; sessionno (int) is its number on the port.\n"
             "Its Python socket and its logstr are made when they are asked for.");

static PyObject *
stream_adopt(StreamConnection *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 4) {
        return pyr_call_refused(4, nargs);
    }
    long fd = PyLong_AsLong(args[0]);
    long family = fd == -1 ? -1 : PyLong_AsLong(args[1]);
    long session = family == -1 ? -1 : PyLong_AsLong(args[3]);
    if (session == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (self->fd >= 0 || self->socket != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "this connection has a descriptor");
        return NULL;
    }
    self->fd = (int)fd;
    self->family = (short)family;
    self->session = session;
    Py_XSETREF(self->protocol, Py_NewRef(args[2]));
    Py_CLEAR(self->logstr);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(markLost_doc, "_markLost($self)\n--\n\n"
                           "Be disconnected, and connected no more.\n\n"
                           "Returns False if the socket attribute is gone already.");

static PyObject *
stream_markLost(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    if (self->fd < 0 && self->socket == NULL) {
        Py_RETURN_FALSE;
    }
    self->disconnected = 1;
    self->connected = 0;
    Py_RETURN_TRUE;
}

PyDoc_STRVAR(
    closeDescriptor_doc,
    "_closeDescriptor($self, orderly, /)\n--\n\n"
    "Give the watch back and, where no Python socket owns the descriptor, close\n"
    "it: with a shutdown if orderly (bool), else with a reset to the peer.\n\n"
    "Returns False if a Python socket is there, and must be closed by the caller.");

static PyObject *
stream_closeDescriptor(StreamConnection *self, PyObject *orderly)
{
    int is_orderly = PyObject_IsTrue(orderly);
    if (is_orderly < 0) {
        return NULL;
    }
    pyr_stream_forget_watch(self);
    if (self->socket != NULL || self->fd < 0) {
        Py_RETURN_FALSE;
    }
    if (is_orderly) {
        (void)shutdown(self->fd, SHUT_RDWR);
    } else {
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(self->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    pyr_stream_close_descriptor(self);
    Py_RETURN_TRUE;
}

PyDoc_STRVAR(resumeProducing_doc,
             "resumeProducing($self)\n--\n\n"
             "Start reading again, if the connection stands and is not being lost.\n\n"
             "Mirrors twisted.internet.abstract.FileDescriptor.resumeProducing.");

static PyObject *
stream_resumeProducing(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    return pyr_none_or_error(
        self->connected && !self->disconnecting
            ? pyr_call_dropping((PyObject *)self, self->st->names.startReading, NULL)
            : 0);
}

PyDoc_STRVAR(isSendBufferFull_doc,
             "_isSendBufferFull($self)\n--\n\n"
             "Whether more than bufferSize bytes are unsent.\n\n"
             "Mirrors twisted.internet.abstract.FileDescriptor._isSendBufferFull.");

PyDoc_STRVAR(maybePauseProducer_doc,
             "_maybePauseProducer($self)\n--\n\n"
             "Pause the streaming producer, if there is one and _isSendBufferFull().\n\n"
             "Mirrors twisted.internet.abstract.FileDescriptor._maybePauseProducer.");

static PyMethodDef stream_methods[] = {
    {"startReading", (PyCFunction)stream_startReading, METH_NOARGS, startReading_doc},
    {"stopReading", (PyCFunction)stream_stopReading, METH_NOARGS, stopReading_doc},
    {"startWriting", (PyCFunction)stream_startWriting, METH_NOARGS, startWriting_doc},
    {"stopWriting", (PyCFunction)stream_stopWriting, METH_NOARGS, stopWriting_doc},
    {"resumeProducing", (PyCFunction)stream_resumeProducing, METH_NOARGS,
     resumeProducing_doc},
    {"_isSendBufferFull", (PyCFunction)pyr_stream_is_full, METH_NOARGS,
     isSendBufferFull_doc},
    {"_maybePauseProducer", (PyCFunction)pyr_stream_maybe_pause, METH_NOARGS,
     maybePauseProducer_doc},
    {"doRead", (PyCFunction)stream_doRead, METH_NOARGS, doRead_doc},
    {"doWrite", (PyCFunction)stream_doWrite, METH_NOARGS, doWrite_doc},
    {"write", (PyCFunction)pyr_stream_write_method, METH_O, write_doc},
    {"_writePlain", (PyCFunction)pyr_stream_write, METH_O, writePlain_doc},
    {"writeSequence", (PyCFunction)pyr_stream_write_sequence_method, METH_O,
     writeSequence_doc},
    {"_writeSequencePlain", (PyCFunction)pyr_stream_write_sequence, METH_O,
     writeSequencePlain_doc},
    {"fileno", (PyCFunction)stream_fileno, METH_NOARGS, fileno_doc},
    {"_adopt", (PyCFunction)(void (*)(void))stream_adopt, METH_FASTCALL, adopt_doc},
    {"_markLost", (PyCFunction)stream_markLost, METH_NOARGS, markLost_doc},
    {"_closeDescriptor", (PyCFunction)stream_closeDescriptor, METH_O,
     closeDescriptor_doc},
    {NULL},
};

/* ---- the type ---- */

core_state *
pyr_stream_state(PyTypeObject *type)
{
    core_state *st = pyr_state_of_type(type);
    if (st != NULL && st->transport->stock_doWrite == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "import pyreactor.reactor first");
        return NULL;
    }
    return st;
}

/* object.__new__(type), after which CPython 3.11 and 3.12 hold the attributes of an
 * instance without a dict until somebody asks for that. */
static PyObject *
make_object(PyTypeObject *type)
{
    PyObject *nothing = PyTuple_New(0);
    PyObject *self =
        nothing == NULL ? NULL : PyBaseObject_Type.tp_new(type, nothing, NULL);
    Py_XDECREF(nothing);
    return self;
}

PyObject *
pyr_stream_new(core_state *st, PyTypeObject *type, const pyr_stream_kind *kind,
               int overrides)
{
    StreamConnection *self = overrides < 0 ? NULL : (StreamConnection *)make_object(type);
    if (self == NULL) {
        return NULL;
    }
    self->st = st;
    self->ops = kind->ops;
    self->kind = kind;
    self->fd = -1;
    self->logstr = Py_NewRef(kind->is_socket ? st->names.Uninitialized : st->names.dash);
    self->class_overrides = self->overrides = (char)overrides;
    self->connected = kind->connected;
    return (PyObject *)self;
}

static ssize_t
receive_from_socket(int fd, struct iovec *items, int Py_UNUSED(count))
{
    return recv(fd, items[0].iov_base, items[0].iov_len, 0);
}

static ssize_t
send_to_socket(int fd, struct iovec *items, int count)
{
    struct msghdr message = {.msg_iov = items, .msg_iovlen = (size_t)count};
    return count == 1 ? send(fd, items[0].iov_base, items[0].iov_len, MSG_NOSIGNAL)
                      : sendmsg(fd, &message, MSG_NOSIGNAL);
}

#define SOCKET_KIND                                                          \
    .ops = &pyr_stream_socket_ops, .overrides = pyr_stream_socket_overrides, \
    .receive = receive_from_socket, .send = send_to_socket, .is_socket = true

static const pyr_stream_kind socket_kinds[] = {
    {SOCKET_KIND},
    {SOCKET_KIND, .is_unix = true},
};

/* Find what the module state tells of the class; -1 with an exception set. */
static int
look_at_connection_class(core_state *st, PyTypeObject *type)
{
    static const char *const names[] = {"TCP", "UNIX", NULL};
    pyr_transport_state *known = st->transport;
    pyr_class_seen seen;
    pyr_class_see(st, &seen, type);
    known->connection_class = (pyr_class_seen){NULL, 0};
    int kind = pyr_kind_of(type, names);
    int overrides =
        kind < 0 ? -1 : pyr_stream_class_overrides(st, type, pyr_stream_socket_overrides);
    if (overrides < 0) {
        return -1;
    }
    known->connection_class = seen;
    known->connection_kind = kind;
    known->connection_overrides = overrides;
    return 0;
}

static PyObject *
stream_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    core_state *st = pyr_stream_state(type);
    if (st == NULL || (!pyr_class_is_as_seen(&st->transport->connection_class, type) &&
                       look_at_connection_class(st, type) < 0)) {
        return NULL;
    }
    return pyr_stream_new(st, type, &socket_kinds[st->transport->connection_kind],
                          st->transport->connection_overrides);
}

static const pyr_given stream_objects[] = {
    PYR_MADE(StreamConnection, loop),
    PYR_MADE(StreamConnection, reactor),
    PYR_MADE(StreamConnection, protocol),
    PYR_MADE(StreamConnection, socket),
    PYR_MADE(StreamConnection, producer),
    PYR_MADE(StreamConnection, data_buffer),
    PYR_MADE(StreamConnection, temp_buffer),
    PYR_MADE(StreamConnection, descriptors),
    PYR_MADE(StreamConnection, logstr),
    PYR_MADE(StreamConnection, first_socket),
    {NULL},
};

static int
stream_traverse(StreamConnection *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return pyr_given_visit(stream_objects, self, visit, arg);
}

static int
stream_clear(StreamConnection *self)
{
    if (self->kind != NULL) { /* NULL: there was no memory for its attributes */
        pyr_stream_close_descriptor(self);
    }
    pyr_given_clear(stream_objects, self);
    self->offset = self->temp_length = 0;
    return 0;
}

static void
stream_dealloc(StreamConnection *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)stream_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

PyDoc_STRVAR(
    stream_doc,
    "The hot half of a stream connection: receive, write queue, gathered send.\n\n"
    "To be mixed in before twisted.internet.tcp.Connection or unix.Server; _kind (str)\n"
    "tells which: \"TCP\" or \"UNIX\".  With the latter descriptors may pass beside the\n"
    "bytes: what comes is given to _ancillaryReceived, and what waits in _descriptors,\n"
    "which stock calls _sendmsgQueue, goes by stock's doWrite.  That class's\n"
    "writeSomeData is _stockWriteSomeData, to tell whether it was replaced, and its\n"
    "doRead is _stockDoRead, for sockets that are not Python's own.");

static PyType_Slot stream_slots[] = {
    {Py_tp_doc, (void *)stream_doc},   {Py_tp_new, stream_new},
    {Py_tp_dealloc, stream_dealloc},   {Py_tp_traverse, stream_traverse},
    {Py_tp_clear, stream_clear},       {Py_tp_setattro, pyr_stream_setattro},
    {Py_tp_methods, stream_methods},   {Py_tp_members, pyr_stream_members},
    {Py_tp_getset, pyr_stream_getset}, {0, NULL},
};

static PyType_Spec stream_spec = {
    .name = "pyreactor._core.StreamConnection",
    .basicsize = sizeof(StreamConnection),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = stream_slots,
};

static PyObject *
ops_write(PyObject *transport, PyObject *data)
{
    return pyr_stream_write_method((StreamConnection *)transport, data);
}

static bool
ops_disconnecting(PyObject *transport)
{
    return ((StreamConnection *)transport)->disconnecting;
}

static Py_ssize_t
ops_send_file(PyObject *transport, int file, long long offset, Py_ssize_t most)
{
    return pyr_stream_send_file((StreamConnection *)transport, file, offset, most);
}

static int
ops_await_room(PyObject *transport)
{
    return pyr_stream_await_room((StreamConnection *)transport);
}

static const pyr_transport_ops transport_ops = {
    .write = ops_write,
    .disconnecting = ops_disconnecting,
    .send_file = ops_send_file,
    .await_room = ops_await_room,
};

int
pyr_stream_exec(PyObject *module, core_state *st)
{
    st->transport_ops = &transport_ops;
    int status = pyr_add_type(module, &stream_spec, st->loop->selectable_type,
                              &st->transport->stream_type);
    st->transport_type = st->transport->stream_type;
    return status;
}
