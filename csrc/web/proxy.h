/* Modules that warn of some of their names, as twisted.web.http does: _ModuleProxy of
 * twisted.python.deprecate. */
#ifndef PYREACTOR_PROXY_H
#define PYREACTOR_PROXY_H

#include "core/core.h"

/* A method of it, for a StandIn; see web/methods.h. */
PyObject *pyr_proxy_getattribute(core_state *st, PyObject *const *args, Py_ssize_t nargs);

#endif
