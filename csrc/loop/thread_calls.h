/* The queue behind reactor.callFromThread: first in, first out. */
#ifndef PYREACTOR_THREADCALLS_H
#define PYREACTOR_THREADCALLS_H

#include "core/core.h"

#include <stdbool.h>

#include "loop/watchdog.h"

typedef struct {
    PyObject *func;
    PyObject *args;    /* tuple, or NULL for none */
    PyObject *kwargs;  /* dict, or NULL for none */
    PyObject *context; /* of variables, or NULL; see variables.h */
} pyr_threadcall;

typedef struct {
    pyr_threadcall *ring;
    size_t capacity; /* a power of two, or 0 */
    size_t head;
    size_t count;
    /* To asyncio's reactor a call is a timed one, in the context of its caller. */
    bool as_timed;
} pyr_threadcalls;

/* Add a call made by METH_FASTCALL | METH_KEYWORDS arguments (func first). */
int pyr_threadcalls_add(pyr_threadcalls *self, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames);

/* Run the first `count` calls: one that is queued meanwhile waits for the next iteration,
 * as in stock.  Errors are logged as stock does.  1 if more are queued, -1 if the logging
 * raised. */
int pyr_threadcalls_run(pyr_threadcalls *self, size_t count, core_state *st,
                        pyr_watchdog *watchdog);

int pyr_threadcalls_traverse(pyr_threadcalls *self, visitproc visit, void *arg);
void pyr_threadcalls_clear(pyr_threadcalls *self);

#endif
