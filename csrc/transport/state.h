/*
 * What the transports keep in the module state, and their part in the module's life.
 * pyreactor/reactor.py hands over Twisted's objects once, by name, through
 * _core.configure.
 */
#ifndef PYREACTOR_TRANSPORT_STATE_H
#define PYREACTOR_TRANSPORT_STATE_H

#include "core/class_watch.h"
#include "core/core.h"

#include <stdbool.h>

/* Objects that configure() must be given. */
#define PYR_TRANSPORT_GIVEN(X)                                              \
    X(socket_class)  /* socket.socket */                                    \
    X(socket_fileno) /* _socket.socket.fileno */                            \
    X(make_socket)   /* of pyreactor/_transport/reports.py, as the next */  \
    X(connected_datagram_error)                                             \
    X(stock_datagram_doRead) /* udp.Port.doRead */                          \
    X(stock_datagram_write)                                                 \
    X(stock_descriptor_logPrefix)  /* abstract.FileDescriptor.logPrefix */  \
    X(stock_doWrite)               /* abstract.FileDescriptor.doWrite */    \
    X(stock_logPrefix)             /* tcp.Connection.logPrefix */           \
    X(stock_pipe_dataReceived)     /* process.ProcessReader.dataReceived */ \
    X(stock_stdio_dataReceived)    /* stdio.StandardIO.childDataReceived */ \
    X(stock_unix_connected_doRead) /* unix.ConnectedDatagramPort.doRead */  \
    X(stock_unix_connected_write)  /* unix.ConnectedDatagramPort.write */   \
    X(stock_unix_write)            /* unix.DatagramPort.write */

typedef struct pyr_transport_state {
    PyTypeObject *stream_type;
    /* The class that the last connection of a socket was made of: which of the kinds it
     * is, and what it replaces (OWN_*). */
    pyr_class_seen connection_class;
    int connection_kind, connection_overrides;
    char *read_buffer;       /* shared by all streams; see stream_internal.h */
    bool read_buffer_busy;   /* it holds what is not yet handed over */
    struct pyr_batch *batch; /* of datagram ports; made when first needed, as peers */
    struct pyr_peers *peers;
#define X(name) PyObject *name;
    PYR_TRANSPORT_GIVEN(X)
#undef X
} pyr_transport_state;

extern const pyr_room pyr_transport_room;

#endif
