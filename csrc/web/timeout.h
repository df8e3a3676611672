/* TimeoutMixin of twisted.protocols.policies. */
#ifndef PYREACTOR_TIMEOUT_H
#define PYREACTOR_TIMEOUT_H

#include "core/core.h"

/* Its methods, for StandIns; see web/methods.h. */
PyObject *pyr_timeout_set(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_timeout_reset(core_state *st, PyObject *const *args, Py_ssize_t nargs);

#endif
