/* The type of timed calls. */
#ifndef PYREACTOR_DELAYED_CALL_H
#define PYREACTOR_DELAYED_CALL_H

#include "core/core.h"

#include "loop/heap.h"

struct Loop;

typedef struct DelayedCall {
    PyObject_HEAD struct Loop *loop; /* NULL once collected */
    double time;
    double delayed_time;
    uint64_t order;
    uint64_t number; /* of the valid heap entry */
    PyObject *func;  /* NULL once cancelled */
    PyObject *args;  /* tuple, or NULL for none */
    PyObject *kwargs;
    PyObject *seconds; /* the reactor's clock when this was made; NULL: time.time */
    PyObject *creator; /* list of str in debug mode, else NULL */
    PyObject *repr;    /* frozen repr of a call cancelled in debug mode, else NULL */
    PyObject *dict;
    PyObject *weakrefs;
    char called;
    char cancelled;
} DelayedCall;

static inline bool
pyr_entry_is_stale(const pyr_timer_entry *entry)
{
    return entry->call->cancelled || entry->call->number != entry->number;
}

/* callLater by METH_FASTCALL | METH_KEYWORDS arguments; a new DelayedCall. */
PyObject *pyr_delayed_call_later(struct Loop *loop, PyObject *const *args,
                                 Py_ssize_t nargs, PyObject *kwnames);

/* The garbage collector is to know of the call from now on. */
void pyr_delayed_call_tell(DelayedCall *call);

int delayed_call_traverse(DelayedCall *self, visitproc visit, void *arg);

int pyr_delayed_call_exec(PyObject *module, core_state *st);

/* Make the type of the calls, once there is Twisted's own to derive it from. */
int pyr_delayed_call_configure(PyObject *module, core_state *st);

#endif
