/* The loop's part in the module's life. */
#ifndef PYREACTOR_REACTOR_CONCEPTS_H
#define PYREACTOR_REACTOR_CONCEPTS_H

#include "core/core.h"
#include "core/given.h"

extern const pyr_given pyr_reactor_objects[];

int pyr_reactor_exec(PyObject *module, core_state *st);

#endif
