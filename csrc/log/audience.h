/*
 * Who gets an event: what the tree of observers under a publisher would do with it.
 *
 * Publishers, filters by level and the history that is kept until logging begins are
 * looked into, where they are plain (see state.h); any other observer hears the event.
 */
#ifndef PYREACTOR_AUDIENCE_H
#define PYREACTOR_AUDIENCE_H

#include "core/core.h"

typedef enum {
    PYR_AUDIENCE_NONE, /* each drops it, or only remembers it */
    PYR_AUDIENCE_HEARS,
    PYR_AUDIENCE_LOOKS, /* one counts the frames of Twisted's functions on the stack */
} pyr_audience_kind;

#define PYR_AUDIENCE_HISTORIES 4

/* An event, as filters see it, and what was found out. */
typedef struct {
    Py_ssize_t rank;  /* place of its level among the levels */
    PyObject *space;  /* its namespace, borrowed */
    Py_ssize_t depth; /* of observers below each other, while they are looked at */
    Py_ssize_t count; /* of those who only remember it */
    PyObject *histories[PYR_AUDIENCE_HISTORIES]; /* their deques, in order; owned */
} pyr_audience;

/* Look at the observer, and what is below it.  No Python code runs.  To be followed by
 * pyr_audience_clear. */
pyr_audience_kind pyr_audience_look(core_state *st, pyr_audience *self,
                                    PyObject *observer);

/* Have those who remember the event remember it; -1 with an exception. */
int pyr_audience_remember(core_state *st, pyr_audience *self, PyObject *event);

void pyr_audience_clear(pyr_audience *self);

/* Place of a level among LogLevel's, or -1 if it is none of them. */
Py_ssize_t pyr_audience_rank(core_state *st, PyObject *level);

/* Is the publisher plain, and without any observer? */
int pyr_audience_is_empty(core_state *st, PyObject *observer);

#endif
