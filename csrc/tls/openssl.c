/* pyOpenSSL's Connection by direct calls; see openssl.h. */
#include "tls/openssl.h"
#include "tls/records.h"

#include <limits.h>

#include "core/core.h"
#include "framing/inline_values.h"
#include "core/objects.h"

/* What Twisted asks for at once: 2**15. */
#define READ_SIZE 32768

/* The places of three functions in the table that cffi offers to its modules, which every
 * module ever built for it relies on. */
enum { CFFI_TO_POINTER = 11, CFFI_RESTORE_ERRNO = 13, CFFI_SAVE_ERRNO = 14 };

/* ---- is it pyOpenSSL's? ---- */

static bool
look_at_class(pyr_openssl *openssl)
{
    PyTypeObject *type = openssl->connection_type;
    bool plain = true;
#define X(name) \
    plain = plain && _PyType_Lookup(type, openssl->names.name) == openssl->stock.name;
    PYR_OPENSSL_METHODS(X)
#undef X
    openssl->seen_plain = plain;
    openssl->seen_tag = pyr_type_tag(type);
    return plain;
}

/* The methods of the class; one that did not change since needs no look. */
static inline bool
class_is_plain(pyr_openssl *openssl)
{
    unsigned int tag = pyr_type_tag(openssl->connection_type);
    return tag != 0 && tag == openssl->seen_tag ? openssl->seen_plain
                                                : look_at_class(openssl);
}

/* An entry of a dict; borrowed, or NULL without an exception. */
static inline PyObject *
entry(PyObject *dict, PyObject *name)
{
    PyObject *value = PyDict_GetItemWithError(dict, name);
    if (value == NULL && PyErr_Occurred()) {
        PyErr_Clear();
    }
    return value;
}

/* What a method works on: a C object of OpenSSL's, and the Python object around it. */
typedef struct {
    PyObject *owner;
    void *pointer;
} handle;

/* Find it in the attribute `name`, if the connection's `method` and `raiser` are
 * pyOpenSSL's own.  False without an exception: call the method. */
static bool
find_handle(pyr_openssl *openssl, PyObject *connection, PyObject *method,
            PyObject *raiser, PyObject *name, PyObject *type, handle *found)
{
    if (!Py_IS_TYPE(connection, openssl->connection_type) || !class_is_plain(openssl)) {
        return false;
    }
    PyObject *dict = pyr_instance_dict(connection);
    if (dict == NULL || entry(dict, method) != NULL || entry(dict, raiser) != NULL) {
        return false;
    }
    PyObject *owner = entry(dict, name);
    if (owner == NULL || owner == Py_None) {
        return false;
    }
    found->pointer = openssl->to_pointer(owner, type);
    if (found->pointer == NULL) {
        PyErr_Clear();
        return false;
    }
    found->owner = Py_NewRef(owner);
    return true;
}

static inline bool
find_ssl(pyr_openssl *openssl, PyObject *connection, PyObject *method, handle *found)
{
    return find_handle(openssl, connection, method, openssl->names._raise_ssl_error,
                       openssl->names._ssl, openssl->ssl_type, found);
}

static inline bool
find_bio(pyr_openssl *openssl, PyObject *connection, PyObject *method, PyObject *name,
         handle *found)
{
    return find_handle(openssl, connection, method, openssl->names._handle_bio_errors,
                       name, openssl->bio_type, found);
}

bool
pyr_openssl_sends_directly(core_state *st, PyObject *connection)
{
    pyr_openssl *openssl = &st->tls->openssl;
    handle ssl;
    if (!find_ssl(openssl, connection, openssl->names.send, &ssl)) {
        return false;
    }
    Py_DECREF(ssl.owner);
    return true;
}

/* ---- what follows a call ---- */

/* Whether one of the objects that call an application back for OpenSSL keeps no error. */
static bool
has_no_problem(pyr_openssl *openssl, PyObject *context, PyObject *name)
{
    PyObject *helper = entry(context, name);
    if (helper == NULL || helper == Py_None) {
        return helper != NULL;
    }
    if (_PyType_Lookup(Py_TYPE(helper), openssl->names.raise_if_problem) !=
        openssl->stock_raise_if_problem) {
        return false;
    }
    PyObject *dict = pyr_instance_dict(helper);
    if (dict == NULL || entry(dict, openssl->names.raise_if_problem) != NULL) {
        return false;
    }
    PyObject *problems = entry(dict, openssl->names._problems);
    return problems != NULL && PyList_CheckExact(problems) &&
           PyList_GET_SIZE(problems) == 0;
}

static bool
has_no_problems(pyr_openssl *openssl, PyObject *connection)
{
    PyObject *dict = pyr_instance_dict(connection);
    PyObject *context = dict == NULL ? NULL : entry(dict, openssl->names._context);
    PyObject *attributes = context == NULL ? NULL : pyr_instance_dict(context);
    return attributes != NULL &&
           has_no_problem(openssl, attributes, openssl->names._verify_helper) &&
           has_no_problem(openssl, attributes, openssl->names._alpn_select_helper) &&
           has_no_problem(openssl, attributes, openssl->names._ocsp_helper);
}

/* connection.raiser(owner, result), which raises as a rule. */
static pyr_tls_outcome
let_raise(PyObject *connection, PyObject *raiser, PyObject *owner, int result)
{
    PyObject *number = PyLong_FromLong(result);
    if (number == NULL) {
        return PYR_TLS_RAISED;
    }
    PyObject *args[] = {connection, owner, number};
    PyObject *nothing =
        PyObject_VectorcallMethod(raiser, args, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(number);
    Py_XDECREF(nothing);
    return nothing == NULL ? PYR_TLS_RAISED : PYR_TLS_DONE;
}

/* connection._raise_ssl_error(ssl, result), but for the outcomes that are no errors. */
static pyr_tls_outcome
after_ssl(pyr_openssl *openssl, PyObject *connection, const handle *ssl, int result)
{
    if (has_no_problems(openssl, connection)) {
        if (result > 0) {
            return PYR_TLS_DONE;
        }
        openssl->restore_errno();
        int error = openssl->SSL_get_error(ssl->pointer, result);
        openssl->save_errno();
        if (error == openssl->want_read) {
            return PYR_TLS_WANT_READ;
        }
    }
    return let_raise(connection, openssl->names._raise_ssl_error, ssl->owner, result);
}

/* The same of _handle_bio_errors. */
static pyr_tls_outcome
after_bio(pyr_openssl *openssl, PyObject *connection, const handle *bio, int result)
{
    if (result > 0) {
        return PYR_TLS_DONE;
    }
    openssl->restore_errno();
    bool wants =
        openssl->BIO_should_retry(bio->pointer) && openssl->BIO_should_read(bio->pointer);
    openssl->save_errno();
    return wants ? PYR_TLS_WANT_READ
                 : let_raise(connection, openssl->names._handle_bio_errors, bio->owner,
                             result);
}

/* ---- the methods ---- */

/* The method itself; for anything but pyOpenSSL's Connection. */
static pyr_tls_outcome
call_method(PyObject *connection, PyObject *method, PyObject *argument, PyObject **given)
{
    *given = pyr_call_named(connection, method, argument);
    return *given == NULL ? PYR_TLS_RAISED : PYR_TLS_DONE;
}

/* Make bytes of what was read, if it was. */
static pyr_tls_outcome
finish_reading(pyr_tls_outcome outcome, const char *buffer, int size, PyObject **data)
{
    *data = NULL;
    if (outcome == PYR_TLS_DONE) {
        *data = PyBytes_FromStringAndSize(buffer, size > 0 ? size : 0);
        return *data == NULL ? PYR_TLS_RAISED : PYR_TLS_DONE;
    }
    return outcome;
}

/*
 * Memory to read into, which is too much for the stack, as a callback of OpenSSL's may
 * run Python code: what all connections share, or if that is in use (such a callback
 * reads, too), memory of its own.
 */
static char *
read_buffer_take(pyr_openssl *openssl)
{
    if (openssl->read_buffer != NULL && !openssl->read_buffer_busy) {
        openssl->read_buffer_busy = true;
        return openssl->read_buffer;
    }
    char *own = PyMem_Malloc(READ_SIZE);
    if (own == NULL) {
        PyErr_NoMemory();
    }
    return own;
}

static void
read_buffer_give_back(pyr_openssl *openssl, char *buffer)
{
    if (buffer == openssl->read_buffer) {
        openssl->read_buffer_busy = false;
    } else {
        PyMem_Free(buffer);
    }
}

pyr_tls_outcome
pyr_openssl_recv(core_state *st, PyObject *connection, PyObject **data)
{
    pyr_openssl *openssl = &st->tls->openssl;
    handle ssl;
    if (!find_ssl(openssl, connection, openssl->names.recv, &ssl)) {
        return call_method(connection, openssl->names.recv, openssl->read_size, data);
    }
    char *buffer = read_buffer_take(openssl);
    if (buffer == NULL) {
        Py_DECREF(ssl.owner);
        return PYR_TLS_RAISED;
    }
    openssl->restore_errno();
    int size = openssl->SSL_read(ssl.pointer, buffer, READ_SIZE);
    openssl->save_errno();
    pyr_tls_outcome outcome = after_ssl(openssl, connection, &ssl, size);
    outcome = finish_reading(outcome, buffer, size, data);
    read_buffer_give_back(openssl, buffer);
    Py_DECREF(ssl.owner);
    return outcome;
}

pyr_tls_outcome
pyr_openssl_bio_read(core_state *st, PyObject *connection, PyObject **data)
{
    pyr_openssl *openssl = &st->tls->openssl;
    handle bio;
    if (!find_bio(openssl, connection, openssl->names.bio_read, openssl->names._from_ssl,
                  &bio)) {
        return call_method(connection, openssl->names.bio_read, openssl->read_size, data);
    }
    char *buffer = read_buffer_take(openssl);
    if (buffer == NULL) {
        Py_DECREF(bio.owner);
        return PYR_TLS_RAISED;
    }
    openssl->restore_errno();
    int size = openssl->BIO_read(bio.pointer, buffer, READ_SIZE);
    openssl->save_errno();
    pyr_tls_outcome outcome = after_bio(openssl, connection, &bio, size);
    outcome = finish_reading(outcome, buffer, size, data);
    read_buffer_give_back(openssl, buffer);
    Py_DECREF(bio.owner);
    return outcome;
}

int
pyr_openssl_bio_write(core_state *st, PyObject *connection, PyObject *data)
{
    pyr_openssl *openssl = &st->tls->openssl;
    handle bio;
    if (!PyBytes_CheckExact(data) || PyBytes_GET_SIZE(data) > INT_MAX ||
        !find_bio(openssl, connection, openssl->names.bio_write, openssl->names._into_ssl,
                  &bio)) {
        PyObject *given;
        pyr_tls_outcome outcome =
            call_method(connection, openssl->names.bio_write, data, &given);
        Py_XDECREF(given);
        return outcome == PYR_TLS_RAISED ? -1 : 0;
    }
    openssl->restore_errno();
    int result = openssl->BIO_write(bio.pointer, PyBytes_AS_STRING(data),
                                    (int)PyBytes_GET_SIZE(data));
    openssl->save_errno();
    pyr_tls_outcome outcome = PYR_TLS_DONE;
    if (result <= 0) {
        outcome =
            let_raise(connection, openssl->names._handle_bio_errors, bio.owner, result);
    }
    Py_DECREF(bio.owner);
    return outcome == PYR_TLS_RAISED ? -1 : 0;
}

static pyr_tls_outcome
send_by_method(pyr_openssl *openssl, PyObject *connection, PyObject *bytes,
               Py_ssize_t offset, Py_ssize_t size, Py_ssize_t *sent)
{
    PyObject *part = PyBytes_FromStringAndSize(PyBytes_AS_STRING(bytes) + offset, size);
    if (part == NULL) {
        return PYR_TLS_RAISED;
    }
    PyObject *given;
    pyr_tls_outcome outcome = call_method(connection, openssl->names.send, part, &given);
    Py_DECREF(part);
    if (outcome == PYR_TLS_DONE) {
        *sent = PyNumber_AsSsize_t(given, PyExc_OverflowError);
        Py_DECREF(given);
        if (*sent == -1 && PyErr_Occurred()) {
            return PYR_TLS_RAISED;
        }
        /* A method of somebody's may give anything; `bytes` has no more than this. */
        Py_ssize_t left = PyBytes_GET_SIZE(bytes) - offset;
        *sent = *sent < -offset ? -offset : *sent > left ? left : *sent;
    }
    return outcome;
}

/* SSL_write; `bulk` says that more will follow at once, and other threads get a chance.
 */
static int
write_record(pyr_openssl *openssl, void *ssl, char *data, int size, bool bulk)
{
    PyThreadState *thread = bulk ? PyEval_SaveThread() : NULL;
    openssl->restore_errno();
    int result = openssl->SSL_write(ssl, data, size);
    openssl->save_errno();
    if (thread != NULL) {
        PyEval_RestoreThread(thread);
    }
    return result;
}

pyr_tls_outcome
pyr_openssl_send(core_state *st, PyObject *connection, PyObject *bytes, Py_ssize_t offset,
                 Py_ssize_t size, Py_ssize_t *sent)
{
    pyr_openssl *openssl = &st->tls->openssl;
    handle ssl;
    if (!find_ssl(openssl, connection, openssl->names.send, &ssl)) {
        return send_by_method(openssl, connection, bytes, offset, size, sent);
    }
    bool bulk = offset + size < PyBytes_GET_SIZE(bytes);
    int result = write_record(openssl, ssl.pointer, PyBytes_AS_STRING(bytes) + offset,
                              (int)size, bulk);
    pyr_tls_outcome outcome = after_ssl(openssl, connection, &ssl, result);
    Py_DECREF(ssl.owner);
    *sent = result;
    return outcome;
}

/* ---- configuration ---- */

static PyObject *
given_item(PyObject *given, const char *name)
{
    PyObject *value = PyDict_GetItemString(given, name);
    if (value == NULL) {
        PyErr_Format(PyExc_TypeError, "configure_tls() needs %s", name);
    }
    return value;
}

static int
take(PyObject *given, const char *name, PyObject **slot)
{
    PyObject *value = given_item(given, name);
    if (value == NULL) {
        return -1;
    }
    Py_XSETREF(*slot, Py_NewRef(value));
    return 0;
}

static int
take_address(PyObject *given, const char *name, void *slot)
{
    PyObject *number = given_item(given, name);
    void *address = number == NULL ? NULL : PyLong_AsVoidPtr(number);
    if (address == NULL) {
        if (!PyErr_Occurred()) {
            PyErr_Format(PyExc_TypeError, "%s is NULL", name);
        }
        return -1;
    }
    memcpy(slot, &address, sizeof(address));
    return 0;
}

static int
take_cffi(pyr_openssl *openssl, PyObject *given)
{
    PyObject *capsule = given_item(given, "cffi");
    void **table = capsule == NULL ? NULL : PyCapsule_GetPointer(capsule, "cffi");
    if (table == NULL) {
        return -1;
    }
    memcpy(&openssl->to_pointer, &table[CFFI_TO_POINTER], sizeof(void *));
    memcpy(&openssl->restore_errno, &table[CFFI_RESTORE_ERRNO], sizeof(void *));
    memcpy(&openssl->save_errno, &table[CFFI_SAVE_ERRNO], sizeof(void *));
    return 0;
}

static int
take_want_read(pyr_openssl *openssl, PyObject *given)
{
    PyObject *number = given_item(given, "SSL_ERROR_WANT_READ");
    long value = number == NULL ? -1 : PyLong_AsLong(number);
    openssl->want_read = (int)value;
    return value == -1 && PyErr_Occurred() ? -1 : 0;
}

int
pyr_openssl_configure(pyr_openssl *openssl, PyObject *given)
{
#define X(name, parameters)                               \
    if (take_address(given, #name, &openssl->name) < 0) { \
        return -1;                                        \
    }
    PYR_OPENSSL_FUNCTIONS(X)
#undef X
#define X(name)                                         \
    if (take(given, #name, &openssl->stock.name) < 0) { \
        return -1;                                      \
    }
    PYR_OPENSSL_METHODS(X)
#undef X
    PyObject *type = given_item(given, "Connection");
    if (type == NULL || take_cffi(openssl, given) < 0 ||
        take_want_read(openssl, given) < 0 ||
        take(given, "ssl_type", &openssl->ssl_type) < 0 ||
        take(given, "bio_type", &openssl->bio_type) < 0 ||
        take(given, "raise_if_problem", &openssl->stock_raise_if_problem) < 0) {
        return -1;
    }
    if (!PyType_Check(type)) {
        PyErr_SetString(PyExc_TypeError, "Connection must be a type");
        return -1;
    }
    Py_XSETREF(openssl->connection_type, (PyTypeObject *)Py_NewRef(type));
    openssl->seen_tag = 0;
    return 0;
}

int
pyr_openssl_init(pyr_openssl *openssl)
{
#define X(name)                                              \
    openssl->names.name = PyUnicode_InternFromString(#name); \
    if (openssl->names.name == NULL) {                       \
        return -1;                                           \
    }
    PYR_OPENSSL_METHODS(X)
    PYR_OPENSSL_NAMES(X)
#undef X
    openssl->read_size = PyLong_FromLong(READ_SIZE);
    openssl->read_buffer = PyMem_Malloc(READ_SIZE);
    if (openssl->read_buffer == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return openssl->read_size == NULL ? -1 : 0;
}

int
pyr_openssl_traverse(pyr_openssl *openssl, visitproc visit, void *arg)
{
    Py_VISIT(openssl->ssl_type);
    Py_VISIT(openssl->bio_type);
    Py_VISIT(openssl->connection_type);
    Py_VISIT(openssl->stock_raise_if_problem);
#define X(name) Py_VISIT(openssl->stock.name);
    PYR_OPENSSL_METHODS(X)
#undef X
    return 0;
}

void
pyr_openssl_clear(pyr_openssl *openssl)
{
    Py_CLEAR(openssl->ssl_type);
    Py_CLEAR(openssl->bio_type);
    Py_CLEAR(openssl->connection_type);
    Py_CLEAR(openssl->stock_raise_if_problem);
    Py_CLEAR(openssl->read_size);
    if (!openssl->read_buffer_busy) {
        PyMem_Free(openssl->read_buffer);
        openssl->read_buffer = NULL;
    }
#define X(name) Py_CLEAR(openssl->stock.name);
    PYR_OPENSSL_METHODS(X)
#undef X
#define X(name) Py_CLEAR(openssl->names.name);
    PYR_OPENSSL_METHODS(X)
    PYR_OPENSSL_NAMES(X)
#undef X
}
