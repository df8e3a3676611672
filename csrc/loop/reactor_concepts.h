/* The reactor's part in the module's life: loop, timers, streams, listener. */
#ifndef PYREACTOR_REACTOR_CONCEPTS_H
#define PYREACTOR_REACTOR_CONCEPTS_H

#include "core/core.h"

int pyr_reactor_exec(PyObject *module, core_state *st);
int pyr_reactor_traverse(core_state *st, visitproc visit, void *arg);
void pyr_reactor_clear(core_state *st);

#endif
