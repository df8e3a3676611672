/* What every C file of pyreactor._core includes first: CPython's headers and the module
 * state. */
#ifndef PYREACTOR_CORE_H
#define PYREACTOR_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "core/compat.h"

#include "core/state.h"
#include "core/types.h"

static inline core_state *
pyr_module_state(PyObject *module)
{
    return (core_state *)PyModule_GetState(module);
}

#endif
