/*
 * pyOpenSSL's Connection over memory BIOs, without the Python in between: the functions
 * of OpenSSL that its methods call, called in the same order with the same arguments.
 *
 * Only for a Connection that is exactly pyOpenSSL's, with the methods it came with; any
 * other object has its method called.  pyreactor/_tls.py finds the functions.
 */
#ifndef PYREACTOR_OPENSSL_H
#define PYREACTOR_OPENSSL_H

#include <Python.h>
#include <stdbool.h>

struct core_state;

/* Of OpenSSL, as cffi has them.  X(name, parameters); all give an int. */
#define PYR_OPENSSL_FUNCTIONS(X)                    \
    X(SSL_read, (void *ssl, void *data, int size))  \
    X(SSL_write, (void *ssl, void *data, int size)) \
    X(SSL_get_error, (void *ssl, int result))       \
    X(BIO_read, (void *bio, void *data, int size))  \
    X(BIO_write, (void *bio, void *data, int size)) \
    X(BIO_should_retry, (void *bio))                \
    X(BIO_should_read, (void *bio))

/* Methods of Connection that must be pyOpenSSL's own. */
#define PYR_OPENSSL_METHODS(X) \
    X(recv)                    \
    X(send)                    \
    X(bio_read)                \
    X(bio_write)               \
    X(_raise_ssl_error)        \
    X(_handle_bio_errors)

/* Other names. */
#define PYR_OPENSSL_NAMES(X) \
    X(_ssl)                  \
    X(_into_ssl)             \
    X(_from_ssl)             \
    X(_context)              \
    X(_verify_helper)        \
    X(_alpn_select_helper)   \
    X(_ocsp_helper)          \
    X(_problems)             \
    X(raise_if_problem)

typedef struct {
#define X(name, parameters) int(*name) parameters;
    PYR_OPENSSL_FUNCTIONS(X)
#undef X
    int want_read; /* SSL_ERROR_WANT_READ */
    /* What cffi puts around each call, and how it finds the pointer in an object. */
    void (*restore_errno)(void);
    void (*save_errno)(void);
    char *(*to_pointer)(PyObject *object, void *type);
    PyObject *ssl_type; /* cffi's types for "SSL *" and "BIO *" */
    PyObject *bio_type;
    PyObject *read_size; /* what Twisted gives to recv and bio_read */
    char *read_buffer;   /* has room for that */
    bool read_buffer_busy;
    PyTypeObject *connection_type;
    PyObject *stock_raise_if_problem;
    unsigned int seen_tag; /* of connection_type, when its methods were last looked at */
    bool seen_plain;
    struct {
#define X(name) PyObject *name;
        PYR_OPENSSL_METHODS(X)
        PYR_OPENSSL_NAMES(X)
#undef X
    } names;
    struct {
#define X(name) PyObject *name;
        PYR_OPENSSL_METHODS(X)
#undef X
    } stock;
} pyr_openssl;

typedef enum {
    PYR_TLS_RAISED, /* with the exception that the method raises */
    PYR_TLS_DONE,
    PYR_TLS_WANT_READ, /* where the method raises WantReadError; no exception is set */
} pyr_tls_outcome;

/* connection.recv(2**15); `data` is a new reference to what it gives. */
pyr_tls_outcome pyr_openssl_recv(struct core_state *st, PyObject *connection,
                                 PyObject **data);
/* connection.bio_read(2**15) */
pyr_tls_outcome pyr_openssl_bio_read(struct core_state *st, PyObject *connection,
                                     PyObject **data);
/* connection.bio_write(data).  -1 with an exception set. */
int pyr_openssl_bio_write(struct core_state *st, PyObject *connection, PyObject *data);
/* connection.send(bytes[offset:offset + size]); `sent` is what it gives. */
pyr_tls_outcome pyr_openssl_send(struct core_state *st, PyObject *connection,
                                 PyObject *bytes, Py_ssize_t offset, Py_ssize_t size,
                                 Py_ssize_t *sent);

/* Is this a Connection whose send() is called directly? */
bool pyr_openssl_sends_directly(struct core_state *st, PyObject *connection);

/* Take what pyreactor/_tls.py found, by name.  -1 with TypeError if something is
 * missing. */
int pyr_openssl_configure(pyr_openssl *openssl, PyObject *given);

int pyr_openssl_init(pyr_openssl *openssl);
int pyr_openssl_traverse(pyr_openssl *openssl, visitproc visit, void *arg);
void pyr_openssl_clear(pyr_openssl *openssl);

#endif
