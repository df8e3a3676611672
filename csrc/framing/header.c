/* HeaderReceiver: packets with a struct header that states a length; see framing.h. */
#include "framing/batch.h"
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

static pyr_step
too_short(pyr_framing_method *method, pyr_buffer *b, PyObject *self, PyObject *header)
{
    PyObject *reason = PyUnicode_FromString(
        "the length is smaller than the header it counts, or negative");
    if (reason == NULL) {
        return STEP_FAILED;
    }
    pyr_step next =
        pyr_batch_give_up(b, self, method->st->names.headerInvalid, header, reason);
    Py_DECREF(reason);
    return next;
}

static pyr_step
too_long(pyr_framing_method *method, pyr_buffer *b, PyObject *self, PyObject *length)
{
    return pyr_batch_give_up(b, self, method->st->names.lengthLimitExceeded, length,
                             NULL);
}

/* Check the length in a header; the payload's size goes to b->expected. */
static pyr_step
check_length(pyr_framing_method *method, pyr_buffer *b, PyObject *self, PyObject *header,
             const layout *declared)
{
    if (!PyTuple_CheckExact(header) || declared->index < 0 ||
        declared->index >= PyTuple_GET_SIZE(header)) {
        PyErr_SetString(PyExc_TypeError, "lengthField is not a field of headerFormat");
        return STEP_FAILED;
    }
    PyObject *length = PyTuple_GET_ITEM(header, declared->index);
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(length, &overflow);
    if (number == -1 && overflow == 0 && PyErr_Occurred()) {
        return STEP_FAILED;
    }
    Py_ssize_t extra = declared->counts_header ? declared->size : 0;
    if (overflow < 0 || (overflow == 0 && number < extra)) {
        return too_short(method, b, self, header);
    }
    if (overflow > 0 || number - extra > b->view.max_length) {
        return too_long(method, b, self, length);
    }
    b->expected = (Py_ssize_t)(number - extra);
    return STEP_ON;
}

static pyr_step
read_header(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    layout declared;
    PyObject *declaration = Py_NewRef(b->view.header_from);
    pyr_step next = STEP_FAILED;
    if (read_layout(declaration, &declared) == 0) {
        next = b->size < declared.size ? STEP_WAIT : STEP_ON;
    }
    if (next == STEP_ON) {
        PyObject *raw = PyBytes_FromStringAndSize(b->data, declared.size);
        PyObject *header = raw == NULL ? NULL : PyObject_CallOneArg(declared.unpack, raw);
        Py_XDECREF(raw);
        next = header == NULL ? STEP_FAILED
                              : check_length(method, b, self, header, &declared);
        if (next == STEP_ON && b->size < declared.size) {
            next = STEP_WAIT; /* a collection has run, and changed the buffer */
        }
        if (next == STEP_ON) {
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

static pyr_step
deliver_packet(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    PyObject *payload = pyr_buffer_cut(b, b->expected, b->expected);
    if (payload == NULL) {
        return STEP_FAILED;
    }
    b->awaited = 0;
    int fits =
        pyr_attributes_ready(method, b, self); /* a garbage collection may have run */
    PyObject *header = b->header;
    b->header = NULL;
    PyObject *handler = pyr_attributes_borrowed(b->view.handler);
    PyObject *arguments[3] = {self, header, payload};
    PyObject *result = NULL;
    if (fits >= 0 && handler != NULL) {
        Py_INCREF(handler);
        result = PyObject_Vectorcall(handler, arguments, 3, NULL);
        Py_DECREF(handler);
    } else if (fits >= 0) {
        PyObject *name = method->st->names.packetReceived;
        result = PyObject_VectorcallMethod(name, arguments, 3, NULL);
    }
    Py_DECREF(header);
    Py_DECREF(payload);
    Py_XDECREF(result);
    return result == NULL ? STEP_FAILED : STEP_ON;
}

/* Close in a callback: packets that came with the one that closed are not delivered. */
static pyr_step
check_disconnecting(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    int fits;
    int stop = pyr_closing(method, b, self, true, &fits);
    if (stop == 0 && fits == 0) {
        pyr_attributes_misfit(method, self);
        return STEP_FAILED;
    }
    if (stop <= 0) {
        return stop < 0 ? STEP_FAILED : STEP_ON;
    }
    Py_CLEAR(b->header);
    return pyr_buffer_set(b, NULL, 0) < 0 ? STEP_FAILED : STEP_STOP;
}

static pyr_step
packet_step(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
            PyObject **Py_UNUSED(result))
{
    pyr_step next = check_disconnecting(method, b, self);
    if (next == STEP_ON && b->header == NULL) {
        next = read_header(method, b, self);
    }
    if (next != STEP_ON) {
        return next;
    }
    if (b->size < b->expected) {
        pyr_buffer_await(b, b->expected);
        return STEP_WAIT;
    }
    return deliver_packet(method, b, self);
}

static const struct pyr_batch_ops header_batch = {.step = packet_step};

const pyr_framing_kind pyr_header_kind = {
    .name = "header",
    .declared = true,
    .feed = pyr_batch_feed,
    .batch = &header_batch,
    .key = PYR_NAME(buffer),
    .handler = PYR_NAME(packetReceived),
    .slot_count = 5,
    .slots = {SLOT_HANDLER, SLOT_MAX_LENGTH, SLOT_TRANSPORT, SLOT_PAUSED, SLOT_HEADER},
};
