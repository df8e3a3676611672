/* FramingAttribute: the stock attributes over a framing's state; see framing.h. */
#include "framing/view.h"
#include "framing/framing.h"

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

/* The order of the five with ATTRIBUTE_NETSTRING is that of netstring.c. */
static const attribute_spec attribute_specs[] = {
    {"_buffer", PYR_NAME(buffer), ATTRIBUTE_CONTENT},
    {"_busyReceiving", PYR_NAME(buffer), ATTRIBUTE_BUSY},
    {"_unprocessed", PYR_NAME(unprocessed), ATTRIBUTE_CONTENT},
    {"_compatibilityOffset", PYR_NAME(unprocessed), ATTRIBUTE_OFFSET},
    {"buffer", PYR_NAME(bananaBuffer), ATTRIBUTE_CONTENT},
    {"_remainingData", PYR_NAME(remaining), ATTRIBUTE_NETSTRING},
    {"_payload", PYR_NAME(remaining), ATTRIBUTE_NETSTRING + 1},
    {"_state", PYR_NAME(remaining), ATTRIBUTE_NETSTRING + 2},
    {"_expectedPayloadSize", PYR_NAME(remaining), ATTRIBUTE_NETSTRING + 3},
    {"_currentPayloadSize", PYR_NAME(remaining), ATTRIBUTE_NETSTRING + 4},
};

#define ATTRIBUTE_COUNT (sizeof(attribute_specs) / sizeof(attribute_specs[0]))

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
        b->netstring_state = NETSTRING_LENGTH; /* the batch form: begin anew */
        b->moved = 0;
        if (PyBytes_CheckExact(value)) {
            return pyr_buffer_set(b, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
        }
        if (pyr_buffer_set(b, NULL, 0) < 0) {
            return -1;
        }
        pyr_buffer_track(b);
        Py_XSETREF(b->foreign, Py_NewRef(value));
        return 0;
    case ATTRIBUTE_BUSY:
        yes = pyr_truth(value);
        b->busy = yes == 1;
        b->quiet = 0;
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

/* What the instance itself has for this attribute (new reference; NULL: nothing, or an
 * exception), and whether that is its buffer. */
static PyObject *
own_value(framing_attribute *attribute, PyObject *instance, bool *is_buffer)
{
    PyObject *key = pyr_name_at(attribute->st, attribute->spec->key);
    PyObject *kept;
    int found = pyr_own_dict_get(instance, key, &kept);
    *is_buffer = found > 0 && Py_IS_TYPE(kept, attribute->st->framing->buffer_type);
    if (found >= 0 && !*is_buffer && key != attribute->name) {
        Py_XDECREF(kept);
        (void)pyr_own_dict_get(instance, attribute->name, &kept);
    }
    return kept;
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
    bool is_buffer;
    PyObject *value = own_value(attribute, instance, &is_buffer);
    if (is_buffer) {
        Py_SETREF(value, buffer_attribute((pyr_buffer *)value, attribute->spec));
        return value;
    }
    if (value == NULL && !PyErr_Occurred()) {
        value = attribute->initial == NULL ? attribute_missing(attribute, instance)
                                           : Py_NewRef(attribute->initial);
    }
    return value;
}

/* Set, or delete if the value is NULL, what the instance has itself. */
static int
set_in_dict(framing_attribute *attribute, PyObject *instance, PyObject *value)
{
    PyObject *dict = pyr_own_dict(instance);
    if (dict == NULL) {
        (void)attribute_missing(attribute, instance);
        return -1;
    }
    int result = value == NULL ? PyDict_DelItem(dict, attribute->name)
                               : PyDict_SetItem(dict, attribute->name, value);
    Py_DECREF(dict);
    return result;
}

static int
delete_attribute(framing_attribute *attribute, PyObject *instance, PyObject *kept,
                 bool is_buffer)
{
    if (is_buffer && attribute->initial != NULL) {
        /* The class attribute shows again. */
        return set_buffer_attribute((pyr_buffer *)kept, attribute->spec,
                                    attribute->initial);
    }
    if (kept != NULL && !is_buffer) {
        return set_in_dict(attribute, instance, NULL);
    }
    (void)attribute_missing(attribute, instance);
    return -1;
}

static int
attribute_set(PyObject *self, PyObject *instance, PyObject *value)
{
    framing_attribute *attribute = (framing_attribute *)self;
    bool is_buffer;
    PyObject *kept = own_value(attribute, instance, &is_buffer);
    int result = -1;
    if (kept != NULL || !PyErr_Occurred()) {
        if (value == NULL) {
            result = delete_attribute(attribute, instance, kept, is_buffer);
        } else if (is_buffer && ((pyr_buffer *)kept)->owner == instance) {
            result = set_buffer_attribute((pyr_buffer *)kept, attribute->spec, value);
        } else { /* nothing was received yet, or it is another protocol's buffer */
            result = set_in_dict(attribute, instance, value);
        }
    }
    Py_XDECREF(kept);
    return result;
}

PyDoc_STRVAR(attribute_doc,
             "FramingAttribute(name, initial=<none>)\n"
             "--\n"
             "\n"
             "A data descriptor: one of the stock attributes over a framing's state.\n"
             "\n"
             "name (str) is the attribute: _buffer, _busyReceiving, _unprocessed,\n"
             "_compatibilityOffset, buffer, _remainingData, _payload, _state,\n"
             "_expectedPayloadSize or _currentPayloadSize.  initial is its value on the\n"
             "class and on protocols that have received nothing; without it these raise\n"
             "AttributeError.  Raises ValueError for another name.");

static PyType_Slot attribute_slots[] = {
    {Py_tp_doc, (void *)attribute_doc}, {Py_tp_new, attribute_new},
    {Py_tp_dealloc, attribute_dealloc}, {Py_tp_traverse, attribute_traverse},
    {Py_tp_clear, attribute_clear},     {Py_tp_descr_get, attribute_get},
    {Py_tp_descr_set, attribute_set},   {0, NULL},
};

PyType_Spec pyr_framing_attribute_spec = {
    .name = "pyreactor._core.FramingAttribute",
    .basicsize = sizeof(framing_attribute),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = attribute_slots,
};
