/* Accepting connections: _core.accept. */
#ifndef PYREACTOR_LISTENER_H
#define PYREACTOR_LISTENER_H

#include "core/core.h"

int pyr_listener_exec(PyObject *module, core_state *st);

#endif
