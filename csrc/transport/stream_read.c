/* Receiving, and handing over what was received; see stream.h. */
#include "transport/stream_internal.h"

#include <errno.h>
#include <sys/socket.h>

#include "core/attribute.h"
#include "core/objects.h"
#include "loop/loop.h"
#include "loop/state.h"
#include "transport/state.h"
#include "transport/ancillary.h"

/* Is bufferSize what stock's FileDescriptor has?  False where that is to be looked up. */
static bool
has_default_size(const StreamConnection *self)
{
    const pyr_transport_state *state = self->st->transport;
    return !((self->overrides | state->connection_overrides) & OWN_SIZE) &&
           pyr_class_is_as_seen(&state->connection_class, Py_TYPE(self));
}

/* How much one event may read.  Stock's 64 KiB default stands for "no wish": larger
 * reads are fewer, and the buffer is shared. */
static Py_ssize_t
receive_limit(StreamConnection *self)
{
    if (!self->kind->is_socket || has_default_size(self)) {
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

/*
 * glibc gives the top of its heap back to the kernel as soon as 128 KiB of it are free,
 * so that a server of large messages takes a page fault for every 4 KiB of each of them.
 * The limit grows to twice the largest mapped block that was ever freed: free one.
 */
static void
keep_freed_memory(void)
{
    char *volatile block = malloc(1024 * 1024);
    free(block);
}

int
pyr_stream_buffer_take(StreamConnection *self, Py_ssize_t limit,
                       pyr_receive_buffer *buffer)
{
    pyr_transport_state *state = self->st->transport;
    if (state->read_buffer == NULL) {
        keep_freed_memory();
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

void
pyr_stream_buffer_give_back(pyr_receive_buffer *buffer)
{
    if (buffer->lender == NULL) {
        PyMem_Free(buffer->data);
    } else {
        buffer->lender->transport->read_buffer_busy = false;
        buffer->lender = NULL;
    }
    buffer->data = NULL;
}

ssize_t
pyr_stream_transfer_shared(StreamConnection *self, pyr_transfer call, struct iovec *items,
                           int count)
{
    int fd = self->fd, error;
    PyThreadState *thread = PyEval_SaveThread();
    ssize_t done = call(fd, items, count);
    error = errno;
    PyEval_RestoreThread(thread);
    if (done < 0 && error == EINTR) {
        error = EAGAIN;
        done = PyErr_CheckSignals() < 0 ? -2 : -1;
    }
    errno = error;
    return done;
}

/* ---- where a read puts what it receives ---- */

/*
 * Much is received into the object that the protocol gets, if it gets one, rather than
 * copied there: a read that brought so much gives the next one room for as much, in units
 * that a byte has enough values for.
 */
#define MUCH 16384
#define ROOM_UNIT 4096
#define MOST_ROOM (PYR_READ_BUFFER_SIZE / ROOM_UNIT)

typedef struct {
    char *data;
    Py_ssize_t limit;
    PyObject *bytes; /* which has the data; or NULL, then `buffer` has */
    pyr_receive_buffer buffer;
} pyr_place;

static int
take_place(StreamConnection *self, Py_ssize_t limit, pyr_place *place)
{
    *place = (pyr_place){.limit = limit};
    if (self->room == 0 || limit != PYR_READ_BUFFER_SIZE) {
        int status = pyr_stream_buffer_take(self, limit, &place->buffer);
        place->data = place->buffer.data;
        return status;
    }
    place->limit = self->room * ROOM_UNIT;
    place->bytes = PyBytes_FromStringAndSize(NULL, place->limit);
    if (place->bytes == NULL) {
        return -1;
    }
    place->data = PyBytes_AS_STRING(place->bytes);
    return 0;
}

static void
give_place_back(pyr_place *place)
{
    Py_CLEAR(place->bytes);
    if (place->buffer.data != NULL) {
        pyr_stream_buffer_give_back(&place->buffer);
    }
}

/* The object has so many bytes now.  Of much memory little is not worth keeping. */
static int
fit_place(pyr_place *place, Py_ssize_t count)
{
    if (place->bytes == NULL) {
        return 0;
    }
    if (count < place->limit / 2) {
        Py_SETREF(place->bytes, PyBytes_FromStringAndSize(place->data, count));
    } else if (count < place->limit) {
        (void)_PyBytes_Resize(&place->bytes, count); /* NULL where that fails */
    }
    if (place->bytes == NULL) {
        return -1;
    }
    place->data = PyBytes_AS_STRING(place->bytes);
    return 0;
}

/* A read brought so much. */
static void
note_room(StreamConnection *self, const pyr_place *place, Py_ssize_t count)
{
    Py_ssize_t room = count == place->limit ? MOST_ROOM : count / ROOM_UNIT + 1;
    Py_ssize_t least = self->room - 1; /* the next may bring more than this one */
    self->room = (uint8_t)(count < MUCH ? 0 : room > least ? room : least);
}

/* ---- receiving ---- */

/* How many bytes came, 0 at the end, -1 with errno, -2 with an exception set. */
static ssize_t
receive_stream(StreamConnection *self, char *data, Py_ssize_t limit,
               pyr_ancillary *ancillary)
{
    struct iovec place = {.iov_base = data, .iov_len = (size_t)limit};
    *ancillary = (pyr_ancillary){NULL, NULL};
    if (self->kind->is_unix) {
        return pyr_receive_ancillary(self->fd, data, (size_t)limit, ancillary);
    }
    return self->shared ? pyr_stream_transfer_shared(self, self->kind->receive, &place, 1)
                        : pyr_stream_transfer(self, self->kind->receive, &place, 1);
}

/* What lies at `data` to the C method that stands behind protocol.dataReceived. */
static inline bool
deliver_in_c(core_state *st, PyObject *protocol, const char *data, Py_ssize_t size,
             PyObject **result)
{
    return st->deliver(st, protocol, data, size, result) ||
           (st->deliver_records != NULL &&
            st->deliver_records(st, protocol, data, size, result));
}

/* protocol.dataReceived(data), or where that is a C method, what lies at `data` to that.
 * `bytes` is the same, or NULL: then a copy is made, and the buffer, if there is one,
 * given back before what gets the copy is called. */
static int
deliver_to(StreamConnection *self, PyObject *protocol, const char *data, Py_ssize_t size,
           PyObject *bytes, pyr_receive_buffer *buffer)
{
    PyObject *result = NULL;
    Py_INCREF(protocol);
    if (deliver_in_c(self->st, protocol, data, size, &result)) {
        self->room = 0;
    } else {
        bytes = bytes != NULL ? Py_NewRef(bytes) : PyBytes_FromStringAndSize(data, size);
        if (buffer != NULL) {
            pyr_stream_buffer_give_back(buffer);
        }
        if (bytes != NULL) {
            result =
                PyObject_CallMethodOneArg(protocol, self->st->names.dataReceived, bytes);
            Py_DECREF(bytes);
        }
    }
    Py_DECREF(protocol);
    return pyr_drop(result);
}

int
pyr_stream_deliver_to(StreamConnection *self, PyObject *protocol, const char *data,
                      Py_ssize_t size)
{
    return deliver_to(self, protocol, data, size, NULL, NULL);
}

/* The same for the stream's own protocol. */
static int
deliver_own(StreamConnection *self, const char *data, Py_ssize_t size, PyObject *bytes,
            pyr_receive_buffer *buffer)
{
    if (self->protocol == NULL) {
        pyr_attribute_absent((PyObject *)self, "protocol");
        return -1;
    }
    return deliver_to(self, self->protocol, data, size, bytes, buffer);
}

static inline void
count_received(StreamConnection *self, Py_ssize_t count)
{
    self->received += count;
    pyr_stream_traffic(self)->received += (uint64_t)count;
}

/* Hand over what came beside the bytes, then these; drops both. */
static int
deliver_ancillary(StreamConnection *self, pyr_ancillary *ancillary)
{
    PyObject *bytes = ancillary->bytes;
    count_received(self, PyBytes_GET_SIZE(bytes));
    int status = pyr_call_dropping((PyObject *)self, self->st->names._ancillaryReceived,
                                   ancillary->messages);
    if (status == 0 && PyBytes_GET_SIZE(bytes) > 0) {
        status = deliver_own(self, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes),
                             bytes, NULL);
    }
    Py_CLEAR(ancillary->messages);
    Py_CLEAR(ancillary->bytes);
    return status;
}

/* Hand over what lies in the place. */
static int
deliver_place(StreamConnection *self, pyr_place *place, Py_ssize_t count)
{
    count_received(self, count);
    if (self->kind->deliver != NULL) {
        return self->kind->deliver(self, place->data, count);
    }
    note_room(self, place, count);
    return fit_place(place, count) < 0
               ? -1
               : deliver_own(self, place->data, count, place->bytes, &place->buffer);
}

/* Why the connection ends, or None, or NULL with an exception set; new reference. */
PyObject *
pyr_stream_do_read(StreamConnection *self)
{
    core_state *st = self->st;
    pyr_place place;
    pyr_ancillary ancillary;
    Py_ssize_t limit = receive_limit(self);
    if (limit < 0 || pyr_stream_refresh_descriptor(self) < 0 ||
        take_place(self, limit, &place) < 0) {
        return NULL;
    }
    ssize_t count = receive_stream(self, place.data, place.limit, &ancillary);
    int status = 0, error = errno;
    if (count < -1) {
        status = -1;
    } else if (ancillary.messages != NULL) {
        give_place_back(&place);
        status = deliver_ancillary(self, &ancillary);
    } else if (count > 0) {
        status = deliver_place(self, &place, count);
    }
    give_place_back(&place);
    if (status < 0) {
        return NULL;
    }
    if (count > 0 || (count < 0 && (error == EAGAIN || error == EWOULDBLOCK))) {
        Py_RETURN_NONE;
    }
    self->read_end = count == 0;
    return Py_NewRef(count < 0 ? st->loop->CONNECTION_LOST : st->loop->CONNECTION_DONE);
}
