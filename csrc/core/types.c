/* The module's types; see types.h. */
#include "core/types.h"

#include "core/core.h"

/* The one that module.c has, the same for all interpreters. */
static PyModuleDef *module_definition;

void
pyr_types_begin(PyModuleDef *definition)
{
    module_definition = definition;
}

PyTypeObject *
pyr_add_type(PyObject *module, PyType_Spec *spec, PyObject *bases)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, bases);
    if (type != NULL && PyModule_AddType(module, (PyTypeObject *)type) < 0) {
        Py_CLEAR(type);
    }
    return (PyTypeObject *)type;
}

core_state *
pyr_state_of_type(PyTypeObject *type)
{
    PyObject *module = PyType_GetModuleByDef(type, module_definition);
    return module == NULL ? NULL : pyr_module_state(module);
}
