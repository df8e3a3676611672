/* The type of timed calls, which mirrors twisted.internet.base.DelayedCall. */
#ifndef PYREACTOR_DELAYED_CALL_H
#define PYREACTOR_DELAYED_CALL_H

#include "core/core.h"

#include "loop/timers.h"

/* callLater by METH_FASTCALL | METH_KEYWORDS arguments; a new DelayedCall. */
PyObject *pyr_delayed_call_later(pyr_timers *timers, PyObject *const *args,
                                 Py_ssize_t nargs, PyObject *kwnames);

int pyr_delayed_call_exec(PyObject *module, core_state *st);

/* Make the type of the calls, once there is Twisted's own to derive it from. */
int pyr_delayed_call_configure(PyObject *module, core_state *st, PyObject *given);

#endif
