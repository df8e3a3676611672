/* FramingAttribute: the stock attributes over a framing's state; see framing.h. */
#include "framing/parser.h"
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
    {"_buffer", PYR_FRAMING_NAME(buffer), ATTRIBUTE_CONTENT},
    {"_busyReceiving", PYR_FRAMING_NAME(buffer), ATTRIBUTE_BUSY},
    {"_unprocessed", PYR_FRAMING_NAME(unprocessed), ATTRIBUTE_CONTENT},
    {"_compatibilityOffset", PYR_FRAMING_NAME(unprocessed), ATTRIBUTE_OFFSET},
    {"buffer", PYR_FRAMING_NAME(bananaBuffer), ATTRIBUTE_CONTENT},
    {"_remainingData", PYR_FRAMING_NAME(remaining), ATTRIBUTE_NETSTRING},
    {"_payload", PYR_FRAMING_NAME(remaining), ATTRIBUTE_NETSTRING + 1},
    {"_state", PYR_FRAMING_NAME(remaining), ATTRIBUTE_NETSTRING + 2},
    {"_expectedPayloadSize", PYR_FRAMING_NAME(remaining), ATTRIBUTE_NETSTRING + 3},
    {"_currentPayloadSize", PYR_FRAMING_NAME(remaining), ATTRIBUTE_NETSTRING + 4},
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

/* What the instance itself has for this attribute (borrowed), with its buffer if any.
 */
static PyObject *
own_value(framing_attribute *attribute, PyObject *instance, pyr_buffer **b)
{
    pyr_framing_state *framing = attribute->st->framing;
    PyObject *key = *(PyObject **)((char *)framing + attribute->spec->key);
    PyObject *kept = pyr_own_attribute(instance, key);
    *b = NULL;
    if (kept != NULL && Py_IS_TYPE(kept, framing->buffer_type)) {
        *b = (pyr_buffer *)kept;
        return kept;
    }
    return PyErr_Occurred() ? NULL : pyr_own_attribute(instance, attribute->name);
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
    if (pyr_has_own_attributes(instance)) {
        pyr_buffer *b;
        PyObject *value = own_value(attribute, instance, &b);
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
delete_attribute(framing_attribute *attribute, PyObject *instance, pyr_buffer *b,
                 PyObject *value)
{
    if (b != NULL && attribute->initial != NULL) {
        /* The class attribute shows again. */
        return set_buffer_attribute(b, attribute->spec, attribute->initial);
    }
    if (value != NULL && b == NULL) {
        PyObject *dict = pyr_instance_dict(instance);
        if (dict == NULL) {
            PyErr_NoMemory();
            return -1;
        }
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
    if (!pyr_has_own_attributes(instance)) {
        (void)attribute_missing(attribute, instance);
        return -1;
    }
    pyr_buffer *b;
    PyObject *kept = own_value(attribute, instance, &b);
    if (value == NULL) {
        return delete_attribute(attribute, instance, b, kept);
    }
    if (b == NULL || b->owner != instance) {
        /* Not received anything yet (or a copy of another protocol's __dict__). */
        return PyErr_Occurred() ? -1
                                : pyr_set_own_attribute(instance, attribute->name, value);
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
