/*
 * StreamConnection: the hot half of a TCP connection.  The rare half is Twisted's own
 * Python, which pyreactor/_tcp.py mixes in.
 */
#ifndef PYREACTOR_STREAM_H
#define PYREACTOR_STREAM_H

#include "core/core.h"

#include <stdbool.h>
#include <sys/types.h>

struct Loop;
struct iovec;
typedef struct StreamConnection StreamConnection;

/* A system call that reads into the items, or writes them. */
typedef ssize_t (*pyr_transfer)(int fd, struct iovec *items, int count);

/* How a stream that is no socket is read and written.  Its descriptor is its Python
 * side's to close, and attributes of Twisted's class stand in for a socket's. */
typedef struct {
    pyr_transfer receive; /* into one item */
    pyr_transfer send;
    /* Hand over what was read, which stays there meanwhile; NULL for
     * protocol.dataReceived.  -1 with an exception set. */
    int (*deliver)(StreamConnection *stream, const char *data, Py_ssize_t size);
    bool asks_fileno; /* the descriptor is whatever fileno() says at the time */
    bool connected;   /* from the beginning */
    bool write_stops_reading;
} pyr_stream_kind;

/* tp_new of a type for such streams: without a descriptor. */
PyObject *pyr_stream_new(PyTypeObject *type, const pyr_stream_kind *kind);

/* protocol.dataReceived(data), or the C framing behind it; -1 with an exception set. */
int pyr_stream_deliver_to(StreamConnection *self, PyObject *protocol, const char *data,
                          Py_ssize_t size);

/* For such streams: ask fileno() for the descriptor, if it is one of those that have to
 * be asked; -1 with an exception set. */
int pyr_stream_refresh_descriptor(StreamConnection *self);

/* Such a stream cannot have its descriptor's watch for itself: from now on the reactor
 * treats it as any other selectable. */
int pyr_stream_leave_loop(StreamConnection *self);

/* For such streams: the descriptor to watch, -1 for none. */
void pyr_stream_set_descriptor(StreamConnection *self, int fd);

/* write() without TLS; the reference is new. */
PyObject *pyr_stream_write(StreamConnection *self, PyObject *data);
/* The method write(), which goes through TLS after startTLS; the reference is new. */
PyObject *pyr_stream_write_method(StreamConnection *self, PyObject *data);

/* Start or stop through whatever reactor the stream has, or its class's own methods. */
int pyr_stream_change(StreamConnection *self, int event, bool start);

/* Start or stop reading (PYR_READ) or writing (PYR_WRITE). */
int pyr_stream_start(StreamConnection *self, int event);
int pyr_stream_stop(StreamConnection *self, int event);

/* The descriptor as the Python socket has it now (somebody may have closed that), or -1.
 */
int pyr_stream_descriptor(StreamConnection *self);

/* The flag `disconnecting`. */
bool pyr_stream_disconnecting(StreamConnection *self);

/* Give back the watch. */
void pyr_stream_forget_watch(StreamConnection *self);

int pyr_stream_exec(PyObject *module, core_state *st);

#endif
