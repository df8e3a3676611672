/* The hot methods of TLSMemoryBIOProtocol; see records.h. */
#include "tls/records.h"

#include "core/objects.h"
#include "core/override.h"
#include "tls/aggregate.h"
#include "tls/look.h"
#include "tls/openssl.h"
#include "tls/state.h"

/* The largest piece that a TLS record takes, and that Twisted sends at once: 2**14. */
#define RECORD_SIZE 16384

/* What a round of a loop says of the next. */
typedef enum {
    STEP_FAILED,    /* with an exception set */
    STEP_LAST,      /* there is none */
    STEP_MORE,      /* there is one */
    STEP_OTHERWISE, /* nothing was done: Python must do what is left */
} step;

/* The truth of `handler`(self, exception), for the exception that is set: the `except`
 * clauses of Twisted's method, in Python (pyreactor/_tls/records.py).  -1 with an
 * exception. */
static int
run_except_clauses(PyObject *handler, PyObject *self)
{
    PyObject *error = PyErr_GetRaisedException();
    int truth =
        pyr_drop_for_truth(PyObject_CallFunctionObjArgs(handler, self, error, NULL));
    Py_DECREF(error);
    return truth;
}

/* ---- is the protocol plain? ---- */

/* What a plain protocol has not itself, but of its class. */
#define METHOD(name) PYR_LOOK_EXPECT(name, c_##name, c_##name),
static const pyr_override of_class[] = {
    PYR_TLS_METHODS(METHOD) PYR_LOOK_EXPECT(_aborted, no, zero),
    PYR_LOOK_EXPECT(_lostTLSConnection, no, zero),
    PYR_LOOK_EXPECT(disconnecting, no, zero),
    {0},
};
#undef METHOD

/* What it has itself, past its class. */
enum { APP_SEND_BUFFER, HANDSHAKE_DONE, TLS_CONNECTION, TRANSPORT, WRAPPED_PROTOCOL };

static const pyr_look_kind protocol_kind = {
    PYR_LOOK_PROTOCOLS,
    of_class,
    5,
    {PYR_NAME(_appSendBuffer), PYR_NAME(_handshakeDone), PYR_NAME(_tlsConnection),
     PYR_NAME(transport), PYR_NAME(wrappedProtocol)}};

/* What the protocol has itself, if it is plain; NULL without an exception if its
 * attributes have to be asked for, and its methods to be called. */
static inline const pyr_look_view *
view_if_plain(core_state *st, PyObject *self)
{
    return pyr_look(st, &protocol_kind, &st->tls->protocol_class, self);
}

/* self.<one of those names>, a new reference.  `view` is as view_if_plain has said. */
static PyObject *
value_in(core_state *st, PyObject *self, const pyr_look_view *view, int which)
{
    PyObject *value = view == NULL ? NULL : pyr_look_value(view, which);
    return value != NULL
               ? Py_NewRef(value)
               : PyObject_GetAttr(self, pyr_name_at(st, protocol_kind.names[which]));
}

static PyObject *
find_value(core_state *st, PyObject *self, int which)
{
    return value_in(st, self, view_if_plain(st, self), which);
}

/* The truth of one that a plain protocol's class has; -1 with an exception set. */
static inline int
is_set(PyObject *self, const pyr_look_view *view, PyObject *name)
{
    return view != NULL ? 0 : pyr_attribute_true(self, name);
}

/* ---- what is to be sent ---- */

/* self.transport.write(records) */
static int
write_below(core_state *st, PyObject *self, PyObject *records)
{
    PyObject *transport = find_value(st, self, TRANSPORT);
    int status =
        transport == NULL ? -1 : pyr_call_dropping(transport, st->names.write, records);
    Py_XDECREF(transport);
    return status;
}

/* Send what OpenSSL has for the peer. */
static int
flush_sent(core_state *st, PyObject *self)
{
    PyObject *connection = find_value(st, self, TLS_CONNECTION);
    if (connection == NULL) {
        return -1;
    }
    PyObject *records;
    pyr_tls_outcome outcome = pyr_openssl_bio_read(st, connection, &records);
    Py_DECREF(connection);
    if (outcome == PYR_TLS_RAISED) {
        if (!PyErr_ExceptionMatches(st->tls->WantReadError)) {
            return -1;
        }
        PyErr_Clear();
    }
    if (outcome != PYR_TLS_DONE) {
        return 0;
    }
    int status = write_below(st, self, records);
    Py_DECREF(records);
    return status;
}

static PyObject *
flush_send_bio(core_state *st, PyObject *self, PyObject *Py_UNUSED(data))
{
    return pyr_none_or_error(flush_sent(st, self));
}

/* self._flushSendBIO() */
static int
call_flush_send(core_state *st, PyObject *self)
{
    return view_if_plain(st, self) != NULL
               ? flush_sent(st, self)
               : pyr_call_dropping(self, st->names._flushSendBIO, NULL);
}

/* ---- receiving ---- */

static const pyr_override wrapper_methods[] = {
    PYR_LOOK_EXPECT(dataReceived, wrapper_deliver, wrapper_deliver),
    {0},
};

/* ProtocolWrapper.dataReceived(self, data) */
static int
deliver_to_wrapped(core_state *st, PyObject *self, PyObject *data)
{
    pyr_tls_state *tls = st->tls;
    if (!pyr_look_has_methods(st, &tls->wrapper_class, tls->ProtocolWrapper,
                              wrapper_methods)) {
        PyObject *method =
            PyObject_GetAttr((PyObject *)tls->ProtocolWrapper, st->names.dataReceived);
        PyObject *result = method == NULL
                               ? NULL
                               : PyObject_CallFunctionObjArgs(method, self, data, NULL);
        Py_XDECREF(method);
        return pyr_drop(result);
    }
    PyObject *target = find_value(st, self, WRAPPED_PROTOCOL);
    int status =
        target == NULL ? -1 : pyr_call_dropping(target, st->names.dataReceived, data);
    Py_XDECREF(target);
    return status;
}

/* self._aborted or ProtocolWrapper.dataReceived(self, data) */
static int
deliver_unless_aborted(core_state *st, PyObject *self, PyObject *data)
{
    int aborted = is_set(self, view_if_plain(st, self), st->names._aborted);
    return aborted != 0 ? aborted : deliver_to_wrapped(st, self, data);
}

/* self._tlsConnection, or NULL: without an exception if that is lost. */
static PyObject *
connection_unless_lost(core_state *st, PyObject *self)
{
    const pyr_look_view *view = view_if_plain(st, self);
    int lost = is_set(self, view, st->names._lostTLSConnection);
    return lost != 0 ? NULL : value_in(st, self, view, TLS_CONNECTION);
}

/* One round of the loop in _flushReceiveBIO. */
static step
receive_once(core_state *st, PyObject *self)
{
    PyObject *connection = connection_unless_lost(st, self);
    if (connection == NULL) {
        return PyErr_Occurred() ? STEP_FAILED : STEP_LAST;
    }
    PyObject *data;
    pyr_tls_outcome outcome = pyr_openssl_recv(st, connection, &data);
    Py_DECREF(connection);
    if (outcome == PYR_TLS_WANT_READ) {
        return STEP_LAST;
    }
    if (outcome == PYR_TLS_RAISED) {
        int goes_on = run_except_clauses(st->tls->receiving_failed, self);
        return goes_on < 0 ? STEP_FAILED : goes_on ? STEP_MORE : STEP_LAST;
    }
    int status = deliver_unless_aborted(st, self, data);
    Py_DECREF(data);
    return status < 0 ? STEP_FAILED : STEP_MORE;
}

static PyObject *
flush_receive_bio(core_state *st, PyObject *self, PyObject *Py_UNUSED(data))
{
    step next = STEP_MORE;
    while (next == STEP_MORE) {
        next = receive_once(st, self);
    }
    return next == STEP_FAILED ? NULL : pyr_none_or_error(call_flush_send(st, self));
}

/* Go on with the handshake; whether it is done then.  -1 with an exception set. */
static int
go_on_with_handshake(core_state *st, PyObject *self)
{
    return pyr_call_dropping(self, st->names._checkHandshakeStatus, NULL) < 0
               ? -1
               : pyr_attribute_true(self, st->names._handshakeDone);
}

/* self._flushReceiveBIO() */
static PyObject *
call_flush_receive(core_state *st, PyObject *self)
{
    return view_if_plain(st, self) != NULL ? flush_receive_bio(st, self, NULL)
                                           : pyr_none_or_error(pyr_call_dropping(
                                                 self, st->names._flushReceiveBIO, NULL));
}

/* What dataReceived does once OpenSSL has the bytes. */
static PyObject *
after_input(core_state *st, PyObject *self)
{
    int done = pyr_drop_for_truth(find_value(st, self, HANDSHAKE_DONE));
    if (done == 0) {
        done = go_on_with_handshake(st, self);
    }
    int waiting =
        done <= 0 ? 0 : pyr_drop_for_truth(find_value(st, self, APP_SEND_BUFFER));
    if (waiting > 0) {
        waiting = pyr_call_dropping(self, st->names._unbufferPendingWrites, NULL);
    }
    if (done <= 0 || waiting < 0) {
        return pyr_none_or_error(done < 0 ? done : waiting);
    }
    return call_flush_receive(st, self);
}

static PyObject *
data_received(core_state *st, PyObject *self, PyObject *data)
{
    PyObject *connection = find_value(st, self, TLS_CONNECTION);
    pyr_tls_outcome outcome = PYR_TLS_RAISED;
    if (connection != NULL) {
        outcome = PyBytes_CheckExact(data)
                      ? pyr_openssl_put(st, connection, PyBytes_AS_STRING(data),
                                        PyBytes_GET_SIZE(data))
                      : PYR_TLS_INDIRECT;
    }
    if (outcome == PYR_TLS_INDIRECT) {
        outcome = pyr_call_dropping(connection, st->names.bio_write, data) < 0
                      ? PYR_TLS_RAISED
                      : PYR_TLS_DONE;
    }
    Py_XDECREF(connection);
    return outcome == PYR_TLS_RAISED ? NULL : after_input(st, self);
}

/* The same without an object of the data, for a plain protocol (see pyr_deliver_func).
 * Its class is one that was looked at when its dataReceived was called. */
static bool
deliver_records(core_state *st, PyObject *self, const char *data, Py_ssize_t size,
                PyObject **result)
{
    const pyr_tls_class *known = &st->tls->protocol_class;
    const pyr_look_view *view =
        known->fits && pyr_class_is_as_seen(&known->seen, Py_TYPE(self))
            ? view_if_plain(st, self)
            : NULL;
    PyObject *connection =
        Py_XNewRef(view == NULL ? NULL : pyr_look_value(view, TLS_CONNECTION));
    pyr_tls_outcome outcome = connection == NULL
                                  ? PYR_TLS_INDIRECT
                                  : pyr_openssl_put(st, connection, data, size);
    Py_XDECREF(connection);
    if (outcome == PYR_TLS_DONE) {
        *result = after_input(st, self);
    }
    return outcome != PYR_TLS_INDIRECT;
}

/* ---- sending ---- */

/* Is write() to drop what it is given?  -1 with an exception set. */
static int
drops_writes(core_state *st, PyObject *self)
{
    int disconnecting = pyr_attribute_true(self, st->names.disconnecting);
    if (disconnecting <= 0) {
        return disconnecting;
    }
    PyObject *producer = PyObject_GetAttr(self, st->names._producer);
    Py_XDECREF(producer);
    return producer == NULL ? -1 : producer == Py_None;
}

/* What could not be sent waits for the peer: self._bufferedWrite(data[offset:]). */
static step
buffer_rest(core_state *st, PyObject *self, PyObject *data, Py_ssize_t offset)
{
    PyObject *rest = offset == 0
                         ? Py_NewRef(data)
                         : PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + offset,
                                                     PyBytes_GET_SIZE(data) - offset);
    if (rest == NULL) {
        return STEP_FAILED;
    }
    int status = pyr_call_dropping(self, st->names._bufferedWrite, rest);
    Py_DECREF(rest);
    return status < 0 ? STEP_FAILED : STEP_LAST;
}

/* What `send` could not do, and that says whether the bytes wait. */
static step
after_no_send(core_state *st, PyObject *self, PyObject *data, Py_ssize_t offset,
              int waits)
{
    return waits < 0 ? STEP_FAILED
           : waits   ? buffer_rest(st, self, data, offset)
                     : STEP_LAST;
}

/* One round of the loop in _write: send the next record.  What `send` gives may lead
 * before the beginning, from where Python's slices go on at the end. */
static step
send_once(core_state *st, PyObject *self, PyObject *data, Py_ssize_t *offset)
{
    if (*offset < 0) {
        return STEP_OTHERWISE;
    }
    PyObject *connection = find_value(st, self, TLS_CONNECTION);
    if (connection == NULL) {
        return STEP_FAILED;
    }
    Py_ssize_t left = PyBytes_GET_SIZE(data) - *offset;
    Py_ssize_t sent = 0;
    pyr_tls_outcome outcome = pyr_openssl_send(
        st, connection, data, *offset, left < RECORD_SIZE ? left : RECORD_SIZE, &sent);
    Py_DECREF(connection);
    switch (outcome) {
    case PYR_TLS_INDIRECT:
        return STEP_OTHERWISE;
    case PYR_TLS_WANT_READ:
        return after_no_send(st, self, data, *offset, 1);
    case PYR_TLS_RAISED:
        return after_no_send(st, self, data, *offset,
                             run_except_clauses(st->tls->sending_failed, self));
    case PYR_TLS_DONE:
        break;
    }
    *offset += sent;
    return call_flush_send(st, self) < 0 ? STEP_FAILED : STEP_MORE;
}

/* The connection was direct and is not any more, or so: Python does the rest of _write.
 */
static PyObject *
send_rest(core_state *st, PyObject *self, PyObject *data, Py_ssize_t offset)
{
    PyObject *number = PyLong_FromSsize_t(offset);
    PyObject *result =
        number == NULL
            ? NULL
            : PyObject_CallFunctionObjArgs(st->tls->send_rest, self, data, number, NULL);
    Py_XDECREF(number);
    return result;
}

/* NotImplemented: nothing was done. */
static PyObject *
write_records(core_state *st, PyObject *self, PyObject *data)
{
    if (!PyBytes_CheckExact(data)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    int lost = is_set(self, view_if_plain(st, self), st->names._lostTLSConnection);
    Py_ssize_t offset = 0;
    step next = lost < 0 ? STEP_FAILED : lost > 0 ? STEP_LAST : STEP_MORE;
    while (next == STEP_MORE && offset < PyBytes_GET_SIZE(data)) {
        next = send_once(st, self, data, &offset);
    }
    if (next == STEP_OTHERWISE) {
        return offset == 0 ? Py_NewRef(Py_NotImplemented)
                           : send_rest(st, self, data, offset);
    }
    return next == STEP_FAILED ? NULL : Py_NewRef(Py_None);
}

/* self._write(data) */
static PyObject *
call_write_records(core_state *st, PyObject *self, bool plain, PyObject *data)
{
    PyObject *result =
        plain ? write_records(st, self, data) : Py_NewRef(Py_NotImplemented);
    if (result == Py_NotImplemented) {
        Py_DECREF(result);
        result = pyr_none_or_error(pyr_call_dropping(self, st->names._write, data));
    }
    return result;
}

static PyObject *
write_unless_closing(core_state *st, PyObject *self, PyObject *data)
{
    bool plain = view_if_plain(st, self) != NULL;
    int drops = plain ? 0 : drops_writes(st, self);
    return drops != 0 ? pyr_none_or_error(drops)
                      : call_write_records(st, self, plain, data);
}

/* ---- module ---- */

/* A function of the module, called with the protocol and `count` - 1 arguments: a StandIn
 * does so, and whoever else calls it must. */
#define METHOD(function, count)                                                    \
    static PyObject *function##_method(PyObject *module, PyObject *const *args,    \
                                       Py_ssize_t nargs)                           \
    {                                                                              \
        if (nargs != (count)) {                                                    \
            return PyErr_Format(PyExc_TypeError, "%d arguments expected, got %zd", \
                                (count), nargs);                                   \
        }                                                                          \
        return function(pyr_module_state(module), args[0], args[(count)-1]);       \
    }

METHOD(data_received, 2)
METHOD(flush_receive_bio, 1)
METHOD(flush_send_bio, 1)
METHOD(write_unless_closing, 2)
METHOD(write_records, 2)
METHOD(pyr_aggregate_write, 2)
METHOD(pyr_aggregate_flush, 1)
METHOD(pyr_aggregate_scheduled_flush, 1)

PyDoc_STRVAR(method_doc,
             "A method of a class of twisted.protocols.tls, for a StandIn.\n\n"
             "Takes what that takes, self first, and returns what it returns, or\n"
             "NotImplemented for objects and arguments that C leaves alone.");

#define ENTRY(name, function)                                                       \
    {                                                                               \
        "tls_" name, (PyCFunction)(void (*)(void))function##_method, METH_FASTCALL, \
            method_doc                                                              \
    }

/* They are there once they can be called. */
static PyMethodDef tls_methods[] = {
    ENTRY("dataReceived", data_received),
    ENTRY("_flushReceiveBIO", flush_receive_bio),
    ENTRY("_flushSendBIO", flush_send_bio),
    ENTRY("write", write_unless_closing),
    ENTRY("_write", write_records),
    ENTRY("aggregate_write", pyr_aggregate_write),
    ENTRY("aggregate_flush", pyr_aggregate_flush),
    ENTRY("aggregate__scheduledFlush", pyr_aggregate_scheduled_flush),
    {NULL},
};

static const pyr_given tls_objects[] = {
#define X(name) PYR_GIVEN(pyr_tls_state, name),
    PYR_TLS_GIVEN(X)
#undef X
        PYR_GIVEN_AS(pyr_tls_state, Connection, &PyType_Type),
    PYR_GIVEN_AS(pyr_tls_state, ProtocolWrapper, &PyType_Type),
    PYR_MADE(pyr_tls_state, read_size),
    PYR_MADE(pyr_tls_state, aggregate_type),
    PYR_MADE(pyr_tls_state, scheduled_flush),
    PYR_MADE(pyr_tls_state, most_buffered),
    PYR_MADE(pyr_tls_state, no_bytes),
#define X(name) PYR_MADE(pyr_tls_state, c_##name),
    PYR_TLS_METHODS(X) PYR_AGGREGATE_METHODS(X)
#undef X
        {NULL},
};

/* *slot is the module's function of that name, in a StandIn from now on. */
static int
find_method(PyObject *module, const char *name, PyObject **slot)
{
    Py_XSETREF(*slot, PyObject_GetAttrString(module, name));
    return *slot == NULL ? -1 : 0;
}

/* What is expected may be other methods now. */
static int
take_methods(PyObject *module, pyr_tls_state *tls)
{
    int status = 0;
    memset(&tls->protocol_class, 0, sizeof(tls->protocol_class));
    memset(&tls->wrapper_class, 0, sizeof(tls->wrapper_class));
    memset(&tls->aggregate_class, 0, sizeof(tls->aggregate_class));
#define X(name) \
    status = status < 0 ? -1 : find_method(module, "tls_" #name, &tls->c_##name);
    PYR_TLS_METHODS(X)
#undef X
#define X(name) \
    status =    \
        status < 0 ? -1 : find_method(module, "tls_aggregate_" #name, &tls->c_##name);
    PYR_AGGREGATE_METHODS(X)
#undef X
    return status;
}

static int
tls_configure(PyObject *module, core_state *st, PyObject *given)
{
    if (pyr_openssl_configure(st, given) < 0 ||
        PyModule_AddFunctions(module, tls_methods) < 0 ||
        take_methods(module, st->tls) < 0) {
        return -1;
    }
    st->deliver_records = deliver_records;
    return 0;
}

static int
tls_exec(PyObject *module, core_state *st)
{
    pyr_look_exec(st);
    return pyr_openssl_init(st) < 0 ? -1 : pyr_aggregate_exec(module, st);
}

static void
tls_clear(core_state *st)
{
    st->deliver_records = NULL;
    pyr_openssl_clear(st);
    pyr_look_clear(st);
}

const pyr_room pyr_tls_room = {
    PYR_ROOM_STATE(tls),        .objects = tls_objects, .exec = tls_exec,
    .configure = tls_configure, .clear = tls_clear,
};
