/*
 * pyOpenSSL's Connection over memory BIOs, without the Python in between: the functions
 * of OpenSSL that its methods call, called in the same order with the same arguments.
 *
 * Only for a direct connection (see state.h); any other object has its method called, or
 * is left to the caller.
 * pyreactor/_tls/records.py finds the functions.
 */
#ifndef PYREACTOR_OPENSSL_H
#define PYREACTOR_OPENSSL_H

#include "core/core.h"

typedef enum {
    PYR_TLS_RAISED, /* with the exception that the method raises */
    PYR_TLS_DONE,
    PYR_TLS_INDIRECT,  /* nothing was done: the connection is not direct */
    PYR_TLS_WANT_READ, /* where the method raises WantReadError; no exception is set */
} pyr_tls_outcome;

/* connection.recv(2**15); `data` is a new reference to what it gives. */
pyr_tls_outcome pyr_openssl_recv(core_state *st, PyObject *connection, PyObject **data);
/* connection.bio_read(2**15) */
pyr_tls_outcome pyr_openssl_bio_read(core_state *st, PyObject *connection,
                                     PyObject **data);
/* connection.bio_write(data) with the bytes at `data`; of a direct one only. */
pyr_tls_outcome pyr_openssl_put(core_state *st, PyObject *connection, const char *data,
                                Py_ssize_t size);
/* connection.send(bytes[offset:offset + size]), which gives `sent`; of a direct one only.
 */
pyr_tls_outcome pyr_openssl_send(core_state *st, PyObject *connection, PyObject *bytes,
                                 Py_ssize_t offset, Py_ssize_t size, Py_ssize_t *sent);

/* Take the functions of OpenSSL and cffi out of `given`, what configure() got.
 * -1 with TypeError if one is missing. */
int pyr_openssl_configure(core_state *st, PyObject *given);

int pyr_openssl_init(core_state *st);
void pyr_openssl_clear(core_state *st);

#endif
