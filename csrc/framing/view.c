/* The view: what a framing knows of its protocol's attributes; see framing.h. */
#include "framing/parser.h"
#include "framing/framing.h"

/* ---- attribute access ------------------------------------------------------ */

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
    if (method->kind->ours) {
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

/* ---- the view: parsing ----------------------------------------------------- */

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

/* ---- the view: looking up -------------------------------------------------- */

static PyObject *
slot_name(pyr_framing_method *method, pyr_slot slot)
{
    return slot == SLOT_HANDLER ? pyr_framing_name(method, method->kind->handler)
                                : method->st->framing->slot_names[slot];
}

bool
pyr_ordinary_access(core_state *st, PyTypeObject *type)
{
    if (type->tp_setattro != PyObject_GenericSetAttr) {
        return false;
    }
    if (type->tp_getattro == PyObject_GenericGetAttr) {
        return true;
    }
    /* A class with __getattr__ only: it is asked for missing names, and none is missing.
     */
    PyObject *getattribute = _PyType_Lookup(type, st->framing->getattribute);
    PyObject *standard = _PyType_Lookup(&PyBaseObject_Type, st->framing->getattribute);
    return getattribute != NULL && getattribute == standard;
}

bool
pyr_is_framing_attribute(core_state *st, PyTypeObject *type, PyObject *name)
{
    PyObject *attribute = _PyType_Lookup(type, name);
    return attribute != NULL && Py_IS_TYPE(attribute, st->framing->attribute_type);
}

bool
pyr_fixed_unchanged(pyr_framing_method *method, PyTypeObject *type)
{
    Py_ssize_t count = method->fixed == NULL ? 0 : PyTuple_GET_SIZE(method->fixed);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *pair = PyTuple_GET_ITEM(method->fixed, i);
        if (_PyType_Lookup(type, PyTuple_GET_ITEM(pair, 0)) !=
            PyTuple_GET_ITEM(pair, 1)) {
            return false;
        }
    }
    return true;
}

bool
pyr_state_is_ours(core_state *st, const pyr_framing_kind *kind, PyTypeObject *type)
{
    for (const char *const *each = kind->state; each != NULL && *each != NULL; each++) {
        PyObject *name = PyUnicode_InternFromString(*each);
        bool ours = name != NULL && pyr_is_framing_attribute(st, type, name);
        Py_XDECREF(name);
        if (!ours) {
            PyErr_Clear();
            return false;
        }
    }
    return true;
}

/* Whether the attributes that C reads by their names are none that run code. */
static bool
has_plain_attributes(const pyr_framing_kind *kind, PyTypeObject *type)
{
    for (const char *const *each = kind->plain; each != NULL && *each != NULL; each++) {
        PyObject *name = PyUnicode_InternFromString(*each);
        PyObject *found = name == NULL ? NULL : _PyType_Lookup(type, name);
        bool plain =
            name != NULL && (found == NULL || (Py_TYPE(found)->tp_descr_get == NULL &&
                                               Py_TYPE(found)->tp_descr_set == NULL));
        Py_XDECREF(name);
        if (!plain) {
            PyErr_Clear();
            return false;
        }
    }
    return true;
}

/* Whether this class lets C do the work. */
bool
pyr_class_is_usual(pyr_framing_method *method, PyTypeObject *type)
{
    core_state *st = method->st;
    return pyr_ordinary_access(st, type) &&
           pyr_is_framing_attribute(st, type, pyr_key(method)) &&
           (!method->kind->needs_busy ||
            pyr_is_framing_attribute(st, type, st->framing->names.busy)) &&
           pyr_state_is_ours(st, method->kind, type) &&
           has_plain_attributes(method->kind, type) && pyr_fixed_unchanged(method, type);
}

static void
look_at_class(pyr_framing_method *method, PyTypeObject *type)
{
    method->class_usual = pyr_class_is_usual(method, type);
    for (int i = 0; i < method->kind->slot_count; i++) {
        pyr_slot slot = method->kind->slots[i];
        PyObject *value = NULL;
        if (slot != SLOT_RECVD) {
            value = _PyType_Lookup(type, slot_name(method, slot));
        }
        method->class_value[slot] = value;
        if (value != NULL && slot != SLOT_HANDLER &&
            (Py_TYPE(value)->tp_descr_get != NULL ||
             Py_TYPE(value)->tp_descr_set != NULL)) {
            method->class_usual = false; /* a property, say */
        }
    }
    method->class_type = type;
    method->class_tag = pyr_type_tag(type);
    method->class_shared = -1;
}

/* Where instances of the class last looked at have the values that are looked for. */
static void
find_places(pyr_framing_method *method, const PyTypeObject *type)
{
    Py_ssize_t shared = pyr_shared_count(type);
    if (method->class_shared == shared) {
        return;
    }
    method->class_shared = shared;
    method->class_key_place = pyr_shared_place(type, pyr_key(method));
    for (int i = 0; i < method->kind->slot_count; i++) {
        pyr_slot slot = method->kind->slots[i];
        method->class_place[slot] = pyr_shared_place(type, slot_name(method, slot));
    }
}

int
pyr_key_place(pyr_framing_method *method, PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    return pyr_places_known(method, type) ? method->class_key_place
                                          : pyr_shared_place(type, pyr_key(method));
}

static void
read_class(pyr_framing_method *method, pyr_view *view, PyTypeObject *type)
{
    unsigned int tag = pyr_type_tag(type);
    if (tag == 0 || tag != method->class_tag || type != method->class_type) {
        look_at_class(method, type);
    }
    view->class_usual = method->class_usual;
    memcpy(view->class_value, method->class_value, sizeof(view->class_value));
    view->method = method;
    view->tag = method->class_tag;
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
        return value != NULL && value == view->header_from;
    default:
        return true;
    }
}

/* An instance's own value for a slot, among its `values` or else in its `dict`; *lasting:
 * as long as this very object is there, all that the view says of it is true. */
static PyObject *
own_slot(pyr_framing_method *method, pyr_view *view, pyr_slot slot, PyObject *dict,
         PyObject **values, bool *lasting)
{
    if (values == NULL) {
        return PyDict_GetItemWithError(dict, slot_name(method, slot));
    }
    int place = method->class_place[slot];
    PyObject *own = pyr_value_at(values, place);
    if (place >= 0) {
        view->own_place[view->own_count] = (uint8_t)place;
        view->own[view->own_count++] = own;
    }
    const pyr_framing_state *framing = method->st->framing;
    if (own != NULL && (slot == SLOT_PAUSED || slot == SLOT_LINE_MODE) &&
        PyLong_CheckExact(own) && own != framing->zero && own != framing->one) {
        *lasting = false; /* another int may come to be where this one was */
    }
    return own;
}

static int
read_instance(pyr_framing_method *method, pyr_buffer *b, PyObject *dict,
              PyObject **values)
{
    bool lasting = values != NULL;
    PyObject *prefix_length = NULL;
    bool usual = b->view.class_usual;
    for (int i = 0; i < method->kind->slot_count; i++) {
        pyr_slot slot = method->kind->slots[i];
        PyObject *own = own_slot(method, &b->view, slot, dict, values, &lasting);
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
    /* Of a value that C leaves alone no reference is kept: another one may come to be
     * where it was. */
    lasting = lasting && (usual || !b->view.class_usual);
    b->view.shared = lasting ? method->class_shared : -1;
    return 0;
}

/*
 * Take the declaration of a header.  Dropping the one before may run any code, so this
 * comes before all else is looked at.
 */
static int
read_header(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    pyr_view *view = &b->view;
    PyObject *name = method->st->framing->names.header;
    PyObject *value = pyr_own_attribute(self, name);
    if (value == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (value == NULL) {
        value = _PyType_Lookup(Py_TYPE(self), name);
    }
    if (value != view->header_from) {
        pyr_buffer_track(b);
        Py_XSETREF(view->header_from, Py_XNewRef(value));
    }
    return 0;
}

int
pyr_view_refresh(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    pyr_view *view = &b->view;
    if (method->kind == &pyr_header_kind && read_header(method, b, self) < 0) {
        return -1;
    }
    PyTypeObject *type = Py_TYPE(self);
    PyObject **values = pyr_inline_values(self);
    PyObject *dict = values != NULL ? NULL : pyr_instance_dict(self);
    view->version = 0;
    view->shared = -1;
    view->own_count = 0;
    view->usual = false;
    view->attached = false;
    if (values == NULL && dict == NULL) {
        return 0;
    }
    unsigned int tag = pyr_type_tag(type);
    if (tag == 0 || tag != view->tag || view->method != method) {
        read_class(method, view, type);
    }
    if (values != NULL) {
        if (type != method->class_type || view->tag != method->class_tag) {
            look_at_class(method, type);
        }
        find_places(method, type);
        view->key_place = method->class_key_place;
    }
    PyObject *kept = dict != NULL ? PyDict_GetItemWithError(dict, pyr_key(method))
                                  : pyr_value_at(values, view->key_place);
    if (kept == NULL && PyErr_Occurred()) {
        return -1;
    }
    view->attached = kept == (PyObject *)b;
    if (read_instance(method, b, dict, values) < 0) {
        return -1;
    }
    view->usual = view->usual && view->attached;
#if PYR_DICT_VERSIONS
    if (dict != NULL) {
        view->version = pyr_dict_version(dict);
    }
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
