/* Banana, the framing of Perspective Broker: sendEncoded; see framing.h. */
#include "framing/banana.h"
#include "framing/framing.h"

/*
 * Stock's _encode calls itself for each element.  Here one loop encodes, over a stack of
 * the lists that it is in.  An element that is not exactly a list, tuple, int, float or
 * bytes, or cannot be sent, is given to stock's _encode, which says what becomes of it.
 */

enum { FEW_BYTES = 512, FEW_LEVELS = 8, MOST_DIGITS = 10 };

/* A list or tuple, and which of its elements comes next. */
typedef struct {
    PyObject *sequence;
    Py_ssize_t next;
} level;

typedef struct {
    bool usual; /* the values below are all plain numbers */
    long long smallest_long, smallest, largest, largest_long;
} int_limits;

typedef enum { DIALECT_OTHER, DIALECT_PB, DIALECT_UNUSUAL } dialect;

typedef struct {
    pyr_framing_method *method;
    PyObject *self;
    /* What was encoded. */
    char *data;
    Py_ssize_t size, room;
    char few_bytes[FEW_BYTES];
    /* The lists that are being encoded, the innermost last. */
    level *levels;
    Py_ssize_t depth, levels_room;
    level few_levels[FEW_LEVELS];
    /* What was read of the protocol.  Holds until Python code runs. */
    long long size_limit; /* -1: not a plain number */
    bool has_limits, has_dialect;
    int_limits limits;
    dialect dialect;
    PyObject *symbols; /* in the dialect that has them: a dict */
} encoding;

static void
begin(encoding *e, pyr_framing_method *method, PyObject *self)
{
    e->method = method;
    e->self = self;
    e->data = e->few_bytes;
    e->size = 0;
    e->room = FEW_BYTES;
    e->levels = e->few_levels;
    e->depth = 0;
    e->levels_room = FEW_LEVELS;
    e->has_limits = e->has_dialect = false;
    e->symbols = NULL;
    e->size_limit = pyr_banana_size_limit(method);
}

static void
end(encoding *e)
{
    while (e->depth > 0) {
        Py_DECREF(e->levels[--e->depth].sequence);
    }
    if (e->levels != e->few_levels) {
        PyMem_Free(e->levels);
    }
    if (e->data != e->few_bytes) {
        PyMem_Free(e->data);
    }
    Py_CLEAR(e->symbols);
}

/* ---- what is written ----------------------------------------------------------- */

/* Twice as much room, or more, for an array that began on the stack. */
static void *
enlarge(void *memory, const void *first, size_t used, size_t wanted)
{
    void *more = memory == first ? PyMem_Malloc(wanted) : PyMem_Realloc(memory, wanted);
    if (more == NULL) {
        PyErr_NoMemory();
    } else if (memory == first) {
        memcpy(more, first, used);
    }
    return more;
}

static int
reserve_room(encoding *e, Py_ssize_t extra)
{
    if (extra <= e->room - e->size) {
        return 0;
    }
    if (extra > PYR_MOST_SIZE - e->size) {
        PyErr_NoMemory();
        return -1;
    }
    Py_ssize_t room = 2 * (e->size + extra);
    char *data = enlarge(e->data, e->few_bytes, (size_t)e->size, (size_t)room);
    if (data == NULL) {
        return -1;
    }
    e->data = data;
    e->room = room;
    return 0;
}

static int
append_bytes(encoding *e, const char *data, Py_ssize_t size)
{
    if (reserve_room(e, size) < 0) {
        return -1;
    }
    memcpy(e->data + e->size, data, (size_t)size);
    e->size += size;
    return 0;
}

/* The number in digits of seven bits, the last first, and what it is. */
static int
append_prefix(encoding *e, unsigned long long number, unsigned char type)
{
    if (reserve_room(e, MOST_DIGITS + 1) < 0) {
        return -1;
    }
    char *place = e->data + e->size;
    do {
        *place++ = (char)(number & 0x7f);
        number >>= 7;
    } while (number != 0);
    *place++ = (char)type;
    e->size = place - e->data;
    return 0;
}

/* ---- by stock ------------------------------------------------------------------ */

static int
append_value(encoding *e, PyObject *stream)
{
    PyObject *value = PyObject_CallMethod(stream, "getvalue", NULL);
    char *data;
    Py_ssize_t size;
    int result = value == NULL ? -1 : PyBytes_AsStringAndSize(value, &data, &size);
    if (result == 0) {
        result = append_bytes(e, data, size);
    }
    Py_XDECREF(value);
    return result;
}

static PyObject *
new_stream(void)
{
    PyObject *io = PyImport_ImportModule("io");
    PyObject *stream = io == NULL ? NULL : PyObject_CallMethod(io, "BytesIO", NULL);
    Py_XDECREF(io);
    return stream;
}

/* What was read may not hold any more. */
static void
forget(encoding *e)
{
    e->has_limits = e->has_dialect = false;
    Py_CLEAR(e->symbols);
    e->size_limit = pyr_banana_size_limit(e->method);
}

/* self._encode(element, write) */
static int
encode_by_stock(encoding *e, PyObject *element)
{
    PyObject *stock =
        PyDict_GetItemWithError(e->method->fixed, e->method->st->names.bananaEncode);
    PyObject *stream = stock == NULL ? NULL : new_stream();
    PyObject *write = stream == NULL ? NULL : PyObject_GetAttrString(stream, "write");
    PyObject *result = NULL;
    if (write != NULL) {
        PyObject *arguments[3] = {e->self, element, write};
        result = PyObject_Vectorcall(stock, arguments, 3, NULL);
    }
    int status = result == NULL ? -1 : append_value(e, stream);
    if (status == 0) {
        forget(e);
    }
    Py_XDECREF(result);
    Py_XDECREF(write);
    Py_XDECREF(stream);
    return status;
}

/* ---- numbers ------------------------------------------------------------------- */

/* An attribute that is a plain int.  False: it is another thing; no exception. */
static bool
read_limit(encoding *e, PyObject *name, long long *limit)
{
    PyObject *value = PyObject_GetAttr(e->self, name);
    if (value == NULL) {
        PyErr_Clear(); /* stock's code will come upon it */
        return false;
    }
    int overflow = 0;
    bool plain = PyLong_CheckExact(value);
    if (plain) {
        *limit = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (overflow != 0) {
            *limit = overflow > 0 ? LLONG_MAX : LLONG_MIN;
        }
    }
    Py_DECREF(value);
    return plain;
}

/* C numbers are within the limits for long ones if those are wider, as they mostly are.
 */
static void
read_int_limits(encoding *e)
{
    const pyr_names *names = &e->method->st->names;
    int_limits *limits = &e->limits;
    limits->usual = read_limit(e, names->smallestLongInt, &limits->smallest_long) &&
                    read_limit(e, names->largestLongInt, &limits->largest_long) &&
                    read_limit(e, names->smallestInt, &limits->smallest) &&
                    read_limit(e, names->largestInt, &limits->largest) &&
                    limits->smallest <= 0;
    e->has_limits = true;
}

static int
encode_int(encoding *e, PyObject *element)
{
    if (!e->has_limits) {
        read_int_limits(e);
    }
    const int_limits *limits = &e->limits;
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(element, &overflow);
    if (overflow != 0 || !limits->usual || number < limits->smallest_long ||
        number > limits->largest_long) {
        return encode_by_stock(e, element);
    }
    if (number < 0) {
        return append_prefix(e, 0 - (unsigned long long)number,
                             number < limits->smallest ? BANANA_LONGNEG : BANANA_NEG);
    }
    return append_prefix(e, (unsigned long long)number,
                         number <= limits->largest ? BANANA_INT : BANANA_LONGINT);
}

static int
encode_float(encoding *e, PyObject *element)
{
    char bytes[1 + BANANA_FLOAT_SIZE] = {(char)BANANA_FLOAT};
    double number = PyFloat_AS_DOUBLE(element);
    pyr_banana_order((const char *)&number, bytes + 1);
    return append_bytes(e, bytes, sizeof(bytes));
}

/* ---- strings ------------------------------------------------------------------- */

static dialect
read_symbols(encoding *e)
{
    e->symbols = PyObject_GetAttr(e->self, e->method->st->names.outgoingSymbols);
    if (e->symbols == NULL || !PyDict_CheckExact(e->symbols)) {
        PyErr_Clear();
        Py_CLEAR(e->symbols);
        return DIALECT_UNUSUAL;
    }
    return DIALECT_PB;
}

static dialect
read_dialect(encoding *e)
{
    pyr_framing_state *framing = e->method->st->framing;
    const pyr_names *names = &e->method->st->names;
    PyObject *name = PyObject_GetAttr(e->self, names->currentDialect);
    dialect found = DIALECT_UNUSUAL;
    if (name == NULL) {
        PyErr_Clear(); /* stock's code will come upon it */
    } else if (PyBytes_CheckExact(name)) {
        bool pb = PyObject_RichCompareBool(name, framing->banana_pb, Py_EQ) == 1;
        found = pb ? read_symbols(e) : DIALECT_OTHER;
    } else if (name == Py_None) {
        found = DIALECT_OTHER;
    }
    Py_XDECREF(name);
    return found;
}

/* The number of a word of the vocabulary; -1: it is none; -2: unusual; -3: exception. */
static long long
symbol_of(encoding *e, PyObject *element)
{
    PyObject *symbol;
    int found = PyDict_GetItemRef(e->symbols, element, &symbol);
    if (found <= 0) {
        return found < 0 ? -3 : -1;
    }
    int overflow = 1;
    long long number = -2;
    if (PyLong_CheckExact(symbol)) {
        number = PyLong_AsLongLongAndOverflow(symbol, &overflow);
    }
    Py_DECREF(symbol);
    return overflow != 0 || number < 0 ? -2 : number;
}

static int
encode_bytes(encoding *e, PyObject *element)
{
    if (!e->has_dialect) {
        e->dialect = read_dialect(e);
        e->has_dialect = true;
    }
    long long symbol = e->dialect == DIALECT_OTHER ? -1
                       : e->dialect == DIALECT_PB  ? symbol_of(e, element)
                                                   : -2;
    if (symbol >= 0) {
        return append_prefix(e, (unsigned long long)symbol, BANANA_VOCAB);
    }
    Py_ssize_t size = PyBytes_GET_SIZE(element);
    if (symbol == -3) {
        return -1;
    }
    if (symbol == -2 || size > e->size_limit) {
        return encode_by_stock(e, element);
    }
    if (append_prefix(e, (unsigned long long)size, BANANA_STRING) < 0) {
        return -1;
    }
    return append_bytes(e, PyBytes_AS_STRING(element), size);
}

/* ---- lists --------------------------------------------------------------------- */

/* Stock comes to the end of Python's stack; that of here could be longer. */
static int
enter_level(encoding *e, PyObject *sequence)
{
    if (e->depth >= Py_GetRecursionLimit()) {
        PyErr_SetString(PyExc_RecursionError, "maximum recursion depth exceeded");
        return -1;
    }
    if (e->depth == e->levels_room) {
        size_t used = (size_t)e->depth * sizeof(level);
        level *more = enlarge(e->levels, e->few_levels, used, 2 * used);
        if (more == NULL) {
            return -1;
        }
        e->levels = more;
        e->levels_room = 2 * e->depth;
    }
    e->levels[e->depth++] = (level){.sequence = Py_NewRef(sequence)};
    return 0;
}

static int
encode_sequence(encoding *e, PyObject *element)
{
    Py_ssize_t size = Py_SIZE(element);
    if (size > e->size_limit) {
        return encode_by_stock(e, element);
    }
    if (append_prefix(e, (unsigned long long)size, BANANA_LIST) < 0) {
        return -1;
    }
    return enter_level(e, element);
}

/* The next element (new reference), which may be of a list further out; NULL: no more. */
static PyObject *
next_element(encoding *e)
{
    while (e->depth > 0) {
        level *inner = &e->levels[e->depth - 1];
        if (inner->next < Py_SIZE(inner->sequence)) {
            PyObject *sequence = inner->sequence;
            Py_ssize_t at = inner->next++;
            return Py_NewRef(PyList_CheckExact(sequence)
                                 ? PyList_GET_ITEM(sequence, at)
                                 : PyTuple_GET_ITEM(sequence, at));
        }
        e->depth--;
        Py_DECREF(inner->sequence);
    }
    return NULL;
}

static int
encode_element(encoding *e, PyObject *element)
{
    if (PyBytes_CheckExact(element)) {
        return encode_bytes(e, element);
    }
    if (PyLong_CheckExact(element) || PyBool_Check(element)) {
        return encode_int(e, element);
    }
    if (PyList_CheckExact(element) || PyTuple_CheckExact(element)) {
        return encode_sequence(e, element);
    }
    if (PyFloat_CheckExact(element)) {
        return encode_float(e, element);
    }
    return encode_by_stock(e, element);
}

static PyObject *
encode(encoding *e, PyObject *expression)
{
    int result = 0;
    PyObject *element = Py_NewRef(expression);
    while (result == 0 && element != NULL) {
        result = encode_element(e, element);
        Py_DECREF(element);
        element = result == 0 ? next_element(e) : NULL;
    }
    return result < 0 ? NULL : PyBytes_FromStringAndSize(e->data, e->size);
}

/* ---- sendEncoded --------------------------------------------------------------- */

/* Whether self._encode is stock's.  -1: exception. */
static int
encodes_as_stock(pyr_framing_method *method, PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (!pyr_class_is_as_seen(&method->class_seen, type)) {
        pyr_class_see(method->st, &method->class_seen, type);
        method->class_fits = pyr_view_ordinary_access(method->st, type) &&
                             pyr_view_class_has_all(method->st, type, method->fixed);
    }
    PyObject *own;
    int found = method->class_fits
                    ? pyr_own_dict_get(self, method->st->names.bananaEncode, &own)
                    : 1;
    if (found > 0 && method->class_fits) {
        Py_DECREF(own);
    }
    return found < 0 ? -1 : !found;
}

/* self.transport.write(value) */
static PyObject *
write_value(pyr_framing_method *method, PyObject *self, PyObject *value)
{
    PyObject *transport = PyObject_GetAttr(self, method->st->names.transport);
    PyObject *written = transport == NULL
                            ? NULL
                            : pyr_call_named(transport, method->st->names.write, value);
    Py_XDECREF(transport);
    if (written == NULL) {
        return NULL;
    }
    Py_DECREF(written);
    Py_RETURN_NONE;
}

static PyObject *
send_encoded(pyr_framing_method *method, PyObject *self, PyObject *expression)
{
    encoding e;
    begin(&e, method, self);
    PyObject *value = encode(&e, expression);
    end(&e);
    PyObject *result = value == NULL ? NULL : write_value(method, self, value);
    Py_XDECREF(value);
    return result;
}

PyObject *
pyr_banana_send(PyObject *op, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    pyr_framing_method *method = (pyr_framing_method *)op;
    int as_stock = encodes_as_stock(method, args[0]);
    if (as_stock < 0) {
        return NULL;
    }
    return as_stock ? send_encoded(method, args[0], args[1])
                    : Py_NewRef(Py_NotImplemented);
}
