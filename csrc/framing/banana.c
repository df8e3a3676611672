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
    bool called;      /* Python code ran for this item, and may have seen self.buffer */
    /* What was read of the protocol.  Holds until Python code runs. */
    bool looked;
    bool usual; /* the view holds */
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

/* As pyr_view_ready(), once until Python code runs. */
static int
look(banana_run *run)
{
    if (!run->looked) {
        int usual = pyr_view_ready(run->method, run->b, run->self);
        if (usual < 0) {
            return -1;
        }
        run->looked = true;
        run->usual = usual;
    }
    return run->usual;
}

/* Is self.listStack the list of the beginning?  -1: exception. */
static int
has_same_stack(banana_run *run)
{
    int usual = look(run);
    return usual <= 0 ? usual : run->b->view.list_stack == run->stack;
}

static bool
shows_item(const banana_run *run)
{
    const pyr_buffer *b = run->b;
    return pyr_frame_shown(&run->frame, b) && b->data == run->frame.data + run->start &&
           b->size == run->frame.size - run->start;
}

/* self.buffer = buffer, which stock does when it begins to look at an item.  Here it is
 * done before somebody may see it. */
static int
show_item(banana_run *run)
{
    pyr_buffer *b = run->b;
    int usual = look(run);
    if (usual <= 0) {
        PyObject *rest = usual < 0 ? NULL : item_rest(run, run->start);
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

PyObject *
pyr_banana_global(pyr_framing_method *method, PyObject *name)
{
    PyObject *value;
    if (PyDict_GetItemRef(PyFunction_GET_GLOBALS(method->stock), name, &value) == 0) {
        PyErr_Format(PyExc_NameError, "name '%U' is not defined", name);
    }
    return value;
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

long long
pyr_banana_size_limit(pyr_framing_method *method)
{
    PyObject *value = pyr_banana_global(method, method->st->names.SIZE_LIMIT);
    if (value == NULL) {
        PyErr_Clear(); /* who compares with it will come upon that */
        return -1;
    }
    long long limit = plain_number(value, LLONG_MAX);
    Py_DECREF(value);
    return limit;
}

static int
read_prefix_limit(banana_run *run)
{
    int usual = look(run);
    if (usual <= 0) { /* perhaps a property now */
        run->prefix_limit = -1;
        return usual;
    }
    PyObject *limit = PyObject_GetAttr(run->self, run->method->st->names.prefixLimit);
    if (limit == NULL) {
        return -1;
    }
    run->prefix_limit = (Py_ssize_t)plain_number(limit, PY_SSIZE_T_MAX);
    Py_DECREF(limit);
    return 0;
}

static int
read_limits(banana_run *run)
{
    if (!run->has_limits) {
        if (read_prefix_limit(run) < 0) {
            return -1;
        }
        run->size_limit = pyr_banana_size_limit(run->method);
        run->has_limits = true;
    }
    return 0;
}

/* ---- limits ------------------------------------------------------------------ */

/* raise error */
static void
raise_object(PyObject *error)
{
    if (PyExceptionInstance_Check(error)) {
        PyErr_SetObject(PyExceptionInstance_Class(error), error);
    } else {
        PyErr_SetString(PyExc_TypeError, "exceptions must derive from BaseException");
    }
}

/* BananaError(text), or text % (argument,) */
static pyr_step
banana_error(banana_run *run, const char *text, PyObject *argument)
{
    if (leave_c(run) < 0) {
        return STEP_FAILED;
    }
    PyObject *type = pyr_banana_global(run->method, run->method->st->names.BananaError);
    PyObject *message = type == NULL ? NULL : PyUnicode_FromString(text);
    if (message != NULL && argument != NULL) {
        PyObject *arguments = PyTuple_Pack(1, argument);
        Py_SETREF(message,
                  arguments == NULL ? NULL : PyUnicode_Format(message, arguments));
        Py_XDECREF(arguments);
    }
    PyObject *error = message == NULL ? NULL : PyObject_CallOneArg(type, message);
    if (error != NULL) {
        raise_object(error);
    }
    Py_XDECREF(error);
    Py_XDECREF(message);
    Py_XDECREF(type);
    return STEP_FAILED;
}

static pyr_step
check_prefix(banana_run *run, Py_ssize_t size, const char *text)
{
    if (size <= run->prefix_limit) {
        return STEP_ON;
    }
    if (leave_c(run) < 0) {
        return STEP_FAILED;
    }
    PyObject *name = run->method->st->names.prefixLimit;
    PyObject *limit = PyObject_GetAttr(run->self, name);
    PyObject *number = limit == NULL ? NULL : PyLong_FromSsize_t(size);
    int over = number == NULL ? -1 : PyObject_RichCompareBool(number, limit, Py_GT);
    pyr_step next = over < 0 ? STEP_FAILED : STEP_ON;
    if (over > 0) {
        Py_SETREF(limit, PyObject_GetAttr(run->self, name));
        next = limit == NULL ? STEP_FAILED : banana_error(run, text, limit);
    }
    Py_XDECREF(number);
    Py_XDECREF(limit);
    return next;
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

static PyObject *
get_item_at(PyObject *sequence, Py_ssize_t index)
{
    PyObject *number = PyLong_FromSsize_t(index);
    PyObject *item = number == NULL ? NULL : PyObject_GetItem(sequence, number);
    Py_XDECREF(number);
    return item;
}

/* stack[-1][1], whatever these are. */
static PyObject *
innermost_items(PyObject *stack)
{
    PyObject *entry = get_item_at(stack, -1);
    PyObject *items = entry == NULL ? NULL : get_item_at(entry, 1);
    Py_XDECREF(entry);
    return items;
}

static int
append_by_name(banana_run *run, PyObject *stack, PyObject *item)
{
    PyObject *items = innermost_items(stack);
    PyObject *result =
        items == NULL ? NULL : pyr_call_named(items, run->method->st->names.append, item);
    Py_XDECREF(items);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
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
got_item_unusual(banana_run *run, PyObject *item)
{
    if (leave_c(run) < 0) {
        return -1;
    }
    PyObject *stack = PyObject_GetAttr(run->self, run->method->st->names.listStack);
    int inside = stack == NULL ? -1 : PyObject_IsTrue(stack);
    int result = -1;
    if (inside >= 0) {
        result = inside ? append_by_name(run, stack, item)
                        : call_expression_received(run, item);
    }
    Py_XDECREF(stack);
    return result;
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
        result = got_item_unusual(run, item);
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
    int result = entry == NULL ? -1 : PyList_Append(run->stack, entry);
    Py_XDECREF(entry);
    Py_XDECREF(items);
    Py_XDECREF(length);
    return result;
}

static int
is_whole_unusual(banana_run *run)
{
    if (leave_c(run) < 0) {
        return -1;
    }
    PyObject *items = innermost_items(run->stack);
    Py_ssize_t size = items == NULL ? -1 : PyObject_Size(items);
    PyObject *number = size < 0 ? NULL : PyLong_FromSsize_t(size);
    PyObject *entry = number == NULL ? NULL : get_item_at(run->stack, -1);
    PyObject *length = entry == NULL ? NULL : get_item_at(entry, 0);
    int whole = length == NULL ? -1 : PyObject_RichCompareBool(number, length, Py_EQ);
    Py_XDECREF(length);
    Py_XDECREF(entry);
    Py_XDECREF(number);
    Py_XDECREF(items);
    return whole;
}

/* Whether the innermost list has all its items. */
static int
is_whole(banana_run *run)
{
    PyObject *entry = PyList_GET_ITEM(run->stack, PyList_GET_SIZE(run->stack) - 1);
    if (!is_level(entry)) {
        return is_whole_unusual(run);
    }
    int overflow;
    long long length =
        PyLong_AsLongLongAndOverflow(PyTuple_GET_ITEM(entry, 0), &overflow);
    return overflow == 0 && length == PyList_GET_SIZE(PyTuple_GET_ITEM(entry, 1));
}

/* listStack.pop()[1] */
static PyObject *
end_list(banana_run *run)
{
    Py_ssize_t depth = PyList_GET_SIZE(run->stack);
    if (depth == 0) {
        PyErr_SetString(PyExc_IndexError, "pop from empty list");
        return NULL;
    }
    PyObject *entry = Py_NewRef(PyList_GET_ITEM(run->stack, depth - 1));
    PyObject *items = NULL;
    if (PyList_SetSlice(run->stack, depth - 1, depth, NULL) == 0) {
        items = is_level(entry) ? Py_NewRef(PyTuple_GET_ITEM(entry, 1))
                                : get_item_at(entry, 1);
    }
    Py_DECREF(entry);
    return items;
}

/* The lists that are whole are items themselves. */
static int
end_lists(banana_run *run)
{
    while (PyList_GET_SIZE(run->stack) > 0) {
        int whole = is_whole(run);
        if (whole <= 0) {
            return whole;
        }
        if (got_item(run, end_list(run)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- parsing ----------------------------------------------------------------- */

/* Whether a length is too long, by Python's own comparison. */
static int
exceeds_size_unusual(banana_run *run, PyObject *length)
{
    if (leave_c(run) < 0) {
        return -1;
    }
    PyObject *limit = pyr_banana_global(run->method, run->method->st->names.SIZE_LIMIT);
    int over = limit == NULL ? -1 : PyObject_RichCompareBool(length, limit, Py_GT);
    Py_XDECREF(limit);
    return over;
}

/* The length that stands at the beginning of an item; -1: longer than any memory. */
static pyr_step
read_length(banana_run *run, const unsigned char *digits, Py_ssize_t size,
            const char *error, long long *length)
{
    Py_ssize_t count = pyr_banana_count_digits(digits, size);
    *length = count <= BANANA_SMALL_DIGITS ? pyr_banana_small_number(digits, count) : -1;
    int over = *length > run->size_limit;
    if (*length < 0 || run->size_limit < 0) {
        PyObject *number = pyr_banana_number(digits, size, false);
        over = number == NULL ? -1 : exceeds_size_unusual(run, number);
        Py_XDECREF(number);
    }
    return over < 0 ? STEP_FAILED : over ? banana_error(run, error, NULL) : STEP_ON;
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
    PyObject *number = pyr_banana_number(digits, size, false);
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
    return got_item(run, pyr_banana_float(bytes)) < 0 ? STEP_FAILED : STEP_ON;
}

/* Whether attributes of the protocol are read without any Python code.  -1: exception. */
static int
reads_in_c(banana_run *run)
{
    int usual = look(run);
    bool hook = Py_TYPE(run->self)->tp_getattro != PyObject_GenericGetAttr;
    return usual > 0 ? !hook : usual;
}

/* self.incomingVocabulary[number] */
static PyObject *
get_word(banana_run *run, PyObject *number)
{
    PyObject *name = run->method->st->names.incomingVocabulary;
    PyObject *words = PyObject_GetAttr(run->self, name);
    if (words == NULL) {
        return NULL;
    }
    PyObject *word = NULL;
    if (PyDict_CheckExact(words) || leave_c(run) == 0) {
        word = PyObject_GetItem(words, number);
    }
    Py_DECREF(words);
    return word;
}

/* self.currentDialect == b"pb" */
static int
speaks_pb(banana_run *run)
{
    pyr_framing_state *framing = run->method->st->framing;
    const pyr_names *names = &run->method->st->names;
    PyObject *dialect = PyObject_GetAttr(run->self, names->currentDialect);
    if (dialect == NULL) {
        return -1;
    }
    int result = -1;
    if (PyBytes_CheckExact(dialect) || dialect == Py_None || leave_c(run) == 0) {
        result = PyObject_RichCompareBool(dialect, framing->banana_pb, Py_EQ);
    }
    Py_DECREF(dialect);
    return result;
}

/* The word of the vocabulary (new reference). */
static PyObject *
look_up_word(banana_run *run, PyObject *number)
{
    int in_c = reads_in_c(run);
    if (in_c < 0 || (in_c == 0 && leave_c(run) < 0)) {
        return NULL;
    }
    PyObject *word = get_word(run, number);
    int known = word == NULL ? -1 : speaks_pb(run);
    if (known == 0 && leave_c(run) == 0) {
        PyErr_Format(PyExc_NotImplementedError, "Invalid item for pb protocol %R", word);
    }
    if (known <= 0) {
        Py_CLEAR(word);
    }
    return word;
}

static pyr_step
parse_word(banana_run *run, const unsigned char *digits, Py_ssize_t size)
{
    PyObject *number = pyr_banana_number(digits, size, false);
    PyObject *word = number == NULL ? NULL : look_up_word(run, number);
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
    run->next = run->start + size + 1;
    switch (data[size]) {
    case BANANA_LIST:
        return parse_list(run, data, size);
    case BANANA_STRING:
        return parse_string(run, data, size);
    case BANANA_INT:
    case BANANA_LONGINT:
        return got_item(run, pyr_banana_number(data, size, false)) < 0 ? STEP_FAILED
                                                                       : STEP_ON;
    case BANANA_NEG:
    case BANANA_LONGNEG:
        return got_item(run, pyr_banana_number(data, size, true)) < 0 ? STEP_FAILED
                                                                      : STEP_ON;
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
    PyObject *current = PyObject_GetAttr(run->self, run->method->st->names.bananaBuffer);
    PyObject *rest = current == NULL ? NULL : item_rest(run, run->next);
    int differ = rest == NULL ? -1 : PyObject_RichCompareBool(current, rest, Py_NE);
    PYR_IGNORE_DEPRECATED_BEGIN
    bool asserted = !Py_OptimizeFlag;
    PYR_IGNORE_DEPRECATED_END
    if (differ == 0 && asserted) {
        PyErr_Format(PyExc_AssertionError, "This ain't right: %R %R", current, rest);
    }
    Py_XDECREF(rest);
    Py_XDECREF(current);
    return differ < 0 || (differ == 0 && asserted) ? -1 : 0;
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
    pyr_step next =
        check_prefix(run, size,
                     size == left ? "Security precaution: more than %d bytes of prefix"
                                  : "Security precaution: longer than %d bytes worth of "
                                    "prefix");
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
banana_feed(pyr_framing_method *method, PyObject *self, pyr_buffer *b, int usual,
            const char *data, Py_ssize_t size, PyObject *lender)
{
    PyObject *stack = b->view.list_stack;
    if (!usual || (size == 0 && b->size > 0) || b->view.has_got_item || stack == NULL ||
        !PyList_CheckExact(stack)) {
        return pyr_call_stock(method, self, data, size, lender);
    }
    banana_run run = {.method = method,
                      .b = b,
                      .self = self,
                      .stack = Py_NewRef(stack),
                      .looked = true,
                      .usual = true};
    PyObject *result = run_banana(&run, data, size, lender);
    Py_DECREF(run.stack);
    return result;
}

const pyr_framing_kind pyr_banana_kind = {
    .name = "banana",
    .feed = banana_feed,
    .key = PYR_NAME(bananaBuffer),
    .handler = PYR_NAME(callExpressionReceived),
    .slot_count = 3,
    .slots = {SLOT_HANDLER, SLOT_LIST_STACK, SLOT_GOT_ITEM},
};
