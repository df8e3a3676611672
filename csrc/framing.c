/*
 * The two descriptors that put a framing into a protocol class (FramingMethod and
 * FramingAttribute), and the view of a protocol's attributes; see framing.h.
 */
#include "framing_internal.h"

static const pyr_framing_kind *const kinds[] = {
    &pyr_line_kind,
    &pyr_line_only_kind,
    &pyr_intn_kind,
    &pyr_netstring_kind,
    &pyr_batch_line_kind,
    &pyr_batch_intn_kind,
    &pyr_batch_netstring_kind,
    &pyr_header_kind,
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* ---- attribute access -----------------------------------------------------------------
 */

PyObject *
pyr_make_instance_dict(PyObject *self)
{
    PyObject **pointer = _PyObject_GetDictPtr(self);
    if (pointer == NULL) {
        return NULL;
    }
    if (*pointer == NULL) {
        PyObject *dict = PyObject_GenericGetDict(self, NULL); /* makes and keeps it */
        if (dict == NULL) {
            PyErr_Clear();
            return NULL;
        }
        Py_DECREF(dict);
        pointer = _PyObject_GetDictPtr(self);
    }
    return pointer == NULL ? NULL : *pointer;
}

PyObject *
pyr_call_named(PyObject *self, PyObject *name, PyObject *argument)
{
    PyObject *arguments[2] = {self, argument};
    size_t count = argument == NULL ? 1 : 2;
    return PyObject_VectorcallMethod(name, arguments,
                                     count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}

static int
truth(PyObject *value)
{
    if (value == Py_True) {
        return 1;
    }
    if (value == Py_False || value == Py_None) {
        return 0;
    }
    return PyObject_IsTrue(value);
}

int
pyr_attribute_true(PyObject *object, PyObject *name)
{
    PyObject *value = PyObject_GetAttr(object, name);
    if (value == NULL) {
        return -1;
    }
    int result = truth(value);
    Py_DECREF(value);
    return result;
}

int
pyr_disconnecting(core_state *st, PyObject *transport)
{
    return pyr_attribute_true(transport, st->framing.names.disconnecting);
}

PyObject *
pyr_call_handler(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                 PyObject *message)
{
    PyObject *name = pyr_framing_name(method, method->kind->handler);
    if (!b->view.handler_direct) {
        return pyr_call_named(self, name, message);
    }
    PyObject *handler = Py_NewRef(b->view.handler);
    PyObject *arguments[2] = {self, message};
    PyObject *result = PyObject_Vectorcall(handler, arguments, 2, NULL);
    Py_DECREF(handler);
    return result;
}

PyObject *
pyr_call_handler_now(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                     PyObject *message)
{
    int usual = pyr_view_ready(method, b, self);
    if (usual < 0) {
        return NULL;
    }
    if (!usual) {
        return pyr_call_named(self, pyr_framing_name(method, method->kind->handler),
                              message);
    }
    return pyr_call_handler(method, b, self, message);
}

PyObject *
pyr_call_stock(pyr_framing_method *method, PyObject *self, const char *data,
               Py_ssize_t size, PyObject *lender)
{
    if (method->stock == NULL || method->stock == Py_None) {
        pyr_unusual_error(method, self);
        return NULL;
    }
    PyObject *bytes =
        lender != NULL ? Py_NewRef(lender) : PyBytes_FromStringAndSize(data, size);
    if (bytes == NULL) {
        return NULL;
    }
    PyObject *arguments[2] = {self, bytes};
    PyObject *result = PyObject_Vectorcall(method->stock, arguments, 2, NULL);
    Py_DECREF(bytes);
    return result;
}

void
pyr_unusual_error(pyr_framing_method *method, PyObject *self)
{
    PyErr_Format(
        PyExc_TypeError,
        "%.200s.dataReceived (%s) needs MAX_LENGTH to be an int, delimiter to be "
        "non-empty bytes, structFormat to be one unsigned integer of prefixLength "
        "bytes, and ordinary attributes",
        Py_TYPE(self)->tp_name, method->kind->name);
}

/* ---- the view: parsing
 * ------------------------------------------------------------------ */

/* A value whose truth cannot change behind our back. */
static bool
parse_truth(PyObject *value, bool *result)
{
    if (value == Py_True || value == Py_False || value == Py_None) {
        *result = value == Py_True;
        return true;
    }
    if (value != NULL && PyLong_CheckExact(value)) {
        *result = PyObject_IsTrue(value) == 1;
        return true;
    }
    return false;
}

static bool
parse_max_length(pyr_view *view, PyObject *value)
{
    if (value == NULL || !PyLong_Check(value) ||
        !(PyLong_CheckExact(value) || PyBool_Check(value))) {
        return false;
    }
    if (value == view->max_length_from) {
        return true;
    }
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0) {
        number = overflow > 0 ? PY_SSIZE_T_MAX : -PY_SSIZE_T_MAX;
    }
    if (number > PY_SSIZE_T_MAX) {
        number = PY_SSIZE_T_MAX;
    } else if (number < -PY_SSIZE_T_MAX) {
        number = -PY_SSIZE_T_MAX;
    }
    view->max_length = (Py_ssize_t)number;
    view->max_length_huge = overflow > 0;
    view->max_length_digits = 0;
    Py_XSETREF(view->max_length_from, Py_NewRef(value));
    return true;
}

/* Whether a proper prefix of the delimiter is also its suffix. */
static bool
overlaps_itself(const char *text, Py_ssize_t size)
{
    for (Py_ssize_t shift = 1; shift < size; shift++) {
        if (memcmp(text, text + shift, (size_t)(size - shift)) == 0) {
            return true;
        }
    }
    return false;
}

static bool
parse_delimiter(pyr_view *view, pyr_buffer *b, PyObject *value)
{
    if (value == NULL || !PyBytes_CheckExact(value)) {
        return false;
    }
    if (value == view->delimiter_from) {
        return true;
    }
    Py_XSETREF(view->delimiter_from, Py_NewRef(value));
    view->delimiter_size = PyBytes_GET_SIZE(value);
    view->delimiter_overlaps =
        overlaps_itself(PyBytes_AS_STRING(value), view->delimiter_size);
    b->scanned = 0;
    return true;
}

/* The size of one unsigned integer in struct's terms, or 0. */
static int
integer_size(char code, bool standard)
{
    switch (code) {
    case 'B':
        return 1;
    case 'H':
        return standard ? 2 : (int)sizeof(unsigned short);
    case 'I':
        return standard ? 4 : (int)sizeof(unsigned int);
    case 'L':
        return standard ? 4 : (int)sizeof(unsigned long);
    case 'Q':
        return standard ? 8 : (int)sizeof(unsigned long long);
    default:
        return 0;
    }
}

static int
decode_format(const char *format, bool *little)
{
    char order = '@';
    if (*format != '\0' && strchr("@=<>!", *format) != NULL) {
        order = *format++;
    }
    if (format[0] == '\0' || format[1] != '\0') {
        return 0;
    }
    bool native = order == '@' || order == '=';
    *little = order == '<' || (native && PY_LITTLE_ENDIAN);
    return integer_size(format[0], order != '@');
}

static bool
parse_prefix(pyr_view *view, PyObject *format, PyObject *length)
{
    if (format == NULL || length == NULL || !PyUnicode_CheckExact(format) ||
        !PyLong_CheckExact(length)) {
        return false;
    }
    if (format == view->format_from && length == view->prefix_from) {
        return view->prefix_size != 0;
    }
    Py_XSETREF(view->format_from, Py_NewRef(format));
    Py_XSETREF(view->prefix_from, Py_NewRef(length));
    view->prefix_size = 0;
    Py_ssize_t text_size;
    const char *text = PyUnicode_AsUTF8AndSize(format, &text_size);
    long declared = PyLong_AsLong(length);
    if (text == NULL || (declared == -1 && PyErr_Occurred())) {
        PyErr_Clear(); /* the stock code will say what is wrong */
        return false;
    }
    if (strlen(text) != (size_t)text_size) {
        return false;
    }
    int size = decode_format(text, &view->prefix_little);
    view->prefix_size = size == declared ? size : 0;
    return view->prefix_size != 0;
}

/* ---- the view: looking up
 * --------------------------------------------------------------- */

static PyObject *
slot_name(pyr_framing_method *method, pyr_slot slot)
{
    return slot == SLOT_HANDLER ? pyr_framing_name(method, method->kind->handler)
                                : method->st->framing.slot_names[slot];
}

static bool
ordinary_access(core_state *st, PyTypeObject *type)
{
    if (type->tp_setattro != PyObject_GenericSetAttr) {
        return false;
    }
    if (type->tp_getattro == PyObject_GenericGetAttr) {
        return true;
    }
    /* A class with __getattr__ only: it is asked for missing names, and none is missing.
     */
    PyObject *getattribute = _PyType_Lookup(type, st->framing.getattribute);
    PyObject *standard = _PyType_Lookup(&PyBaseObject_Type, st->framing.getattribute);
    return getattribute != NULL && getattribute == standard;
}

static bool
is_our_attribute(core_state *st, PyTypeObject *type, PyObject *name)
{
    PyObject *attribute = _PyType_Lookup(type, name);
    return attribute != NULL && Py_IS_TYPE(attribute, st->framing.attribute_type);
}

static bool
fixed_unchanged(pyr_framing_method *method, PyTypeObject *type)
{
    const char *const *names = method->kind->fixed;
    if (names == NULL || method->fixed == NULL) {
        return true;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(method->fixed); i++) {
        PyObject *pair = PyTuple_GET_ITEM(method->fixed, i);
        if (_PyType_Lookup(type, PyTuple_GET_ITEM(pair, 0)) !=
            PyTuple_GET_ITEM(pair, 1)) {
            return false;
        }
    }
    return true;
}

/* Whether this class lets C do the work. */
static bool
class_is_usual(pyr_framing_method *method, PyTypeObject *type)
{
    core_state *st = method->st;
    return ordinary_access(st, type) && is_our_attribute(st, type, pyr_key(method)) &&
           (!method->kind->needs_busy ||
            is_our_attribute(st, type, st->framing.names.busy)) &&
           fixed_unchanged(method, type);
}

static void
read_class(pyr_framing_method *method, pyr_view *view, PyTypeObject *type)
{
    view->class_usual = class_is_usual(method, type);
    for (int i = 0; i < method->kind->slot_count; i++) {
        pyr_slot slot = method->kind->slots[i];
        PyObject *value = NULL;
        if (slot != SLOT_RECVD) {
            value = _PyType_Lookup(type, slot_name(method, slot));
        }
        view->class_value[slot] = value;
        if (value != NULL && slot != SLOT_HANDLER &&
            (Py_TYPE(value)->tp_descr_get != NULL ||
             Py_TYPE(value)->tp_descr_set != NULL)) {
            view->class_usual = false; /* a property, say */
        }
    }
    view->method = method;
    view->tag = pyr_type_tag(type);
}

static bool
read_handler(pyr_view *view, PyObject *own)
{
    PyObject *handler = view->class_value[SLOT_HANDLER];
    view->handler = handler;
    view->handler_direct =
        own == NULL && handler != NULL &&
        PyType_HasFeature(Py_TYPE(handler), Py_TPFLAGS_METHOD_DESCRIPTOR);
    return true;
}

/* Take one attribute's value into the view.  False: of a kind that C leaves alone. */
static bool
read_slot(pyr_buffer *b, pyr_slot slot, PyObject *own)
{
    pyr_view *view = &b->view;
    PyObject *value = own != NULL ? own : view->class_value[slot];
    switch (slot) {
    case SLOT_HANDLER:
        return read_handler(view, own);
    case SLOT_MAX_LENGTH:
        return parse_max_length(view, value);
    case SLOT_TRANSPORT:
        view->transport = value;
        return value != NULL;
    case SLOT_PAUSED:
        return parse_truth(value, &view->paused);
    case SLOT_DELIMITER:
        return parse_delimiter(view, b, value);
    case SLOT_LINE_MODE:
        return parse_truth(value, &view->line_mode);
    case SLOT_PREFIX_LENGTH:
        return value != NULL; /* parsed with the format, which comes after it */
    case SLOT_RECVD:
        view->has_recvd = own != NULL;
        return true;
    case SLOT_HEADER:
        Py_XSETREF(view->header_from, Py_XNewRef(value));
        return value != NULL;
    default:
        return true;
    }
}

static int
read_instance(pyr_framing_method *method, pyr_buffer *b, PyObject *dict)
{
    PyObject *prefix_length = NULL;
    bool usual = b->view.class_usual;
    for (int i = 0; i < method->kind->slot_count; i++) {
        pyr_slot slot = method->kind->slots[i];
        PyObject *own = PyDict_GetItemWithError(dict, slot_name(method, slot));
        if (own == NULL && PyErr_Occurred()) {
            return -1;
        }
        if (slot == SLOT_PREFIX_LENGTH) {
            prefix_length = own != NULL ? own : b->view.class_value[slot];
        } else if (slot == SLOT_STRUCT_FORMAT) {
            PyObject *format = own != NULL ? own : b->view.class_value[slot];
            usual = parse_prefix(&b->view, format, prefix_length) && usual;
        } else {
            usual = read_slot(b, slot, own) && usual;
        }
    }
    b->view.usual = usual;
    return 0;
}

int
pyr_view_refresh(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    pyr_view *view = &b->view;
    PyTypeObject *type = Py_TYPE(self);
    PyObject *dict = pyr_instance_dict(self);
    view->version = 0;
    view->usual = false;
    view->attached = false;
    if (dict == NULL) {
        return 0;
    }
    unsigned int tag = pyr_type_tag(type);
    if (tag == 0 || tag != view->tag || view->method != method) {
        read_class(method, view, type);
    }
    PyObject *kept = PyDict_GetItemWithError(dict, pyr_key(method));
    if (kept == NULL && PyErr_Occurred()) {
        return -1;
    }
    view->attached = kept == (PyObject *)b;
    if (read_instance(method, b, dict) < 0) {
        return -1;
    }
    view->usual = view->usual && view->attached;
#if PYR_DICT_VERSIONS
    view->version = pyr_dict_version(dict);
#endif
    return view->usual;
}

void
pyr_view_clear(pyr_view *view)
{
    view->tag = 0;
    view->method = NULL;
    Py_CLEAR(view->max_length_from);
    Py_CLEAR(view->delimiter_from);
    Py_CLEAR(view->format_from);
    Py_CLEAR(view->prefix_from);
    Py_CLEAR(view->header_from);
}

int
pyr_view_traverse(pyr_view *view, visitproc visit, void *arg)
{
    Py_VISIT(view->max_length_from);
    Py_VISIT(view->delimiter_from);
    Py_VISIT(view->format_from);
    Py_VISIT(view->prefix_from);
    Py_VISIT(view->header_from);
    return 0;
}

/* ---- finding the buffer
 * ----------------------------------------------------------------- */

/* Make the buffer of `self` from what its __dict__ has under our key (may be NULL). */
static pyr_buffer *
make_buffer(pyr_framing_method *method, PyObject *self, PyObject *dict, PyObject *kept)
{
    core_state *st = method->st;
    pyr_buffer *b = pyr_buffer_new(st, self);
    if (b == NULL) {
        return NULL;
    }
    if (kept != NULL) {
        PyObject *content = PyBytes_CheckExact(kept)
                                ? Py_NewRef(kept)
                                : pyr_buffer_bytes((pyr_buffer *)kept);
        if (content == NULL || pyr_buffer_set(b, PyBytes_AS_STRING(content),
                                              PyBytes_GET_SIZE(content)) < 0) {
            Py_XDECREF(content);
            Py_DECREF(b);
            return NULL;
        }
        Py_DECREF(content);
    }
    if (method->kind->needs_busy) {
        PyObject *busy = PyDict_GetItemWithError(dict, st->framing.names.busy);
        b->busy = busy != NULL && truth(busy) == 1;
    }
    if (PyErr_Occurred() || PyDict_SetItem(dict, pyr_key(method), (PyObject *)b) < 0) {
        Py_DECREF(b);
        return NULL;
    }
    Py_DECREF(b); /* the dict keeps it */
    return b;
}

/*
 * The buffer of `self` (borrowed).  NULL without an exception: this protocol is unusual
 * and the stock code must do the work.
 */
static pyr_buffer *
find_buffer(pyr_framing_method *method, PyObject *self)
{
    PyObject *dict = pyr_instance_dict(self);
    if (dict == NULL) {
        return NULL;
    }
#if PYR_DICT_VERSIONS
    uint64_t version = pyr_dict_version(dict);
    pyr_buffer_hint *hint =
        &method->st->framing.hints[(version ^ (version >> 8)) % PYR_HINT_COUNT];
    if (hint->version == version && hint->method == method && hint->buffer != NULL) {
        return hint->buffer;
    }
#endif
    PyObject *kept = PyDict_GetItemWithError(dict, pyr_key(method));
    if (kept == NULL && (PyErr_Occurred() || method->kind->needs_ready)) {
        return NULL;
    }
    bool is_buffer = kept != NULL && Py_IS_TYPE(kept, method->st->framing.buffer_type);
    if (kept != NULL && !is_buffer &&
        (!PyBytes_CheckExact(kept) || method->kind->needs_ready)) {
        return NULL;
    }
    pyr_buffer *b = (pyr_buffer *)kept;
    if (!is_buffer || b->owner != self) {
        if (!class_is_usual(method, Py_TYPE(self)) || method->kind->needs_ready) {
            return NULL;
        }
        return make_buffer(method, self, dict, kept);
    }
#if PYR_DICT_VERSIONS
    hint->version = version;
    hint->method = method;
    hint->buffer = b;
#endif
    return b;
}

static PyObject *
feed(pyr_framing_method *method, PyObject *self, const char *data, Py_ssize_t size,
     PyObject *lender)
{
    pyr_buffer *b = find_buffer(method, self);
    if (b == NULL) {
        if (PyErr_Occurred()) {
            return NULL;
        }
        return pyr_call_stock(method, self, data, size, lender);
    }
    Py_INCREF(b);
    PyObject *result = method->kind->feed(method, self, b, data, size, lender);
    Py_DECREF(b);
    return result;
}

PyObject *
pyr_framing_feed(pyr_framing_method *method, PyObject *protocol, const char *data,
                 Py_ssize_t size)
{
    Py_INCREF(method);
    Py_INCREF(protocol);
    PyObject *result = feed(method, protocol, data, size, NULL);
    Py_DECREF(protocol);
    Py_DECREF(method);
    return result;
}

pyr_framing_method *
pyr_framing_method_of(core_state *st, PyObject *protocol)
{
    PyTypeObject *type = Py_TYPE(protocol);
    PyObject *found = _PyType_Lookup(type, st->names.dataReceived);
    if (found == NULL || !Py_IS_TYPE(found, st->framing.method_type) ||
        !ordinary_access(st, type)) {
        return NULL;
    }
    pyr_framing_method *method = (pyr_framing_method *)found;
    PyObject *dict = pyr_instance_dict(protocol);
    if (dict == NULL || method->kind == NULL) {
        return NULL;
    }
    PyObject *own = PyDict_GetItemWithError(dict, st->names.dataReceived);
    if (own != NULL || PyErr_Occurred()) {
        PyErr_Clear();
        return NULL;
    }
    return method;
}

/* ---- FramingMethod
 * ---------------------------------------------------------------------- */

typedef enum {
    ATTRIBUTE_CONTENT,
    ATTRIBUTE_BUSY,
    ATTRIBUTE_OFFSET,
    ATTRIBUTE_NETSTRING /* and the following: one for each of its attributes */
} attribute_what;

typedef struct {
    const char *name;
    size_t key;
    int what;
} attribute_spec;

/* The order of the last five is that of netstring.c. */
static const attribute_spec attribute_specs[] = {
    {"_buffer", PYR_FRAMING_NAME(buffer), ATTRIBUTE_CONTENT},
    {"_busyReceiving", PYR_FRAMING_NAME(buffer), ATTRIBUTE_BUSY},
    {"_unprocessed", PYR_FRAMING_NAME(unprocessed), ATTRIBUTE_CONTENT},
    {"_compatibilityOffset", PYR_FRAMING_NAME(unprocessed), ATTRIBUTE_OFFSET},
    {"_remainingData", PYR_FRAMING_NAME(remaining), ATTRIBUTE_NETSTRING},
    {"_payload", PYR_FRAMING_NAME(remaining), ATTRIBUTE_NETSTRING + 1},
    {"_state", PYR_FRAMING_NAME(remaining), ATTRIBUTE_NETSTRING + 2},
    {"_expectedPayloadSize", PYR_FRAMING_NAME(remaining), ATTRIBUTE_NETSTRING + 3},
    {"_currentPayloadSize", PYR_FRAMING_NAME(remaining), ATTRIBUTE_NETSTRING + 4},
};

#define ATTRIBUTE_COUNT (sizeof(attribute_specs) / sizeof(attribute_specs[0]))

/* The forms without stock code take any bytes-like object; the others leave it to stock.
 */
static PyObject *
method_call_unusual(pyr_framing_method *method, PyObject *const *args, size_t nargsf,
                    PyObject *kwnames)
{
    Py_ssize_t count = PyVectorcall_NARGS(nargsf);
    if (method->stock != NULL && method->stock != Py_None) {
        return PyObject_Vectorcall(method->stock, args, nargsf, kwnames);
    }
    Py_ssize_t total = count + (kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames));
    bool named =
        kwnames != NULL && PyTuple_GET_SIZE(kwnames) == 1 &&
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "data") == 0;
    if (total != 2 || count < 1 || (count == 1 && !named)) {
        PyErr_SetString(PyExc_TypeError, "dataReceived() takes one argument, data");
        return NULL;
    }
    Py_buffer view;
    if (PyObject_GetBuffer(args[1], &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    PyObject *result = feed(method, args[0], view.buf, view.len, NULL);
    PyBuffer_Release(&view);
    return result;
}

static PyObject *
method_vectorcall(PyObject *callable, PyObject *const *args, size_t nargsf,
                  PyObject *kwnames)
{
    pyr_framing_method *method = (pyr_framing_method *)callable;
    if (PyVectorcall_NARGS(nargsf) != 2 || kwnames != NULL ||
        !PyBytes_CheckExact(args[1])) {
        return method_call_unusual(method, args, nargsf, kwnames);
    }
    PyObject *data = args[1];
    return feed(method, args[0], PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), data);
}

/* The stock makeConnection has set its parser's attributes: start from them in C. */
static int
start_netstring(pyr_framing_method *method, PyObject *self, PyObject *dict)
{
    pyr_buffer *b = pyr_buffer_new(method->st, self);
    if (b == NULL) {
        return -1;
    }
    pyr_netstring_reset(b);
    int result = PyDict_SetItem(dict, method->st->framing.names.remaining, (PyObject *)b);
    Py_DECREF(b);
    for (size_t i = 0; result == 0 && i < ATTRIBUTE_COUNT; i++) {
        if (attribute_specs[i].what <= ATTRIBUTE_NETSTRING) {
            continue; /* _remainingData is the buffer now */
        }
        if (PyDict_DelItemString(dict, attribute_specs[i].name) < 0) {
            PyErr_Clear(); /* a subclass keeps it elsewhere */
        }
    }
    return result;
}

/* NetstringReceiver.makeConnection(transport) */
static PyObject *
connect_vectorcall(PyObject *callable, PyObject *const *args, size_t nargsf,
                   PyObject *kwnames)
{
    pyr_framing_method *method = (pyr_framing_method *)callable;
    pyr_framing_state *framing = &method->st->framing;
    PyObject *self = args[0];
    PyObject *dict = PyVectorcall_NARGS(nargsf) > 0 ? pyr_instance_dict(self) : NULL;
    PyObject *result = PyObject_Vectorcall(method->stock, args, nargsf, kwnames);
    if (result == NULL || dict == NULL ||
        !is_our_attribute(method->st, Py_TYPE(self), framing->names.remaining)) {
        return result;
    }
    dict = pyr_instance_dict(self);
    if (dict != NULL && start_netstring(method, self, dict) < 0) {
        Py_CLEAR(result);
    }
    return result;
}

static PyObject *
collect_fixed(const pyr_framing_kind *kind, PyObject *owner)
{
    PyObject *list = PyList_New(0);
    for (int i = 0; list != NULL && kind->fixed[i] != NULL; i++) {
        PyObject *name = PyUnicode_InternFromString(kind->fixed[i]);
        PyObject *value =
            name == NULL ? NULL : _PyType_Lookup((PyTypeObject *)owner, name);
        if (value != NULL) {
            PyObject *pair = PyTuple_Pack(2, name, value);
            if (pair == NULL || PyList_Append(list, pair) < 0) {
                Py_CLEAR(list);
            }
            Py_XDECREF(pair);
        } else if (name == NULL) {
            Py_CLEAR(list);
        }
        Py_XDECREF(name);
    }
    if (list == NULL) {
        return NULL;
    }
    PyObject *tuple = PyList_AsTuple(list);
    Py_DECREF(list);
    return tuple;
}

static const pyr_framing_kind *
kind_by_name(const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(kinds[i]->name, name) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

static int
method_setup(pyr_framing_method *method, const char *name, PyObject *stock,
             PyObject *owner)
{
    method->stock = Py_NewRef(stock);
    if (strcmp(name, "netstring_connect") == 0) {
        method->vectorcall = connect_vectorcall;
        return 0;
    }
    method->vectorcall = method_vectorcall;
    method->kind = kind_by_name(name);
    if (method->kind == NULL) {
        PyErr_Format(PyExc_ValueError, "no framing is called %s", name);
        return -1;
    }
    if (method->kind->fixed != NULL && PyType_Check(owner)) {
        method->fixed = collect_fixed(method->kind, owner);
        return method->fixed == NULL ? -1 : 0;
    }
    return 0;
}

static PyObject *
method_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"kind", "stock", "owner", NULL};
    const char *name;
    PyObject *stock;
    PyObject *owner = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sO|O:FramingMethod", keywords, &name,
                                     &stock, &owner)) {
        return NULL;
    }
    pyr_framing_method *method = (pyr_framing_method *)type->tp_alloc(type, 0);
    if (method == NULL) {
        return NULL;
    }
    method->st = pyr_state_of_type(type);
    if (method->st == NULL || method_setup(method, name, stock, owner) < 0) {
        Py_DECREF(method);
        return NULL;
    }
    return (PyObject *)method;
}

static int
method_traverse(PyObject *self, visitproc visit, void *arg)
{
    pyr_framing_method *method = (pyr_framing_method *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(method->stock);
    Py_VISIT(method->fixed);
    return 0;
}

static int
method_clear(PyObject *self)
{
    pyr_framing_method *method = (pyr_framing_method *)self;
    Py_CLEAR(method->stock);
    Py_CLEAR(method->fixed);
    return 0;
}

static void
method_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)method_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
method_get(PyObject *self, PyObject *instance, PyObject *Py_UNUSED(owner))
{
    if (instance == NULL || instance == Py_None) {
        return Py_NewRef(self);
    }
    return PyMethod_New(self, instance);
}

static PyObject *
method_wrapped(PyObject *self, void *Py_UNUSED(closure))
{
    PyObject *stock = ((pyr_framing_method *)self)->stock;
    if (stock == NULL || stock == Py_None) {
        PyErr_SetString(PyExc_AttributeError, "__wrapped__");
        return NULL;
    }
    return Py_NewRef(stock);
}

/* __doc__, __name__, ...: those of the stock function. */
static PyObject *
method_forward(PyObject *self, void *closure)
{
    PyObject *stock = ((pyr_framing_method *)self)->stock;
    if (stock != NULL && stock != Py_None) {
        return PyObject_GetAttrString(stock, (const char *)closure);
    }
    if (strcmp((const char *)closure, "__doc__") == 0) {
        return PyUnicode_FromString("Receive bytes, call back with whole messages.");
    }
    return PyUnicode_FromString("dataReceived");
}

static PyObject *
method_getattro(PyObject *self, PyObject *name)
{
    if (PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "__doc__") == 0) {
        return method_forward(self, "__doc__"); /* or the type's own would be found */
    }
    PyObject *value = PyObject_GenericGetAttr(self, name);
    PyObject *stock = ((pyr_framing_method *)self)->stock;
    if (value != NULL || stock == NULL || stock == Py_None ||
        !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return value;
    }
    PyErr_Clear();
    return PyObject_GetAttr(stock, name);
}

static PyObject *
method_repr(PyObject *self)
{
    pyr_framing_method *method = (pyr_framing_method *)self;
    const char *name = method->kind == NULL ? "netstring_connect" : method->kind->name;
    return PyUnicode_FromFormat("<C framing '%s' at %p>", name, self);
}

PyDoc_STRVAR(
    method_doc,
    "FramingMethod(kind, stock, owner=None)\n"
    "--\n"
    "\n"
    "A method descriptor: dataReceived in C.\n"
    "\n"
    "kind (str) names the framing: line, line_only, intn, netstring, batch_line,\n"
    "batch_intn, batch_netstring, header; or netstring_connect, which is\n"
    "NetstringReceiver.makeConnection.  stock (callable or None) is the Python\n"
    "method it stands for; it is called for protocols and arguments that C leaves\n"
    "alone.  owner (type) is the class whose parsing methods the framing replaces:\n"
    "a subclass that overrides one of them gets the stock method.  Raises\n"
    "ValueError for an unknown kind.");

static PyGetSetDef method_getset[] = {
    {"__wrapped__", method_wrapped, NULL, "The Python method that this stands for.",
     NULL},
    {"__name__", method_forward, NULL, NULL, "__name__"},
    {"__qualname__", method_forward, NULL, NULL, "__qualname__"},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef method_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(pyr_framing_method, vectorcall),
     READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot method_slots[] = {
    {Py_tp_doc, (void *)method_doc}, {Py_tp_new, method_new},
    {Py_tp_dealloc, method_dealloc}, {Py_tp_traverse, method_traverse},
    {Py_tp_clear, method_clear},     {Py_tp_call, PyVectorcall_Call},
    {Py_tp_descr_get, method_get},   {Py_tp_getattro, method_getattro},
    {Py_tp_getset, method_getset},   {Py_tp_members, method_members},
    {Py_tp_repr, method_repr},       {0, NULL},
};

static PyType_Spec method_spec = {
    .name = "pyreactor._core.FramingMethod",
    .basicsize = sizeof(pyr_framing_method),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = method_slots,
};

/* ---- FramingAttribute
 * --------------------------------------------------------------------- */

typedef struct {
    PyObject_HEAD core_state *st;
    const attribute_spec *spec;
    PyObject *name;
    PyObject *initial; /* what the stock class has under this name, or NULL */
} framing_attribute;

static PyObject *
attribute_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"name", "initial", NULL};
    PyObject *name;
    PyObject *initial = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U|O:FramingAttribute", keywords,
                                     &name, &initial)) {
        return NULL;
    }
    const attribute_spec *spec = NULL;
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
        if (PyUnicode_CompareWithASCIIString(name, attribute_specs[i].name) == 0) {
            spec = &attribute_specs[i];
        }
    }
    if (spec == NULL) {
        PyErr_Format(PyExc_ValueError, "no framing has an attribute %U", name);
        return NULL;
    }
    framing_attribute *attribute = (framing_attribute *)type->tp_alloc(type, 0);
    if (attribute == NULL) {
        return NULL;
    }
    attribute->spec = spec;
    attribute->initial = Py_XNewRef(initial);
    attribute->name = Py_NewRef(name);
    PyUnicode_InternInPlace(&attribute->name);
    attribute->st = pyr_state_of_type(type);
    if (attribute->st == NULL) {
        Py_DECREF(attribute);
        return NULL;
    }
    return (PyObject *)attribute;
}

static int
attribute_traverse(PyObject *self, visitproc visit, void *arg)
{
    framing_attribute *attribute = (framing_attribute *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(attribute->initial);
    return 0;
}

static int
attribute_clear(PyObject *self)
{
    Py_CLEAR(((framing_attribute *)self)->initial);
    return 0;
}

static void
attribute_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)attribute_clear(self);
    Py_CLEAR(((framing_attribute *)self)->name);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
buffer_attribute(pyr_buffer *b, const attribute_spec *spec)
{
    switch (spec->what) {
    case ATTRIBUTE_CONTENT:
        return b->foreign != NULL ? Py_NewRef(b->foreign) : pyr_buffer_bytes(b);
    case ATTRIBUTE_BUSY:
        return PyBool_FromLong(b->busy);
    case ATTRIBUTE_OFFSET:
        return PyLong_FromSsize_t(b->compatibility_offset);
    default:
        return pyr_netstring_attribute(b, spec->what - ATTRIBUTE_NETSTRING);
    }
}

static int
set_buffer_attribute(pyr_buffer *b, const attribute_spec *spec, PyObject *value)
{
    int yes;
    Py_ssize_t number;
    switch (spec->what) {
    case ATTRIBUTE_CONTENT:
        if (PyBytes_CheckExact(value)) {
            return pyr_buffer_set(b, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
        }
        if (pyr_buffer_set(b, NULL, 0) < 0) {
            return -1;
        }
        Py_XSETREF(b->foreign, Py_NewRef(value));
        return 0;
    case ATTRIBUTE_BUSY:
        yes = truth(value);
        b->busy = yes == 1;
        return yes < 0 ? -1 : 0;
    case ATTRIBUTE_OFFSET:
        number = PyNumber_AsSsize_t(value, PyExc_OverflowError);
        if (number == -1 && PyErr_Occurred()) {
            return -1;
        }
        b->compatibility_offset = number;
        return 0;
    default:
        return pyr_netstring_set_attribute(b, spec->what - ATTRIBUTE_NETSTRING, value);
    }
}

/* What the instance's __dict__ has for this attribute (borrowed), with its buffer if any.
 */
static PyObject *
own_value(framing_attribute *attribute, PyObject *dict, pyr_buffer **b)
{
    pyr_framing_state *framing = &attribute->st->framing;
    PyObject *key = *(PyObject **)((char *)framing + attribute->spec->key);
    PyObject *kept = PyDict_GetItemWithError(dict, key);
    *b = NULL;
    if (kept != NULL && Py_IS_TYPE(kept, framing->buffer_type)) {
        *b = (pyr_buffer *)kept;
        return kept;
    }
    return PyErr_Occurred() ? NULL : PyDict_GetItemWithError(dict, attribute->name);
}

static PyObject *
attribute_missing(framing_attribute *attribute, PyObject *instance)
{
    PyErr_Format(PyExc_AttributeError, "'%.100s' object has no attribute '%U'",
                 Py_TYPE(instance)->tp_name, attribute->name);
    return NULL;
}

static PyObject *
attribute_get(PyObject *self, PyObject *instance, PyObject *owner)
{
    framing_attribute *attribute = (framing_attribute *)self;
    if (instance == NULL) {
        if (attribute->initial != NULL) {
            return Py_NewRef(attribute->initial);
        }
        PyErr_Format(PyExc_AttributeError, "type object '%.100s' has no attribute '%U'",
                     owner == NULL ? "?" : ((PyTypeObject *)owner)->tp_name,
                     attribute->name);
        return NULL;
    }
    PyObject *dict = pyr_instance_dict(instance);
    if (dict != NULL) {
        pyr_buffer *b;
        PyObject *value = own_value(attribute, dict, &b);
        if (b != NULL) {
            Py_INCREF(b);
            value = buffer_attribute(b, attribute->spec);
            Py_DECREF(b);
            return value;
        }
        if (value != NULL) {
            return Py_NewRef(value);
        }
        if (PyErr_Occurred()) {
            return NULL;
        }
    }
    if (attribute->initial != NULL) {
        return Py_NewRef(attribute->initial);
    }
    return attribute_missing(attribute, instance);
}

static int
delete_attribute(framing_attribute *attribute, PyObject *instance, PyObject *dict,
                 pyr_buffer *b, PyObject *value)
{
    if (b != NULL && attribute->initial != NULL) {
        /* The class attribute shows again. */
        return set_buffer_attribute(b, attribute->spec, attribute->initial);
    }
    if (value != NULL && b == NULL) {
        return PyDict_DelItem(dict, attribute->name);
    }
    if (!PyErr_Occurred()) {
        (void)attribute_missing(attribute, instance);
    }
    return -1;
}

static int
attribute_set(PyObject *self, PyObject *instance, PyObject *value)
{
    framing_attribute *attribute = (framing_attribute *)self;
    PyObject *dict = pyr_instance_dict(instance);
    if (dict == NULL) {
        (void)attribute_missing(attribute, instance);
        return -1;
    }
    pyr_buffer *b;
    PyObject *kept = own_value(attribute, dict, &b);
    if (value == NULL) {
        return delete_attribute(attribute, instance, dict, b, kept);
    }
    if (b == NULL || b->owner != instance) {
        /* Not received anything yet (or a copy of another protocol's __dict__). */
        return PyErr_Occurred() ? -1 : PyDict_SetItem(dict, attribute->name, value);
    }
    Py_INCREF(b);
    int result = set_buffer_attribute(b, attribute->spec, value);
    Py_DECREF(b);
    return result;
}

PyDoc_STRVAR(attribute_doc,
             "FramingAttribute(name, initial=<none>)\n"
             "--\n"
             "\n"
             "A data descriptor: one of the stock attributes over a framing's state.\n"
             "\n"
             "name (str) is the attribute: _buffer, _busyReceiving, _unprocessed,\n"
             "_compatibilityOffset, _remainingData, _payload, _state,\n"
             "_expectedPayloadSize or _currentPayloadSize.  initial is its value on the\n"
             "class and on protocols that have received nothing; without it these raise\n"
             "AttributeError.  Raises ValueError for another name.");

static PyType_Slot attribute_slots[] = {
    {Py_tp_doc, (void *)attribute_doc}, {Py_tp_new, attribute_new},
    {Py_tp_dealloc, attribute_dealloc}, {Py_tp_traverse, attribute_traverse},
    {Py_tp_clear, attribute_clear},     {Py_tp_descr_get, attribute_get},
    {Py_tp_descr_set, attribute_set},   {0, NULL},
};

static PyType_Spec attribute_spec_ = {
    .name = "pyreactor._core.FramingAttribute",
    .basicsize = sizeof(framing_attribute),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = attribute_slots,
};

/* ---- module
 * ------------------------------------------------------------------------------- */

static int
intern(PyObject **place, const char *text)
{
    *place = PyUnicode_InternFromString(text);
    return *place == NULL ? -1 : 0;
}

static int
intern_names(pyr_framing_state *framing)
{
    static const struct {
        pyr_slot slot;
        const char *name;
    } slots[] = {
        {SLOT_HANDLER, "lineReceived"},
        {SLOT_MAX_LENGTH, "MAX_LENGTH"},
        {SLOT_TRANSPORT, "transport"},
        {SLOT_PAUSED, "paused"},
        {SLOT_DELIMITER, "delimiter"},
        {SLOT_LINE_MODE, "line_mode"},
        {SLOT_PREFIX_LENGTH, "prefixLength"},
        {SLOT_STRUCT_FORMAT, "structFormat"},
        {SLOT_RECVD, "recvd"},
        {SLOT_HEADER, "_header"},
    };
#define X(identifier, spelling)                             \
    if (intern(&framing->names.identifier, spelling) < 0) { \
        return -1;                                          \
    }
    PYR_FRAMING_NAMES(X)
#undef X
    for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
        if (intern(&framing->slot_names[slots[i].slot], slots[i].name) < 0) {
            return -1;
        }
    }
    return intern(&framing->getattribute, "__getattribute__");
}

/* What a transport does with received bytes; here for the tests. */
static PyObject *
framing_feed(PyObject *module, PyObject *args)
{
    PyObject *protocol;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "Oy*:_framing_feed", &protocol, &data)) {
        return NULL;
    }
    core_state *st = pyr_module_state(module);
    pyr_framing_method *method = pyr_framing_method_of(st, protocol);
    PyObject *result = method == NULL
                           ? Py_NewRef(Py_NotImplemented)
                           : pyr_framing_feed(method, protocol, data.buf, data.len);
    PyBuffer_Release(&data);
    return result;
}

PyDoc_STRVAR(
    framing_feed_doc,
    "_framing_feed($module, protocol, data, /)\n"
    "--\n"
    "\n"
    "Feed bytes-like data to the C framing of a protocol as a transport does it:\n"
    "pointer and length.  Gives back what dataReceived returned, or NotImplemented\n"
    "when protocol.dataReceived is not a C framing.");

static PyMethodDef framing_functions[] = {
    {"_framing_feed", framing_feed, METH_VARARGS, framing_feed_doc},
    {NULL, NULL, 0, NULL},
};

int
pyr_framing_exec(PyObject *module, core_state *st)
{
    pyr_framing_state *framing = &st->framing;
    if (PyModule_AddFunctions(module, framing_functions) < 0) {
        return -1;
    }
    if (intern_names(framing) < 0 || pyr_buffer_exec(module, st) < 0) {
        return -1;
    }
    framing->method_type = pyr_add_type(module, &method_spec, NULL);
    framing->attribute_type = pyr_add_type(module, &attribute_spec_, NULL);
    framing->empty_bytes = PyBytes_FromStringAndSize(NULL, 0);
    if (framing->method_type == NULL || framing->attribute_type == NULL ||
        framing->empty_bytes == NULL) {
        return -1;
    }
    return 0;
}

int
pyr_framing_traverse(core_state *st, visitproc visit, void *arg)
{
    pyr_framing_state *framing = &st->framing;
    Py_VISIT(framing->buffer_type);
    Py_VISIT(framing->method_type);
    Py_VISIT(framing->attribute_type);
    return 0;
}

void
pyr_framing_clear(core_state *st)
{
    pyr_framing_state *framing = &st->framing;
    Py_CLEAR(framing->buffer_type);
    Py_CLEAR(framing->method_type);
    Py_CLEAR(framing->attribute_type);
    Py_CLEAR(framing->empty_bytes);
    Py_CLEAR(framing->getattribute);
#define X(identifier, spelling) Py_CLEAR(framing->names.identifier);
    PYR_FRAMING_NAMES(X)
#undef X
    for (int i = 0; i < SLOT_COUNT; i++) {
        Py_CLEAR(framing->slot_names[i]);
    }
}
