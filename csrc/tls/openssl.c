/* pyOpenSSL's Connection by direct calls; see openssl.h. */
#include "tls/openssl.h"

#include <limits.h>
#include <stdbool.h>

#include "core/objects.h"
#include "core/override.h"
#include "tls/look.h"
#include "tls/state.h"

/* What Twisted asks for at once: 2**15. */
#define READ_SIZE 32768

/* The places of three functions in the table that cffi offers to its modules, which every
 * module ever built for it relies on. */
enum { CFFI_TO_POINTER = 11, CFFI_RESTORE_ERRNO = 13, CFFI_SAVE_ERRNO = 14 };

/* ---- is it pyOpenSSL's? ---- */

#define METHOD(name) PYR_LOOK_EXPECT(name, name, name)

static const pyr_override connection_methods[] = {
    METHOD(recv),
    METHOD(send),
    METHOD(bio_read),
    METHOD(bio_write),
    METHOD(_raise_ssl_error),
    METHOD(_handle_bio_errors),
    {0},
};

static const pyr_override helper_methods[] = {METHOD(raise_if_problem), {0}};

enum { CONTEXT, FROM_SSL, INTO_SSL, SSL_OF };

static const pyr_look_kind connection_kind = {
    PYR_LOOK_CONNECTIONS,
    connection_methods,
    4,
    {PYR_NAME(_context), PYR_NAME(_from_ssl), PYR_NAME(_into_ssl), PYR_NAME(_ssl)}};

/* What the class of a context has is not asked for. */
static const pyr_override no_methods[] = {{0}};

static const pyr_look_kind context_kind = {
    PYR_LOOK_CONTEXTS,
    no_methods,
    PYR_TLS_HELPERS,
    {PYR_NAME(_verify_helper), PYR_NAME(_alpn_select_helper), PYR_NAME(_ocsp_helper)}};

static const pyr_look_kind helper_kind = {
    PYR_LOOK_HELPERS, helper_methods, 1, {PYR_NAME(_problems)}};

/* What a direct connection has itself.  NULL without an exception: it is not direct, call
 * its methods. */
static inline pyr_look_view *
direct_view(core_state *st, PyObject *connection)
{
    return Py_IS_TYPE(connection, st->tls->Connection)
               ? pyr_look(st, &connection_kind, &st->tls->connection_class, connection)
               : NULL;
}

/* What a method works on: a C object of OpenSSL's, and the Python object around it. */
typedef struct {
    PyObject *owner; /* a reference */
    void *pointer;
} handle;

/* The C object in one of the values of a view; NULL: it is none of this type. */
static void *
pointer_in(core_state *st, pyr_look_view *view, int which, PyObject *value,
           PyObject *type)
{
    bool noted = value == view->values[which];
    if (noted && view->pointers[which] != NULL) {
        return view->pointers[which];
    }
    void *pointer = st->tls->to_pointer(value, type);
    if (pointer == NULL) {
        PyErr_Clear();
    }
    if (noted && value == view->values[which]) {
        view->pointers[which] = pointer;
    }
    return pointer;
}

/* Find it in an attribute of a direct connection.  False without an exception: call the
 * method. */
static bool
find_handle(core_state *st, PyObject *connection, int which, PyObject *type,
            handle *found)
{
    pyr_look_view *view = direct_view(st, connection);
    PyObject *value = view == NULL ? NULL : pyr_look_value(view, which);
    if (value == NULL || value == Py_None) {
        return false;
    }
    found->owner = Py_NewRef(value);
    found->pointer = pointer_in(st, view, which, value, type);
    if (found->pointer == NULL) {
        Py_CLEAR(found->owner);
    }
    return found->pointer != NULL;
}

static inline bool
find_ssl(core_state *st, PyObject *connection, handle *found)
{
    return find_handle(st, connection, SSL_OF, st->tls->ssl_type, found);
}

static inline bool
find_bio(core_state *st, PyObject *connection, int which, handle *found)
{
    return find_handle(st, connection, which, st->tls->bio_type, found);
}

/* ---- what follows a call ---- */

/* Does one of the context's helpers (a reference that is taken; None: there is none),
 * which call the application back for OpenSSL, keep no exception of that? */
static bool
has_no_problem(core_state *st, PyObject *helper, pyr_tls_class *known)
{
    bool none = helper == Py_None;
    if (helper != NULL && helper != Py_None) {
        const pyr_look_view *view = pyr_look(st, &helper_kind, known, helper);
        PyObject *problems = view == NULL ? NULL : pyr_look_value(view, 0);
        none = problems != NULL && PyList_CheckExact(problems) &&
               PyList_GET_SIZE(problems) == 0;
    }
    Py_XDECREF(helper);
    return none;
}

static bool
has_no_problems(core_state *st, PyObject *connection)
{
    pyr_tls_state *tls = st->tls;
    PyObject *helpers[PYR_TLS_HELPERS] = {NULL};
    const pyr_look_view *view = direct_view(st, connection);
    PyObject *context = Py_XNewRef(view == NULL ? NULL : pyr_look_value(view, CONTEXT));
    view = context == NULL ? NULL
                           : pyr_look(st, &context_kind, &tls->context_class, context);
    for (int i = 0; view != NULL && i < PYR_TLS_HELPERS; i++) {
        helpers[i] = Py_XNewRef(pyr_look_value(view, i));
    }
    bool none = true;
    for (int i = 0; i < PYR_TLS_HELPERS; i++) {
        none = has_no_problem(st, helpers[i], &tls->helper_classes[i]) && none;
    }
    Py_XDECREF(context);
    return none;
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
after_ssl(core_state *st, PyObject *connection, const handle *ssl, int result)
{
    pyr_tls_state *tls = st->tls;
    if (has_no_problems(st, connection)) {
        if (result > 0) {
            return PYR_TLS_DONE;
        }
        tls->restore_errno();
        int error = tls->SSL_get_error(ssl->pointer, result);
        tls->save_errno();
        if (error == tls->want_read) {
            return PYR_TLS_WANT_READ;
        }
    }
    return let_raise(connection, st->names._raise_ssl_error, ssl->owner, result);
}

/* The same of _handle_bio_errors. */
static pyr_tls_outcome
after_bio(core_state *st, PyObject *connection, const handle *bio, int result)
{
    if (result > 0) {
        return PYR_TLS_DONE;
    }
    pyr_tls_state *tls = st->tls;
    tls->restore_errno();
    bool wants =
        tls->BIO_should_retry(bio->pointer) && tls->BIO_should_read(bio->pointer);
    tls->save_errno();
    return wants
               ? PYR_TLS_WANT_READ
               : let_raise(connection, st->names._handle_bio_errors, bio->owner, result);
}

/* ---- the methods ---- */

/* By the method itself: of a connection that is not direct. */
static pyr_tls_outcome
read_by_method(core_state *st, PyObject *connection, PyObject *method, PyObject **data)
{
    *data = pyr_call_named(connection, method, st->tls->read_size);
    return *data == NULL ? PYR_TLS_RAISED : PYR_TLS_DONE;
}

/*
 * Memory to read into, which is too much for the stack, as a callback of OpenSSL's may
 * run Python code: what all connections share, or if that is in use (such a callback
 * reads, too), memory of its own.
 */
static char *
read_buffer_take(pyr_tls_state *tls)
{
    if (tls->read_buffer != NULL && !tls->read_buffer_busy) {
        tls->read_buffer_busy = true;
        return tls->read_buffer;
    }
    char *own = PyMem_Malloc(READ_SIZE);
    if (own == NULL) {
        PyErr_NoMemory();
    }
    return own;
}

static void
read_buffer_give_back(pyr_tls_state *tls, char *buffer)
{
    if (buffer == tls->read_buffer) {
        tls->read_buffer_busy = false;
    } else {
        PyMem_Free(buffer);
    }
}

/* Read from `from` (whose reference is taken) by a function of OpenSSL's, and make bytes
 * of that if `after`, what follows the function, says so. */
static pyr_tls_outcome
read_directly(core_state *st, PyObject *connection, handle from,
              int (*function)(void *from, void *data, int size),
              pyr_tls_outcome (*after)(core_state *st, PyObject *connection,
                                       const handle *from, int result),
              PyObject **data)
{
    pyr_tls_state *tls = st->tls;
    pyr_tls_outcome outcome = PYR_TLS_RAISED;
    char *buffer = read_buffer_take(tls);
    *data = NULL;
    if (buffer != NULL) {
        tls->restore_errno();
        int size = function(from.pointer, buffer, READ_SIZE);
        tls->save_errno();
        outcome = after(st, connection, &from, size);
        if (outcome == PYR_TLS_DONE) {
            *data = PyBytes_FromStringAndSize(buffer, size > 0 ? size : 0);
            outcome = *data == NULL ? PYR_TLS_RAISED : PYR_TLS_DONE;
        }
        read_buffer_give_back(tls, buffer);
    }
    Py_DECREF(from.owner);
    return outcome;
}

pyr_tls_outcome
pyr_openssl_recv(core_state *st, PyObject *connection, PyObject **data)
{
    handle ssl;
    if (!find_ssl(st, connection, &ssl)) {
        return read_by_method(st, connection, st->names.recv, data);
    }
    return read_directly(st, connection, ssl, st->tls->SSL_read, after_ssl, data);
}

pyr_tls_outcome
pyr_openssl_bio_read(core_state *st, PyObject *connection, PyObject **data)
{
    handle bio;
    if (!find_bio(st, connection, FROM_SSL, &bio)) {
        return read_by_method(st, connection, st->names.bio_read, data);
    }
    return read_directly(st, connection, bio, st->tls->BIO_read, after_bio, data);
}

pyr_tls_outcome
pyr_openssl_put(core_state *st, PyObject *connection, const char *data, Py_ssize_t size)
{
    pyr_tls_state *tls = st->tls;
    handle bio;
    if (size > INT_MAX || !find_bio(st, connection, INTO_SSL, &bio)) {
        return PYR_TLS_INDIRECT;
    }
    tls->restore_errno();
    int result = tls->BIO_write(bio.pointer, (void *)(uintptr_t)data, (int)size);
    tls->save_errno();
    pyr_tls_outcome outcome = PYR_TLS_DONE;
    if (result <= 0) {
        outcome = let_raise(connection, st->names._handle_bio_errors, bio.owner, result);
    }
    Py_DECREF(bio.owner);
    return outcome;
}

/* SSL_write; `bulk` says that more will follow at once, and other threads get a chance.
 */
static int
write_record(pyr_tls_state *tls, void *ssl, char *data, int size, bool bulk)
{
    PyThreadState *thread = bulk ? PyEval_SaveThread() : NULL;
    tls->restore_errno();
    int result = tls->SSL_write(ssl, data, size);
    tls->save_errno();
    if (thread != NULL) {
        PyEval_RestoreThread(thread);
    }
    return result;
}

pyr_tls_outcome
pyr_openssl_send(core_state *st, PyObject *connection, PyObject *bytes, Py_ssize_t offset,
                 Py_ssize_t size, Py_ssize_t *sent)
{
    pyr_tls_state *tls = st->tls;
    handle ssl;
    if (!find_ssl(st, connection, &ssl)) {
        return PYR_TLS_INDIRECT;
    }
    bool bulk = offset + size < PyBytes_GET_SIZE(bytes);
    int result = write_record(tls, ssl.pointer, PyBytes_AS_STRING(bytes) + offset,
                              (int)size, bulk);
    pyr_tls_outcome outcome = after_ssl(st, connection, &ssl, result);
    Py_DECREF(ssl.owner);
    *sent = result;
    return outcome;
}

/* ---- configuration ---- */

static int
take_address(PyObject *given, const char *name, void *slot)
{
    PyObject *number = pyr_given_item(given, "tls", name);
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
take_cffi(pyr_tls_state *tls, PyObject *given)
{
    PyObject *capsule = pyr_given_item(given, "tls", "cffi");
    void **table = capsule == NULL ? NULL : PyCapsule_GetPointer(capsule, "cffi");
    if (table == NULL) {
        return -1;
    }
    memcpy(&tls->to_pointer, &table[CFFI_TO_POINTER], sizeof(void *));
    memcpy(&tls->restore_errno, &table[CFFI_RESTORE_ERRNO], sizeof(void *));
    memcpy(&tls->save_errno, &table[CFFI_SAVE_ERRNO], sizeof(void *));
    return 0;
}

int
pyr_openssl_configure(core_state *st, PyObject *given)
{
    pyr_tls_state *tls = st->tls;
#define X(name, parameters)                           \
    if (take_address(given, #name, &tls->name) < 0) { \
        return -1;                                    \
    }
    PYR_OPENSSL_FUNCTIONS(X)
#undef X
    PyObject *want_read = pyr_given_item(given, "tls", "SSL_ERROR_WANT_READ");
    tls->want_read = want_read == NULL ? -1 : (int)PyLong_AsLong(want_read);
    /* What is expected may be other methods now. */
    memset(&tls->connection_class, 0, sizeof(tls->connection_class));
    memset(&tls->context_class, 0, sizeof(tls->context_class));
    memset(tls->helper_classes, 0, sizeof(tls->helper_classes));
    return PyErr_Occurred() ? -1 : take_cffi(tls, given);
}

int
pyr_openssl_init(core_state *st)
{
    st->tls->read_size = PyLong_FromLong(READ_SIZE);
    st->tls->read_buffer = PyMem_Malloc(READ_SIZE);
    if (st->tls->read_buffer == NULL) {
        PyErr_NoMemory();
    }
    return st->tls->read_size == NULL || st->tls->read_buffer == NULL ? -1 : 0;
}

void
pyr_openssl_clear(core_state *st)
{
    if (!st->tls->read_buffer_busy) {
        PyMem_Free(st->tls->read_buffer);
        st->tls->read_buffer = NULL;
    }
}
