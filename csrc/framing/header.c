/* HeaderReceiver: packets with a struct header that states a length; see framing.h. */
#include "framing/view.h"
#include "framing/framing.h"

/*
 * The class has parsed its declaration into _header (pyreactor/basic.py):
 * (size of the header, index of the length, whether the length counts the header,
 * unpack).
 */
typedef struct {
    Py_ssize_t size;
    Py_ssize_t index;
    bool counts_header;
    PyObject *unpack; /* borrowed from the tuple */
} layout;

typedef enum { PACKET_FAILED = -1, PACKET_ON, PACKET_WAIT, PACKET_STOP } packet_next;

static int
read_layout(PyObject *declared, layout *out)
{
    int counts;
    if (!PyTuple_CheckExact(declared) ||
        !PyArg_ParseTuple(declared, "nnpO", &out->size, &out->index, &counts,
                          &out->unpack)) {
        PyErr_SetString(PyExc_TypeError,
                        "the header is not declared: set headerFormat and lengthField in "
                        "the class");
        return -1;
    }
    out->counts_header = counts != 0;
    return 0;
}

/* Nonsense: forget what was received, ignore what comes, and tell the protocol. */
static packet_next
give_up(pyr_buffer *b, PyObject *self, PyObject *name, PyObject *first, PyObject *second)
{
    b->broken = true;
    Py_CLEAR(b->header);
    if (pyr_buffer_set(b, NULL, 0) < 0) {
        return PACKET_FAILED;
    }
    PyObject *result = PyObject_CallMethodObjArgs(self, name, first, second, NULL);
    Py_XDECREF(result);
    return result == NULL ? PACKET_FAILED : PACKET_STOP;
}

static packet_next
too_short(pyr_framing_method *method, pyr_buffer *b, PyObject *self, PyObject *header)
{
    PyObject *reason = PyUnicode_FromString(
        "the length is smaller than the header it counts, or negative");
    if (reason == NULL) {
        return PACKET_FAILED;
    }
    packet_next next = give_up(b, self, method->st->names.headerInvalid, header, reason);
    Py_DECREF(reason);
    return next;
}

static packet_next
too_long(pyr_framing_method *method, pyr_buffer *b, PyObject *self, PyObject *length)
{
    return give_up(b, self, method->st->names.lengthLimitExceeded, length, NULL);
}

/* Check the length in a header; the payload's size goes to b->expected. */
static packet_next
check_length(pyr_framing_method *method, pyr_buffer *b, PyObject *self, PyObject *header,
             const layout *declared)
{
    if (!PyTuple_CheckExact(header) || declared->index < 0 ||
        declared->index >= PyTuple_GET_SIZE(header)) {
        PyErr_SetString(PyExc_TypeError, "lengthField is not a field of headerFormat");
        return PACKET_FAILED;
    }
    PyObject *length = PyTuple_GET_ITEM(header, declared->index);
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(length, &overflow);
    if (number == -1 && overflow == 0 && PyErr_Occurred()) {
        return PACKET_FAILED;
    }
    Py_ssize_t extra = declared->counts_header ? declared->size : 0;
    if (overflow < 0 || (overflow == 0 && number < extra)) {
        return too_short(method, b, self, header);
    }
    if (overflow > 0 || number - extra > b->view.max_length) {
        return too_long(method, b, self, length);
    }
    b->expected = (Py_ssize_t)(number - extra);
    return PACKET_ON;
}

static packet_next
read_header(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    layout declared;
    PyObject *declaration = Py_NewRef(b->view.header_from);
    packet_next next = PACKET_FAILED;
    if (read_layout(declaration, &declared) == 0) {
        next = b->size < declared.size ? PACKET_WAIT : PACKET_ON;
    }
    if (next == PACKET_ON) {
        PyObject *raw = PyBytes_FromStringAndSize(b->data, declared.size);
        PyObject *header = raw == NULL ? NULL : PyObject_CallOneArg(declared.unpack, raw);
        Py_XDECREF(raw);
        next = header == NULL ? PACKET_FAILED
                              : check_length(method, b, self, header, &declared);
        if (next == PACKET_ON && b->size < declared.size) {
            next = PACKET_WAIT; /* a collection has run, and changed the buffer */
        }
        if (next == PACKET_ON) {
            pyr_buffer_consume(b, declared.size);
            pyr_buffer_track(b);
            b->ready = true;
            Py_XSETREF(b->header, Py_NewRef(header));
        }
        Py_XDECREF(header);
    }
    Py_DECREF(declaration);
    return next;
}

static packet_next
deliver_packet(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    PyObject *payload = pyr_buffer_cut(b, b->expected, b->expected);
    if (payload == NULL) {
        return PACKET_FAILED;
    }
    b->awaited = 0;
    int usual = pyr_view_ready(method, b, self); /* a garbage collection may have run */
    PyObject *header = b->header;
    b->header = NULL;
    PyObject *name = method->st->names.packetReceived;
    PyObject *handler = usual > 0 ? pyr_view_kept(b->view.handler) : NULL;
    PyObject *result;
    if (usual < 0) {
        result = NULL;
    } else if (handler != NULL) {
        PyObject *arguments[3] = {self, header, payload};
        Py_INCREF(handler);
        result = PyObject_Vectorcall(handler, arguments, 3, NULL);
        Py_DECREF(handler);
    } else {
        result = PyObject_CallMethodObjArgs(self, name, header, payload, NULL);
    }
    Py_DECREF(header);
    Py_DECREF(payload);
    Py_XDECREF(result);
    return result == NULL ? PACKET_FAILED : PACKET_ON;
}

/* Close in a callback: packets that came with the one that closed are not delivered. */
static packet_next
check_disconnecting(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    int usual;
    int stop = pyr_closing(method, b, self, true, &usual);
    if (stop <= 0) {
        return stop < 0 ? PACKET_FAILED : PACKET_ON;
    }
    Py_CLEAR(b->header);
    return pyr_buffer_set(b, NULL, 0) < 0 ? PACKET_FAILED : PACKET_STOP;
}

/* pyr_view_ready(), where nobody else can do the work. */
static packet_next
look_again(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    int usual = pyr_view_ready(method, b, self);
    if (usual == 0) {
        pyr_unusual_error(method, self);
    }
    return usual > 0 ? PACKET_ON : PACKET_FAILED;
}

static packet_next
packet_step(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    packet_next next = look_again(method, b, self);
    if (next == PACKET_ON) {
        next = b->view.paused ? PACKET_WAIT : check_disconnecting(method, b, self);
    }
    if (next == PACKET_ON) {
        next = look_again(method, b, self);
    }
    if (next == PACKET_ON && b->header == NULL) {
        next = read_header(method, b, self);
    }
    if (next != PACKET_ON) {
        return next;
    }
    if (b->size < b->expected) {
        pyr_buffer_await(b, b->expected);
        return PACKET_WAIT;
    }
    return deliver_packet(method, b, self);
}

static PyObject *
header_feed(pyr_framing_method *method, PyObject *self, pyr_buffer *b,
            int Py_UNUSED(usual), const char *data, Py_ssize_t size, PyObject *lender)
{
    if (b->broken) {
        Py_RETURN_NONE;
    }
    if (pyr_buffer_attach(b, data, size, lender) < 0) {
        return NULL;
    }
    if (b->busy) {
        return pyr_buffer_settle(b) < 0 ? NULL : Py_NewRef(Py_None);
    }
    b->busy = true;
    packet_next next = PACKET_ON;
    while (next == PACKET_ON && !b->broken && (b->size > 0 || b->header != NULL)) {
        next = packet_step(method, b, self);
    }
    b->busy = false;
    if (pyr_buffer_settle(b) < 0) {
        pyr_buffer_reset(b);
        next = PACKET_FAILED;
    }
    if (b->header != NULL && next == PACKET_WAIT && !b->view.paused) {
        pyr_buffer_wait(b, b->expected - 1);
    }
    return next == PACKET_FAILED ? NULL : Py_NewRef(Py_None);
}

const pyr_framing_kind pyr_header_kind = {
    .name = "header",
    .declared = true,
    .ours = true,
    .feed = header_feed,
    .key = PYR_NAME(buffer),
    .handler = PYR_NAME(packetReceived),
    .slot_count = 5,
    .slots = {SLOT_HANDLER, SLOT_MAX_LENGTH, SLOT_TRANSPORT, SLOT_PAUSED, SLOT_HEADER},
};
