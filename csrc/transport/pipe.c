/*
 * Pipes to a child process, standard input and output: streams that are read and written
 * by read(2) and writev(2); see pipe.h and stream.h.
 *
 * The descriptor belongs to the process's transport, which closes it after
 * connectionLost, or to whoever made the StandardIO.
 */
#include "transport/pipe.h"
#include "loop/reactor_state.h"

#include <sys/uio.h>
#include <unistd.h>

#include "loop/watch.h"
#include "transport/stream.h"

/* ---- reading and writing ---- */

ssize_t
pyr_pipe_receive(int fd, char *data, size_t size)
{
    return read(fd, data, size);
}

ssize_t
pyr_pipe_send(int fd, const struct iovec *items, int count)
{
    return count == 0 ? write(fd, "", 0) : writev(fd, items, count);
}

int
pyr_pipe_deliver(core_state *st, PyObject *protocol, PyObject *child_fd, const char *data,
                 Py_ssize_t size)
{
    PyObject *bytes = PyBytes_FromStringAndSize(data, size);
    if (bytes == NULL) {
        return -1;
    }
    PyObject *args[] = {protocol, child_fd, bytes};
    PyObject *result = PyObject_VectorcallMethod(
        st->names.childDataReceived, args, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(bytes);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Is `method` the function of stock's, bound to `owner`?  Then what it does is known. */
static bool
is_stock(PyObject *method, PyObject *owner, PyObject *function)
{
    return PyMethod_Check(method) && PyMethod_GET_SELF(method) == owner &&
           PyMethod_GET_FUNCTION(method) == function;
}

/* What proc.childDataReceived(name, data) does, for a Process or a StandardIO; by calling
 * it, for any other `proc`. */
static int
deliver_to_process(core_state *st, StreamConnection *stream, PyObject *proc,
                   const char *data, Py_ssize_t size)
{
    int status = -1;
    PyObject *method = PyObject_GetAttr(proc, st->names.childDataReceived);
    if (method == NULL) {
        return -1;
    }
    bool to_stdio = is_stock(method, proc, st->reactor->stock_stdio_dataReceived);
    bool to_child = is_stock(method, proc, st->reactor->stock_process_dataReceived);
    Py_DECREF(method);
    PyObject *name = PyObject_GetAttr((PyObject *)stream, st->names.name);
    PyObject *target = to_stdio   ? PyObject_GetAttr(proc, st->names.protocol)
                       : to_child ? PyObject_GetAttr(proc, st->names.proto)
                                  : Py_NewRef(proc);
    if (name != NULL && target != NULL) {
        status = to_stdio ? pyr_stream_deliver_to(stream, target, data, size)
                          : pyr_pipe_deliver(st, target, name, data, size);
    }
    Py_XDECREF(name);
    Py_XDECREF(target);
    return status;
}

static int
call_dataReceived(PyObject *method, const char *data, Py_ssize_t size)
{
    PyObject *bytes = PyBytes_FromStringAndSize(data, size);
    if (bytes == NULL) {
        return -1;
    }
    PyObject *result = PyObject_CallOneArg(method, bytes);
    Py_DECREF(bytes);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* self.dataReceived(data), which in stock is self.proc.childDataReceived(self.name, data)
 */
static int
pipe_deliver(core_state *st, StreamConnection *stream, const char *data, Py_ssize_t size)
{
    PyObject *self = (PyObject *)stream;
    PyObject *method = PyObject_GetAttr(self, st->names.dataReceived);
    if (method == NULL) {
        return -1;
    }
    int status = -1;
    if (!is_stock(method, self, st->reactor->stock_pipe_dataReceived)) {
        status = call_dataReceived(method, data, size);
    } else {
        PyObject *proc = PyObject_GetAttr(self, st->names.proc);
        if (proc != NULL) {
            status = deliver_to_process(st, stream, proc, data, size);
            Py_DECREF(proc);
        }
    }
    Py_DECREF(method);
    return status;
}

static const pyr_stream_kind pipe_kind = {
    .receive = pyr_pipe_receive,
    .send = pyr_pipe_send,
    .deliver = pipe_deliver,
    .connected = true,
};

/* ---- what both types have ---- */

static PyObject *
pipe_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    return pyr_stream_new(type, &pipe_kind);
}

PyObject *
pyr_pipe_get_fd(StreamConnection *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(pyr_stream_descriptor(self));
}

int
pyr_pipe_set_fd(StreamConnection *self, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "fd");
        return -1;
    }
    long fd = PyLong_AsLong(value);
    if (fd == -1 && PyErr_Occurred()) {
        return -1;
    }
    pyr_stream_set_descriptor(self, fd < 0 || fd > INT_MAX ? -1 : (int)fd);
    return 0;
}

PyDoc_STRVAR(fd_doc, "The descriptor (int), also once it is closed.");

PyDoc_STRVAR(forgetDescriptor_doc,
             "_forgetDescriptor($self)\n--\n\n"
             "Stop reading and writing for good: the descriptor may be closed now.");

static PyObject *
pipe_forgetDescriptor(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    pyr_stream_forget_watch(self);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(shareDescriptor_doc,
             "_shareDescriptor($self)\n--\n\n"
             "Be ready for reads and writes that block: other processes have the same\n"
             "open file, and may make it so.");

static PyObject *
pipe_shareDescriptor(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    pyr_stream_set_shared(self);
    Py_RETURN_NONE;
}

static PyMethodDef pipe_methods[] = {
    {"_forgetDescriptor", (PyCFunction)pipe_forgetDescriptor, METH_NOARGS,
     forgetDescriptor_doc},
    {"_shareDescriptor", (PyCFunction)pipe_shareDescriptor, METH_NOARGS,
     shareDescriptor_doc},
    {NULL},
};

/* ---- PipeReader ---- */

PyDoc_STRVAR(reader_doc, "The hot half of twisted.internet.process.ProcessReader.\n\n"
                         "What is read goes to self.dataReceived(bytes).");

static PyGetSetDef reader_getset[] = {
    {"fd", (getter)pyr_pipe_get_fd, (setter)pyr_pipe_set_fd, fd_doc, NULL},
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
    {"_shareDescriptor", (PyCFunction)pipe_shareDescriptor, METH_NOARGS,
     shareDescriptor_doc},
    {NULL},
};

static PyGetSetDef writer_getset[] = {
    {"fd", (getter)pyr_pipe_get_fd, (setter)pyr_pipe_set_fd, fd_doc, NULL},
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
    PyTypeObject *type = pyr_add_type(module, spec, (PyObject *)st->reactor->stream_type);
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
