/* The hot methods of TLSMemoryBIOProtocol; see records.h. */
#include "tls/records.h"

#include "core/objects.h"
#include "core/override.h"
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

/* ---- receiving ---- */

/* ProtocolWrapper.dataReceived(self, data) */
static int
deliver_to_wrapped(core_state *st, PyObject *self, PyObject *data)
{
    PyObject *target = NULL, *result = NULL;
    PyObject *method = PyObject_GetAttr(st->tls->ProtocolWrapper, st->names.dataReceived);
    if (method != NULL && pyr_is_expected(st, method, st->tls->wrapper_deliver)) {
        target = PyObject_GetAttr(self, st->names.wrappedProtocol);
        result =
            target == NULL ? NULL : pyr_call_named(target, st->names.dataReceived, data);
    } else if (method != NULL) {
        result = PyObject_CallFunctionObjArgs(method, self, data, NULL);
    }
    Py_XDECREF(method);
    Py_XDECREF(target);
    return pyr_drop(result);
}

/* One round of the loop in _flushReceiveBIO. */
static step
receive_once(core_state *st, PyObject *self)
{
    PyObject *connection = PyObject_GetAttr(self, st->names._tlsConnection);
    if (connection == NULL) {
        return STEP_FAILED;
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
    int status = pyr_attribute_true(self, st->names._aborted);
    if (status == 0) {
        status = deliver_to_wrapped(st, self, data);
    }
    Py_DECREF(data);
    return status < 0 ? STEP_FAILED : STEP_MORE;
}

static PyObject *
flush_receive_bio(core_state *st, PyObject *self, PyObject *Py_UNUSED(data))
{
    step next = STEP_MORE;
    while (next == STEP_MORE) {
        int lost = pyr_attribute_true(self, st->names._lostTLSConnection);
        if (lost < 0) {
            return NULL;
        }
        next = lost ? STEP_LAST : receive_once(st, self);
    }
    return next == STEP_FAILED ? NULL
                               : pyr_none_or_error(pyr_call_dropping(
                                     self, st->names._flushSendBIO, NULL));
}

/* Whether the handshake is done; it goes on, if it is not.  -1 with an exception set. */
static int
handshake(core_state *st, PyObject *self)
{
    int done = pyr_attribute_true(self, st->names._handshakeDone);
    if (done != 0) {
        return done;
    }
    return pyr_call_dropping(self, st->names._checkHandshakeStatus, NULL) < 0
               ? -1
               : pyr_attribute_true(self, st->names._handshakeDone);
}

static PyObject *
data_received(core_state *st, PyObject *self, PyObject *data)
{
    PyObject *connection = PyObject_GetAttr(self, st->names._tlsConnection);
    if (connection == NULL) {
        return NULL;
    }
    int status = pyr_openssl_bio_write(st, connection, data);
    Py_DECREF(connection);
    int done = status < 0 ? -1 : handshake(st, self);
    if (done <= 0) {
        return pyr_none_or_error(done);
    }
    int waiting = pyr_attribute_true(self, st->names._appSendBuffer);
    if (waiting < 0 ||
        (waiting &&
         pyr_call_dropping(self, st->names._unbufferPendingWrites, NULL) < 0)) {
        return NULL;
    }
    return pyr_none_or_error(pyr_call_dropping(self, st->names._flushReceiveBIO, NULL));
}

/* ---- sending ---- */

static PyObject *
flush_send_bio(core_state *st, PyObject *self, PyObject *Py_UNUSED(data))
{
    PyObject *connection = PyObject_GetAttr(self, st->names._tlsConnection);
    if (connection == NULL) {
        return NULL;
    }
    PyObject *records;
    pyr_tls_outcome outcome = pyr_openssl_bio_read(st, connection, &records);
    Py_DECREF(connection);
    if (outcome == PYR_TLS_RAISED) {
        if (!PyErr_ExceptionMatches(st->tls->WantReadError)) {
            return NULL;
        }
        PyErr_Clear();
    }
    if (outcome != PYR_TLS_DONE) {
        Py_RETURN_NONE;
    }
    PyObject *transport = PyObject_GetAttr(self, st->names.transport);
    int status =
        transport == NULL ? -1 : pyr_call_dropping(transport, st->names.write, records);
    Py_XDECREF(transport);
    Py_DECREF(records);
    return pyr_none_or_error(status);
}

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

static PyObject *
write_unless_closing(core_state *st, PyObject *self, PyObject *data)
{
    int drops = drops_writes(st, self);
    return pyr_none_or_error(
        drops != 0 ? drops : pyr_call_dropping(self, st->names._write, data));
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
    PyObject *connection = PyObject_GetAttr(self, st->names._tlsConnection);
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
    return pyr_call_dropping(self, st->names._flushSendBIO, NULL) < 0 ? STEP_FAILED
                                                                      : STEP_MORE;
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

static PyObject *
write_records(core_state *st, PyObject *self, PyObject *data)
{
    if (!PyBytes_CheckExact(data)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    int lost = pyr_attribute_true(self, st->names._lostTLSConnection);
    if (lost != 0) {
        return pyr_none_or_error(lost);
    }
    Py_ssize_t offset = 0;
    step next = STEP_MORE;
    while (next == STEP_MORE && offset < PyBytes_GET_SIZE(data)) {
        next = send_once(st, self, data, &offset);
    }
    if (next == STEP_OTHERWISE) {
        return offset == 0 ? Py_NewRef(Py_NotImplemented)
                           : send_rest(st, self, data, offset);
    }
    return next == STEP_FAILED ? NULL : Py_NewRef(Py_None);
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

PyDoc_STRVAR(method_doc,
             "A method of twisted.protocols.tls.TLSMemoryBIOProtocol, for a StandIn.\n\n"
             "Takes what that takes, self first, and returns what it returns, or\n"
             "NotImplemented for connections and arguments that C leaves alone.");

#define ENTRY(name, function)                                                       \
    {                                                                               \
        "tls_" name, (PyCFunction)(void (*)(void))function##_method, METH_FASTCALL, \
            method_doc                                                              \
    }

/* They are there once they can be called. */
static PyMethodDef tls_methods[] = {
    ENTRY("dataReceived", data_received),   ENTRY("_flushReceiveBIO", flush_receive_bio),
    ENTRY("_flushSendBIO", flush_send_bio), ENTRY("write", write_unless_closing),
    ENTRY("_write", write_records),         {NULL},
};

const pyr_given pyr_tls_objects[] = {
#define X(name) PYR_GIVEN(pyr_tls_state, name),
    PYR_TLS_GIVEN(X)
#undef X
        PYR_GIVEN_AS(pyr_tls_state, Connection, &PyType_Type),
    PYR_MADE(pyr_tls_state, read_size),
    {NULL},
};

PyDoc_STRVAR(
    configure_tls_doc,
    "configure_tls(**objects)\n--\n\n"
    "Take what the TLS methods need of Twisted, pyOpenSSL and cffi.\n\n"
    "Called by pyreactor._tls.records.  Raises TypeError if something is missing.");

static PyObject *
configure_tls(PyObject *module, PyObject *Py_UNUSED(args), PyObject *kwargs)
{
    core_state *st = pyr_module_state(module);
    if (pyr_given_take(pyr_tls_objects, st->tls, kwargs, "configure_tls") < 0 ||
        pyr_openssl_configure(st, kwargs) < 0 ||
        PyModule_AddFunctions(module, tls_methods) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef tls_functions[] = {
    {"configure_tls", (PyCFunction)(void (*)(void))configure_tls,
     METH_VARARGS | METH_KEYWORDS, configure_tls_doc},
    {NULL},
};

int
pyr_tls_exec(PyObject *module, core_state *st)
{
    return pyr_openssl_init(st) < 0 ? -1 : PyModule_AddFunctions(module, tls_functions);
}

void
pyr_tls_clear(core_state *st)
{
    pyr_openssl_clear(st);
}
