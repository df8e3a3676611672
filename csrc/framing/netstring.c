/* NetstringReceiver and the batch form; see framing.h. */
#include "framing/view.h"
#include "framing/framing.h"

#include <math.h>

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
    int result = b == NULL ? -1 : pyr_own_dict_unshare(dict, st->names.popitem);
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(method->shown); i++) {
        if (PyDict_DelItem(dict, PyTuple_GET_ITEM(method->shown, i)) < 0) {
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
    pyr_framing_method *method = (pyr_framing_method *)op;
    PyObject *result = PyObject_Vectorcall(method->stock, args, (size_t)nargs, NULL);
    if (result == NULL || method->shown == NULL ||
        !pyr_view_class_shows(method->st, Py_TYPE(args[0]), method->shown)) {
        return result;
    }
    PyObject *dict = pyr_own_dict(args[0]);
    if (dict != NULL && begin_netstring(method, args[0], dict) < 0) {
        Py_CLEAR(result);
    }
    Py_XDECREF(dict);
    return result;
}

/* ---- parsing --------------------------------------------------------------- */

typedef enum {
    PARSE_FAILED = -1, /* exception */
    PARSE_STRING,      /* a whole netstring begins the buffer: payload and comma */
    PARSE_WAIT,        /* stock's IncompleteNetstring */
    PARSE_BAD          /* stock's NetstringParseError */
} parsed;

/* How many digits a length may have: ceil(log10(MAX_LENGTH)) + 1, as stock counts. */
static int
length_digits(pyr_view *view)
{
    if (view->max_length_digits == 0) {
        view->max_length_digits = (int)ceil(log10((double)view->max_length)) + 1;
    }
    return view->max_length_digits;
}

static Py_ssize_t
count_length_digits(const char *data, Py_ssize_t size)
{
    Py_ssize_t count = 0;
    while (count < size && data[count] >= '0' && data[count] <= '9') {
        count++;
        if (data[0] == '0') {
            break; /* no leading zeros: a zero is the whole number */
        }
    }
    return count;
}

/* The length in `digits` bytes, or -1 if it is more than MAX_LENGTH. */
static Py_ssize_t
parse_length(pyr_view *view, const char *data, Py_ssize_t digits)
{
    if (digits > length_digits(view)) {
        return -1;
    }
    Py_ssize_t length = 0;
    for (Py_ssize_t i = 0; i < digits; i++) {
        int unit = data[i] - '0';
        if (length > (PY_SSIZE_T_MAX - unit) / 10) {
            return -1;
        }
        length = length * 10 + unit;
    }
    return length > view->max_length ? -1 : length;
}

static void
begin_payload(pyr_buffer *b, Py_ssize_t length, Py_ssize_t prefix_size)
{
    b->expected = length + 1;
    b->moved = 0;
    b->netstring_state = NETSTRING_PAYLOAD;
    pyr_buffer_consume(b, prefix_size);
}

/* The common case: a short number, a colon.  Their size, or 0: look closely. */
static inline Py_ssize_t
short_prefix(pyr_buffer *b, Py_ssize_t *length)
{
    enum { MOST_DIGITS = 9 };
    const char *data = b->data;
    Py_ssize_t most = b->size - 1 < MOST_DIGITS ? b->size - 1 : MOST_DIGITS;
    Py_ssize_t number = 0;
    Py_ssize_t digits = 0;
    for (; digits < most && data[digits] >= '0' && data[digits] <= '9'; digits++) {
        number = number * 10 + (data[digits] - '0');
    }
    if (digits == 0 || data[digits] != ':' || data[0] == '0' ||
        number > b->view.max_length || digits > length_digits(&b->view)) {
        return 0;
    }
    *length = number;
    return digits + 1;
}

/* Consume the length and the colon. */
static parsed
parse_length_prefix(pyr_buffer *b)
{
    Py_ssize_t number;
    Py_ssize_t prefix = short_prefix(b, &number);
    if (prefix > 0) {
        begin_payload(b, number, prefix);
        return PARSE_STRING;
    }
    Py_ssize_t digits = count_length_digits(b->data, b->size);
    bool colon = digits < b->size && b->data[digits] == ':';
    /* A newline may follow a length that is not complete: stock's pattern ends in "$". */
    bool partial =
        digits == b->size || (digits == b->size - 1 && b->data[digits] == '\n');
    if (digits == 0 || !(colon || partial)) {
        return PARSE_BAD;
    }
    Py_ssize_t length = parse_length(&b->view, b->data, digits);
    if (length < 0) {
        return PARSE_BAD;
    }
    if (!colon) {
        return PARSE_WAIT;
    }
    begin_payload(b, length, digits + 1);
    return PARSE_STRING;
}

/* Look at what the buffer begins with.  The view must be ready. */
static parsed
parse(pyr_buffer *b)
{
    if (b->netstring_state == NETSTRING_LENGTH) {
        parsed prefix = parse_length_prefix(b);
        if (prefix != PARSE_STRING) {
            return prefix;
        }
    }
    b->moved = b->size < b->expected ? b->size : b->expected;
    if (b->moved < b->expected) {
        pyr_buffer_await(b, b->expected);
        return PARSE_WAIT;
    }
    return b->data[b->expected - 1] == ',' ? PARSE_STRING : PARSE_BAD;
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

static int
handle_parse_error(pyr_framing_method *method, PyObject *self)
{
    PyObject *result = pyr_call_named(self, method->st->names.handleParseError, NULL);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* A global of the module of the stock function, such as NetstringParseError. */
static PyObject *
stock_global(pyr_framing_method *method, const char *name)
{
    PyObject *globals = PyObject_GetAttrString(method->stock, "__globals__");
    PyObject *value = NULL;
    if (globals != NULL && PyDict_Check(globals)) {
        value = Py_XNewRef(PyDict_GetItemString(globals, name));
    }
    Py_XDECREF(globals);
    PyErr_Clear();
    return value;
}

static bool
raised(pyr_framing_method *method, const char *name)
{
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *type = stock_global(method, name);
    PyErr_SetRaisedException(exception);
    bool result = type != NULL && PyErr_ExceptionMatches(type);
    Py_XDECREF(type);
    return result;
}

/* stringReceived has raised.  Stock runs it where it catches the parser's own exceptions.
 */
static parsed
caught(pyr_framing_method *method)
{
    if (raised(method, "IncompleteNetstring")) {
        PyErr_Clear();
        return PARSE_WAIT;
    }
    if (raised(method, "NetstringParseError")) {
        PyErr_Clear();
        return PARSE_BAD;
    }
    return PARSE_FAILED;
}

static parsed
netstring_step(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    parsed next = parse(b);
    if (next != PARSE_STRING) {
        return next;
    }
    PyObject *string = take_netstring(b);
    if (string == NULL) {
        return PARSE_FAILED;
    }
    PyObject *result = pyr_call_handler(method, b, self, string);
    Py_DECREF(string);
    if (result == NULL) {
        return caught(method);
    }
    Py_DECREF(result);
    return PARSE_STRING;
}

static bool
limit_is_usual(const pyr_buffer *b)
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
    for (int usual = 1; usual >= 0; usual = pyr_view_ready(method, b, self)) {
        if (!usual || !limit_is_usual(b)) {
            return netstring_continue_stock(method, self);
        }
        if (remaining_size(b) == 0) {
            Py_RETURN_NONE;
        }
        parsed next = netstring_step(method, b, self);
        if (next == PARSE_BAD && handle_parse_error(method, self) < 0) {
            return NULL;
        }
        if (next != PARSE_STRING) {
            return next == PARSE_FAILED ? NULL : Py_NewRef(Py_None);
        }
    }
    return NULL;
}

/* At the end of a feed: what was lent is copied, and what may come quietly is known. */
static int
come_to_rest(pyr_buffer *b)
{
    if (pyr_buffer_settle(b) < 0) {
        pyr_buffer_reset(b);
        return -1;
    }
    if (b->netstring_state == NETSTRING_PAYLOAD && b->moved == b->size) {
        pyr_buffer_wait(b, b->expected - 1);
    }
    return 0;
}

static PyObject *
netstring_feed(pyr_framing_method *method, PyObject *self, pyr_buffer *b, int usual,
               const char *data, Py_ssize_t size, PyObject *lender)
{
    if (!usual || !limit_is_usual(b)) {
        return pyr_leave(method, self) < 0
                   ? NULL
                   : pyr_call_stock(method, self, data, size, lender);
    }
    if (pyr_buffer_attach(b, data, size, lender) < 0) {
        return NULL;
    }
    PyObject *result = netstring_loop(method, b, self);
    if (come_to_rest(b) < 0) {
        Py_CLEAR(result);
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

/* The whole short strings that begin the buffer, consumed: what most batches are. */
static int
take_short(pyr_buffer *b, pyr_batch *batch)
{
    if (b->netstring_state != NETSTRING_LENGTH) {
        return 0;
    }
    for (;;) {
        Py_ssize_t length;
        Py_ssize_t prefix = b->size > 0 ? short_prefix(b, &length) : 0;
        if (prefix == 0 || length >= b->size - prefix ||
            b->data[prefix + length] != ',') {
            return 0;
        }
        PyObject *string = pyr_new_message(b->data + prefix, length);
        if (pyr_batch_add(batch, string) < 0) {
            return -1;
        }
        pyr_buffer_consume(b, prefix + length + 1);
    }
}

/* All whole strings of the buffer, consumed.  *next says what comes after them. */
static PyObject *
take_batch(pyr_buffer *b, parsed *next)
{
    pyr_batch batch;
    *next = parse(b);
    Py_ssize_t room = *next == PARSE_STRING ? b->size / (b->expected + 2) + 1 : 0;
    if (pyr_batch_begin(&batch, room) < 0) {
        return NULL;
    }
    int result = 0;
    *next = b->size > 0 ? parse(b) : PARSE_WAIT; /* a collection may have run */
    if (*next == PARSE_STRING) {
        /* One that is half received, or long, comes first. */
        result = pyr_batch_add(&batch, take_netstring(b));
        result = result == 0 ? take_short(b, &batch) : result;
        *next = result == 0 && remaining_size(b) > 0 ? parse(b) : PARSE_WAIT;
    }
    while (result == 0 && *next == PARSE_STRING) {
        result = pyr_batch_add(&batch, take_netstring(b));
        *next = result == 0 && remaining_size(b) > 0 ? parse(b) : PARSE_WAIT;
    }
    return pyr_batch_end(&batch, result);
}

static parsed
batch_netstring_rest(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                     parsed next)
{
    if (next != PARSE_BAD) {
        return PARSE_WAIT;
    }
    b->broken = true;
    if (pyr_buffer_set(b, NULL, 0) < 0) {
        return PARSE_FAILED;
    }
    b->moved = 0;
    return handle_parse_error(method, self) < 0 ? PARSE_FAILED : PARSE_BAD;
}

static parsed
batch_netstring_step(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    int usual = pyr_view_ready(method, b, self);
    if (usual <= 0 || !limit_is_usual(b)) {
        if (usual >= 0) {
            pyr_unusual_error(method, self);
        }
        return PARSE_FAILED;
    }
    if (b->view.paused) {
        return PARSE_WAIT;
    }
    parsed next;
    PyObject *strings = take_batch(b, &next);
    if (strings == NULL) {
        return PARSE_FAILED;
    }
    if (PyList_GET_SIZE(strings) == 0) {
        Py_DECREF(strings);
        return batch_netstring_rest(method, b, self, next);
    }
    PyObject *result = pyr_call_handler_now(method, b, self, strings);
    Py_DECREF(strings);
    Py_XDECREF(result);
    return result == NULL ? PARSE_FAILED : PARSE_STRING;
}

/* Whether the buffer has more than a string that is not whole: a bad one has ended. */
static bool
has_unparsed(const pyr_buffer *b)
{
    return remaining_size(b) > 0 ||
           (b->netstring_state == NETSTRING_PAYLOAD && b->moved == b->expected);
}

static PyObject *
batch_netstring_feed(pyr_framing_method *method, PyObject *self, pyr_buffer *b,
                     int Py_UNUSED(usual), const char *data, Py_ssize_t size,
                     PyObject *lender)
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
    parsed next = PARSE_STRING;
    while (next == PARSE_STRING && has_unparsed(b)) {
        next = batch_netstring_step(method, b, self);
    }
    b->busy = false;
    if (come_to_rest(b) < 0) {
        next = PARSE_FAILED;
    }
    return next == PARSE_FAILED ? NULL : Py_NewRef(Py_None);
}

const pyr_framing_kind pyr_batch_netstring_kind = {
    .name = "batch_netstring",
    .ours = true,
    .feed = batch_netstring_feed,
    .key = PYR_NAME(buffer),
    .handler = PYR_NAME(stringsReceived),
    .slot_count = 3,
    .slots = {SLOT_HANDLER, SLOT_MAX_LENGTH, SLOT_PAUSED},
};
