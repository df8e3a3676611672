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
} pyr_transport_ops;

/*
 * protocol.dataReceived(data) without making an object of the data, if a framing is
 * behind it: then true, and *result is what it returned (a new reference) or NULL with an
 * exception set.  False: nothing was done.  The memory must stay valid and unchanged
 * until this returns, whatever Python code runs meanwhile.
 */
typedef bool (*pyr_deliver_func)(struct core_state *st, PyObject *protocol,
                                 const char *data, Py_ssize_t size, PyObject **result);

#endif
