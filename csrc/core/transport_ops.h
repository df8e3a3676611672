/*
 * What transports and framings do for each other, by tables: so neither room knows the
 * other.
 */
#ifndef PYREACTOR_TRANSPORT_OPS_H
#define PYREACTOR_TRANSPORT_OPS_H

#include <Python.h>
#include <stdbool.h>

struct core_state;

/* A transport's methods and attributes, for one whose class leaves them as they are. */
typedef struct {
    /* transport.write(data); a new reference */
    PyObject *(*write)(PyObject *transport, PyObject *data);
    /* transport.disconnecting */
    bool (*disconnecting)(PyObject *transport);
    /*
     * Send what is queued and, behind it, `most` bytes of a file from the offset on, as
     * far as the socket takes them at once: how many of the file's it took, or -1 with an
     * exception.  0 where it takes none, and after an error, which the next write meets,
     * too.
     */
    Py_ssize_t (*send_file)(PyObject *transport, int file, long long offset,
                            Py_ssize_t most);
    /* Pause the producer until the socket has room.  1: done, 0: there is none, -1: error
     */
    int (*await_room)(PyObject *transport);
} pyr_transport_ops;

/*
 * protocol.dataReceived(data) without making an object of the data, if a C method is
 * behind it: then true, and *result is what it returned (a new reference) or NULL with an
 * exception set.  False: nothing was done.  The memory must stay valid and unchanged
 * until this returns, whatever Python code runs meanwhile.
 */
typedef bool (*pyr_deliver_func)(struct core_state *st, PyObject *protocol,
                                 const char *data, Py_ssize_t size, PyObject **result);

/*
 * The lines that a LineReceiver has before it: as they are now, and how to take some.
 * What is peeked at is there until Python code runs.
 */
typedef struct {
    void *buffer;
    const char *(*peek)(void *buffer, Py_ssize_t *size);
    /* The first `size` bytes, which are gone from the buffer then; a new reference. */
    PyObject *(*cut)(void *buffer, Py_ssize_t size);
} pyr_lines;

/* So many bytes are taken together at most. */
enum { PYR_MOST_LINES = 16384 };

/*
 * In the place of protocol.lineReceived(line), for several lines that end with CR LF.
 * True: some were taken, and *result is what lineReceived returned for the last (a new
 * reference) or NULL with an exception set.  False: none was.
 */
typedef bool (*pyr_take_lines_func)(struct core_state *st, PyObject *protocol,
                                    const pyr_lines *lines, PyObject **result);

/* Whose lines these are: protocols whose lineReceived is this function. */
typedef struct {
    PyObject *handler; /* borrowed from the room that takes them; or NULL */
    pyr_take_lines_func take;
} pyr_take_lines;

#endif
