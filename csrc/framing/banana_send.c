/* Banana, the framing of Perspective Broker: sendEncoded; see framing.h. */
#include "core/call.h"
#include "framing/banana.h"
#include "framing/framing.h"

/*
 * Where an element is not exactly a list, tuple, int, float or bytes, or cannot be sent,
 * or the lists are nested deeply, stock's sendEncoded does all of it: nothing was done
 * yet that could be seen.
 */

enum { FEW_BYTES = 512, MOST_LEVELS = 100, MOST_DIGITS = 10 };

/* What becomes of an element. */
typedef enum { ENCODING_FAILED = -1, ENCODED, BY_STOCK } encoded;

typedef struct {
    bool plain; /* the values below are all plain numbers */
    long long smallest_long, smallest, largest, largest_long;
} int_limits;

typedef struct {
    pyr_framing_method *method;
    PyObject *self;
    PyObject *own; /* its __dict__ */
    /* What was encoded. */
    char *data;
    Py_ssize_t size, room;
    char few_bytes[FEW_BYTES];
    int depth; /* in so many lists it is */
    /* What was read of the protocol. */
    long long size_limit; /* -1: not a plain number */
    bool has_limits, has_dialect;
    int_limits limits;
    PyObject *symbols; /* in the dialect that has them: a dict */
} encoding;

/* ---- what is written ----------------------------------------------------------- */

static int
reserve_room(encoding *e, Py_ssize_t extra)
{
    if (extra <= e->room - e->size) {
        return 0;
    }
    Py_ssize_t room = extra > PYR_MOST_SIZE - e->size ? 0 : 2 * (e->size + extra);
    bool few = e->data == e->few_bytes;
    char *data = room == 0 ? NULL : PyMem_Realloc(few ? NULL : e->data, (size_t)room);
    if (data == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (few) {
        memcpy(data, e->few_bytes, (size_t)e->size);
    }
    e->data = data;
    e->room = room;
    return 0;
}

static encoded
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
static encoded
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

/* ---- numbers ------------------------------------------------------------------- */

/* self.name, where the class has no descriptor under that name (new reference). */
static PyObject *
attribute_of(encoding *e, PyObject *name)
{
    PyObject *value;
    return PyDict_GetItemRef(e->own, name, &value) != 0 ? value
                                                        : PyObject_GetAttr(e->self, name);
}

/* An attribute that is a plain int.  False: it is another thing; no exception. */
static bool
read_limit(encoding *e, PyObject *name, long long *limit)
{
    PyObject *value = attribute_of(e, name);
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
    limits->plain = read_limit(e, names->smallestLongInt, &limits->smallest_long) &&
                    read_limit(e, names->largestLongInt, &limits->largest_long) &&
                    read_limit(e, names->smallestInt, &limits->smallest) &&
                    read_limit(e, names->largestInt, &limits->largest) &&
                    limits->smallest <= 0;
    e->has_limits = true;
}

static encoded
encode_int(encoding *e, PyObject *element)
{
    if (!e->has_limits) {
        read_int_limits(e);
    }
    const int_limits *limits = &e->limits;
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(element, &overflow);
    if (overflow != 0 || !limits->plain || number < limits->smallest_long ||
        number > limits->largest_long) {
        return BY_STOCK;
    }
    if (number < 0) {
        return append_prefix(e, 0 - (unsigned long long)number,
                             number < limits->smallest ? BANANA_LONGNEG : BANANA_NEG);
    }
    return append_prefix(e, (unsigned long long)number,
                         number <= limits->largest ? BANANA_INT : BANANA_LONGINT);
}

static encoded
encode_float(encoding *e, PyObject *element)
{
    char bytes[1 + BANANA_FLOAT_SIZE] = {(char)BANANA_FLOAT};
    double number = PyFloat_AS_DOUBLE(element);
    pyr_banana_order((const char *)&number, bytes + 1);
    return append_bytes(e, bytes, sizeof(bytes));
}

/* ---- strings ------------------------------------------------------------------- */

/* Whether the dialect has symbols, which are then in e->symbols; -1: C cannot say. */
static int
read_dialect(encoding *e)
{
    const pyr_names *names = &e->method->st->names;
    PyObject *dialect = attribute_of(e, names->currentDialect);
    int found = pyr_banana_is_pb(e->method->st, dialect);
    Py_XDECREF(dialect);
    if (found > 0) {
        e->symbols = attribute_of(e, names->outgoingSymbols);
        found = e->symbols != NULL && PyDict_CheckExact(e->symbols) ? 1 : -1;
    }
    PyErr_Clear(); /* stock's code will come upon it */
    return found;
}

/* The number of a word of the vocabulary; -1: it is none; -2: C cannot say. */
static long long
symbol_of(encoding *e, PyObject *element)
{
    PyObject *symbol;
    int found = PyDict_GetItemRef(e->symbols, element, &symbol);
    if (found <= 0) {
        PyErr_Clear();
        return found < 0 ? -2 : -1;
    }
    int overflow = 1;
    long long number = -2;
    if (PyLong_CheckExact(symbol)) {
        number = PyLong_AsLongLongAndOverflow(symbol, &overflow);
    }
    Py_DECREF(symbol);
    return overflow != 0 || number < 0 ? -2 : number;
}

static encoded
encode_bytes(encoding *e, PyObject *element)
{
    if (!e->has_dialect) {
        if (read_dialect(e) < 0) {
            return BY_STOCK;
        }
        e->has_dialect = true;
    }
    long long symbol = e->symbols == NULL ? -1 : symbol_of(e, element);
    Py_ssize_t size = PyBytes_GET_SIZE(element);
    if (symbol >= 0) {
        return append_prefix(e, (unsigned long long)symbol, BANANA_VOCAB);
    }
    if (symbol == -2 || size > e->size_limit) {
        return BY_STOCK;
    }
    if (append_prefix(e, (unsigned long long)size, BANANA_STRING) < 0) {
        return -1;
    }
    return append_bytes(e, PyBytes_AS_STRING(element), size);
}

/* ---- lists --------------------------------------------------------------------- */

static encoded encode_element(encoding *e, PyObject *element);

static encoded
encode_sequence(encoding *e, PyObject *sequence)
{
    Py_ssize_t size = Py_SIZE(sequence);
    if (size > e->size_limit || e->depth == MOST_LEVELS) {
        return BY_STOCK;
    }
    encoded result = append_prefix(e, (unsigned long long)size, BANANA_LIST);
    e->depth++;
    for (Py_ssize_t i = 0; result == ENCODED && i < Py_SIZE(sequence); i++) {
        /* A key of the vocabulary may have an __eq__, which may change the list. */
        PyObject *element =
            Py_NewRef(PyList_CheckExact(sequence) ? PyList_GET_ITEM(sequence, i)
                                                  : PyTuple_GET_ITEM(sequence, i));
        result = encode_element(e, element);
        Py_DECREF(element);
    }
    e->depth--;
    return result;
}

static encoded
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
    return BY_STOCK;
}

/* ---- sendEncoded --------------------------------------------------------------- */

/* Is _encode the class's, and that stock's?  -1: exception. */
static int
encodes_as_stock(pyr_framing_method *method, PyTypeObject *type, PyObject *own)
{
    if (!pyr_class_is_as_seen(&method->class_seen, type)) {
        pyr_class_see(method->st, &method->class_seen, type);
        method->class_fits = pyr_attributes_ordinary_access(method->st, type) &&
                             pyr_attributes_class_has(method, type);
    }
    int found = method->class_fits && own != NULL
                    ? PyDict_Contains(own, method->st->names.bananaEncode)
                    : 1;
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

/* The expression as bytes; NotImplemented: stock's code does all of it. */
static PyObject *
encode_all(pyr_framing_method *method, PyObject *self, PyObject *own,
           PyObject *expression)
{
    encoding e;
    e.method = method;
    e.self = self;
    e.own = own;
    e.data = e.few_bytes;
    e.room = FEW_BYTES;
    e.size = e.depth = 0;
    e.has_limits = e.has_dialect = false;
    e.symbols = NULL;
    e.size_limit = pyr_banana_size_limit(method);
    encoded result = encode_element(&e, expression);
    PyObject *value = result == ENCODED    ? PyBytes_FromStringAndSize(e.data, e.size)
                      : result == BY_STOCK ? Py_NewRef(Py_NotImplemented)
                                           : NULL;
    if (e.data != e.few_bytes) {
        PyMem_Free(e.data);
    }
    Py_CLEAR(e.symbols);
    return value;
}

PyObject *
pyr_banana_send(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2) {
        return pyr_call_refused(2, nargs);
    }
    pyr_framing_method *method = (pyr_framing_method *)op;
    PyObject *self = args[0];
    PyObject *own = pyr_instance_dict(self);
    int as_stock = encodes_as_stock(method, Py_TYPE(self), own);
    PyObject *value = as_stock < 0    ? NULL
                      : as_stock == 0 ? Py_NewRef(Py_NotImplemented)
                                      : encode_all(method, self, own, args[1]);
    Py_XDECREF(own);
    if (value == NULL || value == Py_NotImplemented) {
        return value;
    }
    PyObject *result = write_value(method, self, value);
    Py_DECREF(value);
    return result;
}
