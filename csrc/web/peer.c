/* HTTPChannel.getPeer and getHost; see peer.h. */
#include "web/peer.h"

#include "web/instance.h"
#include "web/objects.h"

/*
 * The addresses of a connected socket do not change, so they are made once, for
 * transports of ours that find Twisted's own method for that.
 */
static int
keeps_address(core_state *st, PyObject *transport, PyObject *method, PyObject *stock)
{
    int own =
        st->transport_type != NULL && PyObject_TypeCheck(transport, st->transport_type)
            ? pyr_web_has_method(st, transport, method, stock)
            : 0;
    return own <= 0 ? own : pyr_attribute_true(transport, st->names.connected);
}

/* The address that the transport keeps under the name, if it is the one of this client; a
 * new reference.  1, 0, or -1 with an exception. */
static int
find_kept(PyObject *transport, PyObject *kept, PyObject *client, PyObject **address)
{
    PyObject *pair;
    int found = PyObject_GetOptionalAttr(transport, kept, &pair);
    if (found > 0) {
        found = PyTuple_CheckExact(pair) && PyTuple_GET_ITEM(pair, 0) == client;
        *address = found ? Py_NewRef(PyTuple_GET_ITEM(pair, 1)) : NULL;
    }
    Py_XDECREF(pair);
    return found;
}

/* transport.<method>(), which the transport keeps as its attribute `kept`, with the
 * `client` that it had then: a program may give it another. */
static PyObject *
ask_once(core_state *st, PyObject *transport, PyObject *method, PyObject *stock,
         PyObject *kept)
{
    int keeps = keeps_address(st, transport, method, stock);
    if (keeps <= 0) {
        PyObject *told = keeps < 0 ? NULL : pyr_call_named(transport, method, NULL);
        st->web->asked = true;
        return told;
    }
    PyObject *client = PyObject_GetAttr(transport, st->names.client);
    PyObject *address = NULL;
    int found = client == NULL ? -1 : find_kept(transport, kept, client, &address);
    if (found == 0) {
        address = pyr_call_named(transport, method, NULL);
        PyObject *made = address == NULL ? NULL : PyTuple_Pack(2, client, address);
        if (pyr_web_set_new(transport, kept, made) < 0) {
            Py_CLEAR(address);
        }
    }
    Py_XDECREF(client);
    return address;
}

static PyObject *
ask(core_state *st, PyObject *channel, PyObject *method, PyObject *stock, PyObject *kept)
{
    PyObject *transport = pyr_instance_get(st, channel, st->names.transport);
    PyObject *address =
        transport == NULL ? NULL : ask_once(st, transport, method, stock, kept);
    Py_XDECREF(transport);
    return address;
}

PyObject *
pyr_peer_get_peer(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *address =
        ask(st, args[0], st->names.getPeer, st->web->Server_getPeer, st->names._keptPeer);
    return pyr_web_given(st, address);
}

PyObject *
pyr_peer_get_host(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *address =
        ask(st, args[0], st->names.getHost, st->web->Server_getHost, st->names._keptHost);
    return pyr_web_given(st, address);
}

/* Both of a connected transport with Twisted's methods for them. */
static int
find_both_kept(core_state *st, PyObject *transport, PyObject *addresses[2])
{
    int found = keeps_address(st, transport, st->names.getPeer, st->web->Server_getPeer);
    if (found > 0) {
        found =
            pyr_web_has_method(st, transport, st->names.getHost, st->web->Server_getHost);
    }
    PyObject *client = found > 0 ? PyObject_GetAttr(transport, st->names.client) : NULL;
    if (client == NULL) {
        return found > 0 ? -1 : found;
    }
    found = find_kept(transport, st->names._keptPeer, client, &addresses[0]);
    if (found > 0) {
        found = find_kept(transport, st->names._keptHost, client, &addresses[1]);
    }
    Py_DECREF(client);
    return found;
}

int
pyr_peer_find_both(core_state *st, PyObject *channel, PyObject *addresses[2])
{
    addresses[0] = addresses[1] = NULL;
    PyObject *transport = pyr_instance_get(st, channel, st->names.transport);
    int found = transport == NULL ? -1 : find_both_kept(st, transport, addresses);
    Py_XDECREF(transport);
    if (found <= 0) {
        Py_CLEAR(addresses[0]);
        Py_CLEAR(addresses[1]);
    }
    return found;
}
