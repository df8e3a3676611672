/*
 * What every C file of pyreactor._core shares: the module state and the hooks through
 * which each concept (one file) takes part in the module's life.
 */
#ifndef PYREACTOR_CORE_H
#define PYREACTOR_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "core/compat.h"

/* One struct per concept; each is defined in the concept's own header. */
#include "core/state.h"

extern struct PyModuleDef pyr_core_module;

static inline core_state *
pyr_module_state(PyObject *module)
{
    return (core_state *)PyModule_GetState(module);
}

/*
 * The state of the module that made `type` or one of its bases.  Never NULL for the
 * module's own types and for subclasses of them; NULL with TypeError set otherwise.
 * The state lives as long as the type does, so an instance may keep the pointer.
 */
core_state *pyr_state_of_type(PyTypeObject *type);

/* Create a heap type from `spec`, add it to the module, and give back a new reference. */
PyTypeObject *pyr_add_type(PyObject *module, PyType_Spec *spec, PyObject *bases);

#endif
