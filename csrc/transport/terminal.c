/*
 * Pseudo-terminals and serial ports: streams that are read and written by read(2) and
 * writev(2) in both directions; see terminal.h and stream.h.
 *
 * The descriptor belongs to Twisted's class, which closes it in connectionLost.
 */
#include "transport/terminal.h"
#include "loop/reactor_state.h"

#include <errno.h>
#include <unistd.h>

#include "transport/pipe.h"
#include "transport/stream.h"

/* ---- what both types have ---- */

PyDoc_STRVAR(writeSomeData_doc,
             "writeSomeData($self, data, /)\n--\n\n"
             "Write data (bytes-like) at once, as far as the kernel takes it.\n\n"
             "Returns how many bytes it took (int), or why the connection ends (an\n"
             "exception instance).\n"
             "Mirrors twisted.internet.process.PTYProcess.writeSomeData.");

static PyObject *
terminal_writeSomeData(StreamConnection *self, PyObject *data)
{
    Py_buffer view;
    ssize_t count;
    if (pyr_stream_refresh_descriptor(self) < 0 ||
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    do {
        count = write(pyr_stream_descriptor(self), view.buf, (size_t)view.len);
    } while (count < 0 && errno == EINTR);
    int error = errno;
    PyBuffer_Release(&view);
    if (count < 0 && error != EAGAIN) {
        return Py_NewRef(pyr_state_of_type(Py_TYPE(self))->reactor->CONNECTION_LOST);
    }
    return PyLong_FromSsize_t(count < 0 ? 0 : count);
}

PyDoc_STRVAR(terminal_doc, "What PTYStream and SerialStream have in common.");

static PyMethodDef terminal_methods[] = {
    {"writeSomeData", (PyCFunction)terminal_writeSomeData, METH_O, writeSomeData_doc},
    {NULL},
};

static PyType_Slot terminal_slots[] = {
    {Py_tp_doc, (void *)terminal_doc},
    {Py_tp_methods, terminal_methods},
    {0, NULL},
};

static PyType_Spec terminal_spec = {
    .name = "pyreactor._core.TerminalStream",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = terminal_slots,
};

/* ---- PTYStream ---- */

/* self.proto.childDataReceived(1, data) */
static int
pty_deliver(core_state *st, StreamConnection *stream, const char *data, Py_ssize_t size)
{
    int status = -1;
    PyObject *proto = PyObject_GetAttr((PyObject *)stream, st->names.proto);
    PyObject *standard_output = proto == NULL ? NULL : PyLong_FromLong(STDOUT_FILENO);
    if (standard_output != NULL) {
        status = pyr_pipe_deliver(st, proto, standard_output, data, size);
        Py_DECREF(standard_output);
    }
    Py_XDECREF(proto);
    return status;
}

static const pyr_stream_kind pty_kind = {
    .receive = pyr_pipe_receive,
    .send = pyr_pipe_send,
    .deliver = pty_deliver,
};

static PyObject *
pty_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    return pyr_stream_new(type, &pty_kind);
}

PyDoc_STRVAR(pty_doc, "The hot half of twisted.internet.process.PTYProcess.\n\n"
                      "What is read goes to self.proto.childDataReceived(1, bytes).");

static PyGetSetDef pty_getset[] = {
    {"fd", (getter)pyr_pipe_get_fd, (setter)pyr_pipe_set_fd,
     PyDoc_STR("The descriptor of this side (int), also once it is closed."), NULL},
    {NULL},
};

static PyType_Slot pty_slots[] = {
    {Py_tp_doc, (void *)pty_doc},
    {Py_tp_new, pty_new},
    {Py_tp_getset, pty_getset},
    {0, NULL},
};

static PyType_Spec pty_spec = {
    .name = "pyreactor._core.PTYStream",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = pty_slots,
};

/* ---- SerialStream ---- */

/* The port may be closed and opened anew by its owner, so fileno() is asked each time. */
static const pyr_stream_kind serial_kind = {
    .receive = pyr_pipe_receive,
    .send = pyr_pipe_send,
    .asks_fileno = true,
    .connected = true,
};

static PyObject *
serial_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    return pyr_stream_new(type, &serial_kind);
}

PyDoc_STRVAR(serial_doc, "The hot half of twisted.internet.serialport.SerialPort.\n\n"
                         "What is read goes to self.protocol.dataReceived(bytes); the\n"
                         "descriptor is what self.fileno() says.");

static PyType_Slot serial_slots[] = {
    {Py_tp_doc, (void *)serial_doc},
    {Py_tp_new, serial_new},
    {0, NULL},
};

static PyType_Spec serial_spec = {
    .name = "pyreactor._core.SerialStream",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = serial_slots,
};

/* ---- the module ---- */

static int
add_type(PyObject *module, PyType_Spec *spec, PyTypeObject *base)
{
    PyTypeObject *type = pyr_add_type(module, spec, (PyObject *)base);
    Py_XDECREF(type);
    return type == NULL ? -1 : 0;
}

int
pyr_terminal_exec(PyObject *module, core_state *st)
{
    PyTypeObject *base =
        pyr_add_type(module, &terminal_spec, (PyObject *)st->reactor->stream_type);
    if (base == NULL) {
        return -1;
    }
    int status =
        add_type(module, &pty_spec, base) < 0 || add_type(module, &serial_spec, base) < 0
            ? -1
            : 0;
    if (status == 0) { /* to see whether a class has another */
        st->reactor->terminal_writeSomeData =
            PyObject_GetAttr((PyObject *)base, st->names.writeSomeData);
        status = st->reactor->terminal_writeSomeData == NULL ? -1 : 0;
    }
    Py_DECREF(base);
    return status;
}
