/* The module's types, and how an object of one finds the module's state. */
#ifndef PYREACTOR_TYPES_H
#define PYREACTOR_TYPES_H

#include <Python.h>

struct core_state;

/* Before any type is made: the module that they are of is one of this definition. */
void pyr_types_begin(PyModuleDef *definition);

/*
 * Create a heap type from `spec` and add it to the module.  `base`: a class, a tuple of
 * classes, or NULL: object.  *type becomes a new reference, if it is not NULL.
 */
int pyr_add_type(PyObject *module, PyType_Spec *spec, void *base, PyTypeObject **type);

/*
 * The state of the module that made `type` or one of its bases.  Never NULL for the
 * module's own types and for subclasses of them; NULL with TypeError set otherwise.
 * The state lives as long as the type does, so an instance may keep the pointer.
 */
struct core_state *pyr_state_of_type(PyTypeObject *type);

#endif
