/* FramingMethod: finding the buffer of a protocol, and calling its framing. */
#include "core/call.h"
#include "core/override.h"
#include "framing/framing.h"
#include "framing/attributes.h"

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

/* Begin with what the protocol has under the buffer's name: bytes, or the buffer of the
 * protocol that this one is a copy of. */
static int
take_content(pyr_buffer *b, PyObject *found)
{
    if (PyBytes_CheckExact(found)) {
        return pyr_buffer_set(b, PyBytes_AS_STRING(found), PyBytes_GET_SIZE(found));
    }
    return pyr_buffer_continue(b, (pyr_buffer *)found);
}

/* Whether a callback is at work already, says stock's flag. */
static int
take_busy(pyr_framing_method *method, pyr_buffer *b, PyObject *dict)
{
    PyObject *busy;
    int found = PyDict_GetItemRef(dict, method->st->names.busy, &busy);
    int truth = found > 0 ? pyr_truth(busy) : found;
    Py_XDECREF(busy);
    b->busy = truth == 1; /* which the buffer shows from now on */
    return truth < 0 || (found > 0 && PyDict_DelItem(dict, method->st->names.busy) < 0)
               ? -1
               : 0;
}

/* 1: the __dict__ has that under the buffer's name, as before (NULL: nothing); -1: error
 */
static int
has_still(const pyr_framing_method *method, PyObject *dict, const PyObject *found)
{
    PyObject *now;
    int status = PyDict_GetItemRef(dict, pyr_key(method), &now);
    Py_XDECREF(now);
    return status < 0 ? status : now == found;
}

static pyr_buffer *find_in_dict(pyr_framing_method *method, PyObject *self,
                                PyObject *dict);

/*
 * Make the buffer of `self` (new reference) from what its __dict__ has under the buffer's
 * name (may be NULL).  A new object may run a garbage collection, and so any code, by
 * which the protocol may have got another buffer: hence the references, and the look.
 */
static pyr_buffer *
make_buffer(pyr_framing_method *method, PyObject *self, PyObject *dict, PyObject *found)
{
    pyr_buffer *b = pyr_buffer_new(method->st, self);
    int still = b == NULL ? -1 : has_still(method, dict, found);
    if (still == 0) {
        Py_DECREF(b);
        return find_in_dict(method, self, dict);
    }
    if (still < 0 || (found != NULL && take_content(b, found) < 0) ||
        (method->kind->needs_busy && take_busy(method, b, dict) < 0) ||
        PyDict_SetItem(dict, pyr_key(method), (PyObject *)b) < 0) {
        Py_CLEAR(b);
    }
    return b;
}

/* Does stock's code go on from this under the buffer's name? */
static bool
is_stocks(const pyr_framing_method *method, PyObject *found)
{
    bool ready = method->kind->needs_ready;
    return found == NULL ? ready
                         : !Py_IS_TYPE(found, method->st->framing->buffer_type) &&
                               (ready || !PyBytes_CheckExact(found));
}

static pyr_buffer *
find_in_dict(pyr_framing_method *method, PyObject *self, PyObject *dict)
{
    PyObject *found;
    pyr_buffer *b = NULL;
    if (PyDict_GetItemRef(dict, pyr_key(method), &found) < 0) {
        return NULL;
    }
    if (!is_stocks(method, found)) {
        bool is_buffer = found != NULL && !PyBytes_CheckExact(found);
        if (is_buffer && ((pyr_buffer *)found)->owner == self) {
            return (pyr_buffer *)found;
        }
        if (method->kind->needs_ready ||
            pyr_attributes_class_fits(method, Py_TYPE(self))) {
            b = make_buffer(method, self, dict, found);
        }
    }
    Py_XDECREF(found);
    return b;
}

/*
 * The buffer of `self` (new reference).  NULL without an exception: the stock code
 * must do the work for this protocol.
 */
static pyr_buffer *
find_buffer(pyr_framing_method *method, PyObject *self)
{
    PyObject *dict = pyr_instance_dict(self);
    pyr_buffer *b = dict == NULL ? NULL : find_in_dict(method, self, dict);
    Py_XDECREF(dict);
    if (b != NULL) {
        method->st->framing->recent = b;
    }
    return b;
}

/* The buffer of `self` (borrowed), if it received last and its view holds. */
static inline pyr_buffer *
recall(pyr_framing_method *method, PyObject *self)
{
    pyr_buffer *b = method->st->framing->recent;
    if (b == NULL || b->owner != self) {
        return NULL;
    }
    pyr_own_dict_begin(&b->view.own_seen);
    return pyr_attributes_holds(method, b, self) ? b : NULL;
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

/*
 * Small chunks of a long message: where the data only lengthens what waits in the buffer,
 * whose view holds, add it.  False: nothing was done.
 */
static inline bool
lengthen(pyr_framing_method *method, pyr_buffer *b, const char *data, Py_ssize_t size)
{
    if (size < 1 || size > b->quiet || !b->view.fits) {
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

/* A protocol that receives a few times only does better without keys of its own: to make
 * them costs about what they save in so many calls. */
enum { CALLS_BEFORE_KEYS = 4 };

/* Give the __dict__ keys of its own, if it is time to.  1: it has them now. */
static int
give_keys(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    PyObject *dict = pyr_instance_dict(self);
    b->has_keys =
        b->calls == CALLS_BEFORE_KEYS || (dict != NULL && pyr_dict_changes_unseen(dict));
    Py_XDECREF(dict);
    if (!b->has_keys) {
        b->calls++;
        return 0;
    }
    return pyr_own_dict_unshare(self, method->st->names.popitem) < 0 ? -1 : 1;
}

/* Bring the view up to date at the beginning of a call.  `holds`: it is so but for
 * values. */
static inline int
begin_view(pyr_framing_method *method, pyr_buffer *b, PyObject *self, bool holds)
{
    b->quiet = 0;
    if (!b->has_keys) {
        int given = give_keys(method, b, self);
        if (given < 0) {
            return -1;
        }
        holds = holds && given == 0;
    }
    if (holds) {
        return b->view.fits;
    }
    pyr_own_dict_begin(&b->view.own_seen);
    return pyr_attributes_ready(method, b, self);
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
    int fits = begin_view(method, b, self, known != NULL);
    PyObject *result =
        fits < 0 ? NULL : method->kind->feed(method, self, b, fits, data, size, lender);
    Py_DECREF(b);
    return result;
}

/* `known` is what recall() gave. */
static inline PyObject *
feed_known(pyr_framing_method *method, PyObject *self, pyr_buffer *known,
           const char *data, Py_ssize_t size, PyObject *lender)
{
    if (known != NULL && lengthen(method, known, data, size)) {
        Py_RETURN_NONE;
    }
    return feed_buffer(method, self, known, data, size, lender);
}

static inline PyObject *
feed(pyr_framing_method *method, PyObject *self, const char *data, Py_ssize_t size,
     PyObject *lender)
{
    return feed_known(method, self, recall(method, self), data, size, lender);
}

/* ---- for the transports ---------------------------------------------------- */

static PyObject *receive(PyObject *self, PyObject *const *args, Py_ssize_t nargs);

/* The framing behind what a class has under dataReceived (borrowed), or NULL. */
static pyr_framing_method *
behind(core_state *st, PyObject *found)
{
    PyObject *function = pyr_standin_method(st, found);
    return function != NULL && PyCFunction_CheckExact(function) &&
                   PyCFunction_GET_FUNCTION(function) ==
                       (PyCFunction)(void (*)(void))receive
               ? (pyr_framing_method *)PyCFunction_GET_SELF(function)
               : NULL;
}

/* The framing that instances of the class receive by (new reference), or NULL. */
static pyr_framing_method *
method_of_class(core_state *st, PyTypeObject *type)
{
    pyr_framing_state *framing = st->framing;
    if (!pyr_class_is_as_seen(&framing->receiver, type)) {
        pyr_class_see(st, &framing->receiver, type);
        PyObject *found = pyr_class_find(type, st->names.dataReceived);
        pyr_framing_method *method =
            pyr_attributes_ordinary_access(st, type) ? behind(st, found) : NULL;
        /* The one before may end with this, and so any code may run, which receives,
         * too. */
        Py_XINCREF(method);
        PyObject *before = (PyObject *)framing->receiver_method;
        framing->receiver_method = (pyr_framing_method *)Py_XNewRef((PyObject *)method);
        Py_XDECREF(found);
        Py_XDECREF(before);
        return method;
    }
    return (pyr_framing_method *)Py_XNewRef((PyObject *)framing->receiver_method);
}

/* Has the instance a dataReceived of its own, or no place for a buffer? */
static bool
receives_otherwise(core_state *st, PyObject *protocol)
{
    PyObject *dict = pyr_instance_dict(protocol);
    int found = dict == NULL ? -1 : PyDict_Contains(dict, st->names.dataReceived);
    Py_XDECREF(dict);
    PyErr_Clear();
    return found != 0;
}

static bool
deliver(core_state *st, PyObject *protocol, const char *data, Py_ssize_t size,
        PyObject **result)
{
    pyr_framing_method *method = method_of_class(st, Py_TYPE(protocol));
    if (method == NULL) {
        return false;
    }
    pyr_buffer *known = recall(method, protocol);
    if (known != NULL ? known->view.replaced : receives_otherwise(st, protocol)) {
        Py_DECREF(method);
        return false;
    }
    *result = NULL;
    Py_INCREF(protocol);
    /* What receives a message may hand on more data, and so on. */
    if (pyr_descend(&st->depth, " while receiving data") == 0) {
        *result = feed_known(method, protocol, known, data, size, NULL);
        pyr_ascend(&st->depth);
    }
    Py_DECREF(protocol);
    Py_DECREF(method);
    return true;
}

/* ---- FramingMethod --------------------------------------------------------- */

/* The forms without stock code take any bytes-like object. */
static PyObject *
receive_any(pyr_framing_method *method, PyObject *self, PyObject *data)
{
    Py_buffer view;
    if (method->kind->batch == NULL) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    PyObject *result = feed(method, self, view.buf, view.len, NULL);
    PyBuffer_Release(&view);
    return result;
}

/* dataReceived(self, data) */
static PyObject *
receive(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2) {
        return pyr_call_refused(2, nargs);
    }
    pyr_framing_method *method = (pyr_framing_method *)op;
    PyObject *data = args[1];
    return PyBytes_CheckExact(data) ? feed(method, args[0], PyBytes_AS_STRING(data),
                                           PyBytes_GET_SIZE(data), data)
                                    : receive_any(method, args[0], data);
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

static PyObject *
method_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"kind", "stock", "needed", NULL};
    const char *name;
    PyObject *stock, *needed;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sO!O!:FramingMethod", keywords, &name,
                                     &PyFunction_Type, &stock, &PyDict_Type, &needed)) {
        return NULL;
    }
    const pyr_framing_kind *kind = kind_by_name(name);
    if (kind == NULL) {
        PyErr_Format(PyExc_ValueError, "no framing is called %s", name);
        return NULL;
    }
    pyr_framing_method *method = (pyr_framing_method *)type->tp_alloc(type, 0);
    if (method != NULL) {
        method->st = pyr_state_of_type(type);
        method->kind = kind;
        method->stock = Py_NewRef(stock);
        method->needed = Py_NewRef(needed);
        for (int i = 0; i < kind->slot_count; i++) {
            method->slot_names[i] = pyr_attributes_slot_name(method, kind->slots[i]);
        }
    }
    return (PyObject *)method;
}

static int
method_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((pyr_framing_method *)self)->stock);
    Py_VISIT(((pyr_framing_method *)self)->needed);
    return 0;
}

/* No tp_clear: as for a StandIn, which its methods are in. */
static void
method_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    pyr_framing_method *method = (pyr_framing_method *)self;
    PyObject_GC_UnTrack(self);
    Py_CLEAR(method->stock);
    Py_CLEAR(method->needed);
    for (int i = 0; i < PYR_KNOWN_KEYS; i++) {
        Py_CLEAR(method->known_keys[i].key);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(
    method_doc,
    "FramingMethod(kind, stock, needed)\n"
    "--\n"
    "\n"
    "What a framing knows of the method that it is behind: its own methods are what a\n"
    "StandIn for that one runs.\n"
    "\n"
    "kind (str) names the framing: line, line_only, intn, netstring, batch_line,\n"
    "batch_intn, batch_netstring, header, banana.  stock (function) is the method that\n"
    "it is behind; where that is Twisted's, it is called for protocols and arguments\n"
    "that C leaves alone, among them those of a class that has not all that is needed\n"
    "(dict of interned str): under each name that object, where it is FramingAttribute\n"
    "one of those, where it is None no descriptor.  Raises ValueError for an unknown\n"
    "kind, and TypeError when stock is no Python function.");

PyDoc_STRVAR(receive_doc, "receive(protocol, data)\n--\n\n"
                          "dataReceived; NotImplemented: by stock.");
PyDoc_STRVAR(connect_doc, "connect(protocol, transport)\n--\n\n"
                          "NetstringReceiver.makeConnection.");
PyDoc_STRVAR(send_doc, "send(protocol, expression)\n--\n\n"
                       "Banana.sendEncoded; NotImplemented: by stock.");

#define METHOD(name, function, doc)                                     \
    {                                                                   \
        name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, doc \
    }

static PyMethodDef method_methods[] = {
    METHOD("receive", receive, receive_doc),
    METHOD("connect", pyr_netstring_connect, connect_doc),
    METHOD("send", pyr_banana_send, send_doc),
    {NULL},
};

static PyType_Slot method_slots[] = {
    {Py_tp_doc, (void *)method_doc}, {Py_tp_new, method_new},
    {Py_tp_dealloc, method_dealloc}, {Py_tp_traverse, method_traverse},
    {Py_tp_methods, method_methods}, {0, NULL},
};

static PyType_Spec method_spec = {
    .name = "pyreactor._core.FramingMethod",
    .basicsize = sizeof(pyr_framing_method),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = method_slots,
};

/* ---- module ---------------------------------------------------------------- */

/* What a transport does with received bytes; here for the tests. */
static PyObject *
framing_feed(PyObject *module, PyObject *args)
{
    PyObject *protocol;
    PyObject *result = NULL;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "Oy*:_framing_feed", &protocol, &data)) {
        return NULL;
    }
    core_state *st = pyr_module_state(module);
    if (!deliver(st, protocol, data.buf, data.len, &result)) {
        result = Py_NewRef(Py_NotImplemented);
    }
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

PyDoc_STRVAR(send_line_doc, "_send_line(protocol, line)\n--\n\n"
                            "LineReceiver.sendLine.");

/* The __dict__ of an instance, past what its class says of that; None: it has none. */
static PyObject *
own_dict(PyObject *Py_UNUSED(module), PyObject *instance)
{
    PyObject *dict = pyr_instance_dict(instance);
    return dict == NULL ? Py_NewRef(Py_None) : dict;
}

PyDoc_STRVAR(own_dict_doc, "_own_dict(instance)\n--\n\n"
                           "The __dict__ of an instance, or None.");

static PyMethodDef framing_functions[] = {
    {"_own_dict", own_dict, METH_O, own_dict_doc},
    {"_framing_feed", framing_feed, METH_VARARGS, framing_feed_doc},
    METHOD("_send_line", pyr_send_line, send_line_doc),
    {NULL, NULL, 0, NULL},
};

static const pyr_given framing_objects[] = {
    PYR_MADE(pyr_framing_state, buffer_type),
    PYR_MADE(pyr_framing_state, method_type),
    PYR_GIVEN_AS(pyr_framing_state, FramingAttribute, &PyType_Type),
    PYR_GIVEN(pyr_framing_state, leave),
    PYR_GIVEN(pyr_framing_state, continue_strings),
    PYR_GIVEN_AS(pyr_framing_state, banana, &PyModule_Type),
    PYR_MADE(pyr_framing_state, receiver_method),
    PYR_MADE(pyr_framing_state, empty_bytes),
    PYR_MADE(pyr_framing_state, banana_pb),
    {NULL},
};

static int
framing_exec(PyObject *module, core_state *st)
{
    pyr_framing_state *framing = st->framing;
    st->deliver = deliver;
    pyr_attributes_exec(st);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        pyr_own_name_add(pyr_name_at(st, kinds[i]->handler));
        pyr_own_name_add(pyr_name_at(st, kinds[i]->key));
    }
    framing->empty_bytes = PyBytes_FromStringAndSize(NULL, 0);
    framing->banana_pb = PyBytes_FromString("pb");
    if (framing->empty_bytes == NULL || framing->banana_pb == NULL ||
        PyModule_AddFunctions(module, framing_functions) < 0 ||
        pyr_buffer_exec(module, st) < 0) {
        return -1;
    }
    return pyr_add_type(module, &method_spec, NULL, &framing->method_type);
}

static void
framing_clear(core_state *st)
{
    pyr_framing_state *framing = st->framing;
    memset(&framing->receiver, 0, sizeof(framing->receiver));
    framing->recent = NULL;
    pyr_attributes_clear(st);
}

const pyr_room pyr_framing_room = {
    PYR_ROOM_STATE(framing),
    .objects = framing_objects,
    .exec = framing_exec,
    .clear = framing_clear,
};
