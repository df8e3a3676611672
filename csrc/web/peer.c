/* HTTPChannel.getPeer and getHost; see peer.h. */
#include "web/peer.h"

#include "core/class_watch.h"
#include "core/override.h"
#include "web/instance.h"
#include "web/objects.h"

/* The addresses of a connected socket do not change, so they are made once, for
 * transports of ours that have Twisted's own methods for them. */
static bool
has_own_addresses(core_state *st, PyTypeObject *type)
{
    pyr_web_class *known = &st->web->addresses_class;
    if (st->transport_type == NULL || !PyType_IsSubtype(type, st->transport_type)) {
        return false;
    }
    if (!pyr_class_is_as_seen(&known->seen, type)) {
        pyr_class_see(st, &known->seen, type);
        known->overrides =
            pyr_class_has(st, type, st->names.getPeer, st->web->Server_getPeer) &&
                    pyr_class_has(st, type, st->names.getHost, st->web->Server_getHost)
                ? 0
                : 1;
    }
    return known->overrides == 0;
}

/* Is the transport connected, and has no method of its own by this name? */
static int
is_connected(core_state *st, PyObject *transport, PyObject *method)
{
    PyObject *dict = PyObject_GenericGetDict(transport, NULL);
    int own = dict == NULL ? -1 : PyDict_Contains(dict, method);
    Py_XDECREF(dict);
    return own != 0 ? own < 0 ? -1 : 0
                    : pyr_attribute_true(transport, st->names.connected);
}

/* transport.<method>(), which the transport keeps as its attribute `kept`, with the
 * `client` that it had then: a program may give it another. */
static PyObject *
ask_once(core_state *st, PyObject *transport, PyObject *method, PyObject *kept)
{
    int connected = has_own_addresses(st, Py_TYPE(transport))
                        ? is_connected(st, transport, method)
                        : 0;
    if (connected <= 0) {
        PyObject *told = connected < 0 ? NULL : pyr_call_named(transport, method, NULL);
        st->web->asked = true;
        return told;
    }
    PyObject *client = PyObject_GetAttr(transport, st->names.client);
    PyObject *pair = NULL, *address = NULL;
    int found = client == NULL ? -1 : PyObject_GetOptionalAttr(transport, kept, &pair);
    if (found > 0 && PyTuple_CheckExact(pair) && PyTuple_GET_ITEM(pair, 0) == client) {
        address = Py_NewRef(PyTuple_GET_ITEM(pair, 1));
    } else if (found >= 0) {
        address = pyr_call_named(transport, method, NULL);
        PyObject *made = address == NULL ? NULL : PyTuple_Pack(2, client, address);
        if (pyr_web_set_new(transport, kept, made) < 0) {
            Py_CLEAR(address);
        }
    }
    Py_XDECREF(client);
    Py_XDECREF(pair);
    return address;
}

static PyObject *
ask(core_state *st, PyObject *channel, PyObject *method, PyObject *kept)
{
    PyObject *transport = pyr_instance_get(st, channel, st->names.transport);
    PyObject *address = transport == NULL ? NULL : ask_once(st, transport, method, kept);
    Py_XDECREF(transport);
    return address;
}

PyObject *
pyr_peer_get_peer(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *address = ask(st, args[0], st->names.getPeer, st->names._keptPeer);
    return pyr_web_given(st, address);
}

PyObject *
pyr_peer_get_host(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *address = ask(st, args[0], st->names.getHost, st->names._keptHost);
    return pyr_web_given(st, address);
}

/* The address in the dict under the name `kept`, a new reference, which is the one of
 * this client; NULL without an exception if there is none. */
static PyObject *
kept_address(PyObject *dict, PyObject *kept, PyObject *client)
{
    PyObject *pair, *address = NULL;
    if (PyDict_GetItemRef(dict, kept, &pair) > 0 && PyTuple_CheckExact(pair) &&
        PyTuple_GET_ITEM(pair, 0) == client) {
        address = Py_NewRef(PyTuple_GET_ITEM(pair, 1));
    }
    Py_XDECREF(pair);
    return address;
}

/* Both addresses of a connected transport with Twisted's methods for them. */
static int
find_kept(core_state *st, PyObject *transport, PyObject *addresses[2])
{
    PyObject *dict = PyObject_GenericGetDict(transport, NULL);
    int own = dict == NULL ? -1 : PyDict_Contains(dict, st->names.getPeer);
    if (own == 0) {
        own = PyDict_Contains(dict, st->names.getHost);
    }
    int found = own != 0 ? (own < 0 ? -1 : 0)
                         : pyr_attribute_true(transport, st->names.connected);
    PyObject *client = found > 0 ? PyObject_GetAttr(transport, st->names.client) : NULL;
    if (client != NULL) {
        addresses[0] = kept_address(dict, st->names._keptPeer, client);
        addresses[1] = kept_address(dict, st->names._keptHost, client);
        Py_DECREF(client);
    }
    Py_XDECREF(dict);
    return PyErr_Occurred() ? -1 : addresses[0] != NULL && addresses[1] != NULL;
}

int
pyr_peer_find_both(core_state *st, PyObject *channel, PyObject *addresses[2])
{
    addresses[0] = addresses[1] = NULL;
    PyObject *transport = pyr_instance_get(st, channel, st->names.transport);
    int found = transport == NULL ? -1
                : has_own_addresses(st, Py_TYPE(transport))
                    ? find_kept(st, transport, addresses)
                    : 0;
    Py_XDECREF(transport);
    if (found <= 0) {
        Py_CLEAR(addresses[0]);
        Py_CLEAR(addresses[1]);
    }
    return found;
}
