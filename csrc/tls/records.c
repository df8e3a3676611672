/* The hot methods of TLSMemoryBIOProtocol; see tls.h. */
#include "tls/records.h"

#include "core/core.h"
#include "core/objects.h"

/* The largest piece that a TLS record takes, and that Twisted sends at once: 2**14. */
#define RECORD_SIZE 16384

/* These functions are StandIns' and called with what they take, but who knows by whom. */
static bool
takes(Py_ssize_t nargs, Py_ssize_t count)
{
    if (nargs != count) {
        PyErr_Format(PyExc_TypeError, "%zd arguments expected, got %zd", count, nargs);
    }
    return nargs == count;
}

/* self.name(...), whose result does not matter; -1 with an exception set. */
static int
call(PyObject *self, PyObject *name, PyObject *argument)
{
    PyObject *result = pyr_call_named(self, name, argument);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* ---- receiving ---- */

/* ProtocolWrapper.dataReceived(self, data) */
static int
deliver(pyr_tls_state *tls, core_state *st, PyObject *self, PyObject *data)
{
    PyObject *method = PyObject_GetAttr(tls->ProtocolWrapper, st->names.dataReceived);
    if (method == NULL) {
        return -1;
    }
    if (method != tls->wrapper_deliver) {
        PyObject *result = PyObject_CallFunctionObjArgs(method, self, data, NULL);
        Py_DECREF(method);
        Py_XDECREF(result);
        return result == NULL ? -1 : 0;
    }
    Py_DECREF(method);
    PyObject *wrapped = PyObject_GetAttr(self, tls->names.wrappedProtocol);
    if (wrapped == NULL) {
        return -1;
    }
    int status = call(wrapped, st->names.dataReceived, data);
    Py_DECREF(wrapped);
    return status;
}

/* The exception that is set goes through `handler`(self, exception, ...), which is
 * Python. What that gives is a new reference. */
static PyObject *
handle_error(PyObject *handler, PyObject *self, PyObject *rest)
{
    PyObject *error = PyErr_GetRaisedException();
    PyObject *result = PyObject_CallFunctionObjArgs(handler, self, error, rest, NULL);
    Py_DECREF(error);
    return result;
}

typedef enum { STEP_FAILED = -1, STEP_LAST, STEP_MORE } step;

/* One round of the loop in _flushReceiveBIO. */
static step
receive_once(pyr_tls_state *tls, core_state *st, PyObject *self)
{
    PyObject *connection = PyObject_GetAttr(self, tls->names._tlsConnection);
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
        PyObject *more = handle_error(tls->receiving_failed, self, NULL);
        int truth = more == NULL ? -1 : pyr_truth(more);
        Py_XDECREF(more);
        return truth < 0 ? STEP_FAILED : truth ? STEP_MORE : STEP_LAST;
    }
    int status = pyr_attribute_true(self, tls->names._aborted);
    if (status == 0) {
        status = deliver(tls, st, self, data);
    }
    Py_DECREF(data);
    return status < 0 ? STEP_FAILED : STEP_MORE;
}

static PyObject *
flush_receive_bio(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (!takes(nargs, 1)) {
        return NULL;
    }
    core_state *st = pyr_module_state(module);
    pyr_tls_state *tls = st->tls;
    PyObject *self = args[0];
    step next = STEP_MORE;
    while (next == STEP_MORE) {
        int lost = pyr_attribute_true(self, tls->names._lostTLSConnection);
        if (lost < 0) {
            return NULL;
        }
        next = lost ? STEP_LAST : receive_once(tls, st, self);
    }
    if (next == STEP_FAILED || call(self, tls->names._flushSendBIO, NULL) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Whether the handshake is done; it goes on, if it is not.  -1 with an exception set. */
static int
handshake(pyr_tls_state *tls, PyObject *self)
{
    int done = pyr_attribute_true(self, tls->names._handshakeDone);
    if (done == 0) {
        if (call(self, tls->names._checkHandshakeStatus, NULL) < 0) {
            return -1;
        }
        done = pyr_attribute_true(self, tls->names._handshakeDone);
    }
    return done;
}

static PyObject *
data_received(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (!takes(nargs, 2)) {
        return NULL;
    }
    core_state *st = pyr_module_state(module);
    pyr_tls_state *tls = st->tls;
    PyObject *self = args[0], *data = args[1];
    PyObject *connection = PyObject_GetAttr(self, tls->names._tlsConnection);
    if (connection == NULL) {
        return NULL;
    }
    int status = pyr_openssl_bio_write(st, connection, data);
    Py_DECREF(connection);
    if (status < 0) {
        return NULL;
    }
    int done = handshake(tls, self);
    if (done <= 0) {
        return done < 0 ? NULL : Py_NewRef(Py_None);
    }
    int waiting = pyr_attribute_true(self, tls->names._appSendBuffer);
    if (waiting < 0 ||
        (waiting && call(self, tls->names._unbufferPendingWrites, NULL) < 0) ||
        call(self, tls->names._flushReceiveBIO, NULL) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- sending ---- */

static PyObject *
flush_send_bio(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (!takes(nargs, 1)) {
        return NULL;
    }
    core_state *st = pyr_module_state(module);
    pyr_tls_state *tls = st->tls;
    PyObject *self = args[0];
    PyObject *connection = PyObject_GetAttr(self, tls->names._tlsConnection);
    if (connection == NULL) {
        return NULL;
    }
    PyObject *records;
    pyr_tls_outcome outcome = pyr_openssl_bio_read(st, connection, &records);
    Py_DECREF(connection);
    if (outcome == PYR_TLS_RAISED) {
        if (!PyErr_ExceptionMatches(tls->WantReadError)) {
            return NULL;
        }
        PyErr_Clear();
    }
    if (outcome != PYR_TLS_DONE) {
        Py_RETURN_NONE;
    }
    PyObject *transport = PyObject_GetAttr(self, tls->names.transport);
    int status = transport == NULL ? -1 : call(transport, st->names.write, records);
    Py_XDECREF(transport);
    Py_DECREF(records);
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

/* Is write() to drop what it is given?  -1 with an exception set. */
static int
drops_writes(pyr_tls_state *tls, PyObject *self)
{
    int disconnecting = pyr_attribute_true(self, tls->names.disconnecting);
    if (disconnecting <= 0) {
        return disconnecting;
    }
    PyObject *producer = PyObject_GetAttr(self, tls->names._producer);
    Py_XDECREF(producer);
    return producer == NULL ? -1 : producer == Py_None;
}

static PyObject *
write_unless_closing(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (!takes(nargs, 2)) {
        return NULL;
    }
    pyr_tls_state *tls = pyr_module_state(module)->tls;
    PyObject *self = args[0], *data = args[1];
    int drops = drops_writes(tls, self);
    if (drops != 0) {
        return drops < 0 ? NULL : Py_NewRef(Py_None);
    }
    return call(self, tls->names._write, data) < 0 ? NULL : Py_NewRef(Py_None);
}

/* What could not be sent waits for the peer: self._bufferedWrite(data[offset:]). */
static int
keep_rest(pyr_tls_state *tls, PyObject *self, PyObject *data, Py_ssize_t offset)
{
    PyObject *rest = offset == 0
                         ? Py_NewRef(data)
                         : PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + offset,
                                                     PyBytes_GET_SIZE(data) - offset);
    if (rest == NULL) {
        return -1;
    }
    int status = call(self, tls->names._bufferedWrite, rest);
    Py_DECREF(rest);
    return status;
}

static step
sending_failed(pyr_tls_state *tls, PyObject *self, PyObject *data, Py_ssize_t offset)
{
    PyObject *waits = handle_error(tls->sending_failed, self, NULL);
    int truth = waits == NULL ? -1 : pyr_truth(waits);
    Py_XDECREF(waits);
    if (truth < 0 || (truth && keep_rest(tls, self, data, offset) < 0)) {
        return STEP_FAILED;
    }
    return STEP_LAST;
}

/* One round of the loop in _write: send the next record. */
static step
send_once(pyr_tls_state *tls, core_state *st, PyObject *self, PyObject *data,
          Py_ssize_t *offset)
{
    PyObject *connection = PyObject_GetAttr(self, tls->names._tlsConnection);
    if (connection == NULL) {
        return STEP_FAILED;
    }
    Py_ssize_t left = PyBytes_GET_SIZE(data) - *offset;
    Py_ssize_t sent = 0;
    pyr_tls_outcome outcome = pyr_openssl_send(
        st, connection, data, *offset, left < RECORD_SIZE ? left : RECORD_SIZE, &sent);
    Py_DECREF(connection);
    switch (outcome) {
    case PYR_TLS_WANT_READ:
        return keep_rest(tls, self, data, *offset) < 0 ? STEP_FAILED : STEP_LAST;
    case PYR_TLS_RAISED:
        return sending_failed(tls, self, data, *offset);
    default:
        *offset += sent;
        return call(self, tls->names._flushSendBIO, NULL) < 0 ? STEP_FAILED : STEP_MORE;
    }
}

/* Only bytes, and only to pyOpenSSL's own Connection: 1, 0 if Twisted's code does it, -1
 * with an exception set. */
static int
writes_directly(pyr_tls_state *tls, core_state *st, PyObject *self, PyObject *data)
{
    if (!PyBytes_CheckExact(data)) {
        return 0;
    }
    PyObject *connection = PyObject_GetAttr(self, tls->names._tlsConnection);
    if (connection == NULL) {
        return -1;
    }
    bool direct = pyr_openssl_sends_directly(st, connection);
    Py_DECREF(connection);
    return direct;
}

static PyObject *
write_records(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (!takes(nargs, 2)) {
        return NULL;
    }
    core_state *st = pyr_module_state(module);
    pyr_tls_state *tls = st->tls;
    PyObject *self = args[0], *data = args[1];
    int lost = pyr_attribute_true(self, tls->names._lostTLSConnection);
    if (lost != 0) {
        return lost < 0 ? NULL : Py_NewRef(Py_None);
    }
    if (PyBytes_CheckExact(data) && PyBytes_GET_SIZE(data) == 0) {
        Py_RETURN_NONE; /* there need not even be a connection */
    }
    int direct = writes_directly(tls, st, self, data);
    if (direct <= 0) {
        return direct < 0 ? NULL : Py_NewRef(Py_NotImplemented);
    }
    Py_ssize_t offset = 0;
    step next = STEP_MORE;
    while (next == STEP_MORE && offset < PyBytes_GET_SIZE(data)) {
        next = send_once(tls, st, self, data, &offset);
    }
    return next == STEP_FAILED ? NULL : Py_NewRef(Py_None);
}

/* ---- module ---- */

PyDoc_STRVAR(method_doc,
             "A method of twisted.protocols.tls.TLSMemoryBIOProtocol, for a StandIn.\n\n"
             "Takes what that takes, self first, and returns what it returns, or\n"
             "NotImplemented for connections and arguments that C leaves alone.");

#define METHOD(name, function)                                                        \
    {                                                                                 \
        "tls_" name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, method_doc \
    }

/* They are there once they can be called. */
static PyMethodDef tls_methods[] = {
    METHOD("dataReceived", data_received),
    METHOD("_flushReceiveBIO", flush_receive_bio),
    METHOD("_flushSendBIO", flush_send_bio),
    METHOD("write", write_unless_closing),
    METHOD("_write", write_records),
    {NULL},
};

PyDoc_STRVAR(configure_tls_doc,
             "configure_tls(**objects)\n--\n\n"
             "Take what the TLS methods need of Twisted, pyOpenSSL and cffi.\n\n"
             "Called by pyreactor._tls.  Raises TypeError if something is missing.");

static PyObject *
core_configure_tls(PyObject *module, PyObject *Py_UNUSED(args), PyObject *kwargs)
{
    pyr_tls_state *tls = pyr_module_state(module)->tls;
    PyObject *given = kwargs != NULL ? Py_NewRef(kwargs) : PyDict_New();
    int status = given == NULL ? -1 : pyr_openssl_configure(&tls->openssl, given);
#define X(name)                                                               \
    if (status == 0) {                                                        \
        PyObject *value = PyDict_GetItemString(given, #name);                 \
        if (value == NULL) {                                                  \
            PyErr_SetString(PyExc_TypeError, "configure_tls() needs " #name); \
            status = -1;                                                      \
        } else {                                                              \
            Py_XSETREF(tls->name, Py_NewRef(value));                          \
        }                                                                     \
    }
    PYR_TLS_GIVEN(X)
#undef X
    Py_XDECREF(given);
    if (status < 0 || PyModule_AddFunctions(module, tls_methods) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef tls_functions[] = {
    {"configure_tls", (PyCFunction)(void (*)(void))core_configure_tls,
     METH_VARARGS | METH_KEYWORDS, configure_tls_doc},
    {NULL},
};

int
pyr_tls_exec(PyObject *module, core_state *st)
{
    pyr_tls_state *tls = st->tls;
#define X(name)                                          \
    tls->names.name = PyUnicode_InternFromString(#name); \
    if (tls->names.name == NULL) {                       \
        return -1;                                       \
    }
    PYR_TLS_NAMES(X)
#undef X
    if (pyr_openssl_init(&tls->openssl) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, tls_functions);
}

int
pyr_tls_traverse(core_state *st, visitproc visit, void *arg)
{
    pyr_tls_state *tls = st->tls;
#define X(name) Py_VISIT(tls->name);
    PYR_TLS_GIVEN(X)
#undef X
    return pyr_openssl_traverse(&tls->openssl, visit, arg);
}

void
pyr_tls_clear(core_state *st)
{
    pyr_tls_state *tls = st->tls;
#define X(name) Py_CLEAR(tls->name);
    PYR_TLS_GIVEN(X)
#undef X
#define X(name) Py_CLEAR(tls->names.name);
    PYR_TLS_NAMES(X)
#undef X
    pyr_openssl_clear(&tls->openssl);
}
