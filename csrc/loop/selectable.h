/*
 * Selectables: who waits for events of a descriptor.
 *
 * What Twisted calls so is an object of any Python type with fileno(), doRead() and so
 * on, given to addReader or addWriter.  A Selectable is one in C, which says by a table
 * what the loop is to call.  While its own reactor is another one than the loop's, it is
 * like an object of any type.
 */
#ifndef PYREACTOR_SELECTABLE_H
#define PYREACTOR_SELECTABLE_H

#include "loop/loop.h"
#include "loop/watch.h"

/* What a Selectable begins with; _core.Selectable is the base of their types. */
#define PYR_SELECTABLE_HEAD                                                   \
    PyObject_HEAD core_state *st;                                             \
    const pyr_selectable_ops *ops;                                            \
    Loop *loop;       /* of its reactor, if that is a pyreactor; else NULL */ \
    pyr_watch *watch; /* NULL while it has none */                            \
    struct Selectable *next_flush;                                            \
    bool in_flush /* it is on the loop's flush list */

typedef struct Selectable {
    PYR_SELECTABLE_HEAD;
} Selectable;

/* `object` as a Selectable of this loop; NULL (no exception) if it is anything else. */
Selectable *pyr_selectable_of(Loop *loop, PyObject *object);

/* reactor.addReader, addWriter, removeReader and removeWriter for an object of any type,
 * by PYR_READ or PYR_WRITE.  -1: an exception is set. */
typedef enum {
    PYR_WATCH_ERROR = -1,
    PYR_WATCHED = 0,
    PYR_NOT_WATCHED = 1, /* adding: the kernel does not poll such files */
} pyr_watched;

pyr_watched pyr_selectable_add(Loop *loop, PyObject *object, int event);
int pyr_selectable_remove(Loop *loop, PyObject *object, int event);

/* reactor.getReaders and getWriters: a new list. */
PyObject *pyr_selectable_list(Loop *loop, int event);

/* A Selectable of the descriptor `fd` wants exactly `wanted`, of which libuv is to be
 * asked for `asked`; it gets its watch when it first wants something.  One that shares
 * its descriptor is not watched if that is a file, or another selectable's already. */
pyr_watched pyr_selectable_want(Selectable *self, int fd, int wanted, int asked);

int pyr_selectable_exec(PyObject *module, core_state *st);

#endif
