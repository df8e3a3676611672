/*
 * What the TLS room keeps in the module state.
 *
 * Terms.  The *protocol* is a TLSMemoryBIOProtocol of Twisted's.  It is *plain* while the
 * methods that C calls are C's own, and nothing has ended the connection.  Its
 * *connection* is what it has in _tlsConnection.  A connection is *direct* if it is
 * pyOpenSSL's Connection and both the class and the object have the methods that
 * pyOpenSSL gave them: OpenSSL is called for it without these methods.
 */
#ifndef PYREACTOR_TLS_STATE_H
#define PYREACTOR_TLS_STATE_H

#include <Python.h>
#include <stdbool.h>

#include "core/class_watch.h"

/* Functions of OpenSSL, as cffi has them.  X(name, parameters); all give an int. */
#define PYR_OPENSSL_FUNCTIONS(X)                    \
    X(SSL_read, (void *ssl, void *data, int size))  \
    X(SSL_write, (void *ssl, void *data, int size)) \
    X(SSL_get_error, (void *ssl, int result))       \
    X(BIO_read, (void *bio, void *data, int size))  \
    X(BIO_write, (void *bio, void *data, int size)) \
    X(BIO_should_retry, (void *bio))                \
    X(BIO_should_read, (void *bio))

/* Objects that configure() must be given, besides those functions. */
#define PYR_TLS_GIVEN(X)                                             \
    X(wrapper_deliver) /* ProtocolWrapper.dataReceived */            \
    X(WantReadError)   /* OpenSSL.SSL */                             \
    X(recv)            /* Connection's methods: OpenSSL.SSL's own */ \
    X(send)                                                          \
    X(bio_read)                                                      \
    X(bio_write)                                                     \
    X(_raise_ssl_error)                                              \
    X(_handle_bio_errors)                                            \
    X(raise_if_problem) /* of its helpers for callbacks */           \
    X(ssl_type)         /* cffi's types for "SSL *" and "BIO *" */   \
    X(bio_type)                                                      \
    X(no) /* False and 0: what a class has that is to be false */    \
    X(zero)                                                          \
    X(receiving_failed) /* of pyreactor/_tls/records.py */           \
    X(sending_failed)                                                \
    X(send_rest)

/* The methods that are in C, of those that they call. */
#define PYR_TLS_METHODS(X) X(dataReceived) X(_flushReceiveBIO) X(_flushSendBIO) X(_write)

/* Those of _AggregateSmallWrites that are called by the others or by the loop. */
#define PYR_AGGREGATE_METHODS(X) X(_scheduledFlush) X(flush)

/* Helpers of a context's that call the application back: _verify_helper and so on. */
#define PYR_TLS_HELPERS 3

/* A class last looked at. */
typedef struct {
    pyr_class_seen seen;
    bool fits; /* it has the methods, or all, that C expects of it */
    /* From an instance's beginning to the pointer to its __dict__; 0: see look.h. */
    Py_ssize_t place;
} pyr_tls_class;

typedef struct pyr_tls_state {
#define X(name) PyObject *name;
    PYR_TLS_GIVEN(X)
#undef X
#define X(name) PyObject *c_##name; /* as a StandIn has it */
    PYR_TLS_METHODS(X)
    PYR_AGGREGATE_METHODS(X)
#undef X
    PyTypeObject *Connection;      /* OpenSSL.SSL's */
    PyTypeObject *ProtocolWrapper; /* twisted.protocols.policies' */
    PyTypeObject *aggregate_type;  /* aggregate.c's */
    pyr_tls_class aggregate_class;
    PyObject *scheduled_flush, *most_buffered; /* what that class has; see aggregate.c */
    PyObject *no_bytes;                        /* b"" */
    PyObject *read_size; /* int: what Twisted gives to recv and bio_read */
    char *read_buffer;   /* has room for that; see openssl.c */
    bool read_buffer_busy;
    pyr_tls_class protocol_class;
    pyr_tls_class wrapper_class;
    pyr_tls_class connection_class;
    pyr_tls_class context_class;
    pyr_tls_class helper_classes[PYR_TLS_HELPERS];
#define X(name, parameters) int(*name) parameters;
    PYR_OPENSSL_FUNCTIONS(X)
#undef X
    int want_read; /* SSL_ERROR_WANT_READ */
    int watcher;   /* what CPython knows the module by, for dicts; -1: it does not */
    /* What cffi puts around each call, and how it finds the pointer in an object. */
    void (*restore_errno)(void);
    void (*save_errno)(void);
    char *(*to_pointer)(PyObject *object, void *type);
} pyr_tls_state;

#endif
