/* IntNStringReceiver (Int8, Int16, Int32, user-defined) and the batch form; see
 * framing.h. */
#include "framing/batch.h"
#include "framing/framing.h"

/* The unsigned number in 1, 2, 4 or 8 bytes; shaped so that it compiles to one load. */
static inline uint64_t
decode_little(const unsigned char *b, int size)
{
    switch (size) {
    case 1:
        return b[0];
    case 2:
        return (uint64_t)b[0] | (uint64_t)b[1] << 8;
    case 4:
        return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 |
               (uint64_t)b[3] << 24;
    default:
        return decode_little(b, 4) | decode_little(b + 4, 4) << 32;
    }
}

static inline uint64_t
decode_big(const unsigned char *b, int size)
{
    switch (size) {
    case 1:
        return b[0];
    case 2:
        return (uint64_t)b[0] << 8 | (uint64_t)b[1];
    case 4:
        return (uint64_t)b[0] << 24 | (uint64_t)b[1] << 16 | (uint64_t)b[2] << 8 |
               (uint64_t)b[3];
    default:
        return decode_big(b, 4) << 32 | decode_big(b + 4, 4);
    }
}

static inline uint64_t
decode(const unsigned char *bytes, int size, bool little)
{
    return little ? decode_little(bytes, size) : decode_big(bytes, size);
}

static inline bool
exceeds(uint64_t length, Py_ssize_t limit)
{
    return limit < 0 || length > (uint64_t)limit;
}

/* What one dataReceived works on: stock's local variables. */
typedef struct {
    pyr_framing_method *method;
    pyr_buffer *b;
    PyObject *self;
    pyr_frame frame;          /* alldata */
    Py_ssize_t offset;        /* of what comes next; -lead_size: the first string */
    char lead[PYR_MOST_LEAD]; /* the prefix of the first string, if it is held apart */
    int lead_size;
    PyObject *delivered; /* a message that stood before the frame, in the same memory */
    Py_ssize_t before;   /* its size, prefix included */
    int prefix; /* size of a length prefix: that of the beginning, callbacks or not */
    bool little;
} intn_run;

/* Whether the buffer shows all that this run works on. */
static bool
shows_frame(const intn_run *run)
{
    const pyr_buffer *b = run->b;
    return pyr_frame_shown(&run->frame, b) && b->size == run->frame.size &&
           b->delivered == run->delivered && b->lead_size == run->lead_size;
}

static bool
show_frame(intn_run *run)
{
    pyr_buffer *b = run->b;
    if (shows_frame(run)) {
        return true;
    }
    if (pyr_buffer_set(b, NULL, 0) < 0) {
        return false;
    }
    b->delivered = Py_XNewRef(run->delivered);
    b->lead_size = run->lead_size;
    memcpy(b->lead, run->lead, sizeof(b->lead));
    b->data = run->frame.data;
    b->size = run->frame.size;
    b->external = true;
    return true;
}

static pyr_step
length_limit_exceeded(intn_run *run, uint64_t length)
{
    if (!show_frame(run)) { /* self._unprocessed = alldata */
        return STEP_FAILED;
    }
    run->b->compatibility_offset = run->before + run->offset;
    PyObject *number = PyLong_FromUnsignedLongLong(length);
    PyObject *name = run->method->st->names.lengthLimitExceeded;
    int result = number == NULL ? -1 : pyr_call_dropping(run->self, name, number);
    Py_XDECREF(number);
    return result < 0 ? STEP_FAILED : STEP_STOP;
}

/* Stock's alldata. */
static PyObject *
all_data(const intn_run *run)
{
    Py_ssize_t lead = run->lead_size;
    Py_ssize_t handed = run->delivered == NULL ? 0 : PyBytes_GET_SIZE(run->delivered);
    PyObject *all = PyBytes_FromStringAndSize(NULL, lead + handed + run->frame.size);
    if (all != NULL) {
        char *place = PyBytes_AS_STRING(all);
        memcpy(place, run->lead, (size_t)lead);
        if (handed > 0) {
            memcpy(place + lead, PyBytes_AS_STRING(run->delivered), (size_t)handed);
        }
        if (run->frame.size > 0) {
            memcpy(place + lead + handed, run->frame.data, (size_t)run->frame.size);
        }
    }
    return all;
}

/* All that is left is received in Python.  `received`: right after a string. */
static pyr_step
continue_strings(intn_run *run, bool received)
{
    const char layout[] = {run->little ? '<' : '>', "?BHxIxxxQ"[run->prefix], '\0'};
    PyObject *all = all_data(run);
    PyObject *result =
        all == NULL
            ? NULL
            : PyObject_CallFunction(run->method->st->framing->continue_strings, "OOnsiO",
                                    run->self, all, run->before + run->offset, layout,
                                    run->prefix, received ? Py_True : Py_False);
    Py_XDECREF(all);
    return pyr_drop(result) < 0 ? STEP_FAILED : STEP_STOP;
}

/*
 * A long string that has the frame's block for itself becomes the message.  The buffer
 * goes on showing it, since stock does so until dataReceived returns.
 */
static PyObject *
detach_string(intn_run *run, Py_ssize_t size)
{
    pyr_buffer *b = run->b;
    if (run->offset >= 0 || !shows_frame(run)) {
        return NULL;
    }
    PyObject *string = pyr_frame_detach(&run->frame, b, size, size);
    if (string != NULL) {
        b->delivered = Py_NewRef(string);
        run->delivered = Py_NewRef(string);
        run->before = run->prefix + size;
        run->offset = 0;
    }
    return string;
}

/* The string of `size` bytes, whose prefix stands at the offset. */
static PyObject *
take_string(intn_run *run, Py_ssize_t size)
{
    PyObject *string = size < PYR_IDLE_CAPACITY ? NULL : detach_string(run, size);
    if (string == NULL && !PyErr_Occurred()) {
        Py_ssize_t start = run->offset + run->prefix;
        string = pyr_new_message(run->frame.data + start, size);
        run->offset = start + size;
    }
    return string;
}

static pyr_step
deliver_string(intn_run *run, Py_ssize_t size)
{
    PyObject *string = take_string(run, size);
    if (string == NULL) {
        return STEP_FAILED;
    }
    run->b->compatibility_offset = run->before + run->offset;
    int result = pyr_drop(pyr_call_handler(run->method, run->b, run->self, string));
    Py_DECREF(string);
    return result < 0 ? STEP_FAILED : STEP_ON;
}

/* One string.  The view fits, and does so for the next if the loop goes on. */
static pyr_step
intn_step(intn_run *run)
{
    const pyr_view *view = &run->b->view;
    if (view->paused) {
        return STEP_WAIT;
    }
    Py_ssize_t start = run->offset + run->prefix;
    const char *prefix = run->offset < 0 ? run->lead : run->frame.data + run->offset;
    uint64_t length = decode((const unsigned char *)prefix, run->prefix, run->little);
    if (exceeds(length, view->max_length)) {
        return view->max_length_huge ? continue_strings(run, false)
                                     : length_limit_exceeded(run, length);
    }
    if (length > (uint64_t)(run->frame.size - start)) {
        return STEP_WAIT;
    }
    pyr_step next = deliver_string(run, (Py_ssize_t)length);
    if (next != STEP_ON) {
        return next;
    }
    int fits = pyr_attributes_ready(run->method, run->b, run->self);
    if (fits > 0 && view->value[AT_RECVD] == NULL) {
        return STEP_ON;
    }
    return fits < 0 ? STEP_FAILED : continue_strings(run, true);
}

/* The length that the content begins with; false: its prefix is not there yet. */
static bool
peek_length(const pyr_buffer *b, uint64_t *length)
{
    const pyr_view *view = &b->view;
    const char *prefix = b->lead_size > 0 ? b->lead : b->data;
    if (b->lead_size == 0 && b->size < view->prefix_size) {
        return false;
    }
    *length =
        decode((const unsigned char *)prefix, view->prefix_size, view->prefix_little);
    return true;
}

/* The buffer begins with a string that is not whole yet: say how long it will be, and
 * hold the prefix of a long one apart. */
static void
await_string(pyr_buffer *b)
{
    const pyr_view *view = &b->view;
    uint64_t length;
    b->awaited = 0;
    if (!view->fits || view->paused || !peek_length(b, &length) ||
        exceeds(length, view->max_length) || length >= (uint64_t)PYR_MOST_SIZE) {
        return;
    }
    if (b->lead_size == 0 && length >= PYR_IDLE_CAPACITY && b->size > view->prefix_size) {
        b->lead_size = view->prefix_size;
        memcpy(b->lead, b->data, (size_t)b->lead_size);
        b->data += b->lead_size;
        b->size -= b->lead_size;
    }
    Py_ssize_t before = b->lead_size > 0 ? 0 : view->prefix_size;
    pyr_buffer_await(b, before + (Py_ssize_t)length);
}

/* self._unprocessed = alldata[currentOffset:] */
static int
keep_rest(intn_run *run)
{
    pyr_buffer *b = run->b;
    if (!show_frame(run)) {
        return -1;
    }
    if (run->offset >= 0) {
        Py_CLEAR(b->delivered);
        b->lead_size = 0;
        b->data += run->offset;
        b->size = run->frame.size - run->offset;
    }
    b->compatibility_offset = 0;
    await_string(b);
    return 0;
}

static pyr_step
intn_loop(intn_run *run)
{
    pyr_step next = STEP_ON;
    while (next == STEP_ON && run->frame.size - run->offset >= run->prefix) {
        next = intn_step(run);
    }
    return next == STEP_ON ? STEP_WAIT : next;
}

static PyObject *
intn_feed(pyr_framing_method *method, PyObject *self, pyr_buffer *b, int fits,
          const char *data, Py_ssize_t size, PyObject *lender)
{
    if (!fits) {
        return pyr_call_stock(method, self, data, size, lender);
    }
    bool other_prefix = b->lead_size > 0 && b->lead_size != b->view.prefix_size;
    if ((other_prefix && pyr_buffer_join(b) < 0) ||
        pyr_buffer_attach(b, data, size, lender) < 0) {
        return NULL;
    }
    intn_run run = {.method = method,
                    .b = b,
                    .self = self,
                    .offset = -b->lead_size,
                    .lead_size = b->lead_size,
                    .before = b->lead_size,
                    .prefix = b->view.prefix_size,
                    .little = b->view.prefix_little};
    memcpy(run.lead, b->lead, sizeof(run.lead));
    pyr_frame_begin(&run.frame, b);
    pyr_step next = intn_loop(&run);
    if (next == STEP_WAIT && keep_rest(&run) < 0) {
        next = STEP_FAILED;
    }
    if (pyr_frame_end(&run.frame, b) < 0) {
        next = STEP_FAILED;
    }
    Py_CLEAR(run.delivered);
    if (next == STEP_WAIT) {
        pyr_buffer_wait(b, b->awaited - 1);
    }
    return next == STEP_FAILED ? NULL : Py_NewRef(Py_None);
}

const pyr_framing_kind pyr_intn_kind = {
    .name = "intn",
    .feed = intn_feed,
    .key = PYR_NAME(unprocessed),
    .handler = PYR_NAME(stringReceived),
    .slot_count = 6,
    .slots = {SLOT_HANDLER, SLOT_MAX_LENGTH, SLOT_PAUSED, SLOT_PREFIX_LENGTH,
              SLOT_STRUCT_FORMAT, SLOT_RECVD},
};

/* ---- BatchIntNStringReceiver ----------------------------------------------- */

/* The size of the string behind a prefix, where it is whole; -1: it is not, or too long.
 */
static inline Py_ssize_t
whole_string(const pyr_view *view, const char *prefix, Py_ssize_t rest)
{
    uint64_t length =
        decode((const unsigned char *)prefix, view->prefix_size, view->prefix_little);
    bool over = exceeds(length, view->max_length) && !view->max_length_huge;
    return over || length > (uint64_t)rest ? -1 : (Py_ssize_t)length;
}

/* The string whose prefix is held apart, consumed; NULL without an exception: it is not
 * whole. */
static PyObject *
cut_held_string(pyr_buffer *b)
{
    Py_ssize_t size = whole_string(&b->view, b->lead, b->size);
    if (size < 0) {
        return NULL;
    }
    int lead = b->lead_size;
    b->lead_size = 0;
    PyObject *string = pyr_buffer_cut(b, size, size);
    b->lead_size = string == NULL && b->size > 0 ? lead : 0;
    return string;
}

static inline PyObject *
next_whole_string(pyr_buffer *b)
{
    Py_ssize_t prefix = b->view.prefix_size;
    if (b->lead_size > 0) {
        if (b->lead_size == prefix) {
            return cut_held_string(b);
        }
        if (pyr_buffer_join(b) < 0) { /* the prefix has another size by now */
            return NULL;
        }
    }
    Py_ssize_t rest = b->size - prefix;
    Py_ssize_t size = rest < 0 ? -1 : whole_string(&b->view, b->data, rest);
    PyObject *string = size < 0 ? NULL : pyr_new_message(b->data + prefix, size);
    if (string != NULL) {
        pyr_buffer_consume(b, prefix + size);
    }
    return string;
}

static PyObject *
take_strings(pyr_buffer *b)
{
    Py_ssize_t prefix = b->view.prefix_size, rest = b->size - prefix;
    Py_ssize_t size =
        b->lead_size > 0 || rest < 0 ? -1 : whole_string(&b->view, b->data, rest);
    return pyr_batch_take(b, size < 0 ? 0 : b->size / (size + prefix), next_whole_string);
}

static pyr_step
no_whole_string(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                PyObject **Py_UNUSED(result))
{
    uint64_t length;
    await_string(b);
    if (!peek_length(b, &length) || !exceeds(length, b->view.max_length) ||
        b->view.max_length_huge) {
        return STEP_WAIT;
    }
    PyObject *number = PyLong_FromUnsignedLongLong(length);
    PyObject *name = method->st->names.lengthLimitExceeded;
    pyr_step next =
        number == NULL ? STEP_FAILED : pyr_batch_give_up(b, self, name, number, NULL);
    Py_XDECREF(number);
    return next;
}

static const struct pyr_batch_ops intn_batch = {
    .take = take_strings,
    .none = no_whole_string,
};

const pyr_framing_kind pyr_batch_intn_kind = {
    .name = "batch_intn",
    .feed = pyr_batch_feed,
    .batch = &intn_batch,
    .key = PYR_NAME(buffer),
    .handler = PYR_NAME(stringsReceived),
    .slot_count = 5,
    .slots = {SLOT_HANDLER, SLOT_MAX_LENGTH, SLOT_PAUSED, SLOT_PREFIX_LENGTH,
              SLOT_STRUCT_FORMAT},
};
