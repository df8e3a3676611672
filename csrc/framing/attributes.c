/* The view: what a framing knows of its protocol's attributes; see attributes.h. */

#include "core/override.h"
#include "framing/attributes.h"

/* ---- calls ----------------------------------------------------------------- */

PyObject *
pyr_call_handler(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                 PyObject *message)
{
    PyObject *handler = pyr_attributes_borrowed(b->view.handler);
    if (handler == NULL) {
        return pyr_call_named(self, pyr_name_at(method->st, method->kind->handler),
                              message);
    }
    PyObject *arguments[2] = {self, message};
    vectorcallfunc call = PyVectorcall_Function(handler);
    Py_INCREF(handler);
    PyObject *result = call == NULL ? PyObject_Vectorcall(handler, arguments, 2, NULL)
                                    : call(handler, arguments, 2, NULL);
    Py_DECREF(handler);
    return result;
}

PyObject *
pyr_call_handler_now(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                     PyObject *message)
{
    if (!pyr_attributes_holds(method, b, self)) {
        return pyr_call_named(self, pyr_name_at(method->st, method->kind->handler),
                              message);
    }
    return pyr_call_handler(method, b, self, message);
}

PyObject *
pyr_call_stock(pyr_framing_method *method, PyObject *self, const char *data,
               Py_ssize_t size, PyObject *lender)
{
    if (method->kind->batch != NULL) {
        pyr_attributes_misfit(method, self);
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

int
pyr_exceeds_limit(pyr_framing_method *method, PyObject *self, uint64_t length)
{
    PyObject *limit = PyObject_GetAttr(self, method->st->names.MAX_LENGTH);
    PyObject *number = limit == NULL ? NULL : PyLong_FromUnsignedLongLong(length);
    int result = number == NULL ? -1 : PyObject_RichCompareBool(number, limit, Py_GT);
    Py_XDECREF(limit);
    Py_XDECREF(number);
    return result;
}

int
pyr_leave(pyr_framing_method *method, PyObject *self)
{
    PyObject *result = PyObject_CallFunctionObjArgs(method->st->framing->leave, self,
                                                    pyr_key(method), NULL);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

PyObject *
pyr_continue_stock(pyr_framing_method *method, PyObject *self)
{
    int more = pyr_attribute_true(self, pyr_key(method)); /* its loop's condition */
    if (more <= 0) {
        return more < 0 ? NULL : Py_NewRef(Py_None);
    }
    return pyr_call_stock(method, self, NULL, 0, method->st->framing->empty_bytes);
}

void
pyr_attributes_misfit(pyr_framing_method *method, PyObject *self)
{
    PyErr_Format(
        PyExc_TypeError,
        "%.200s.dataReceived (%s) needs MAX_LENGTH to be an int, delimiter to be "
        "non-empty bytes, structFormat to be one unsigned integer of prefixLength "
        "bytes, and ordinary attributes",
        Py_TYPE(self)->tp_name, method->kind->name);
}

/* ---- parsing --------------------------------------------------------------- */

/* A value whose truth cannot change unnoticed.  *lasting: there is only one such
 * object, so no other can come to be where it was. */
static bool
parse_truth(PyObject *value, bool *result, bool *lasting)
{
    if (value == Py_True || value == Py_False || value == Py_None) {
        *result = value == Py_True;
        return true;
    }
    if (value == NULL || !PyLong_CheckExact(value)) {
        return false;
    }
    int overflow;
    long number = PyLong_AsLongAndOverflow(value, &overflow);
    *result = number != 0;
    *lasting = *lasting && overflow == 0 && number >= 0 && number <= 256;
    return true;
}

static bool
parse_max_length(pyr_view *view, PyObject *value)
{
    if (value == NULL || !(PyLong_CheckExact(value) || PyBool_Check(value))) {
        return false;
    }
    if (value != view->max_length_from) {
        view->max_length = PyNumber_AsSsize_t(value, NULL); /* the nearest that fits */
        view->max_length_huge = view->max_length == PY_SSIZE_T_MAX;
        Py_XSETREF(view->max_length_from, Py_NewRef(value));
    }
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

/* ---- the class ------------------------------------------------------------- */

static const size_t slot_names[SLOT_COUNT] = {
    [SLOT_MAX_LENGTH] = PYR_NAME(MAX_LENGTH),
    [SLOT_TRANSPORT] = PYR_NAME(transport),
    [SLOT_PAUSED] = PYR_NAME(paused),
    [SLOT_DELIMITER] = PYR_NAME(delimiter),
    [SLOT_LINE_MODE] = PYR_NAME(line_mode),
    [SLOT_PREFIX_LENGTH] = PYR_NAME(prefixLength),
    [SLOT_STRUCT_FORMAT] = PYR_NAME(structFormat),
    [SLOT_RECVD] = PYR_NAME(recvd),
    [SLOT_LIST_STACK] = PYR_NAME(listStack),
    [SLOT_GOT_ITEM] = PYR_NAME(gotItem),
    [SLOT_HEADER] = PYR_NAME(header),
    [SLOT_PREFIX_LIMIT] = PYR_NAME(prefixLimit),
    [SLOT_DIALECT] = PYR_NAME(currentDialect),
    [SLOT_WORDS] = PYR_NAME(incomingVocabulary),
    [SLOT_DATA_RECEIVED] = PYR_NAME(dataReceived),
};

PyObject *
pyr_attributes_slot_name(const pyr_framing_method *method, pyr_slot slot)
{
    return pyr_name_at(method->st,
                       slot == SLOT_HANDLER ? method->kind->handler : slot_names[slot]);
}

bool
pyr_attributes_ordinary_access(core_state *st, PyTypeObject *type)
{
    if (type->tp_setattro != PyObject_GenericSetAttr) {
        return false;
    }
    /* A class with __getattr__ only: it is asked for missing names, and none is missing.
     */
    return type->tp_getattro == PyObject_GenericGetAttr ||
           pyr_class_has(st, type, st->names.getattribute,
                         (PyObject *)&PyBaseObject_Type);
}

/* A value that the class has for its instances, not a property, say. */
static bool
is_no_descriptor(PyObject *value)
{
    return value == NULL ||
           (Py_TYPE(value)->tp_descr_get == NULL && Py_TYPE(value)->tp_descr_set == NULL);
}

/* Has the class under the name what `expected` says (see FramingMethod)? */
static bool
class_has(core_state *st, PyTypeObject *type, PyObject *name, PyObject *expected)
{
    PyTypeObject *attribute = st->framing->FramingAttribute;
    if (expected != Py_None && expected != (PyObject *)attribute) {
        return pyr_class_has(st, type, name, expected);
    }
    PyObject *found = pyr_class_find(type, name);
    bool has = expected == Py_None ? is_no_descriptor(found)
                                   : found != NULL && Py_IS_TYPE(found, attribute);
    Py_XDECREF(found);
    return has;
}

bool
pyr_attributes_class_has(const pyr_framing_method *method, PyTypeObject *type)
{
    Py_ssize_t place = 0;
    PyObject *name, *expected;
    bool has = true;
    while (has && PyDict_Next(method->needed, &place, &name, &expected)) {
        has = class_has(method->st, type, name, expected);
    }
    return has;
}

bool
pyr_attributes_class_fits(pyr_framing_method *method, PyTypeObject *type)
{
    if (pyr_class_is_as_seen(&method->class_seen, type)) {
        return method->class_fits;
    }
    return pyr_attributes_ordinary_access(method->st, type) &&
           pyr_attributes_class_has(method, type);
}

static void
look_at_class(pyr_framing_method *method, PyTypeObject *type)
{
    memset(&method->class_seen, 0, sizeof(method->class_seen));
    pyr_class_seen seen;
    pyr_class_see(method->st, &seen, type);
    method->class_fits = pyr_attributes_class_fits(method, type);
    for (int i = 0; i < method->kind->slot_count; i++) {
        pyr_slot slot = method->kind->slots[i];
        PyObject *value =
            slot >= SLOT_RECVD
                ? NULL
                : pyr_class_find(type, pyr_attributes_slot_name(method, slot));
        method->class_value[i] = value;
        if (slot != SLOT_HANDLER && !is_no_descriptor(value)) {
            method->class_fits = false;
        }
        Py_XDECREF(value); /* the class has it as long as it is as seen */
    }
    method->class_seen = seen;
}

static void
read_class(pyr_framing_method *method, pyr_view *view, PyTypeObject *type)
{
    if (!pyr_class_is_as_seen(&method->class_seen, type)) {
        look_at_class(method, type);
    }
    view->method = method;
    view->kind = method->kind;
    view->class_seen = method->class_seen;
    view->class_fits = method->class_fits;
    memcpy(view->class_value, method->class_value, sizeof(view->class_value));
}

/* ---- the instance ---------------------------------------------------------- */

/* What the instance has itself for the slots, in their order, borrowed. */
typedef struct {
    PyObject *value[PYR_MOST_SLOTS];
    bool receives; /* a dataReceived of its own */
} own_values;

#if PY_VERSION_HEX >= 0x030C0000

/* A dict that was seen changes, or ends: it is not as seen for the views of the buffers
 * that it has.  No Python code runs. */
static int
own_dict_changes(PyDict_WatchEvent event, PyObject *dict, PyObject *key,
                 PyObject *Py_UNUSED(value))
{
    PyObject *found;
    Py_ssize_t place = 0;
    bool of_a_name = event == PyDict_EVENT_ADDED || event == PyDict_EVENT_MODIFIED ||
                     event == PyDict_EVENT_DELETED;
    if (of_a_name && !pyr_own_name_counts(key)) {
        return 0;
    }
    while (PyDict_Next(dict, &place, NULL, &found)) {
        if (pyr_is_buffer(found) && ((pyr_buffer *)found)->view.own_seen.dict == dict) {
            ((pyr_buffer *)found)->view.own_seen.dict = NULL;
        }
    }
    return 0;
}

#endif

/* What a key is that is of no slot. */
enum { OWN_OTHER = -1, OWN_BUFFER = -2, OWN_METHOD = -3, OWN_UNCLEAR = -4 };

static int
what_is(const pyr_framing_method *method, PyObject *key)
{
    if (!pyr_own_name_counts(key)) {
        return OWN_OTHER;
    }
    if (!PyUnicode_CheckExact(key) || !PyUnicode_CHECK_INTERNED(key)) {
        return OWN_UNCLEAR;
    }
    for (int i = 0; i < method->kind->slot_count; i++) {
        if (method->slot_names[i] == key) {
            return i;
        }
    }
    return key == pyr_key(method)                  ? OWN_BUFFER
           : key == method->st->names.dataReceived ? OWN_METHOD
                                                   : OWN_OTHER;
}

/* The same of the key that an instance has after so many others. */
static inline int
what_is_known(pyr_framing_method *method, int after, PyObject *key)
{
    pyr_known_key *known = after < PYR_KNOWN_KEYS ? &method->known_keys[after] : NULL;
    if (known != NULL && known->key == key) {
        return known->is;
    }
    int is = what_is(method, key);
    if (known != NULL && is != OWN_UNCLEAR) {
        Py_XSETREF(known->key, Py_NewRef(key));
        known->is = (signed char)is;
    }
    return is;
}

/* The view depends on this, where CPython does not tell of changes. */
static inline void
note_item(pyr_own_seen *seen, bool is_buffer, Py_ssize_t place, PyObject *value)
{
#if PY_VERSION_HEX < 0x030C0000
    pyr_own_item *item = is_buffer ? &seen->buffer : &seen->items[seen->count++];
    *item = (pyr_own_item){.place = place, .value = value};
#else
    (void)seen, (void)is_buffer, (void)place, (void)value;
#endif
}

/*
 * Find what the instance has itself.  False: a name that is not interned may be one that
 * counts; then attributes are left to Python.
 */
static bool
find_own(pyr_framing_method *method, pyr_buffer *b, PyObject *dict, own_values *own)
{
    pyr_view *view = &b->view;
    PyObject *key = NULL, *value;
    Py_ssize_t next = 0;
    for (int after = 0; PyDict_Next(dict, &next, &key, &value); after++) {
        int is = what_is_known(method, after, key);
        if (is >= 0) {
            own->value[is] = value;
            note_item(&view->own_seen, false, next - 1, value);
        } else if (is == OWN_BUFFER) {
            view->attached = value == (const PyObject *)b;
            note_item(&view->own_seen, true, next - 1, value);
        } else if (is == OWN_METHOD) {
            own->receives = true;
        } else if (is == OWN_UNCLEAR) {
            return false;
        }
    }
#if PY_VERSION_HEX < 0x030C0000
    view->own_seen.end = next;
    view->own_seen.last = key;
#endif
    return true;
}

/* ---- both ------------------------------------------------------------------ */

/* Take one attribute's value into the view.  False: of a kind that C leaves alone. */
static bool
read_slot(pyr_buffer *b, pyr_slot slot, PyObject *own, PyObject *value, bool *lasting)
{
    pyr_view *view = &b->view;
    switch (slot) {
    case SLOT_HANDLER:
        view->handler =
            own == NULL && value != NULL &&
                    PyType_HasFeature(Py_TYPE(value), Py_TPFLAGS_METHOD_DESCRIPTOR)
                ? value
                : NULL;
        return true;
    case SLOT_MAX_LENGTH:
        return parse_max_length(view, value);
    case SLOT_PAUSED:
        return parse_truth(value, &view->paused, lasting);
    case SLOT_DELIMITER:
        return parse_delimiter(view, b, value);
    case SLOT_LINE_MODE:
        return parse_truth(value, &view->line_mode, lasting);
    case SLOT_HEADER:
        return value != NULL && value == view->header_from;
    default:
        return true; /* of any kind; the size of a prefix is parsed with its format */
    }
}

static void
read_slots(pyr_framing_method *method, pyr_buffer *b, const own_values *own)
{
    pyr_view *view = &b->view;
    bool lasting = true;
    bool fits = view->class_fits && view->attached;
    PyObject *value = NULL;
    for (int i = 0; i < method->kind->slot_count; i++) {
        pyr_slot slot = method->kind->slots[i];
        PyObject *before = value;
        value = own->value[i] != NULL ? own->value[i] : view->class_value[i];
        view->value[i] = value;
        bool suits = slot == SLOT_STRUCT_FORMAT
                         ? parse_prefix(view, value, before)
                         : read_slot(b, slot, own->value[i], value, &lasting);
        fits = fits && suits;
    }
    view->fits = fits;
    view->replaced = own->receives;
    /* Of a value that C leaves alone no reference is held: another one may come to be
     * where it was.  And a buffer that the dict has not is not told of its changes. */
    if (!lasting || !view->attached || (!fits && view->class_fits)) {
        view->own_seen.dict = NULL;
    }
}

/*
 * Take the declaration of a header.  Dropping the one before may run any code, so this
 * comes before all else is looked at.
 */
static int
read_declaration(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    pyr_view *view = &b->view;
    PyObject *name = method->st->names.header;
    PyObject *value;
    int found = pyr_own_dict_get(self, name, &value);
    if (found == 0) {
        value = pyr_class_find(Py_TYPE(self), name);
    }
    if (value != view->header_from) {
        pyr_buffer_track(b);
        Py_XSETREF(view->header_from, Py_XNewRef(value));
    }
    Py_XDECREF(value);
    return found < 0 ? -1 : 0;
}

int
pyr_attributes_refresh(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    pyr_view *view = &b->view;
    if (method->kind->declared && read_declaration(method, b, self) < 0) {
        return -1;
    }
    b->quiet = 0;
    view->own_seen.dict = NULL;
    view->fits = view->attached = false;
    view->handler = NULL;
    PyObject *dict = pyr_instance_dict(self);
    if (dict == NULL) {
        return 0;
    }
    if (view->method != method ||
        !pyr_class_is_as_seen(&view->class_seen, Py_TYPE(self))) {
        read_class(method, view, Py_TYPE(self));
    }
    own_values own = {{NULL}};
    pyr_own_dict_see(&view->own_seen, self, dict, method->st->framing->watcher);
    if (find_own(method, b, dict, &own)) {
        read_slots(method, b, &own);
    } else {
        view->own_seen.dict = NULL;
    }
    Py_DECREF(dict);
    if (!view->fits) {
        view->handler = NULL;
    }
    return view->fits;
}

/* ---- module ---------------------------------------------------------------- */

void
pyr_attributes_exec(core_state *st)
{
    for (int slot = SLOT_MAX_LENGTH; slot < SLOT_COUNT; slot++) {
        pyr_own_name_add(pyr_name_at(st, slot_names[slot]));
    }
    st->framing->watcher = pyr_dict_add_watcher(own_dict_changes);
}

void
pyr_attributes_clear(core_state *st)
{
    pyr_dict_clear_watcher(&st->framing->watcher);
}
