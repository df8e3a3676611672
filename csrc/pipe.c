/*
 * Pipes to a child process: streams that are read and written by read(2) and writev(2);
 * see pipe.h and stream.h.
 *
 * The descriptor belongs to the process's transport, which closes it after
 * connectionLost.
 */
#include "pipe.h"

#include <sys/uio.h>
#include <unistd.h>

#include "poller.h"
#include "stream.h"

/* ---- reading and writing ---- */

static ssize_t
pipe_receive(int fd, char *data, size_t size)
{
    return read(fd, data, size);
}

static ssize_t
pipe_send(int fd, const struct iovec *items, int count)
{
    return count == 0 ? 0 : writev(fd, items, count);
}

/* self.dataReceived(data) */
static int
pipe_deliver(core_state *st, PyObject *stream, const char *data, Py_ssize_t size)
{
    PyObject *bytes = PyBytes_FromStringAndSize(data, size);
    if (bytes == NULL) {
        return -1;
    }
    PyObject *result = PyObject_CallMethodOneArg(stream, st->names.dataReceived, bytes);
    Py_DECREF(bytes);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static const pyr_stream_kind pipe_kind = {
    .receive = pipe_receive,
    .send = pipe_send,
    .deliver = pipe_deliver,
};

/* ---- what both types have ---- */

static PyObject *
pipe_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    return pyr_stream_new(type, &pipe_kind);
}

static PyObject *
pipe_get_fd(StreamConnection *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(pyr_stream_descriptor(self));
}

static int
pipe_set_fd(StreamConnection *self, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "fd");
        return -1;
    }
    int fd = PyObject_AsFileDescriptor(value);
    if (fd < 0) {
        return -1;
    }
    pyr_stream_set_descriptor(self, fd);
    return 0;
}

PyDoc_STRVAR(fd_doc, "The descriptor (int), also once it is closed.");

PyDoc_STRVAR(forgetDescriptor_doc,
             "_forgetDescriptor($self)\n--\n\n"
             "Stop reading and writing for good: the descriptor may be closed now.");

static PyObject *
pipe_forgetDescriptor(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    pyr_stream_forget_poller(self);
    Py_RETURN_NONE;
}

static PyMethodDef pipe_methods[] = {
    {"_forgetDescriptor", (PyCFunction)pipe_forgetDescriptor, METH_NOARGS,
     forgetDescriptor_doc},
    {NULL},
};

/* ---- PipeReader ---- */

PyDoc_STRVAR(reader_doc, "The hot half of twisted.internet.process.ProcessReader.\n\n"
                         "What is read goes to self.dataReceived(bytes).");

static PyGetSetDef reader_getset[] = {
    {"fd", (getter)pipe_get_fd, (setter)pipe_set_fd, fd_doc, NULL},
    {NULL},
};

static PyType_Slot reader_slots[] = {
    {Py_tp_doc, (void *)reader_doc},
    {Py_tp_new, pipe_new},
    {Py_tp_methods, pipe_methods},
    {Py_tp_getset, reader_getset},
    {0, NULL},
};

static PyType_Spec reader_spec = {
    .name = "pyreactor._core.PipeReader",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = reader_slots,
};

/* ---- PipeWriter ---- */

PyDoc_STRVAR(write_doc, "write($self, data, /)\n--\n\n"
                        "Queue data (bytes) to be written, in order.\n\n"
                        "Raises TypeError if data is not bytes.\n"
                        "Mirrors twisted.internet.process.ProcessWriter.write.");

static PyObject *
writer_write(StreamConnection *self, PyObject *data)
{
    if (pyr_stream_change(self, PYR_READ, false) < 0) {
        return NULL;
    }
    return pyr_stream_write(self, data);
}

static PyObject *
writer_get_enableReadHack(StreamConnection *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(pyr_stream_reads_when_sent(self));
}

static int
writer_set_enableReadHack(StreamConnection *self, PyObject *value,
                          void *Py_UNUSED(closure))
{
    int truth = value == NULL ? 0 : PyObject_IsTrue(value);
    if (truth < 0) {
        return -1;
    }
    pyr_stream_set_reads_when_sent(self, truth);
    return 0;
}

PyDoc_STRVAR(writer_doc,
             "The hot half of twisted.internet.process.ProcessWriter.\n\n"
             "Once all is written, and if enableReadHack is true, it reads again, to\n"
             "hear that the other end is closed.");

static PyMethodDef writer_methods[] = {
    {"write", (PyCFunction)writer_write, METH_O, write_doc},
    {"_forgetDescriptor", (PyCFunction)pipe_forgetDescriptor, METH_NOARGS,
     forgetDescriptor_doc},
    {NULL},
};

static PyGetSetDef writer_getset[] = {
    {"fd", (getter)pipe_get_fd, (setter)pipe_set_fd, fd_doc, NULL},
    {"enableReadHack", (getter)writer_get_enableReadHack,
     (setter)writer_set_enableReadHack, NULL, NULL},
    {NULL},
};

static PyType_Slot writer_slots[] = {
    {Py_tp_doc, (void *)writer_doc},
    {Py_tp_new, pipe_new},
    {Py_tp_methods, writer_methods},
    {Py_tp_getset, writer_getset},
    {0, NULL},
};

static PyType_Spec writer_spec = {
    .name = "pyreactor._core.PipeWriter",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = writer_slots,
};

/* ---- the module ---- */

static int
add_type(PyObject *module, core_state *st, PyType_Spec *spec)
{
    PyTypeObject *type = pyr_add_type(module, spec, (PyObject *)st->reactor.stream_type);
    Py_XDECREF(type);
    return type == NULL ? -1 : 0;
}

int
pyr_pipe_exec(PyObject *module, core_state *st)
{
    return add_type(module, st, &reader_spec) < 0 ||
                   add_type(module, st, &writer_spec) < 0
               ? -1
               : 0;
}
