/* Banana, the framing of Perspective Broker: what is received; see framing.h. */
#include "framing/banana.h"
#include "framing/framing.h"

/* What one dataReceived works on: stock's local variables. */
typedef struct {
    pyr_framing_method *method;
    pyr_buffer *b;
    PyObject *self;
    pyr_frame frame;
    Py_ssize_t start; /* in the frame, of the item that is looked at: stock's `buffer` */
    Py_ssize_t next;  /* where the item after it begins */
    PyObject *stack;  /* self.listStack of the beginning */
    PyObject *got_item; /* stock's gotItem, which its loop calls */
    bool called;        /* Python code ran for this item, and may have seen self.buffer */
    /* What was read of the protocol.  Holds until Python code runs. */
    bool looked;
    bool fits; /* the view does */
    bool has_limits;
    Py_ssize_t prefix_limit; /* -1: not a plain number of bytes */
    long long size_limit;    /* -1: not a plain number */
} banana_run;

/* ---- what is seen of the run ------------------------------------------------- */

static const char *
rest_of(const banana_run *run, Py_ssize_t from, Py_ssize_t *size)
{
    *size = run->frame.size - from;
    return *size > 0 ? run->frame.data + from : "";
}

static PyObject *
item_rest(const banana_run *run, Py_ssize_t from)
{
    Py_ssize_t size;
    const char *data = rest_of(run, from, &size);
    return PyBytes_FromStringAndSize(data, size);
}

/* As pyr_attributes_ready(), once until Python code runs. */
static int
look(banana_run *run)
{
    if (!run->looked) {
        int fits = pyr_attributes_ready(run->method, run->b, run->self);
        if (fits < 0) {
            return -1;
        }
        run->looked = true;
        run->fits = fits;
    }
    return run->fits;
}

/* Is self.listStack the list of the beginning?  -1: exception. */
static int
has_same_stack(banana_run *run)
{
    int fits = look(run);
    return fits <= 0 ? fits : run->b->view.value[AT_LIST_STACK] == run->stack;
}

static bool
shows_item(const banana_run *run)
{
    const pyr_buffer *b = run->b;
    return pyr_frame_shown(&run->frame, b) && b->data == run->frame.data + run->start &&
           b->size == run->frame.size - run->start;
}

/* self.buffer = buffer, which stock does when it begins to look at an item.  Here it is
 * done before Python code may see it. */
static int
show_item(banana_run *run)
{
    pyr_buffer *b = run->b;
    int fits = look(run);
    if (fits <= 0) {
        PyObject *rest = fits < 0 ? NULL : item_rest(run, run->start);
        PyObject *name = run->method->st->names.bananaBuffer;
        int result = rest == NULL ? -1 : PyObject_SetAttr(run->self, name, rest);
        Py_XDECREF(rest);
        return result;
    }
    if (!pyr_frame_shown(&run->frame, b) && pyr_buffer_set(b, NULL, 0) < 0) {
        return -1;
    }
    b->data = run->frame.data + run->start;
    b->size = run->frame.size - run->start;
    b->external = true;
    b->awaited = 0;
    return 0;
}

/* Before a call that may run Python code. */
static int
leave_c(banana_run *run)
{
    if (!run->called && show_item(run) < 0) {
        return -1;
    }
    run->called = true;
    run->looked = run->has_limits = false;
    return 0;
}

/* What is wrong with the item was found out here: stock has set self.buffer by then. */
static void
show_after_failure(banana_run *run)
{
    PyObject *error = PyErr_GetRaisedException();
    if (show_item(run) < 0) {
        PyErr_Clear();
    }
    PyErr_SetRaisedException(error);
}

/*
 * Call a function of pyreactor/_framing/banana.py, which does what C cannot say the
 * outcome of.  `format` is of a tuple, without references that it steals.  NULL: it has
 * raised, which mostly is what it is for.
 */
static PyObject *
ask_python(banana_run *run, const char *name, const char *format, ...)
{
    if (leave_c(run) < 0) {
        return NULL;
    }
    va_list arguments;
    va_start(arguments, format);
    PyObject *tuple = Py_VaBuildValue(format, arguments);
    va_end(arguments);
    PyObject *function =
        tuple == NULL ? NULL
                      : PyObject_GetAttrString(run->method->st->framing->banana, name);
    PyObject *result = function == NULL ? NULL : PyObject_CallObject(function, tuple);
    Py_XDECREF(function);
    Py_XDECREF(tuple);
    return result;
}

/* The same of one that returns nothing. */
static pyr_step
checked(PyObject *result)
{
    Py_XDECREF(result);
    return result == NULL ? STEP_FAILED : STEP_ON;
}

static PyObject *
globals_of(const banana_run *run)
{
    return PyFunction_GET_GLOBALS(run->method->stock);
}

/* An exact int as a number, which is not above `most`; -1: another object, or less. */
static long long
plain_number(PyObject *value, long long most)
{
    if (!PyLong_CheckExact(value)) {
        return -1;
    }
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow > 0 || number > most) {
        return most;
    }
    return overflow < 0 || number < 0 ? -1 : number;
}

int
pyr_banana_is_pb(core_state *st, PyObject *dialect)
{
    if (dialect == NULL || !PyBytes_CheckExact(dialect)) {
        return dialect == Py_None ? 0 : -1;
    }
    return PyObject_RichCompareBool(dialect, st->framing->banana_pb, Py_EQ);
}

long long
pyr_banana_size_limit(pyr_framing_method *method)
{
    PyObject *globals = PyFunction_GET_GLOBALS(method->stock);
    PyObject *value = PyDict_GetItemWithError(globals, method->st->names.SIZE_LIMIT);
    PyErr_Clear(); /* who compares with it will come upon that */
    return value == NULL ? -1 : plain_number(value, LLONG_MAX);
}

/* Read the limits, once until Python code runs.  -1: exception. */
static int
read_limits(banana_run *run)
{
    if (!run->has_limits) {
        /* The view is asked itself: a garbage collection may have run since look(). */
        int fits = pyr_attributes_ready(run->method, run->b, run->self);
        if (fits < 0) {
            return -1;
        }
        /* Where it does not fit, the limit is a property perhaps. */
        PyObject *limit = fits ? run->b->view.value[AT_PREFIX_LIMIT] : NULL;
        run->prefix_limit =
            limit == NULL ? -1 : (Py_ssize_t)plain_number(limit, PY_SSIZE_T_MAX);
        run->size_limit = pyr_banana_size_limit(run->method);
        run->has_limits = true;
    }
    return 0;
}

/* ---- items ------------------------------------------------------------------- */

/* An entry of listStack as stock makes it: (length, items so far). */
static bool
is_level(PyObject *entry)
{
    return PyTuple_CheckExact(entry) && PyTuple_GET_SIZE(entry) == 2 &&
           PyLong_CheckExact(PyTuple_GET_ITEM(entry, 0)) &&
           PyList_CheckExact(PyTuple_GET_ITEM(entry, 1));
}

static int
call_expression_received(banana_run *run, PyObject *item)
{
    if (leave_c(run) < 0) {
        return -1;
    }
    PyObject *result = pyr_call_handler_now(run->method, run->b, run->self, item);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Stock's gotItem where self.listStack, or what is in it, is not as stock makes it. */
static int
got_item_by_stock(banana_run *run, PyObject *item)
{
    if (leave_c(run) < 0) {
        return -1;
    }
    PyObject *arguments[2] = {run->self, item};
    return checked(PyObject_Vectorcall(run->got_item, arguments, 2, NULL));
}

/* self.gotItem(item): into the innermost list, or to the protocol.  Steals the item,
 * which may be NULL. */
static int
got_item(banana_run *run, PyObject *item)
{
    int same = item == NULL ? -1 : has_same_stack(run);
    if (same < 0) {
        Py_XDECREF(item);
        return -1;
    }
    Py_ssize_t depth = same ? PyList_GET_SIZE(run->stack) : 1;
    PyObject *entry = same && depth > 0 ? PyList_GET_ITEM(run->stack, depth - 1) : NULL;
    int result;
    if (depth == 0) {
        result = call_expression_received(run, item);
    } else if (entry == NULL || !is_level(entry)) {
        result = got_item_by_stock(run, item);
    } else {
        PyObject *items = Py_NewRef(PyTuple_GET_ITEM(entry, 1));
        result = PyList_Append(items, item);
        Py_DECREF(items);
    }
    Py_DECREF(item);
    return result;
}

/* ---- lists ------------------------------------------------------------------- */

/* listStack.append((length, [])); steals the length, which may be NULL. */
static int
begin_list(banana_run *run, PyObject *length)
{
    PyObject *items = length == NULL ? NULL : PyList_New(0);
    PyObject *entry = items == NULL ? NULL : PyTuple_Pack(2, length, items);
#if PY_VERSION_HEX < 0x030C0000
    /* To make these two may collect garbage, and so run anything. */
    run->looked = run->has_limits = false;
#endif
    int result = entry == NULL ? -1 : PyList_Append(run->stack, entry);
    Py_XDECREF(entry);
    Py_XDECREF(items);
    Py_XDECREF(length);
    return result;
}

/* listStack.pop()[1], of a level as stock makes it */
static PyObject *
end_list(banana_run *run, PyObject *level)
{
    Py_ssize_t depth = PyList_GET_SIZE(run->stack);
    PyObject *items = Py_NewRef(PyTuple_GET_ITEM(level, 1));
    if (PyList_SetSlice(run->stack, depth - 1, depth, NULL) < 0) {
        Py_CLEAR(items);
    }
    return items;
}

/* The lists that are whole are items themselves. */
static int
end_lists(banana_run *run)
{
    Py_ssize_t depth;
    while ((depth = PyList_GET_SIZE(run->stack)) > 0) {
        PyObject *level = PyList_GET_ITEM(run->stack, depth - 1);
        if (!is_level(level)) {
            return checked(ask_python(run, "end_lists", "(OOO)", run->self, run->stack,
                                      run->got_item));
        }
        int overflow;
        long long length =
            PyLong_AsLongLongAndOverflow(PyTuple_GET_ITEM(level, 0), &overflow);
        if (overflow != 0 || length != PyList_GET_SIZE(PyTuple_GET_ITEM(level, 1))) {
            return 0;
        }
        if (got_item(run, end_list(run, level)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- numbers ----------------------------------------------------------------- */

enum { SMALL_DIGITS = 9 }; /* of seven bits, which fit a long long */

/* The number whose digits these are, the last first; -1: it has too many. */
static long long
small_number(const unsigned char *digits, Py_ssize_t count)
{
    unsigned long long number = 0;
    while (count > 0 && digits[count - 1] == 0) {
        count--; /* adds nothing */
    }
    if (count > SMALL_DIGITS) {
        return -1;
    }
    while (count-- > 0) {
        number = number << 7 | digits[count];
    }
    return (long long)number;
}

/* The same as an int, whatever its size (new reference). */
static PyObject *
make_number(banana_run *run, const unsigned char *digits, Py_ssize_t count, bool negative)
{
    long long small = small_number(digits, count);
    if (small >= 0) {
        return PyLong_FromLongLong(negative ? -small : small);
    }
    PyObject *number = ask_python(run, "large_number", "(Oy#)", globals_of(run),
                                  (const char *)digits, count);
    if (number != NULL && negative) {
        Py_SETREF(number, PyNumber_Negative(number));
    }
    return number;
}

static PyObject *
make_float(const char *bytes)
{
    double number;
    char ordered[BANANA_FLOAT_SIZE];
    pyr_banana_order(bytes, ordered);
    memcpy(&number, ordered, sizeof(number));
    return PyFloat_FromDouble(number);
}

/* ---- parsing ----------------------------------------------------------------- */

/* The length that stands at the beginning of an item; -1: longer than any memory. */
static pyr_step
read_length(banana_run *run, const unsigned char *digits, Py_ssize_t size,
            const char *error, long long *length)
{
    *length = small_number(digits, size);
    if (*length >= 0 && *length <= run->size_limit) {
        return STEP_ON;
    }
    PyObject *number = make_number(run, digits, size, false);
    pyr_step next = number == NULL ? STEP_FAILED
                                   : checked(ask_python(run, "check_length", "(OOs)",
                                                        globals_of(run), number, error));
    Py_XDECREF(number);
    return next;
}

static pyr_step
parse_list(banana_run *run, const unsigned char *digits, Py_ssize_t size)
{
    long long length;
    pyr_step next =
        read_length(run, digits, size, "Security precaution: List too long.", &length);
    if (next != STEP_ON) {
        return next;
    }
    PyObject *number = make_number(run, digits, size, false);
    return begin_list(run, number) < 0 ? STEP_FAILED : STEP_ON;
}

/* `size` bytes of the item have come, and all of it are `needed`: tell the buffer. */
static pyr_step
wait_for(banana_run *run, Py_ssize_t needed)
{
    if (run->called) {
        return STEP_WAIT; /* what self.buffer is now, stock leaves */
    }
    if (show_item(run) < 0) {
        return STEP_FAILED;
    }
    if (run->b->view.fits) {
        pyr_buffer_await(run->b, needed);
    }
    return STEP_WAIT;
}

static pyr_step
parse_string(banana_run *run, const unsigned char *digits, Py_ssize_t size)
{
    long long length;
    pyr_step next =
        read_length(run, digits, size, "Security precaution: String too long.", &length);
    if (next != STEP_ON) {
        return next;
    }
    Py_ssize_t left = run->frame.size - run->next;
    if (length < 0 || length > left) {
        bool possible = length >= 0 && length < PYR_MOST_SIZE;
        return wait_for(run, possible ? size + 1 + (Py_ssize_t)length : 0);
    }
    PyObject *string = pyr_new_message(run->frame.data + run->next, (Py_ssize_t)length);
    run->next += (Py_ssize_t)length;
    return got_item(run, string) < 0 ? STEP_FAILED : STEP_ON;
}

static pyr_step
parse_float(banana_run *run)
{
    if (run->frame.size - run->next < BANANA_FLOAT_SIZE) {
        return wait_for(run, 0);
    }
    const char *bytes = run->frame.data + run->next;
    run->next += BANANA_FLOAT_SIZE;
    return got_item(run, make_float(bytes)) < 0 ? STEP_FAILED : STEP_ON;
}

/*
 * The word of the vocabulary (new reference), where it can be read without Python code;
 * NULL without an exception: it cannot.
 */
static PyObject *
find_word(banana_run *run, PyObject *number)
{
    const pyr_view *view = &run->b->view;
    int fits = pyr_attributes_ready(run->method, run->b, run->self);
    PyObject *words = fits <= 0 ? NULL : pyr_attributes_borrowed(view->value[AT_WORDS]);
    if (words == NULL || !PyDict_CheckExact(words) ||
        pyr_banana_is_pb(run->method->st, view->value[AT_DIALECT]) <= 0) {
        return NULL;
    }
    Py_INCREF(words);
    PyObject *word = Py_XNewRef(PyDict_GetItemWithError(words, number));
    Py_DECREF(words);
    PyErr_Clear(); /* it will be raised again */
    return word;
}

static pyr_step
parse_word(banana_run *run, const unsigned char *digits, Py_ssize_t size)
{
    PyObject *number = make_number(run, digits, size, false);
    PyObject *word = number == NULL ? NULL : find_word(run, number);
    if (word == NULL && number != NULL && !PyErr_Occurred()) {
        word = ask_python(run, "look_up_word", "(OO)", run->self, number);
    }
    Py_XDECREF(number);
    return got_item(run, word) < 0 ? STEP_FAILED : STEP_ON;
}

static pyr_step
invalid_type(const char *byte)
{
    PyObject *shown = PyBytes_FromStringAndSize(byte, 1);
    if (shown != NULL) {
        PyErr_Format(PyExc_NotImplementedError, "Invalid Type Byte %R", shown);
        Py_DECREF(shown);
    }
    return STEP_FAILED;
}

static pyr_step
parse_item(banana_run *run, const unsigned char *data, Py_ssize_t size)
{
    PyObject *number;
    run->next = run->start + size + 1;
    switch (data[size]) {
    case BANANA_LIST:
        return parse_list(run, data, size);
    case BANANA_STRING:
        return parse_string(run, data, size);
    case BANANA_INT:
    case BANANA_LONGINT:
    case BANANA_NEG:
    case BANANA_LONGNEG:
        number = make_number(run, data, size,
                             data[size] == BANANA_NEG || data[size] == BANANA_LONGNEG);
        return got_item(run, number) < 0 ? STEP_FAILED : STEP_ON;
    case BANANA_VOCAB:
        return parse_word(run, data, size);
    case BANANA_FLOAT:
        return parse_float(run);
    default:
        return invalid_type((const char *)data + size);
    }
}

/* Stock's assertion that self.buffer is not what is left: so a callback has set it. */
static int
check_progress(banana_run *run)
{
    bool shown = shows_item(run) && look(run) == 1;
    if (shown) {
        return 0; /* which is longer */
    }
    PyErr_Clear();
    PyObject *rest = item_rest(run, run->next);
    pyr_step next =
        rest == NULL
            ? STEP_FAILED
            : checked(ask_python(run, "check_progress", "(OO)", run->self, rest));
    Py_XDECREF(rest);
    return next;
}

/* One item, and the lists that it makes whole. */
static pyr_step
banana_step(banana_run *run)
{
    if (run->called && check_progress(run) < 0) {
        return STEP_FAILED;
    }
    run->called = false;
    run->start = run->next;
    if (read_limits(run) < 0) {
        return STEP_FAILED;
    }
    Py_ssize_t left;
    const char *data = rest_of(run, run->start, &left);
    Py_ssize_t size = 0;
    while (size < left && (unsigned char)data[size] < BANANA_LIST) {
        size++;
    }
    pyr_step next = STEP_ON;
    if (size > run->prefix_limit) {
        next = checked(ask_python(
            run, "check_prefix", "(OOns)", run->self, globals_of(run), size,
            size == left ? "Security precaution: more than %d bytes of prefix"
                         : "Security precaution: longer than %d bytes worth of prefix"));
    }
    if (next != STEP_ON) {
        return next;
    }
    if (size == left) {
        return wait_for(run, 0);
    }
    next = parse_item(run, (const unsigned char *)data, size);
    return next == STEP_ON && end_lists(run) < 0 ? STEP_FAILED : next;
}

static pyr_step
banana_loop(banana_run *run)
{
    pyr_step next = STEP_ON;
    while (next == STEP_ON && run->next < run->frame.size) {
        next = banana_step(run);
    }
    if (next == STEP_ON) { /* self.buffer = b"" */
        run->start = run->frame.size;
        return show_item(run) < 0 ? STEP_FAILED : STEP_ON;
    }
    if (next == STEP_FAILED && !run->called) {
        show_after_failure(run);
    }
    return next;
}

/* ---- dataReceived ------------------------------------------------------------ */

static PyObject *
run_banana(banana_run *run, const char *data, Py_ssize_t size, PyObject *lender)
{
    if (pyr_buffer_attach(run->b, data, size, lender) < 0) {
        return NULL;
    }
    pyr_frame_begin(&run->frame, run->b);
    pyr_step next = banana_loop(run);
    if (pyr_frame_end(&run->frame, run->b) < 0) {
        next = STEP_FAILED;
    }
    return next == STEP_FAILED ? NULL : Py_NewRef(Py_None);
}

static PyObject *
banana_feed(pyr_framing_method *method, PyObject *self, pyr_buffer *b, int fits,
            const char *data, Py_ssize_t size, PyObject *lender)
{
    if (!pyr_own_dict_is_checked(&b->view.own_seen)) {
        fits = pyr_attributes_refresh(method, b, self);
        if (fits < 0) {
            return NULL;
        }
    }
    PyObject *stack = b->view.value[AT_LIST_STACK];
    PyObject *got_item =
        PyDict_GetItemWithError(method->needed, method->st->names.gotItem);
    if (!fits || (size == 0 && b->size > 0) || b->view.value[AT_GOT_ITEM] != NULL ||
        got_item == NULL || stack == NULL || !PyList_CheckExact(stack)) {
        return pyr_call_stock(method, self, data, size, lender);
    }
    banana_run run = {.method = method,
                      .b = b,
                      .self = self,
                      .stack = Py_NewRef(stack),
                      .got_item = Py_NewRef(got_item),
                      .looked = true,
                      .fits = true};
    PyObject *result = run_banana(&run, data, size, lender);
    Py_DECREF(run.stack);
    Py_DECREF(run.got_item);
    return result;
}

const pyr_framing_kind pyr_banana_kind = {
    .name = "banana",
    .feed = banana_feed,
    .key = PYR_NAME(bananaBuffer),
    .handler = PYR_NAME(callExpressionReceived),
    .slot_count = 6,
    .slots = {SLOT_HANDLER, SLOT_LIST_STACK, SLOT_GOT_ITEM, SLOT_PREFIX_LIMIT,
              SLOT_DIALECT, SLOT_WORDS},
};
