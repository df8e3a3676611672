/* What every C file of pyreactor._core includes first: CPython's headers and the module
 * state. */
#ifndef PYREACTOR_CORE_H
#define PYREACTOR_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "core/compat.h"
#include "core/dict.h"

#include "core/state.h"
#include "core/types.h"

static inline core_state *
pyr_module_state(PyObject *module)
{
    return (core_state *)PyModule_GetState(module);
}

/* Where the module state has an interned name. */
#define PYR_NAME(identifier) offsetof(core_state, names.identifier)

static inline PyObject *
pyr_name_at(core_state *st, size_t name)
{
    return *(PyObject **)((char *)st + name);
}

#endif
