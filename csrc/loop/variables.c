/* Context variables; see variables.h. */
#include "loop/variables.h"

#include "core/compat.h"

PyObject *
pyr_variables_capture(void)
{
    PyObject *context = PyContext_CopyCurrent();
    if (context == NULL) {
        PyErr_Clear();
    }
    return context;
}

bool
pyr_variables_enter(PyObject *context)
{
    if (context == NULL) {
        return false;
    }
    if (PyContext_Enter(context) < 0) { /* what iterates inside is in it already */
        PyErr_Clear();
        return false;
    }
    return true;
}

void
pyr_variables_leave(PyObject *context)
{
    PyObject *raised = PyErr_GetRaisedException();
    if (PyContext_Exit(context) < 0) {
        PyErr_WriteUnraisable(context);
    }
    if (raised != NULL) {
        PyErr_SetRaisedException(raised);
    }
}
