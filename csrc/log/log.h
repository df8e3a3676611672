/* The log room's part of the module: what module.c calls. */
#ifndef PYREACTOR_LOG_H
#define PYREACTOR_LOG_H

#include "core/core.h"
#include "core/given.h"

extern const pyr_given pyr_log_objects[];

int pyr_log_exec(PyObject *module, core_state *st);

#endif
