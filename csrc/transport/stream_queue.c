/*
 * The write queue: what fills it, and what leaves it when it is sent; see stream.h.
 *
 * It is stock's own, so that stock code which reaches into it finds what it expects:
 * dataBuffer[offset:] goes out first, then the items of _tempDataBuffer, whose lengths
 * add up to _tempDataLen.  A write into an empty queue goes to dataBuffer directly, and
 * the list is made by the second one.
 */
#include "transport/stream_internal.h"

#include "core/attribute.h"
#include "core/objects.h"

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
    if (list_empty && pyr_stream_first_length(self) == 0) {
        self->offset = 0;
        Py_XSETREF(self->data_buffer, Py_NewRef(data));
        return 0;
    }
    if (self->temp_buffer == NULL) {
        PyObject *list = PyList_New(0); /* may run a finalizer's code, which writes */
        if (list == NULL) {
            return -1;
        }
        if (self->temp_buffer == NULL) {
            self->temp_buffer = list;
        } else {
            Py_DECREF(list);
        }
    }
    if (PyList_Append(self->temp_buffer, data) < 0) {
        return -1;
    }
    self->temp_length += PyBytes_GET_SIZE(data);
    return 0;
}

PyObject *
pyr_stream_is_full(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    Py_ssize_t first =
        self->data_buffer == NULL ? 0 : PyBytes_GET_SIZE(self->data_buffer);
    PyObject *waiting = PyLong_FromSsize_t(first + self->temp_length);
    PyObject *most = waiting == NULL
                         ? NULL
                         : PyObject_GetAttr((PyObject *)self, self->st->names.bufferSize);
    PyObject *full = most == NULL ? NULL : PyObject_RichCompare(waiting, most, Py_GT);
    Py_XDECREF(waiting);
    Py_XDECREF(most);
    return full;
}

PyObject *
pyr_stream_maybe_pause(StreamConnection *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *op = (PyObject *)self;
    if (!pyr_stream_has_producer(self) || !self->streaming_producer) {
        Py_RETURN_NONE;
    }
    int full =
        pyr_drop_for_truth(pyr_call_named(op, self->st->names._isSendBufferFull, NULL));
    if (full <= 0) {
        return pyr_none_or_error(full);
    }
    self->producer_paused = 1;
    /* That call may have removed it. */
    PyObject *producer = Py_NewRef(self->producer == NULL ? Py_None : self->producer);
    int status = pyr_call_dropping(producer, self->st->names.pauseProducing, NULL);
    Py_DECREF(producer);
    return pyr_none_or_error(status);
}

static int
after_queueing(StreamConnection *self)
{
    if (pyr_stream_has_producer(self) && self->streaming_producer) {
        if (pyr_call_dropping((PyObject *)self, self->st->names._maybePauseProducer,
                              NULL) < 0) {
            return -1;
        }
    }
    bool starts = !self->writing || self->loop == NULL || self->kind->asks_fileno ||
                  self->overrides & OWN_WATCH;
    return starts ? pyr_stream_change(self, PYR_WRITE, true) : 0;
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
    return pyr_none_or_error(after_queueing(self));
}

/* After startTLS, application data goes through the TLS protocol. */
static PyObject *
write_through_tls(StreamConnection *self, PyObject *name, PyObject *data)
{
    if (!self->connected) {
        Py_RETURN_NONE;
    }
    PyObject *protocol =
        pyr_attribute_value((PyObject *)self, self->protocol, "protocol");
    if (protocol == NULL) {
        return NULL;
    }
    int status = pyr_call_dropping(protocol, name, data);
    Py_DECREF(protocol);
    return pyr_none_or_error(status);
}

PyObject *
pyr_stream_write_method(StreamConnection *self, PyObject *data)
{
    if (self->kind->write_stops_reading && pyr_stream_change(self, PYR_READ, false) < 0) {
        return NULL;
    }
    return self->tls ? write_through_tls(self, self->st->names.write, data)
                     : pyr_stream_write(self, data);
}

/* Check all items, or queue them.  Stock iterates anew for each of the two, so that of a
 * generator nothing is sent. */
static int
each_item(StreamConnection *self, PyObject *items, bool queue)
{
    PyObject *list = PyList_CheckExact(items) || PyTuple_CheckExact(items)
                         ? Py_NewRef(items)
                         : PySequence_List(items);
    int status = list == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; status == 0 && i < PySequence_Fast_GET_SIZE(list); i++) {
        PyObject *item = Py_NewRef(PySequence_Fast_GET_ITEM(list, i));
        status = pyr_stream_check_bytes(item);
        if (status == 0 && queue && PyBytes_GET_SIZE(item) > 0) {
            status = queue_bytes(self, item);
        }
        Py_DECREF(item);
    }
    Py_XDECREF(list);
    return status;
}

PyObject *
pyr_stream_write_sequence(StreamConnection *self, PyObject *items)
{
    if (each_item(self, items, false) < 0) {
        return NULL;
    }
    int any = PyObject_IsTrue(items);
    if (any < 0) {
        return NULL;
    }
    if (!self->connected || !any || self->write_disconnected) {
        Py_RETURN_NONE;
    }
    if (each_item(self, items, true) < 0) {
        return NULL;
    }
    return pyr_none_or_error(after_queueing(self));
}

PyObject *
pyr_stream_write_sequence_method(StreamConnection *self, PyObject *items)
{
    return self->tls ? write_through_tls(self, self->st->names.writeSequence, items)
                     : pyr_stream_write_sequence(self, items);
}

/* ---- the front of the queue, and the references that leave it ---- */

int
pyr_stream_gather(StreamConnection *self, struct iovec *iov)
{
    int count = 0;
    Py_ssize_t first = pyr_stream_first_length(self);
    if (first > 0) {
        iov[count].iov_base = PyBytes_AS_STRING(self->data_buffer) + self->offset;
        iov[count].iov_len = (size_t)first;
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
    Py_ssize_t first = pyr_stream_first_length(self);
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
