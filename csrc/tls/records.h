/*
 * The hot methods of Twisted's TLSMemoryBIOProtocol in C, as functions of the module that
 * take the protocol first.  pyreactor/_tls.py puts a StandIn for each into the class.
 *
 * Each calls the others by name, as Twisted's do: one that somebody replaced, on a class
 * or an instance, is called.
 */
#ifndef PYREACTOR_TLS_H
#define PYREACTOR_TLS_H

#include "tls/openssl.h"

/* Objects that configure_tls must be given, besides those for openssl.h. */
#define PYR_TLS_GIVEN(X)                                 \
    X(ProtocolWrapper)  /* twisted.protocols.policies */ \
    X(wrapper_deliver)  /* its dataReceived */           \
    X(WantReadError)    /* OpenSSL.SSL */                \
    X(receiving_failed) /* of pyreactor/_tls.py */       \
    X(sending_failed)

#define PYR_TLS_NAMES(X)      \
    X(_aborted)               \
    X(_appSendBuffer)         \
    X(_bufferedWrite)         \
    X(_checkHandshakeStatus)  \
    X(_flushReceiveBIO)       \
    X(_flushSendBIO)          \
    X(_handshakeDone)         \
    X(_lostTLSConnection)     \
    X(_producer)              \
    X(_tlsConnection)         \
    X(_unbufferPendingWrites) \
    X(_write)                 \
    X(disconnecting)          \
    X(transport)              \
    X(wrappedProtocol)

typedef struct pyr_tls_state {
    pyr_openssl openssl;
#define X(name) PyObject *name;
    PYR_TLS_GIVEN(X)
#undef X
    struct {
#define X(name) PyObject *name;
        PYR_TLS_NAMES(X)
#undef X
    } names;
} pyr_tls_state;

int pyr_tls_exec(PyObject *module, struct core_state *st);
int pyr_tls_traverse(struct core_state *st, visitproc visit, void *arg);
void pyr_tls_clear(struct core_state *st);

#endif
