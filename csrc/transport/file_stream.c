/*
 * Streams that are no sockets; see file_stream.h and stream.h.
 *
 * The descriptor belongs to the Python side, which closes it after connectionLost, or to
 * whoever made the StandardIO.
 */
#include "transport/file_stream.h"

#include <unistd.h>

#include "core/objects.h"
#include "core/override.h"
#include "transport/state.h"
#include "transport/kind.h"
#include "transport/stream_internal.h"

static ssize_t
read_file(int fd, struct iovec *items, int Py_UNUSED(count))
{
    return read(fd, items[0].iov_base, items[0].iov_len);
}

static ssize_t
write_file(int fd, struct iovec *items, int count)
{
    return count == 0 ? write(fd, "", 0) : writev(fd, items, count);
}

/* ---- handing over what was read ---- */

/* method(child_fd, bytes), or method(bytes) where `child_fd` is NULL. */
static int
call_with_data(PyObject *method, PyObject *child_fd, const char *data, Py_ssize_t size)
{
    PyObject *bytes = PyBytes_FromStringAndSize(data, size);
    if (bytes == NULL) {
        return -1;
    }
    PyObject *args[] = {child_fd, bytes};
    bool named = child_fd != NULL;
    int status =
        pyr_drop(PyObject_Vectorcall(method, args + !named, 1 + (size_t)named, NULL));
    Py_DECREF(bytes);
    return status;
}

/* What proc.childDataReceived(name, data) does.  That of a StandardIO is not called, but
 * the protocol that it passes the data to. */
static int
deliver_to_process(StreamConnection *self, PyObject *proc, const char *data,
                   Py_ssize_t size)
{
    core_state *st = self->st;
    int status = -1;
    PyObject *argument = NULL;
    PyObject *method = PyObject_GetAttr(proc, st->names.childDataReceived);
    if (method == NULL) {
        return -1;
    }
    if (pyr_is_bound(st, method, proc, st->transport->stock_stdio_dataReceived)) {
        argument = PyObject_GetAttr(proc, st->names.protocol);
        status =
            argument == NULL ? -1 : pyr_stream_deliver_to(self, argument, data, size);
    } else {
        argument = PyObject_GetAttr((PyObject *)self, st->names.name);
        status = argument == NULL ? -1 : call_with_data(method, argument, data, size);
    }
    Py_XDECREF(argument);
    Py_DECREF(method);
    return status;
}

/* self.dataReceived(data), which in stock is self.proc.childDataReceived(self.name, data)
 */
static int
deliver_of_pipe(StreamConnection *self, const char *data, Py_ssize_t size)
{
    core_state *st = self->st;
    PyObject *stock = st->transport->stock_pipe_dataReceived, *proc = NULL;
    PyObject *method = PyObject_GetAttr((PyObject *)self, st->names.dataReceived);
    int status = -1;
    if (method == NULL) {
        return -1;
    }
    if (!pyr_is_bound(st, method, (PyObject *)self, stock)) {
        status = call_with_data(method, NULL, data, size);
    } else if ((proc = PyObject_GetAttr((PyObject *)self, st->names.proc)) != NULL) {
        status = deliver_to_process(self, proc, data, size);
        Py_DECREF(proc);
    }
    Py_DECREF(method);
    return status;
}

/* self.proto.childDataReceived(1, data) */
static int
deliver_of_terminal(StreamConnection *self, const char *data, Py_ssize_t size)
{
    core_state *st = self->st;
    PyObject *proto = PyObject_GetAttr((PyObject *)self, st->names.proto);
    PyObject *method =
        proto == NULL ? NULL : PyObject_GetAttr(proto, st->names.childDataReceived);
    PyObject *standard_output = method == NULL ? NULL : PyLong_FromLong(STDOUT_FILENO);
    int status = standard_output == NULL
                     ? -1
                     : call_with_data(method, standard_output, data, size);
    Py_XDECREF(standard_output);
    Py_XDECREF(method);
    Py_XDECREF(proto);
    return status;
}

/* ---- the type ---- */

#define FILE_KIND                                                        \
    .ops = &pyr_stream_pipe_ops, .overrides = pyr_stream_file_overrides, \
    .receive = read_file, .send = write_file

static PyObject *
file_stream_new(PyTypeObject *type, PyObject *Py_UNUSED(args),
                PyObject *Py_UNUSED(kwargs))
{
    static const char *const names[] = {"reader", "writer", "terminal", "serial port",
                                        NULL};
    static const pyr_stream_kind kinds[] = {
        {FILE_KIND, .deliver = deliver_of_pipe, .connected = true},
        {FILE_KIND, .deliver = deliver_of_pipe, .connected = true,
         .write_stops_reading = true},
        {FILE_KIND, .deliver = deliver_of_terminal},
        {FILE_KIND, .connected = true, .asks_fileno = true},
    };
    core_state *st = pyr_stream_state(type);
    int kind = st == NULL ? -1 : pyr_kind_of(type, names);
    if (kind < 0) {
        return NULL;
    }
    return pyr_stream_new(
        st, type, &kinds[kind],
        pyr_stream_class_overrides(st, type, pyr_stream_file_overrides));
}

PyDoc_STRVAR(forgetDescriptor_doc,
             "_forgetDescriptor($self)\n--\n\n"
             "Stop reading and writing for good: the descriptor may be closed now.");

static PyObject *
file_stream_forgetDescriptor(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    pyr_stream_forget_watch(self);
    Py_RETURN_NONE;
}

static PyMethodDef file_stream_methods[] = {
    {"_forgetDescriptor", (PyCFunction)file_stream_forgetDescriptor, METH_NOARGS,
     forgetDescriptor_doc},
    {NULL},
};

PyDoc_STRVAR(
    file_stream_doc,
    "The hot half of what is read and written by read(2) and writev(2).\n\n"
    "To be mixed in before one of Twisted's classes; which, _kind (str) tells:\n"
    "\"reader\" (process.ProcessReader: what is read goes to self.dataReceived(bytes)),\n"
    "\"writer\" (process.ProcessWriter), \"terminal\" (process.PTYProcess: it goes to\n"
    "self.proto.childDataReceived(1, bytes)) or \"serial port\" (serialport.SerialPort:\n"
    "it goes to self.protocol.dataReceived(bytes), and the descriptor is what\n"
    "self.fileno() says).  That class's writeSomeData is _stockWriteSomeData, to tell\n"
    "whether it was replaced.");

static PyType_Slot file_stream_slots[] = {
    {Py_tp_doc, (void *)file_stream_doc},
    {Py_tp_new, file_stream_new},
    {Py_tp_methods, file_stream_methods},
    {Py_tp_getset, pyr_stream_file_getset},
    {0, NULL},
};

static PyType_Spec file_stream_spec = {
    .name = "pyreactor._core.FileStream",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = file_stream_slots,
};

int
pyr_file_stream_exec(PyObject *module, core_state *st)
{
    return pyr_add_type(module, &file_stream_spec, st->transport->stream_type, NULL);
}
