/* What the files of StreamConnection and FileStream share; see stream.h. */
#ifndef PYREACTOR_STREAM_INTERNAL_H
#define PYREACTOR_STREAM_INTERNAL_H

#include "transport/stream.h"

#include <errno.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "core/override.h"
#include "loop/selectable.h"
#include "loop/state.h"

/* Methods that a subclass or an instance may replace; then that one is called.  OWN_SIZE
 * is a bufferSize: then the attribute is read each time.  OWN_SOCKET is a socket that
 * is not Python's own, or was put in the place of the first: then Twisted's methods call
 * its recv and send. */
enum {
    OWN_READ = 1,
    OWN_WRITE = 2,
    OWN_PREFIX = 4,
    OWN_SEND = 8,
    OWN_WATCH = 16,
    OWN_SIZE = 32,
    OWN_SOCKET = 64,
};
#define OWN_OUTPUT (OWN_WRITE | OWN_SEND | OWN_SOCKET)

/* A system call that reads into the items, or writes them. */
typedef ssize_t (*pyr_transfer)(int fd, struct iovec *items, int count);

typedef struct StreamConnection StreamConnection;

/* What differs between the kinds of streams.  A class names its kind by _kind (str). */
typedef struct {
    const pyr_selectable_ops *ops;
    const pyr_override *overrides; /* the methods that may be replaced */
    pyr_transfer receive;          /* into one item */
    pyr_transfer send;
    /* Hand over what was read, which stays there meanwhile; NULL for
     * protocol.dataReceived.  -1 with an exception set. */
    int (*deliver)(StreamConnection *stream, const char *data, Py_ssize_t size);
    /* A socket is the stream's own to close.  Another descriptor is its Python side's,
     * and attributes of Twisted's class stand in for those of a socket. */
    bool is_socket;
    bool is_unix;     /* a UNIX socket: descriptors may pass beside the bytes */
    bool asks_fileno; /* the descriptor is whatever fileno() says at the time */
    bool connected;   /* from the beginning */
    bool write_stops_reading;
} pyr_stream_kind;

/* The first flags lie where the head leaves room. */
struct StreamConnection {
    PYR_SELECTABLE_HEAD;
    char class_overrides; /* OWN_*: what the class replaces */
    char overrides;       /* OWN_*: what the class or the instance replaces */
    char connected;
    char disconnected;
    char disconnecting;
    char streaming_producer;
    char producer_paused;
    const pyr_stream_kind *kind;
    PyObject *reactor;
    PyObject *protocol;
    PyObject *socket;       /* made when it is asked for, or given; else NULL */
    PyObject *producer;     /* None or NULL for none */
    PyObject *data_buffer;  /* bytes, or NULL for b"" */
    PyObject *temp_buffer;  /* list of bytes, or NULL for [] */
    PyObject *descriptors;  /* list: _sendmsgQueue, or NULL for []; UNIX sockets only */
    PyObject *logstr;       /* NULL until it is needed, if it can be made then */
    PyObject *first_socket; /* whose the descriptor is, if another is in its place */
    Py_ssize_t offset;
    Py_ssize_t temp_length;
    Py_ssize_t received; /* bytes since the last flush */
    long session;        /* sessionno: the number of the connection on its port */
    int fd;              /* -1 when there is none */
    short family;
    char write_disconnecting;
    char write_disconnected;
    char tls;
    char reading;
    char writing;
    char reads_when_sent;
    char terminal; /* no socket, and a terminal */
    char shared;   /* other processes have the open file, and may have made it block */
    char blocked;  /* the kernel's buffer is full: wait for writability */
    char put_off;  /* its flush was put off, as input waited */
    char read_end; /* a read has told of the end: further ones tell of it again */
    char answered; /* a flush has sent what input had brought about */
    char no_delay; /* NO_DELAY_*: who has decided on TCP_NODELAY */
    uint8_t room;  /* what the next read may bring, if it is much; see stream_read.c */
};

enum { NO_DELAY_UNASKED, NO_DELAY_FOR_ANSWERS, NO_DELAY_BY_PROGRAM };

#define DEFAULT_BUFFER_SIZE 65536 /* stock's FileDescriptor.bufferSize */
#define PYR_READ_BUFFER_SIZE (256 * 1024)
#define GATHER_MAX 128 /* items a send gathers */

/* ---- stream.c ---- */

/* The module's state, for tp_new; NULL with an exception set. */
core_state *pyr_stream_state(PyTypeObject *type);

/* A stream without a descriptor, of a class that replaces `overrides`; -1: an exception
 * is set. */
PyObject *pyr_stream_new(core_state *st, PyTypeObject *type, const pyr_stream_kind *kind,
                         int overrides);

/* ---- stream_watch.c ---- */

/* Start or stop reading (PYR_READ) or writing (PYR_WRITE) on the stream's loop. */
int pyr_stream_start(StreamConnection *self, int event);
int pyr_stream_stop(StreamConnection *self, int event);

/* What Twisted's startReading, stopReading, startWriting and stopWriting do, whatever
 * reactor the stream has. */
int pyr_stream_change_watch(StreamConnection *self, int event, bool start);

/* The same by the methods of the class or the instance, if those are its own. */
int pyr_stream_change(StreamConnection *self, int event, bool start);

/* Have the loop watch for what is wanted now. */
int pyr_stream_update_watch(StreamConnection *self);

/* What waits to be sent is now sent by another method. */
int pyr_stream_send_by_other(StreamConnection *self);

/* Give back the watch: the kernel must let go of the descriptor before it is closed. */
void pyr_stream_forget_watch(StreamConnection *self);

/* A stream that is no socket cannot have its descriptor's watch for itself: from now on
 * the reactor treats it as any other selectable. */
int pyr_stream_leave_loop(StreamConnection *self);

/* Where its bytes are counted. */
static inline pyr_traffic *
pyr_stream_traffic(const StreamConnection *self)
{
    pyr_traffic_kind over = self->kind->is_unix     ? PYR_OVER_UNIX
                            : self->kind->is_socket ? PYR_OVER_TCP
                                                    : PYR_OVER_PIPE;
    return &self->st->loop->traffic[over];
}

/* The descriptor as the Python socket has it now, which a program may have closed, or as
 * fileno() says where that is to be asked; or -1. */
int pyr_stream_descriptor(StreamConnection *self);

/* Ask fileno() for the descriptor where that is to be asked; -1 with an exception set. */
int pyr_stream_refresh_descriptor(StreamConnection *self);

/* Of what is no socket: the descriptor to watch, -1 for none. */
void pyr_stream_set_descriptor(StreamConnection *self, int fd);

/* Give back the watch and have no descriptor; what is the stream's own is closed. */
void pyr_stream_close_descriptor(StreamConnection *self);

static inline PyObject *
pyr_stream_call_method(StreamConnection *self, PyObject *name)
{
    return PyObject_CallMethodNoArgs((PyObject *)self, name);
}

/* ---- stream_read.c ---- */

/*
 * Where a stream receives, and joins what it sends: in the module's buffer, or where that
 * is in use or too small, in memory of its own.  It is in use until what was received is
 * copied or handled, as whatever runs Python code meanwhile (a callback, another thread
 * while a read takes long, or the garbage collector in the middle of an allocation) may
 * receive.
 */
typedef struct {
    char *data;
    core_state *lender; /* whose buffer it is; NULL for memory of its own */
} pyr_receive_buffer;

int pyr_stream_buffer_take(StreamConnection *self, Py_ssize_t limit,
                           pyr_receive_buffer *buffer);

/* No harm if it was given back before. */
void pyr_stream_buffer_give_back(pyr_receive_buffer *buffer);

/* `call` for a descriptor that other processes have, too, and may have made block: other
 * threads run meanwhile.  -1 with errno, or -2 with an exception set. */
ssize_t pyr_stream_transfer_shared(StreamConnection *self, pyr_transfer call,
                                   struct iovec *items, int count);

/* `call` for a descriptor that the stream has for itself. */
static inline ssize_t
pyr_stream_transfer(StreamConnection *self, pyr_transfer call, struct iovec *items,
                    int count)
{
    ssize_t done;
    do {
        done = call(self->fd, items, count);
    } while (done < 0 && errno == EINTR);
    return done;
}

/* protocol.dataReceived(data), or the C framing behind it; -1 with an exception set. */
int pyr_stream_deliver_to(StreamConnection *self, PyObject *protocol, const char *data,
                          Py_ssize_t size);

/* Why the connection ends, or None, or NULL with an exception set; new reference. */
PyObject *pyr_stream_do_read(StreamConnection *self);

/* ---- stream_event.c ---- */

/* What the loop asks of a socket, and of another descriptor. */
extern const pyr_selectable_ops pyr_stream_socket_ops, pyr_stream_pipe_ops;

/* ---- stream_queue.c ---- */

/* How much of dataBuffer is left; a program may have set the offset to anything. */
static inline Py_ssize_t
pyr_stream_first_length(StreamConnection *self)
{
    Py_ssize_t size = self->data_buffer == NULL ? 0 : PyBytes_GET_SIZE(self->data_buffer);
    return self->offset >= 0 && self->offset < size ? size - self->offset : 0;
}

static inline Py_ssize_t
pyr_stream_unsent(StreamConnection *self)
{
    return pyr_stream_first_length(self) + self->temp_length;
}

static inline bool
pyr_stream_has_producer(StreamConnection *self)
{
    return self->producer != NULL && self->producer != Py_None;
}

static inline bool
pyr_stream_has_descriptors(StreamConnection *self)
{
    return self->descriptors != NULL && PyList_GET_SIZE(self->descriptors) > 0;
}

int pyr_stream_check_bytes(PyObject *data);

/* Methods of the type: is more unsent than bufferSize?  Pause the producer if so. */
PyObject *pyr_stream_is_full(StreamConnection *self, PyObject *ignored);
PyObject *pyr_stream_maybe_pause(StreamConnection *self, PyObject *ignored);

/* write() and writeSequence(): below TLS, and as the methods, which go through TLS after
 * startTLS.  The reference is new. */
PyObject *pyr_stream_write(StreamConnection *self, PyObject *data);
PyObject *pyr_stream_write_method(StreamConnection *self, PyObject *data);
PyObject *pyr_stream_write_sequence(StreamConnection *self, PyObject *items);
PyObject *pyr_stream_write_sequence_method(StreamConnection *self, PyObject *items);

/* What is queued, as far as GATHER_MAX items go: their number.  The queue owns them. */
int pyr_stream_gather(StreamConnection *self, struct iovec *iov);

/* `sent` bytes leave the queue, and with them its references to what is sent wholly. */
int pyr_stream_consume(StreamConnection *self, Py_ssize_t sent);

/* ---- stream_send.c ---- */

enum pyr_send_result { SEND_ALL, SEND_BLOCKED, SEND_LOST, SEND_ERROR };

enum pyr_send_result pyr_stream_send_pending(StreamConnection *self);
PyObject *pyr_stream_after_send(StreamConnection *self, enum pyr_send_result result);
PyObject *pyr_stream_do_write(StreamConnection *self);

/* ---- stream_sendfile.c ---- */

/* What core/transport_ops.h says of send_file and await_room. */
Py_ssize_t pyr_stream_send_file(StreamConnection *self, int file, long long offset,
                                Py_ssize_t most);
int pyr_stream_await_room(StreamConnection *self);

/* ---- stream_socket.c ---- */

/* The getter and the setter of `socket`. */
PyObject *pyr_stream_get_socket(StreamConnection *self, void *closure);
int pyr_stream_set_socket(StreamConnection *self, PyObject *socket, void *closure);

/* The program gives the stream, after another socket, that one's fileno, by which stock
 * watches from now on: the first socket is let go. */
int pyr_stream_follow_fileno(StreamConnection *self);

/* ---- stream_overrides.c ---- */

extern const pyr_override pyr_stream_socket_overrides[], pyr_stream_file_overrides[];

/* OWN_*: what the class replaces; -1 with an exception set. */
int pyr_stream_class_overrides(core_state *st, PyTypeObject *type,
                               const pyr_override *table);

/* tp_setattro: an instance may come to replace a method, or be given another class. */
int pyr_stream_setattro(PyObject *op, PyObject *name, PyObject *value);

/* ---- stream_attributes.c ---- */

/* logstr, made by _makeLogstr() when it is first needed: an idle connection needs none.
 * Borrowed, or NULL with an exception set. */
PyObject *pyr_stream_log_string(StreamConnection *self);

extern PyGetSetDef pyr_stream_getset[], pyr_stream_file_getset[];
extern PyMemberDef pyr_stream_members[];

#endif
