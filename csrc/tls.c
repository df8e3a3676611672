/* TLSMethod, and the methods that it stands for; see tls.h. */
#include "tls.h"

#include "core.h"
#include "objects.h"

/* The largest piece that a TLS record takes, and that Twisted sends at once: 2**14. */
#define RECORD_SIZE 16384

/* What stands for a method: itself in C, and Twisted's for arguments that C leaves alone.
 */
typedef struct TLSMethod {
    PyObject_HEAD vectorcallfunc vectorcall;
    PyObject *weakrefs;
    PyObject *stock;
    core_state *st;
    const struct implementation *implementation;
} TLSMethod;

typedef struct implementation {
    const char *name;
    /* `data` is NULL where the method takes no argument. */
    PyObject *(*call)(TLSMethod *method, PyObject *self, PyObject *data);
    bool takes_data;
} implementation;

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
flush_receive_bio(TLSMethod *method, PyObject *self, PyObject *Py_UNUSED(data))
{
    core_state *st = method->st;
    pyr_tls_state *tls = &st->tls;
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
data_received(TLSMethod *method, PyObject *self, PyObject *data)
{
    core_state *st = method->st;
    pyr_tls_state *tls = &st->tls;
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
flush_send_bio(TLSMethod *method, PyObject *self, PyObject *Py_UNUSED(data))
{
    core_state *st = method->st;
    pyr_tls_state *tls = &st->tls;
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
write_unless_closing(TLSMethod *method, PyObject *self, PyObject *data)
{
    pyr_tls_state *tls = &method->st->tls;
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
write_records(TLSMethod *method, PyObject *self, PyObject *data)
{
    core_state *st = method->st;
    pyr_tls_state *tls = &st->tls;
    int lost = pyr_attribute_true(self, tls->names._lostTLSConnection);
    if (lost != 0) {
        return lost < 0 ? NULL : Py_NewRef(Py_None);
    }
    if (PyBytes_CheckExact(data) && PyBytes_GET_SIZE(data) == 0) {
        Py_RETURN_NONE; /* there need not even be a connection */
    }
    int direct = writes_directly(tls, st, self, data);
    if (direct <= 0) {
        return direct < 0 ? NULL
                          : PyObject_CallFunctionObjArgs(method->stock, self, data, NULL);
    }
    Py_ssize_t offset = 0;
    step next = STEP_MORE;
    while (next == STEP_MORE && offset < PyBytes_GET_SIZE(data)) {
        next = send_once(tls, st, self, data, &offset);
    }
    return next == STEP_FAILED ? NULL : Py_NewRef(Py_None);
}

/* ---- TLSMethod ---- */

static const implementation implementations[] = {
    {"dataReceived", data_received, true},
    {"_flushReceiveBIO", flush_receive_bio, false},
    {"_flushSendBIO", flush_send_bio, false},
    {"write", write_unless_closing, true},
    {"_write", write_records, true},
};

static const implementation *
implementation_of(PyObject *name)
{
    for (size_t i = 0; i < sizeof(implementations) / sizeof(implementations[0]); i++) {
        if (PyUnicode_CompareWithASCIIString(name, implementations[i].name) == 0) {
            return &implementations[i];
        }
    }
    PyErr_Format(PyExc_ValueError, "no TLS method is called %U", name);
    return NULL;
}

static PyObject *
tls_method_vectorcall(PyObject *callable, PyObject *const *args, size_t nargsf,
                      PyObject *kwnames)
{
    TLSMethod *method = (TLSMethod *)callable;
    bool takes_data = method->implementation->takes_data;
    if (kwnames != NULL || PyVectorcall_NARGS(nargsf) != (takes_data ? 2 : 1)) {
        return PyObject_Vectorcall(method->stock, args, nargsf, kwnames);
    }
    /* Two ends that answer each other for ever may have no Python function between. */
    pyr_depth *depth = &method->st->depth;
    if (pyr_descend(depth, " while calling a Python object") < 0) {
        return NULL;
    }
    /* Somebody may replace the method, and so drop it, while it runs. */
    Py_INCREF(method);
    PyObject *result =
        method->implementation->call(method, args[0], takes_data ? args[1] : NULL);
    Py_DECREF(method);
    pyr_ascend(depth);
    return result;
}

static PyObject *
tls_method_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"name", "stock", NULL};
    PyObject *name, *stock;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UO:TLSMethod", keywords, &name,
                                     &stock)) {
        return NULL;
    }
    const implementation *found = implementation_of(name);
    if (found == NULL) {
        return NULL;
    }
    TLSMethod *method = (TLSMethod *)type->tp_alloc(type, 0);
    if (method == NULL) {
        return NULL;
    }
    method->vectorcall = tls_method_vectorcall;
    method->implementation = found;
    method->stock = Py_NewRef(stock);
    method->st = pyr_state_of_type(type);
    if (method->st == NULL || method->st->tls.receiving_failed == NULL) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "configure_tls() was not called");
        }
        Py_DECREF(method);
        return NULL;
    }
    return (PyObject *)method;
}

static int
tls_method_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((TLSMethod *)self)->stock);
    return 0;
}

static int
tls_method_clear(PyObject *self)
{
    Py_CLEAR(((TLSMethod *)self)->stock);
    return 0;
}

static void
tls_method_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    PyObject_ClearWeakRefs(self);
    (void)tls_method_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
tls_method_get(PyObject *self, PyObject *instance, PyObject *Py_UNUSED(owner))
{
    if (instance == NULL || instance == Py_None) {
        return Py_NewRef(self);
    }
    return PyMethod_New(self, instance);
}

/* What a function has (__name__, __doc__, __code__, ...) is the stock function's. */
static PyObject *
tls_method_getattro(PyObject *self, PyObject *name)
{
    PyObject *stock = ((TLSMethod *)self)->stock;
    if (stock != NULL && (PyUnicode_CompareWithASCIIString(name, "__doc__") == 0 ||
                          PyUnicode_CompareWithASCIIString(name, "__module__") == 0)) {
        return PyObject_GetAttr(stock, name); /* or the type's own would be found */
    }
    PyObject *value = PyObject_GenericGetAttr(self, name);
    if (value != NULL || stock == NULL || !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return value;
    }
    PyErr_Clear();
    return PyObject_GetAttr(stock, name);
}

static PyObject *
tls_method_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<C TLS method %s at %p>",
                                ((TLSMethod *)self)->implementation->name, self);
}

PyDoc_STRVAR(tls_method_doc,
             "TLSMethod(name, stock)\n--\n\n"
             "A method of twisted.protocols.tls.TLSMemoryBIOProtocol in C.\n\n"
             "name (str) is dataReceived, _flushReceiveBIO, _flushSendBIO, write or\n"
             "_write; stock (function) is Twisted's, which is called for arguments and\n"
             "connections that C leaves alone.  Raises ValueError for another name, and\n"
             "TypeError before configure_tls().");

static PyMemberDef tls_method_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(TLSMethod, vectorcall), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(TLSMethod, weakrefs), READONLY, NULL},
    {"__wrapped__", T_OBJECT_EX, offsetof(TLSMethod, stock), READONLY,
     "The Python method that this stands for."},
    {NULL},
};

static PyType_Slot tls_method_slots[] = {
    {Py_tp_doc, (void *)tls_method_doc},
    {Py_tp_new, tls_method_new},
    {Py_tp_dealloc, tls_method_dealloc},
    {Py_tp_traverse, tls_method_traverse},
    {Py_tp_clear, tls_method_clear},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_descr_get, tls_method_get},
    {Py_tp_getattro, tls_method_getattro},
    {Py_tp_members, tls_method_members},
    {Py_tp_repr, tls_method_repr},
    {0, NULL},
};

static PyType_Spec tls_method_spec = {
    .name = "pyreactor._core.TLSMethod",
    .basicsize = sizeof(TLSMethod),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = tls_method_slots,
};

/* ---- module ---- */

PyDoc_STRVAR(configure_tls_doc,
             "configure_tls(**objects)\n--\n\n"
             "Take what TLSMethod needs of Twisted, pyOpenSSL and cffi.\n\n"
             "Called by pyreactor._tls.  Raises TypeError if something is missing.");

static PyObject *
core_configure_tls(PyObject *module, PyObject *Py_UNUSED(args), PyObject *kwargs)
{
    pyr_tls_state *tls = &pyr_module_state(module)->tls;
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
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef tls_functions[] = {
    {"configure_tls", (PyCFunction)(void (*)(void))core_configure_tls,
     METH_VARARGS | METH_KEYWORDS, configure_tls_doc},
    {NULL},
};

int
pyr_tls_exec(PyObject *module, core_state *st)
{
    pyr_tls_state *tls = &st->tls;
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
    tls->method_type = pyr_add_type(module, &tls_method_spec, NULL);
    return tls->method_type == NULL ? -1 : PyModule_AddFunctions(module, tls_functions);
}

int
pyr_tls_traverse(core_state *st, visitproc visit, void *arg)
{
    pyr_tls_state *tls = &st->tls;
    Py_VISIT(tls->method_type);
#define X(name) Py_VISIT(tls->name);
    PYR_TLS_GIVEN(X)
#undef X
    return pyr_openssl_traverse(&tls->openssl, visit, arg);
}

void
pyr_tls_clear(core_state *st)
{
    pyr_tls_state *tls = &st->tls;
    Py_CLEAR(tls->method_type);
#define X(name) Py_CLEAR(tls->name);
    PYR_TLS_GIVEN(X)
#undef X
#define X(name) Py_CLEAR(tls->names.name);
    PYR_TLS_NAMES(X)
#undef X
    pyr_openssl_clear(&tls->openssl);
}
