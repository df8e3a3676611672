/* LineReceiver, LineOnlyReceiver and the batch form; see framing.h. */
#include "framing/batch.h"
#include "framing/framing.h"

/* ---- searching ------------------------------------------------------------- */

/* The general case: candidates by their first byte, which memchr finds fast. */
static const char *
find_long(const char *from, const char *end, const char *needle, Py_ssize_t size)
{
#if defined(__linux__)
    return memmem(from, (size_t)(end - from), needle, (size_t)size);
#else
    for (; end - from >= size; from++) {
        from = memchr(from, needle[0], (size_t)(end - from - size + 1));
        if (from == NULL || memcmp(from, needle, (size_t)size) == 0) {
            return from;
        }
    }
    return NULL;
#endif
}

/* Two bytes, such as CR LF: memchr for the first, look at the second. */
static const char *
find_pair(const char *from, const char *end, const char *needle)
{
    while (end - from >= 2) {
        from = memchr(from, needle[0], (size_t)(end - from - 1));
        if (from == NULL || from[1] == needle[1]) {
            return from;
        }
        from++;
    }
    return NULL;
}

Py_ssize_t
pyr_find_delimiter(const pyr_view *view, const char *data, Py_ssize_t size,
                   Py_ssize_t from)
{
    Py_ssize_t needle_size = view->delimiter_size;
    if (needle_size == 0 || size - from < needle_size) {
        return -1;
    }
    const char *needle = PyBytes_AS_STRING(view->delimiter_from);
    const char *found;
    if (needle_size == 1) {
        found = memchr(data + from, needle[0], (size_t)(size - from));
    } else if (needle_size == 2) {
        found = find_pair(data + from, data + size, needle);
    } else {
        found = find_long(data + from, data + size, needle, needle_size);
    }
    return found == NULL ? -1 : found - data;
}

/* Where the next search may start after one over all of the buffer found nothing. */
static Py_ssize_t
searched(Py_ssize_t size, Py_ssize_t delimiter_size)
{
    return size >= delimiter_size ? size - delimiter_size + 1 : 0;
}

/* The line that the buffer begins with, or -1; remembers what was searched in vain. */
static Py_ssize_t
next_line(pyr_buffer *b)
{
    Py_ssize_t at = pyr_find_delimiter(&b->view, b->data, b->size, b->scanned);
    if (at < 0 && b->view.delimiter_size > 0) {
        b->scanned = searched(b->size, b->view.delimiter_size);
    }
    return at;
}

static PyObject *
line_length_exceeded(pyr_framing_method *method, PyObject *self, PyObject *line)
{
    if (line == NULL) {
        return NULL;
    }
    PyObject *name = method->st->names.lineLengthExceeded;
    PyObject *result = pyr_call_named(self, name, line);
    Py_DECREF(line);
    return result;
}

/* ---- LineReceiver ---------------------------------------------------------- */

/* After lineReceived: does LineReceiver stop here, and give back what it returned?
 * *fits is set as by pyr_attributes_ready() if it goes on. */
static pyr_step
after_line(pyr_framing_method *method, pyr_buffer *b, PyObject *self, PyObject *why,
           int *fits)
{
    if (why != Py_None) {
        int stop = PyObject_IsTrue(why);
        if (stop != 0) {
            return stop < 0 ? STEP_FAILED : STEP_STOP;
        }
    }
    int stop = pyr_closing(method, b, self, true, fits);
    if (stop < 0) {
        return STEP_FAILED;
    }
    return stop ? STEP_STOP : STEP_ON;
}

/* What lineReceived returned is the result where it stops, and else dropped, which may
 * run a finalizer's code: *fits is found out again. */
static pyr_step
end_delivery(pyr_framing_method *method, pyr_buffer *b, PyObject *self, PyObject *why,
             pyr_step next, PyObject **result, int *fits)
{
    if (next == STEP_STOP) {
        *result = why;
        return next;
    }
    bool is_none = why == Py_None;
    Py_DECREF(why);
    if (next == STEP_ON && !is_none) {
        *fits = pyr_attributes_ready(method, b, self);
    }
    return next == STEP_ON && *fits < 0 ? STEP_FAILED : next;
}

/* Deliver one line of `size` bytes.  *result is set for STEP_STOP. */
static pyr_step
deliver_line(pyr_framing_method *method, pyr_buffer *b, PyObject *self, Py_ssize_t size,
             PyObject **result, int *fits)
{
    PyObject *line = pyr_buffer_cut(b, size, size + b->view.delimiter_size);
    if (line == NULL) {
        return STEP_FAILED;
    }
    PyObject *why = pyr_call_handler(method, b, self, line);
    Py_DECREF(line);
    if (why == NULL) {
        return STEP_FAILED;
    }
    pyr_step next = after_line(method, b, self, why, fits);
    return end_delivery(method, b, self, why, next, result, fits);
}

/* ---- lines that are taken together (core/transport_ops.h) ---- */

static const char *
peek_lines(void *buffer, Py_ssize_t *size)
{
    *size = ((pyr_buffer *)buffer)->size;
    return ((pyr_buffer *)buffer)->data;
}

static PyObject *
cut_lines(void *buffer, Py_ssize_t size)
{
    return pyr_buffer_cut(buffer, size, size);
}

/* May this buffer begin with lines that are taken?  None of them is too long, they end
 * with CR LF, and the first was not looked for in vain. */
static inline bool
may_be_taken(const core_state *st, const pyr_buffer *b)
{
    const pyr_view *view = &b->view;
    return view->handler != NULL && view->handler == st->take_lines.handler &&
           b->scanned == 0 && view->max_length >= PYR_MOST_LINES &&
           view->delimiter_size == 2 &&
           memcmp(PyBytes_AS_STRING(view->delimiter_from), "\r\n", 2) == 0;
}

/* Whether some were taken; *next says what comes then.  Else the view may be another. */
static bool
take_together(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
              PyObject **result, int *fits, pyr_step *next)
{
    core_state *st = method->st;
    pyr_lines lines = {b, peek_lines, cut_lines};
    PyObject *why;
    /* LineReceiver asks after each line, and so would stop after the first. */
    int closing = pyr_closing(method, b, self, true, fits);
    if (closing < 0) {
        *next = STEP_FAILED;
        return true;
    }
    if (closing || !*fits || !st->take_lines.take(st, self, &lines, &why)) {
        return false;
    }
    *next = why == NULL ? STEP_FAILED : after_line(method, b, self, why, fits);
    if (why != NULL) {
        *next = end_delivery(method, b, self, why, *next, result, fits);
    }
    return true;
}

static pyr_step
line_step(pyr_framing_method *method, pyr_buffer *b, PyObject *self, PyObject **result,
          int *fits)
{
    pyr_view *view = &b->view;
    if (may_be_taken(method->st, b)) {
        pyr_step next;
        if (take_together(method, b, self, result, fits, &next)) {
            return next;
        }
        *fits = pyr_attributes_ready(method, b, self);
        if (*fits <= 0 || !view->line_mode || view->paused || b->size == 0) {
            return *fits < 0 ? STEP_FAILED : STEP_ON;
        }
    }
    Py_ssize_t size = next_line(b);
    if (size >= 0 && size <= view->max_length) {
        return deliver_line(method, b, self, size, result, fits);
    }
    if (size < 0 && b->size - view->delimiter_size < view->max_length) {
        *result = Py_NewRef(Py_None);
        return STEP_STOP;
    }
    *result = line_length_exceeded(method, self, pyr_buffer_take(b));
    return *result == NULL ? STEP_FAILED : STEP_STOP;
}

static pyr_step
raw_step(pyr_framing_method *method, pyr_buffer *b, PyObject *self, PyObject **result,
         int *fits)
{
    PyObject *data = pyr_buffer_take(b);
    if (data == NULL) {
        return STEP_FAILED;
    }
    PyObject *why = pyr_call_named(self, method->st->names.rawDataReceived, data);
    Py_DECREF(data);
    if (why == NULL) {
        return STEP_FAILED;
    }
    int stop = why == Py_None ? 0 : PyObject_IsTrue(why);
    if (stop > 0) {
        *result = why;
        return STEP_STOP;
    }
    Py_DECREF(why);
    *fits = stop < 0 ? -1 : pyr_attributes_ready(method, b, self);
    return *fits < 0 ? STEP_FAILED : STEP_ON;
}

/* The stock loop, from where this one stands: all of the state is in the attributes. */
static PyObject *
line_continue_stock(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    b->busy = false;
    if (pyr_buffer_settle(b) < 0 ||
        PyObject_SetAttr(self, method->st->names.busy, Py_False) < 0) {
        return NULL;
    }
    return pyr_continue_stock(method, self);
}

/* The view must be ready. */
static PyObject *
line_loop(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    for (;;) {
        if (b->size == 0 || b->view.paused) {
            Py_RETURN_NONE;
        }
        PyObject *result = NULL;
        int fits;
        pyr_step next = b->view.line_mode ? line_step(method, b, self, &result, &fits)
                                          : raw_step(method, b, self, &result, &fits);
        if (next != STEP_ON) {
            return next == STEP_STOP ? result : NULL;
        }
        if (!fits) {
            return line_continue_stock(method, b, self);
        }
    }
}

/* A shorter line is likely to end with the next chunk. */
#define SHORT_LINE 64

/* So many bytes without the first one of the delimiter would only wait, if it has not
 * begun yet. */
static void
wait_for_delimiter(pyr_buffer *b, Py_ssize_t most)
{
    Py_ssize_t end_size = b->view.delimiter_size;
    if ((end_size == 1 || end_size == 2) && b->size > 0 &&
        b->scanned == searched(b->size, end_size) &&
        b->data[b->size - 1] != PyBytes_AS_STRING(b->view.delimiter_from)[0]) {
        pyr_buffer_wait(b, most);
    }
}

static void
wait_for_line(pyr_buffer *b)
{
    const pyr_view *view = &b->view;
    if (!view->paused && view->max_length < PYR_MOST_SIZE) {
        wait_for_delimiter(b, view->max_length + view->delimiter_size - 1);
    }
}

/* finally: self._busyReceiving = False */
static PyObject *
end_busy(pyr_framing_method *method, pyr_buffer *b, PyObject *self, PyObject *result)
{
    b->busy = false;
    if (b->left) {
        PyObject *error = result == NULL ? PyErr_GetRaisedException() : NULL;
        if (PyObject_SetAttr(self, method->st->names.busy, Py_False) < 0) {
            Py_CLEAR(result);
            Py_CLEAR(error);
        } else if (error != NULL) {
            PyErr_SetRaisedException(Py_NewRef(error));
        }
        Py_XDECREF(error);
    }
    return result;
}

static PyObject *
line_feed(pyr_framing_method *method, PyObject *self, pyr_buffer *b, int fits,
          const char *data, Py_ssize_t size, PyObject *lender)
{
    if (b->busy) {
        /* Called from a callback: the loop below on the stack goes on with this. */
        if (pyr_buffer_attach(b, data, size, lender) < 0 || pyr_buffer_settle(b) < 0) {
            return NULL;
        }
        Py_RETURN_NONE;
    }
    if (!fits) {
        return pyr_call_stock(method, self, data, size, lender);
    }
    if (pyr_buffer_attach(b, data, size, lender) < 0) {
        return NULL;
    }
    b->busy = true;
    PyObject *result = end_busy(method, b, self, line_loop(method, b, self));
    if (pyr_buffer_settle(b) < 0) { /* runs no Python code, so an exception stays set */
        pyr_buffer_reset(b);
        Py_CLEAR(result);
    }
    if (b->view.line_mode) {
        wait_for_line(b);
    }
    return result;
}

const pyr_framing_kind pyr_line_kind = {
    .name = "line",
    .feed = line_feed,
    .key = PYR_NAME(buffer),
    .handler = PYR_NAME(lineReceived),
    .slot_count = 6,
    .slots = {SLOT_HANDLER, SLOT_MAX_LENGTH, SLOT_TRANSPORT, SLOT_PAUSED, SLOT_DELIMITER,
              SLOT_LINE_MODE},
    .delimited = true,
    .needs_busy = true,
};

/* ---- LineOnlyReceiver ------------------------------------------------------ */

/* The last position >= from where the needle stands, or -1. */
static Py_ssize_t
find_last(const char *data, Py_ssize_t size, Py_ssize_t from, const char *needle,
          Py_ssize_t needle_size)
{
    Py_ssize_t at = size - needle_size;
    while (at >= from) {
#if defined(__linux__)
        const char *found = memrchr(data + from, needle[0], (size_t)(at - from + 1));
        if (found == NULL) {
            return -1;
        }
        at = found - data;
#endif
        if (memcmp(data + at, needle, (size_t)needle_size) == 0) {
            return at;
        }
        at--;
    }
    return -1;
}

/* The end of the last delimiter in the buffer, or 0: what str.split would leave over. */
static Py_ssize_t
end_of_lines(pyr_buffer *b)
{
    const pyr_view *view = &b->view;
    Py_ssize_t size = view->delimiter_size;
    const char *needle = PyBytes_AS_STRING(view->delimiter_from);
    if (view->delimiter_overlaps) {
        /* Matches are counted from the left: only that way says which is the last. */
        Py_ssize_t end = 0;
        Py_ssize_t at = pyr_find_delimiter(view, b->data, b->size, b->scanned);
        while (at >= 0) {
            end = at + size;
            at = pyr_find_delimiter(view, b->data, b->size, end);
        }
        return end;
    }
    Py_ssize_t at = find_last(b->data, b->size, b->scanned, needle, size);
    return at < 0 ? 0 : at + size;
}

/* Whether a line of this size is longer than self.MAX_LENGTH; -1: exception. */
static int
line_is_too_long(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                 Py_ssize_t size, int fits)
{
    return fits ? size > b->view.max_length
                : pyr_exceeds_limit(method, self, (uint64_t)size);
}

/* The line at `start`, which ends where `consumed` bytes of the frame do.  A long first
 * one gets the memory; then the frame begins after it. */
static PyObject *
take_line(pyr_buffer *b, pyr_frame *frame, Py_ssize_t start, Py_ssize_t size,
          Py_ssize_t consumed)
{
    PyObject *line = start > 0 || size < PYR_IDLE_CAPACITY
                         ? NULL
                         : pyr_frame_detach(frame, b, size, consumed);
    return line != NULL || PyErr_Occurred() ? line
                                            : pyr_new_message(frame->data + start, size);
}

/* One line of LineOnlyReceiver, as for take_line(); *result is set for STEP_STOP. */
static pyr_step
line_only_step(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
               pyr_frame *frame, Py_ssize_t start, Py_ssize_t size, Py_ssize_t consumed,
               PyObject **result)
{
    int fits;
    int stop = pyr_closing(method, b, self, false, &fits);
    if (stop != 0) {
        *result = stop < 0 ? NULL : Py_NewRef(Py_None);
        return stop < 0 ? STEP_FAILED : STEP_STOP;
    }
    int exceeds = line_is_too_long(method, b, self, size, fits);
    PyObject *line = exceeds < 0 ? NULL : take_line(b, frame, start, size, consumed);
    if (line == NULL) {
        return STEP_FAILED;
    }
    if (exceeds) {
        *result = line_length_exceeded(method, self, line);
        return *result == NULL ? STEP_FAILED : STEP_STOP;
    }
    PyObject *why = pyr_call_handler(method, b, self, line);
    Py_DECREF(line);
    if (why == NULL) {
        return STEP_FAILED;
    }
    Py_DECREF(why);
    return STEP_ON;
}

/* lineLengthExceeded for the rest that has no delimiter yet, which stays in the buffer.
 */
static PyObject *
line_only_rest(pyr_framing_method *method, pyr_buffer *b, PyObject *self, int fits)
{
    if (fits) {
        if (b->size <= b->view.max_length) {
            Py_RETURN_NONE;
        }
        return line_length_exceeded(method, self, pyr_buffer_bytes(b));
    }
    PyObject *rest = PyObject_GetAttr(self, method->st->names.buffer);
    Py_ssize_t size = rest == NULL ? -1 : PyObject_Size(rest);
    int exceeds = size < 0 ? -1 : line_is_too_long(method, b, self, size, 0);
    if (exceeds > 0) {
        return line_length_exceeded(method, self, rest);
    }
    Py_XDECREF(rest);
    return exceeds < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
line_only_loop(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
               pyr_frame *frame, Py_ssize_t end)
{
    /* The delimiter of this chunk, whatever the callbacks set meanwhile. */
    pyr_view fixed = {.delimiter_from = Py_NewRef(b->view.delimiter_from),
                      .delimiter_size = b->view.delimiter_size};
    PyObject *result = NULL;
    pyr_step next = STEP_ON;
    Py_ssize_t from = b->scanned;
    b->scanned = 0;
    for (Py_ssize_t start = 0; start < end && next == STEP_ON;) {
        Py_ssize_t at = pyr_find_delimiter(&fixed, frame->data, end, from);
        Py_ssize_t after = at + fixed.delimiter_size;
        Py_ssize_t size = frame->size;
        next = line_only_step(method, b, self, frame, start, at - start, after, &result);
        Py_ssize_t detached = size - frame->size;
        start = from = after - detached;
        end -= detached;
    }
    Py_DECREF(fixed.delimiter_from);
    if (next != STEP_ON) {
        return result;
    }
    int fits = pyr_attributes_ready(method, b, self);
    return fits < 0 ? NULL : line_only_rest(method, b, self, fits);
}

static PyObject *
line_only_lines(pyr_framing_method *method, pyr_buffer *b, PyObject *self, Py_ssize_t end)
{
    pyr_frame frame;
    pyr_frame_begin(&frame, b);
    b->data += end;
    b->size -= end;
    PyObject *result = line_only_loop(method, b, self, &frame, end);
    if (pyr_frame_end(&frame, b) < 0) {
        Py_CLEAR(result);
    }
    return result;
}

static PyObject *
line_only_feed(pyr_framing_method *method, PyObject *self, pyr_buffer *b, int fits,
               const char *data, Py_ssize_t size, PyObject *lender)
{
    if (!fits || b->view.delimiter_size == 0) {
        return pyr_call_stock(method, self, data, size, lender);
    }
    if (pyr_buffer_attach(b, data, size, lender) < 0) {
        return NULL;
    }
    Py_ssize_t end = b->size == 0 ? 0 : end_of_lines(b);
    if (end > 0) {
        return line_only_lines(method, b, self, end);
    }
    b->scanned = searched(b->size, b->view.delimiter_size);
    if (pyr_buffer_settle(b) < 0) {
        return NULL;
    }
    if (b->size >= SHORT_LINE) {
        wait_for_delimiter(b, b->view.max_length);
    }
    return line_only_rest(method, b, self, fits);
}

const pyr_framing_kind pyr_line_only_kind = {
    .name = "line_only",
    .feed = line_only_feed,
    .key = PYR_NAME(buffer),
    .handler = PYR_NAME(lineReceived),
    .slot_count = 4,
    .slots = {SLOT_HANDLER, SLOT_MAX_LENGTH, SLOT_TRANSPORT, SLOT_DELIMITER},
    .delimited = true,
};

/* ---- BatchLineReceiver ----------------------------------------------------- */

static inline PyObject *
next_whole_line(pyr_buffer *b)
{
    Py_ssize_t size = next_line(b);
    return size >= 0 && size <= b->view.max_length
               ? pyr_buffer_cut(b, size, size + b->view.delimiter_size)
               : NULL;
}

static PyObject *
take_lines(pyr_buffer *b)
{
    Py_ssize_t size = next_line(b);
    bool any = size >= 0 && size <= b->view.max_length;
    return pyr_batch_take(b, any ? b->size / (size + b->view.delimiter_size) : 0,
                          next_whole_line);
}

static pyr_step
no_whole_line(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
              PyObject **result)
{
    if (next_line(b) < 0 && b->size - b->view.delimiter_size < b->view.max_length) {
        return STEP_WAIT;
    }
    *result = line_length_exceeded(method, self, pyr_buffer_take(b));
    return *result == NULL ? STEP_FAILED : STEP_STOP;
}

static pyr_step
after_lines(pyr_framing_method *method, pyr_buffer *b, PyObject *self, PyObject *why)
{
    int fits;
    return after_line(method, b, self, why, &fits);
}

static const struct pyr_batch_ops line_batch = {
    .take = take_lines,
    .none = no_whole_line,
    .after = after_lines,
    .rest = wait_for_line,
};

const pyr_framing_kind pyr_batch_line_kind = {
    .name = "batch_line",
    .feed = pyr_batch_feed,
    .batch = &line_batch,
    .key = PYR_NAME(buffer),
    .handler = PYR_NAME(linesReceived),
    .slot_count = 5,
    .slots = {SLOT_HANDLER, SLOT_MAX_LENGTH, SLOT_TRANSPORT, SLOT_PAUSED, SLOT_DELIMITER},
    .delimited = true,
};
