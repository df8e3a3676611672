/*
 * The framings that Twisted does not have: all whole messages of a chunk in one call, or
 * packets behind a header.  They share the loop, which looks at the protocol again before
 * each call.
 */
#ifndef PYREACTOR_BATCH_H
#define PYREACTOR_BATCH_H

#include "framing/attributes.h"

struct pyr_batch_ops {
    /* A list of all whole messages, consumed: pyr_batch_take(); NULL: exception. */
    PyObject *(*take)(pyr_buffer *b);
    /* There is none: call back if that is for what has come.  Sets *result if it stops.
     */
    pyr_step (*none)(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                     PyObject **result);
    /* NULL, or after the callback, which has returned `why`. */
    pyr_step (*after)(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                      PyObject *why);
    /* NULL, or instead of all these: one call of the protocol. */
    pyr_step (*step)(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                     PyObject **result);
    /* NULL, or what may come quietly (see pyr_buffer_wait). */
    void (*rest)(pyr_buffer *b);
};

/* One call of the protocol with what is whole, or about what is not. */
pyr_step pyr_batch_step(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                        PyObject **result);
PyObject *pyr_batch_feed(pyr_framing_method *method, PyObject *self, pyr_buffer *b,
                         int fits, const char *data, Py_ssize_t size, PyObject *lender);
/* Nonsense: forget what was received, ignore what comes, and call self.name(first,
 * second); either may be NULL. */
pyr_step pyr_batch_give_up(pyr_buffer *b, PyObject *self, PyObject *name, PyObject *first,
                           PyObject *second);

/* Add a message (stolen) for which there was no room. */
int pyr_batch_append(PyObject *list, PyObject *message);
/* The list without the room that was not needed; NULL: an exception is set. */
PyObject *pyr_batch_end(PyObject *list, Py_ssize_t count, Py_ssize_t room);

/*
 * A list of what `next` gives, which is a new reference to the next whole message,
 * consumed; NULL without an exception: what comes is not whole, or not to be delivered.
 * There are likely to be `most` of them.
 */
static inline PyObject *
pyr_batch_take(pyr_buffer *b, Py_ssize_t most, PyObject *(*next)(pyr_buffer *))
{
    enum { MOST_ROOM = 8192 };
    Py_ssize_t count = 0, room = most < MOST_ROOM ? most : MOST_ROOM;
    PyObject *list = PyList_New(room); /* which may run a garbage collection */
    PyObject *message;
    while (list != NULL && b->size > 0 && (message = next(b)) != NULL) {
        if (count < room) {
            PyList_SET_ITEM(list, count++, message);
        } else if (pyr_batch_append(list, message) < 0) {
            break;
        }
    }
    return pyr_batch_end(list, count, room);
}

#endif
