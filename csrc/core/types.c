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

int
pyr_add_type(PyObject *module, PyType_Spec *spec, void *base, PyTypeObject **type)
{
    PyObject *made = PyType_FromModuleAndSpec(module, spec, base);
    int status = made == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)made);
    if (status == 0 && type != NULL) {
        *type = (PyTypeObject *)Py_NewRef(made);
    }
    Py_XDECREF(made);
    return status;
}

core_state *
pyr_state_of_type(PyTypeObject *type)
{
    PyObject *module = PyType_GetModuleByDef(type, module_definition);
    return module == NULL ? NULL : pyr_module_state(module);
}
