/* FramingMethod, which puts a framing into a protocol class; see framing.h. */
#include "framing/parser.h"
#include "framing/framing.h"

static const pyr_framing_kind *const kinds[] = {
    &pyr_line_kind,
    &pyr_line_only_kind,
    &pyr_intn_kind,
    &pyr_netstring_kind,
    &pyr_batch_line_kind,
    &pyr_batch_intn_kind,
    &pyr_batch_netstring_kind,
    &pyr_header_kind,
    &pyr_banana_kind,
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* ---- finding the buffer ---------------------------------------------------- */

/* Continue where another buffer stands, which a copied __dict__ still has. */
static void
copy_parser(pyr_buffer *b, const pyr_buffer *from)
{
    b->compatibility_offset = from->compatibility_offset;
    b->ready = from->ready;
    b->netstring_state = from->netstring_state;
    b->expected = from->expected;
    b->moved = from->moved;
    for (int i = 0; i < ESCAPE_COUNT; i++) {
        b->escaped[i] = Py_XNewRef(from->escaped[i]);
    }
    if (b->escaped[0] != NULL) {
        pyr_buffer_track(b);
    }
}

pyr_buffer *
pyr_buffer_copy(const pyr_buffer *from)
{
    pyr_buffer *b = pyr_buffer_new(from->st, NULL);
    if (b != NULL) {
        copy_parser(b, from);
        if (from->size > 0 && pyr_buffer_set(b, from->data, from->size) < 0) {
            Py_CLEAR(b);
        }
    }
    return b;
}

static int
fill_buffer(pyr_framing_method *method, pyr_buffer *b, PyObject *self, PyObject *kept)
{
    if (kept != NULL) {
        PyObject *content = PyBytes_CheckExact(kept)
                                ? Py_NewRef(kept)
                                : pyr_buffer_bytes((pyr_buffer *)kept);
        int result = content == NULL ? -1
                                     : pyr_buffer_set(b, PyBytes_AS_STRING(content),
                                                      PyBytes_GET_SIZE(content));
        Py_XDECREF(content);
        if (result < 0) {
            return -1;
        }
        if (!PyBytes_CheckExact(kept)) {
            copy_parser(b, (pyr_buffer *)kept);
        }
    }
    if (method->kind->needs_busy) {
        PyObject *busy =
            Py_XNewRef(pyr_own_attribute(self, method->st->framing->names.busy));
        if (busy == NULL) {
            return PyErr_Occurred() ? -1 : 0;
        }
        int truth = pyr_truth(busy);
        Py_DECREF(busy);
        b->busy = truth == 1;
        return truth < 0 ? -1 : 0;
    }
    return 0;
}

/*
 * Make the buffer of `self` (new reference) from what it has itself under our key (may
 * be NULL).  A new object may run a garbage collection, and so any code: hence the
 * reference.
 */
static pyr_buffer *
make_buffer(pyr_framing_method *method, PyObject *self, PyObject *kept)
{
    Py_XINCREF(kept);
    pyr_buffer *b = pyr_buffer_new(method->st, self);
    if (b != NULL && (fill_buffer(method, b, self, kept) < 0 ||
                      pyr_set_own_attribute(self, pyr_key(method), (PyObject *)b) < 0)) {
        Py_CLEAR(b);
    }
    Py_XDECREF(kept);
    return b;
}

#if PYR_DICT_VERSIONS
static inline pyr_buffer_hint *
buffer_hint(pyr_framing_method *method, uint64_t version)
{
    return &method->st->framing->hints[(version ^ (version >> 8)) % PYR_HINT_COUNT];
}
#endif

/* Remember which buffer the protocol with this __dict__ has. */
static void
remember(pyr_framing_method *method, PyObject *dict, pyr_buffer *b)
{
#if PYR_DICT_VERSIONS
    uint64_t version = pyr_dict_version(dict);
    pyr_buffer_hint *hint = buffer_hint(method, version);
    hint->version = version;
    hint->method = method;
    hint->buffer = b;
    method->recent = *hint;
#else
    (void)method;
    (void)dict;
    (void)b;
#endif
}

/*
 * The buffer of `self` (new reference).  NULL without an exception: this protocol is
 * unusual and the stock code must do the work.
 */
static pyr_buffer *
find_buffer(pyr_framing_method *method, PyObject *self)
{
    PyObject **values = pyr_inline_values(self);
    PyObject *dict = values != NULL ? NULL : pyr_instance_dict(self);
    if (values == NULL && dict == NULL) {
        return NULL;
    }
#if PYR_DICT_VERSIONS
    if (dict != NULL) {
        uint64_t version = pyr_dict_version(dict);
        const pyr_buffer_hint *hint = buffer_hint(method, version);
        if (hint->version == version && hint->method == method && hint->buffer != NULL) {
            return (pyr_buffer *)Py_NewRef((PyObject *)hint->buffer);
        }
    }
#endif
    PyObject *kept = dict != NULL ? PyDict_GetItemWithError(dict, pyr_key(method))
                                  : pyr_value_at(values, pyr_key_place(method, self));
    if (kept == NULL && (PyErr_Occurred() || method->kind->needs_ready)) {
        return NULL;
    }
    bool is_buffer = kept != NULL && Py_IS_TYPE(kept, method->st->framing->buffer_type);
    if (kept != NULL && !is_buffer &&
        (!PyBytes_CheckExact(kept) || method->kind->needs_ready)) {
        return NULL;
    }
    pyr_buffer *b = (pyr_buffer *)kept;
    if (!is_buffer || b->owner != self) {
        unsigned int tag = pyr_type_tag(Py_TYPE(self));
        bool usual = tag != 0 && tag == method->class_tag &&
                     Py_TYPE(self) == method->class_type && method->class_usual;
        if (!usual && !method->kind->needs_ready &&
            !pyr_class_is_usual(method, Py_TYPE(self))) {
            return NULL;
        }
        return make_buffer(method, self, kept);
    }
    if (dict != NULL) {
        remember(method, dict, b);
    }
    return (pyr_buffer *)Py_NewRef((PyObject *)b);
}

/*
 * CPython 3.11 and 3.12 may store into a __dict__ without a call: the old value goes,
 * with whatever code that runs, before the version says so.  So the first use of a view
 * in that code must not trust the version for the only borrowed value in it that an
 * instance has.
 */
static void
check_transport(pyr_framing_method *method, PyObject *self, pyr_buffer *b)
{
#if PY_VERSION_HEX >= 0x030B0000 && PYR_DICT_VERSIONS
    if (b->view.transport == NULL || pyr_inline_values(self) != NULL) {
        return;
    }
    PyObject *own = pyr_own_attribute(self, method->st->framing->names.transport);
    if (own != b->view.transport) {
        PyErr_Clear();
        b->view.version = 0;
    }
#else
    (void)method;
    (void)self;
    (void)b;
#endif
}

/* Copy unless the byte is among it; what was written then is nothing. */
static inline bool
copy_without(char *to, const char *from, Py_ssize_t size, char byte)
{
#if defined(__GNUC__)
    typedef char block __attribute__((vector_size(16)));
    if (size >= (Py_ssize_t)sizeof(block) && size <= 256) {
        /* Both at once; the last block overlaps the one before it. */
        block found = {0}, piece;
        Py_ssize_t last = size - (Py_ssize_t)sizeof(block);
        for (Py_ssize_t at = 0; at < last; at += (Py_ssize_t)sizeof(block)) {
            memcpy(&piece, from + at, sizeof(block));
            found |= (block)(piece == byte);
            memcpy(to + at, &piece, sizeof(block));
        }
        memcpy(&piece, from + last, sizeof(block));
        found |= (block)(piece == byte);
        memcpy(to + last, &piece, sizeof(block));
        uint64_t halves[2];
        memcpy(halves, &found, sizeof(halves));
        return (halves[0] | halves[1]) == 0;
    }
#endif
    if (memchr(from, byte, (size_t)size) != NULL) {
        return false;
    }
    memcpy(to, from, (size_t)size);
    return true;
}

/* The buffer that is among the values of `self` (borrowed), if its view holds. */
static inline pyr_buffer *
recall_from_values(pyr_framing_method *method, PyObject *self, PyObject **values)
{
    PyTypeObject *type = Py_TYPE(self);
    if (!pyr_places_known(method, type)) {
        return NULL;
    }
    PyObject *kept = pyr_value_at(values, method->class_key_place);
    if (kept == NULL || !Py_IS_TYPE(kept, method->st->framing->buffer_type)) {
        return NULL;
    }
    pyr_buffer *b = (pyr_buffer *)kept;
    return b->owner == self && pyr_view_holds_values(method, b, type, values) ? b : NULL;
}

/* The buffer of `self` (borrowed) if it is known which, and that the view holds. */
static inline pyr_buffer *
recall(pyr_framing_method *method, PyObject *self)
{
    PyObject **values = pyr_inline_values(self);
    if (values != NULL) {
        return recall_from_values(method, self, values);
    }
#if PYR_DICT_VERSIONS
    PyObject *dict = pyr_instance_dict(self);
    if (dict == NULL) {
        return NULL;
    }
    uint64_t version = pyr_dict_version(dict);
    const pyr_buffer_hint *hint = &method->recent;
    if (hint->version != version) {
        hint = buffer_hint(method, version);
    }
    pyr_buffer *b = hint->buffer;
    return hint->version == version && hint->method == method && b != NULL &&
                   pyr_view_holds(method, &b->view, Py_TYPE(self), version)
               ? b
               : NULL;
#else
    return NULL;
#endif
}

/*
 * Small chunks of a long message: where the data only lengthens what waits in the buffer,
 * whose view holds, add it.  False: nothing was done.
 */
static inline bool
lengthen(pyr_framing_method *method, pyr_buffer *b, const char *data, Py_ssize_t size)
{
    if (size < 1 || size > b->quiet || !b->view.usual) {
        return false;
    }
    char *end = (char *)b->data + b->size;
    if (method->kind->delimited) {
        char first = PyBytes_AS_STRING(b->view.delimiter_from)[0];
        if (!copy_without(end, data, size, first)) {
            return false;
        }
        b->scanned = b->size + size - b->view.delimiter_size + 1;
    } else {
        memcpy(end, data, (size_t)size);
        b->moved += b->netstring_state == NETSTRING_PAYLOAD ? size : 0;
    }
    b->size += size;
    b->quiet -= size;
    b->compatibility_offset = 0;
    return true;
}

static PyObject *
feed_buffer(pyr_framing_method *method, PyObject *self, pyr_buffer *known,
            const char *data, Py_ssize_t size, PyObject *lender)
{
    pyr_buffer *b = known != NULL ? (pyr_buffer *)Py_NewRef((PyObject *)known)
                                  : find_buffer(method, self);
    if (b == NULL) {
        if (PyErr_Occurred()) {
            return NULL;
        }
        return pyr_call_stock(method, self, data, size, lender);
    }
    b->quiet = 0;
    check_transport(method, self, b);
    PyObject *result = NULL;
    /* What receives a message may hand on more data, and so on. */
    core_state *st = method->st;
    if (pyr_descend(&st->depth, " while receiving data") == 0) {
        result = method->kind->feed(method, self, b, data, size, lender);
        pyr_ascend(&st->depth);
    }
    Py_DECREF(b);
    return result;
}

static inline PyObject *
feed(pyr_framing_method *method, PyObject *self, const char *data, Py_ssize_t size,
     PyObject *lender)
{
    pyr_buffer *known = recall(method, self);
    if (known != NULL && lengthen(method, known, data, size)) {
        Py_RETURN_NONE;
    }
    return feed_buffer(method, self, known, data, size, lender);
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
    if (found == NULL || !Py_IS_TYPE(found, st->framing->method_type) ||
        !pyr_ordinary_access(st, type)) {
        return NULL;
    }
    pyr_framing_method *method = (pyr_framing_method *)found;
    if (method->kind == NULL || !pyr_has_own_attributes(protocol)) {
        return NULL;
    }
    PyObject *own = pyr_own_attribute(protocol, st->names.dataReceived);
    if (own != NULL || PyErr_Occurred()) {
        PyErr_Clear();
        return NULL;
    }
    return method;
}

/* ---- FramingMethod --------------------------------------------------------- */

/* The forms without stock code take any bytes-like object; the others leave it to stock.
 */
static PyObject *
method_call_unusual(pyr_framing_method *method, PyObject *const *args, size_t nargsf,
                    PyObject *kwnames)
{
    Py_ssize_t count = PyVectorcall_NARGS(nargsf);
    Py_ssize_t total = count + (kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames));
    bool named =
        kwnames != NULL && PyTuple_GET_SIZE(kwnames) == 1 &&
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "data") == 0;
    if (method->kind == NULL || !method->kind->ours || total != 2 || count < 1 ||
        (count == 1 && !named)) {
        return PyObject_Vectorcall(method->stock, args, nargsf, kwnames);
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

/* NetstringReceiver.makeConnection(transport) */
static PyObject *
connect_vectorcall(PyObject *callable, PyObject *const *args, size_t nargsf,
                   PyObject *kwnames)
{
    pyr_framing_method *method = (pyr_framing_method *)callable;
    PyObject *self = PyVectorcall_NARGS(nargsf) > 0 ? args[0] : NULL;
    PyObject *result = PyObject_Vectorcall(method->stock, args, nargsf, kwnames);
    if (result == NULL || self == NULL ||
        !pyr_state_is_ours(method->st, &pyr_netstring_kind, Py_TYPE(self))) {
        return result;
    }
    PyObject *dict = pyr_instance_dict(self);
    if (dict != NULL && pyr_netstring_begin(method->st, self, dict) < 0) {
        Py_CLEAR(result);
    }
    return result;
}

static PyObject *
collect_fixed(const char *const *names, PyObject *owner)
{
    PyObject *list = PyList_New(0);
    for (int i = 0; list != NULL && names[i] != NULL; i++) {
        PyObject *name = PyUnicode_InternFromString(names[i]);
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

/* Note what a class must have unchanged, for C to do the work. */
static int
fix(pyr_framing_method *method, const char *const *names, PyObject *owner)
{
    if (names == NULL || !PyType_Check(owner)) {
        return 0;
    }
    method->fixed = collect_fixed(names, owner);
    return method->fixed == NULL ? -1 : 0;
}

static int
method_setup(pyr_framing_method *method, const char *name, PyObject *stock,
             PyObject *owner)
{
    if (pyr_standin_set_stock((pyr_standin *)method, stock) < 0) {
        return -1;
    }
    if (strcmp(name, "netstring_connect") == 0) {
        method->vectorcall = connect_vectorcall;
        return 0;
    }
    if (strcmp(name, "send_line") == 0) {
        method->vectorcall = pyr_send_line_vectorcall;
        return 0;
    }
    if (strcmp(name, "banana_send") == 0) {
        method->vectorcall = pyr_banana_send_vectorcall;
        return fix(method, pyr_banana_send_fixed, owner);
    }
    method->vectorcall = method_vectorcall;
    method->kind = kind_by_name(name);
    if (method->kind == NULL) {
        PyErr_Format(PyExc_ValueError, "no framing is called %s", name);
        return -1;
    }
    return fix(method, method->kind->fixed, owner);
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
    if (method_setup(method, name, stock, owner) < 0) {
        Py_DECREF(method);
        return NULL;
    }
    return (PyObject *)method;
}

static int
method_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((pyr_framing_method *)self)->fixed);
    return pyr_standin_traverse(self, visit, arg);
}

/* No tp_clear: see StandIn's. */
static void
method_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    Py_CLEAR(((pyr_framing_method *)self)->fixed);
    pyr_standin_dealloc(self);
}

PyDoc_STRVAR(
    method_doc,
    "FramingMethod(kind, stock, owner=None)\n"
    "--\n"
    "\n"
    "A StandIn: dataReceived in C, or another method of a receiver.\n"
    "\n"
    "kind (str) names the framing: line, line_only, intn, netstring, batch_line,\n"
    "batch_intn, batch_netstring, header, banana; or netstring_connect, which is\n"
    "NetstringReceiver.makeConnection, send_line, which is LineReceiver.sendLine, or\n"
    "banana_send, which is Banana.sendEncoded.  stock (function) is the method it "
    "stands\n"
    "for; where that is Twisted's, it is called for protocols and arguments that C\n"
    "leaves alone.  owner (type) is the class whose parsing methods the framing\n"
    "replaces: a subclass that overrides one of them gets the stock method.  Raises\n"
    "ValueError for an unknown kind, and TypeError when stock is no Python function.");

/* How it is called and bound is StandIn's, and told again: a heap type of CPython 3.10
 * does not inherit the two flags for it, and a debug build aborts where a type has the
 * flags and leaves to its base what they are about. */
static PyMemberDef method_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(pyr_framing_method, vectorcall),
     READONLY, NULL},
    {NULL},
};

static PyType_Slot method_slots[] = {
    {Py_tp_doc, (void *)method_doc}, {Py_tp_new, method_new},
    {Py_tp_dealloc, method_dealloc}, {Py_tp_traverse, method_traverse},
    {Py_tp_call, PyVectorcall_Call}, {Py_tp_descr_get, pyr_standin_get},
    {Py_tp_members, method_members}, {0, NULL},
};

static PyType_Spec method_spec = {
    .name = "pyreactor._core.FramingMethod",
    .basicsize = sizeof(pyr_framing_method),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = method_slots,
};

/* ---- module ---------------------------------------------------------------- */

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
    pyr_framing_state *framing = st->framing;
    pyr_inline_values_check();
    if (PyModule_AddFunctions(module, framing_functions) < 0) {
        return -1;
    }
    if (intern_names(framing) < 0 || pyr_buffer_exec(module, st) < 0) {
        return -1;
    }
    framing->method_type =
        pyr_add_type(module, &method_spec, (PyObject *)st->standin.type);
    framing->attribute_type = pyr_add_type(module, &pyr_framing_attribute_spec, NULL);
    framing->empty_bytes = PyBytes_FromStringAndSize(NULL, 0);
    framing->zero = PyLong_FromLong(0);
    framing->one = PyLong_FromLong(1);
    framing->banana_pb = PyBytes_FromString("pb");
    if (framing->method_type == NULL || framing->attribute_type == NULL ||
        framing->empty_bytes == NULL || framing->zero == NULL || framing->one == NULL ||
        framing->banana_pb == NULL) {
        return -1;
    }
    return 0;
}

int
pyr_framing_traverse(core_state *st, visitproc visit, void *arg)
{
    pyr_framing_state *framing = st->framing;
    Py_VISIT(framing->buffer_type);
    Py_VISIT(framing->method_type);
    Py_VISIT(framing->attribute_type);
    return 0;
}

void
pyr_framing_clear(core_state *st)
{
    pyr_framing_state *framing = st->framing;
    Py_CLEAR(framing->buffer_type);
    Py_CLEAR(framing->method_type);
    Py_CLEAR(framing->attribute_type);
    Py_CLEAR(framing->empty_bytes);
    Py_CLEAR(framing->banana_pb);
    Py_CLEAR(framing->getattribute);
    Py_CLEAR(framing->zero);
    Py_CLEAR(framing->one);
#define X(identifier, spelling) Py_CLEAR(framing->names.identifier);
    PYR_FRAMING_NAMES(X)
#undef X
    for (int i = 0; i < SLOT_COUNT; i++) {
        Py_CLEAR(framing->slot_names[i]);
    }
}
