/*
 * The write queue, and who fills it; see stream.h.
 *
 * It is stock's own, so that stock code which reaches into it finds what it expects:
 * dataBuffer[offset:] goes out first, then the items of _tempDataBuffer, whose lengths
 * add up to _tempDataLen.  A write into an empty queue goes to dataBuffer directly, and
 * the list is made by the second one.
 */
#include "transport/stream_internal.h"

#include "core/attribute.h"

int
pyr_stream_gather(StreamConnection *self, struct iovec *iov)
{
    int count = 0;
    if (pyr_stream_buffered_length(self) > self->offset) {
        iov[count].iov_base = PyBytes_AS_STRING(self->data_buffer) + self->offset;
        iov[count].iov_len = (size_t)(pyr_stream_buffered_length(self) - self->offset);
        count++;
    }
    if (self->temp_buffer == NULL) {
        return count;
    }
    Py_ssize_t items = PyList_GET_SIZE(self->temp_buffer);
    for (Py_ssize_t i = 0; i < items && count < GATHER_MAX; i++) {
        PyObject *item = PyList_GET_ITEM(self->temp_buffer, i);
        if (PyBytes_Check(item)) { /* who else appends may append anything */
            iov[count].iov_base = PyBytes_AS_STRING(item);
            iov[count].iov_len = (size_t)PyBytes_GET_SIZE(item);
            count++;
        }
    }
    return count;
}

/* Drop `sent` bytes from the front of the list; the rest of a half-sent item becomes
 * dataBuffer. */
static int
consume_list(StreamConnection *self, Py_ssize_t sent)
{
    Py_ssize_t done = 0, items = PyList_GET_SIZE(self->temp_buffer);
    while (done < items) {
        PyObject *item = PyList_GET_ITEM(self->temp_buffer, done);
        Py_ssize_t size = PyBytes_Check(item) ? PyBytes_GET_SIZE(item) : 0;
        if (size > sent) {
            break;
        }
        sent -= size;
        self->temp_length -= size;
        done++;
    }
    if (done < items && sent > 0) {
        PyObject *item = Py_NewRef(PyList_GET_ITEM(self->temp_buffer, done));
        self->temp_length -= PyBytes_GET_SIZE(item);
        self->offset = sent;
        Py_XSETREF(self->data_buffer, item);
        done++;
    }
    return PyList_SetSlice(self->temp_buffer, 0, done, NULL);
}

int
pyr_stream_consume(StreamConnection *self, Py_ssize_t sent)
{
    Py_ssize_t first = pyr_stream_buffered_length(self) - self->offset;
    if (sent < first) {
        self->offset += sent;
        return 0;
    }
    self->offset = 0;
    Py_CLEAR(self->data_buffer);
    if (self->temp_buffer == NULL) {
        return 0;
    }
    return consume_list(self, sent - first);
}

int
pyr_stream_check_bytes(PyObject *data)
{
    if (!PyBytes_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "Data must be bytes");
        return -1;
    }
    return 0;
}

static int
queue_bytes(StreamConnection *self, PyObject *data)
{
    bool list_empty =
        self->temp_buffer == NULL || PyList_GET_SIZE(self->temp_buffer) == 0;
    if (list_empty && pyr_stream_buffered_length(self) == self->offset) {
        self->offset = 0;
        Py_XSETREF(self->data_buffer, Py_NewRef(data));
        return 0;
    }
    if (self->temp_buffer == NULL) {
        self->temp_buffer = PyList_New(0);
        if (self->temp_buffer == NULL) {
            return -1;
        }
    }
    if (PyList_Append(self->temp_buffer, data) < 0) {
        return -1;
    }
    self->temp_length += PyBytes_GET_SIZE(data);
    return 0;
}

/* Pause a streaming producer once more than bufferSize bytes wait. */
static int
maybe_pause_producer(StreamConnection *self)
{
    if (self->producer == NULL || !self->streaming_producer) {
        return 0;
    }
    if (pyr_stream_has_descriptors(self)) { /* they count, too */
        PyObject *paused =
            pyr_stream_call_method(self, self->st->names._maybePauseProducer);
        Py_XDECREF(paused);
        return paused == NULL ? -1 : 0;
    }
    PyObject *limit = PyObject_GetAttr((PyObject *)self, self->st->names.bufferSize);
    if (limit == NULL) {
        return -1;
    }
    PyObject *length =
        PyLong_FromSsize_t(pyr_stream_buffered_length(self) + self->temp_length);
    int full = length == NULL ? -1 : PyObject_RichCompareBool(length, limit, Py_GT);
    Py_XDECREF(length);
    Py_DECREF(limit);
    if (full <= 0 || self->producer == NULL) {
        return full < 0 ? -1 : 0;
    }
    PyObject *producer = Py_NewRef(self->producer);
    self->producer_paused = 1;
    PyObject *result =
        PyObject_CallMethodNoArgs(producer, self->st->names.pauseProducing);
    Py_DECREF(producer);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
after_queueing(StreamConnection *self)
{
    if (maybe_pause_producer(self) < 0) {
        return -1;
    }
    return pyr_stream_change(self, PYR_WRITE, true);
}

PyObject *
pyr_stream_write(StreamConnection *self, PyObject *data)
{
    if (pyr_stream_check_bytes(data) < 0) {
        return NULL;
    }
    if (!self->connected || self->write_disconnected || PyBytes_GET_SIZE(data) == 0) {
        Py_RETURN_NONE;
    }
    if (queue_bytes(self, data) < 0) {
        return NULL;
    }
    RETURN_NONE_OR_ERROR(after_queueing(self));
}

/* After startTLS, application data goes through the TLS protocol. */
static PyObject *
call_protocol(StreamConnection *self, PyObject *name, PyObject *data)
{
    if (self->protocol == NULL) {
        pyr_attribute_absent((PyObject *)self, "protocol");
        return NULL;
    }
    PyObject *protocol = Py_NewRef(self->protocol);
    PyObject *result = PyObject_CallMethodOneArg(protocol, name, data);
    Py_DECREF(protocol);
    if (result == NULL) {
        return NULL;
    }
    Py_DECREF(result);
    Py_RETURN_NONE;
}

PyObject *
pyr_stream_write_method(StreamConnection *self, PyObject *data)
{
    if (!self->tls) {
        return pyr_stream_write(self, data);
    }
    if (!self->connected) {
        Py_RETURN_NONE;
    }
    return call_protocol(self, self->st->names.write, data);
}

bool
pyr_stream_disconnecting(StreamConnection *self)
{
    return self->disconnecting;
}

/* Stock checks all items before it queues any, and iterates anew for each step, so that
 * of a generator nothing is sent. */
static int
queue_sequence(StreamConnection *self, PyObject *items)
{
    if (!PyList_CheckExact(items) && !PyTuple_CheckExact(items)) {
        PyObject *again = PySequence_List(items);
        if (again == NULL) {
            return -1;
        }
        int status = queue_sequence(self, again);
        Py_DECREF(again);
        return status;
    }
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items); i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(items, i);
        if (pyr_stream_check_bytes(item) < 0 ||
            (PyBytes_GET_SIZE(item) > 0 && queue_bytes(self, item) < 0)) {
            return -1;
        }
    }
    return 0;
}

static int
check_sequence(PyObject *items)
{
    PyObject *item, *iterator = PyObject_GetIter(items);
    if (iterator == NULL) {
        return -1;
    }
    while ((item = PyIter_Next(iterator)) != NULL) {
        int status = pyr_stream_check_bytes(item);
        Py_DECREF(item);
        if (status < 0) {
            break;
        }
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? -1 : 0;
}

PyObject *
pyr_stream_write_sequence(StreamConnection *self, PyObject *items)
{
    if (check_sequence(items) < 0) {
        return NULL;
    }
    int any = PyObject_IsTrue(items);
    if (any < 0) {
        return NULL;
    }
    if (!self->connected || !any || self->write_disconnected) {
        Py_RETURN_NONE;
    }
    if (queue_sequence(self, items) < 0) {
        return NULL;
    }
    RETURN_NONE_OR_ERROR(after_queueing(self));
}

PyObject *
pyr_stream_write_sequence_method(StreamConnection *self, PyObject *items)
{
    if (!self->tls) {
        return pyr_stream_write_sequence(self, items);
    }
    if (!self->connected) {
        Py_RETURN_NONE;
    }
    return call_protocol(self, self->st->names.writeSequence, items);
}
