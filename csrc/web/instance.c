/* Attributes of a channel; see instance.h. */
#include "web/instance.h"

#include "core/objects.h"
#include "core/override.h"
#include "web/state.h"

static const size_t of_channel_dict[] = {
    PYR_NAME(_dataBuffer),
    PYR_NAME(_handlingRequest),
    PYR_NAME(_networkProducer),
    PYR_NAME(_receivedHeaderCount),
    PYR_NAME(_receivedHeaderSize),
    PYR_NAME(_savedTimeOut),
    PYR_NAME(_transferDecoder),
    PYR_NAME(_waitingForTransport),
    PYR_NAME(firstLine),
    PYR_NAME(length),
    PYR_NAME(line_mode),
    PYR_NAME(pendingHeader),
    PYR_NAME(persistent),
    PYR_NAME(requestFactory),
    PYR_NAME(requests),
    PYR_NAME(site),
    PYR_NAME(timeOut),
    PYR_NAME(timeoutCall),
    PYR_NAME(transport),
};

bool
pyr_instance_is_plain(core_state *st, PyObject *channel)
{
    PyTypeObject *type = Py_TYPE(channel);
    pyr_web_class *known = &st->web->dict_class;
    if (!pyr_class_is_as_seen(&known->seen, type)) {
        if (!PyType_IsSubtype(type, st->web->HTTPChannel)) {
            return false;
        }
        pyr_class_see(st, &known->seen, type);
        size_t count = sizeof(of_channel_dict) / sizeof(of_channel_dict[0]);
        known->overrides =
            pyr_class_leaves_to_dict(st, type, of_channel_dict, count) ? 0 : 1;
    }
    return known->overrides == 0;
}

/* The channel's dict, a new reference, if its attributes are there; NULL without an
 * exception if they have to be asked for. */
static PyObject *
channel_dict(core_state *st, PyObject *channel)
{
    if (!pyr_instance_is_plain(st, channel)) {
        return NULL;
    }
    PyObject *dict = PyObject_GenericGetDict(channel, NULL);
    if (dict == NULL) {
        PyErr_Clear(); /* there is no memory: access to the attribute says so again */
    }
    return dict;
}

PyObject *
pyr_instance_get(core_state *st, PyObject *channel, PyObject *name)
{
    PyObject *dict = channel_dict(st, channel);
    if (dict != NULL) {
        PyObject *found;
        int status = PyDict_GetItemRef(dict, name, &found);
        Py_DECREF(dict);
        if (status != 0) {
            return found;
        }
    }
    return PyObject_GetAttr(channel, name);
}

int
pyr_instance_set(core_state *st, PyObject *channel, PyObject *name, PyObject *value)
{
    PyObject *dict = channel_dict(st, channel);
    if (dict == NULL) {
        return PyObject_SetAttr(channel, name, value);
    }
    int status = PyDict_SetItem(dict, name, value);
    Py_DECREF(dict);
    return status;
}

int
pyr_instance_set_new(core_state *st, PyObject *channel, PyObject *name, PyObject *value)
{
    int status = value == NULL ? -1 : pyr_instance_set(st, channel, name, value);
    Py_XDECREF(value);
    return status;
}

int
pyr_instance_true(core_state *st, PyObject *channel, PyObject *name)
{
    return pyr_drop_for_truth(pyr_instance_get(st, channel, name));
}
