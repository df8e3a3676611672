/* NetstringReceiver and the batch form; see framing.h. */
#include "core/call.h"
#include "framing/batch.h"
#include "framing/framing.h"

/* What stock has left in _remainingData: all but the part of the payload it has moved. */
static Py_ssize_t
remaining_size(const pyr_buffer *b)
{
    return b->size - b->moved;
}

/*
 * Stock's makeConnection has set its parser's attributes: begin in C, with a buffer in
 * the place of them.  A new object may run a garbage collection, and so any code: hence
 * the reference to the dict.
 */
static int
begin_netstring(pyr_framing_method *method, PyObject *self, PyObject *dict)
{
    core_state *st = method->st;
    pyr_buffer *b = pyr_buffer_new(st, self);
    int result = b == NULL ? -1 : 0;
    Py_ssize_t place = 0;
    PyObject *name;
    while (result == 0 && PyDict_Next(method->needed, &place, &name, NULL)) {
        if (PyDict_DelItem(dict, name) < 0) {
            PyErr_Clear(); /* a subclass keeps it elsewhere */
        }
    }
    if (result == 0) {
        b->ready = true;
        result = PyDict_SetItem(dict, st->names.remaining, (PyObject *)b);
    }
    Py_XDECREF(b);
    return result;
}

PyObject *
pyr_netstring_connect(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2) {
        return pyr_call_refused(2, nargs);
    }
    pyr_framing_method *method = (pyr_framing_method *)op;
    PyObject *result = PyObject_Vectorcall(method->stock, args, (size_t)nargs, NULL);
    if (result == NULL || !pyr_attributes_class_has(method, Py_TYPE(args[0]))) {
        return result;
    }
    PyObject *dict = pyr_instance_dict(args[0]);
    if (dict != NULL && begin_netstring(method, args[0], dict) < 0) {
        Py_CLEAR(result);
    }
    Py_XDECREF(dict);
    return result;
}

/* ---- parsing --------------------------------------------------------------- */

/* Of parse(): STEP_ON: a whole netstring begins the buffer, payload and comma; STEP_WAIT:
 * stock's IncompleteNetstring; STEP_STOP: stock's NetstringParseError. */

/*
 * The size of the length and the colon that the buffer, which is not empty, begins with;
 * 0: STEP_WAIT, -1: STEP_STOP.
 */
static inline Py_ssize_t
read_length_prefix(pyr_buffer *b, Py_ssize_t *length)
{
    enum { MANY_DIGITS = 20 }; /* a number of so many is above any limit */
    const char *data = b->data;
    Py_ssize_t size = b->size, digits = 0;
    /* No leading zeros: a zero is the whole number. */
    Py_ssize_t most = data[0] == '0' ? 1 : size < MANY_DIGITS ? size : MANY_DIGITS;
    uint64_t number = 0;
    for (; digits < most && data[digits] >= '0' && data[digits] <= '9'; digits++) {
        number = number * 10 + (uint64_t)(data[digits] - '0');
    }
    /* Stock counts the digits, too; with too many the number is above the limit. */
    if (digits == 0 || digits == MANY_DIGITS || number > (uint64_t)b->view.max_length) {
        return -1;
    }
    *length = (Py_ssize_t)number;
    if (digits < size && data[digits] == ':') {
        return digits + 1;
    }
    /* A newline may follow a length that is not complete: stock's pattern ends in "$". */
    return digits == size || (digits == size - 1 && data[digits] == '\n') ? 0 : -1;
}

/* Look at what the buffer begins with.  The view must be ready. */
static pyr_step
parse(pyr_buffer *b)
{
    if (b->netstring_state == NETSTRING_LENGTH) {
        Py_ssize_t length = 0;
        Py_ssize_t prefix = b->size == 0 ? 0 : read_length_prefix(b, &length);
        if (prefix <= 0) {
            return prefix == 0 ? STEP_WAIT : STEP_STOP;
        }
        pyr_buffer_consume(b, prefix);
        b->expected = length + 1;
        b->netstring_state = NETSTRING_PAYLOAD;
    }
    b->moved = b->size < b->expected ? b->size : b->expected;
    if (b->moved < b->expected) {
        pyr_buffer_await(b, b->expected);
        return STEP_WAIT;
    }
    return b->data[b->expected - 1] == ',' ? STEP_ON : STEP_STOP;
}

static PyObject *
take_netstring(pyr_buffer *b)
{
    PyObject *string = pyr_buffer_cut(b, b->expected - 1, b->expected);
    if (string != NULL) {
        b->netstring_state = NETSTRING_LENGTH;
        b->moved = 0;
        b->awaited = 0;
    }
    return string;
}

/* ---- NetstringReceiver ----------------------------------------------------- */

/* Whether it was the exception that this global of stock's module is now. */
static bool
raised(pyr_framing_method *method, const char *name)
{
    PyObject *type = PyDict_GetItemString(PyFunction_GET_GLOBALS(method->stock), name);
    return type != NULL && PyErr_ExceptionMatches(type);
}

/* stringReceived has raised.  Stock runs it where it catches the parser's own exceptions.
 */
static pyr_step
caught(pyr_framing_method *method)
{
    if (raised(method, "IncompleteNetstring")) {
        PyErr_Clear();
        return STEP_WAIT;
    }
    if (raised(method, "NetstringParseError")) {
        PyErr_Clear();
        return STEP_STOP;
    }
    return STEP_FAILED;
}

static pyr_step
netstring_step(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    pyr_step next = parse(b);
    if (next != STEP_ON) {
        return next;
    }
    PyObject *string = take_netstring(b);
    if (string == NULL) {
        return STEP_FAILED;
    }
    PyObject *result = pyr_call_handler(method, b, self, string);
    Py_DECREF(string);
    if (result == NULL) {
        return caught(method);
    }
    Py_DECREF(result);
    return STEP_ON;
}

static bool
limit_fits(const pyr_buffer *b)
{
    /* Stock takes the logarithm of the limit; what does not fit is its business as well.
     */
    return b->view.max_length > 0 && b->view.max_length < PY_SSIZE_T_MAX;
}

/* The stock loop, over stock's attributes, which the state goes to. */
static PyObject *
netstring_continue_stock(pyr_framing_method *method, PyObject *self)
{
    return pyr_leave(method, self) < 0 ? NULL : pyr_continue_stock(method, self);
}

static PyObject *
netstring_loop(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    for (int fits = 1; fits >= 0; fits = pyr_attributes_ready(method, b, self)) {
        if (!fits || !limit_fits(b)) {
            return netstring_continue_stock(method, self);
        }
        if (remaining_size(b) == 0) {
            Py_RETURN_NONE;
        }
        pyr_step next = netstring_step(method, b, self);
        if (next == STEP_STOP &&
            pyr_call_dropping(self, method->st->names.handleParseError, NULL) < 0) {
            return NULL;
        }
        if (next != STEP_ON) {
            return next == STEP_FAILED ? NULL : Py_NewRef(Py_None);
        }
    }
    return NULL;
}

static PyObject *
netstring_feed(pyr_framing_method *method, PyObject *self, pyr_buffer *b, int fits,
               const char *data, Py_ssize_t size, PyObject *lender)
{
    if (!fits || !limit_fits(b)) {
        return pyr_leave(method, self) < 0
                   ? NULL
                   : pyr_call_stock(method, self, data, size, lender);
    }
    if (pyr_buffer_attach(b, data, size, lender) < 0) {
        return NULL;
    }
    PyObject *result = netstring_loop(method, b, self);
    if (pyr_buffer_settle(b) < 0) {
        pyr_buffer_reset(b);
        Py_CLEAR(result);
    } else if (b->netstring_state == NETSTRING_PAYLOAD && b->moved == b->size) {
        pyr_buffer_wait(b, b->expected - 1);
    }
    return result;
}

const pyr_framing_kind pyr_netstring_kind = {
    .name = "netstring",
    .feed = netstring_feed,
    .key = PYR_NAME(remaining),
    .handler = PYR_NAME(stringReceived),
    .slot_count = 2,
    .slots = {SLOT_HANDLER, SLOT_MAX_LENGTH},
    .needs_ready = true,
};

/* ---- BatchNetstringReceiver ------------------------------------------------ */

static inline PyObject *
next_whole_netstring(pyr_buffer *b)
{
    Py_ssize_t length = 0;
    Py_ssize_t prefix =
        b->netstring_state == NETSTRING_LENGTH ? read_length_prefix(b, &length) : 0;
    if (prefix > 0 && length < b->size - prefix && length < PYR_IDLE_CAPACITY &&
        b->data[prefix + length] == ',') {
        PyObject *string = PyBytes_FromStringAndSize(b->data + prefix, length);
        if (string != NULL) {
            pyr_buffer_consume(b, prefix + length + 1);
        }
        return string;
    }
    return parse(b) == STEP_ON ? take_netstring(b) : NULL;
}

static PyObject *
take_netstrings(pyr_buffer *b)
{
    bool any = parse(b) == STEP_ON;
    return pyr_batch_take(b, any ? b->size / (b->expected + 2) + 1 : 0,
                          next_whole_netstring);
}

static pyr_step
no_whole_netstring(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                   PyObject **Py_UNUSED(result))
{
    PyObject *name = method->st->names.handleParseError;
    return parse(b) == STEP_STOP ? pyr_batch_give_up(b, self, name, NULL, NULL)
                                 : STEP_WAIT;
}

static pyr_step
batch_netstring_step(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                     PyObject **result)
{
    if (limit_fits(b)) {
        return pyr_batch_step(method, b, self, result);
    }
    pyr_attributes_misfit(method, self);
    return STEP_FAILED;
}

static const struct pyr_batch_ops netstring_batch = {
    .take = take_netstrings,
    .none = no_whole_netstring,
    .step = batch_netstring_step,
};

const pyr_framing_kind pyr_batch_netstring_kind = {
    .name = "batch_netstring",
    .feed = pyr_batch_feed,
    .batch = &netstring_batch,
    .key = PYR_NAME(buffer),
    .handler = PYR_NAME(stringsReceived),
    .slot_count = 3,
    .slots = {SLOT_HANDLER, SLOT_MAX_LENGTH, SLOT_PAUSED},
};
