/* Receiving, and handing over what was received; see stream.h. */
#include "transport/stream_internal.h"

#include <errno.h>
#include <sys/socket.h>

#include "core/attribute.h"
#include "framing/framing.h"
#include "loop/loop.h"
#include "loop/reactor_state.h"
#include "transport/ancillary.h"

#define DEFAULT_BUFFER_SIZE 65536 /* stock's FileDescriptor.bufferSize */

/* How much one event may read.  Stock's 64 KiB default stands for "no wish": larger
 * reads are fewer, and the buffer is shared. */
static Py_ssize_t
receive_limit(StreamConnection *self)
{
    if (self->kind != NULL) {
        return PYR_READ_BUFFER_SIZE;
    }
    PyObject *size = PyObject_GetAttr((PyObject *)self, self->st->names.bufferSize);
    if (size == NULL) {
        return -1;
    }
    Py_ssize_t limit = PyNumber_AsSsize_t(size, PyExc_OverflowError);
    Py_DECREF(size);
    if (limit == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (limit < 0) {
        PyErr_SetString(PyExc_ValueError, "negative buffersize in recv");
        return -1;
    }
    return limit == DEFAULT_BUFFER_SIZE ? PYR_READ_BUFFER_SIZE : limit;
}

int
pyr_stream_buffer_take(StreamConnection *self, Py_ssize_t limit,
                       pyr_receive_buffer *buffer)
{
    pyr_reactor_state *state = self->st->reactor;
    if (state->read_buffer == NULL) {
        state->read_buffer = PyMem_RawMalloc(PYR_READ_BUFFER_SIZE);
    }
    if (limit <= PYR_READ_BUFFER_SIZE && !state->read_buffer_busy &&
        state->read_buffer != NULL) {
        state->read_buffer_busy = true;
        *buffer = (pyr_receive_buffer){state->read_buffer, self->st};
        return 0;
    }
    *buffer = (pyr_receive_buffer){PyMem_Malloc(limit > 0 ? (size_t)limit : 1), NULL};
    if (buffer->data == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* No harm if it was given back before. */
void
pyr_stream_buffer_give_back(pyr_receive_buffer *buffer)
{
    if (buffer->lender == NULL) {
        PyMem_Free(buffer->data);
    } else {
        buffer->lender->reactor->read_buffer_busy = false;
        buffer->lender = NULL;
    }
    buffer->data = NULL;
}

/* A read that may take long: of a file, or where somebody made the descriptor block.  The
 * other threads run meanwhile. */
static ssize_t
receive_shared(StreamConnection *self, char *data, size_t limit)
{
    int fd = self->fd, error;
    ssize_t count;
    PyThreadState *thread = PyEval_SaveThread();
    count = self->kind->receive(fd, data, limit);
    error = errno;
    PyEval_RestoreThread(thread);
    if (count < 0 && error == EINTR) {
        error = EAGAIN;
        count = PyErr_CheckSignals() < 0 ? -2 : -1;
    }
    errno = error;
    return count;
}

/* How many bytes came, 0 at the end, -1 with errno, -2 with an exception set. */
static ssize_t
receive(StreamConnection *self, char *data, Py_ssize_t limit, pyr_ancillary *ancillary)
{
    ssize_t count;
    *ancillary = (pyr_ancillary){NULL, NULL};
    if (self->takes_ancillary) {
        return pyr_receive_ancillary(self->fd, data, (size_t)limit, ancillary);
    }
    if (self->shared) {
        return receive_shared(self, data, (size_t)limit);
    }
    do {
        count = self->kind != NULL ? self->kind->receive(self->fd, data, (size_t)limit)
                                   : recv(self->fd, data, (size_t)limit, 0);
    } while (count < 0 && errno == EINTR);
    return count;
}

static int
deliver_bytes(StreamConnection *self, PyObject *protocol, PyObject *bytes)
{
    PyObject *result =
        PyObject_CallMethodOneArg(protocol, self->st->names.dataReceived, bytes);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Give it to the framing where it lies, if that is what the protocol receives by: then 0,
 * or -1 with an exception set; 1 if it is not. */
static int
deliver_in_place(StreamConnection *self, PyObject *protocol, const char *data,
                 Py_ssize_t size)
{
    pyr_framing_method *framing = pyr_framing_method_of(self->st, protocol);
    if (framing == NULL) {
        return 1;
    }
    PyObject *result = pyr_framing_feed(framing, protocol, data, size);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
pyr_stream_deliver_to(StreamConnection *self, PyObject *protocol, const char *data,
                      Py_ssize_t size)
{
    Py_INCREF(protocol);
    int status = deliver_in_place(self, protocol, data, size);
    if (status > 0) {
        PyObject *bytes = PyBytes_FromStringAndSize(data, size);
        status = bytes == NULL ? -1 : deliver_bytes(self, protocol, bytes);
        Py_XDECREF(bytes);
    }
    Py_DECREF(protocol);
    return status;
}

/* The protocol, or NULL with an exception set; new reference. */
static PyObject *
present_protocol(StreamConnection *self)
{
    if (self->protocol == NULL) {
        pyr_attribute_absent((PyObject *)self, "protocol");
    }
    return Py_XNewRef(self->protocol);
}

/* Hand over what was received.  What the callback gets is a copy as a rule, and then the
 * buffer is given back before. */
static int
deliver(StreamConnection *self, pyr_receive_buffer *buffer, Py_ssize_t size)
{
    if (self->kind != NULL && self->kind->deliver != NULL) {
        return self->kind->deliver(self->st, self, buffer->data, size);
    }
    PyObject *protocol = present_protocol(self);
    if (protocol == NULL) {
        return -1;
    }
    int status = deliver_in_place(self, protocol, buffer->data, size);
    if (status > 0) {
        PyObject *bytes = PyBytes_FromStringAndSize(buffer->data, size);
        pyr_stream_buffer_give_back(buffer);
        status = bytes == NULL ? -1 : deliver_bytes(self, protocol, bytes);
        Py_XDECREF(bytes);
    }
    Py_DECREF(protocol);
    return status;
}

static int
deliver_copy(StreamConnection *self, PyObject *bytes)
{
    PyObject *protocol = present_protocol(self);
    if (protocol == NULL) {
        return -1;
    }
    int status = deliver_in_place(self, protocol, PyBytes_AS_STRING(bytes),
                                  PyBytes_GET_SIZE(bytes));
    if (status > 0) {
        status = deliver_bytes(self, protocol, bytes);
    }
    Py_DECREF(protocol);
    return status;
}

/* Hand over what came beside the bytes, then these; drops both. */
static int
deliver_ancillary(StreamConnection *self, pyr_ancillary *ancillary)
{
    PyObject *bytes = ancillary->bytes;
    PyObject *result = PyObject_CallMethodOneArg(
        (PyObject *)self, self->st->names._ancillaryReceived, ancillary->messages);
    int status = result == NULL ? -1 : 0;
    if (status == 0 && PyBytes_GET_SIZE(bytes) > 0) {
        status = deliver_copy(self, bytes);
    }
    Py_XDECREF(result);
    Py_CLEAR(ancillary->messages);
    Py_CLEAR(ancillary->bytes);
    return status;
}

/* Why the connection ends, or None, or NULL with an exception set; new reference. */
PyObject *
pyr_stream_do_read(StreamConnection *self)
{
    core_state *st = self->st;
    pyr_receive_buffer buffer;
    pyr_ancillary ancillary;
    Py_ssize_t limit = receive_limit(self);
    if (limit < 0 || pyr_stream_refresh_descriptor(self) < 0 ||
        pyr_stream_buffer_take(self, limit, &buffer) < 0) {
        return NULL;
    }
    ssize_t count = receive(self, buffer.data, limit, &ancillary);
    int status = 0, error = errno;
    if (count < -1) {
        status = -1;
    } else if (ancillary.messages != NULL) {
        pyr_stream_buffer_give_back(&buffer);
        status = deliver_ancillary(self, &ancillary);
    } else if (count > 0) {
        self->received += count;
        status = deliver(self, &buffer, count);
    }
    pyr_stream_buffer_give_back(&buffer);
    if (status < 0) {
        return NULL;
    }
    if (count > 0 || (count < 0 && (error == EAGAIN || error == EWOULDBLOCK))) {
        Py_RETURN_NONE;
    }
    return Py_NewRef(count < 0 ? st->reactor->CONNECTION_LOST
                               : st->reactor->CONNECTION_DONE);
}
