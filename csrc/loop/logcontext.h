/*
 * twisted.python.log's context, pushed for the time an event is handled so that a
 * message logged meanwhile carries the transport's prefix.
 */
#ifndef PYREACTOR_LOGCONTEXT_H
#define PYREACTOR_LOGCONTEXT_H

#include "core/core.h"

typedef struct {
    PyObject *contexts; /* list: the stack of the thread that iterates, or NULL */
    PyObject *outer;    /* reusable {ILogContext: inner}, or NULL */
    PyObject *inner;    /* reusable {"system": prefix}, or NULL */
} pyr_logcontext;

/* Find the calling thread's context stack.  To be called when an iteration begins. */
int pyr_logcontext_enter(core_state *st, pyr_logcontext *self);

/* Push a context whose "system" is `prefix`.  Balance with pyr_logcontext_pop. */
int pyr_logcontext_push(core_state *st, pyr_logcontext *self, PyObject *prefix);

/* Pop what push pushed; an exception that is set stays set. */
void pyr_logcontext_pop(pyr_logcontext *self);

int pyr_logcontext_traverse(pyr_logcontext *self, visitproc visit, void *arg);
void pyr_logcontext_clear(pyr_logcontext *self);

#endif
