/* Logging of application errors; see report.h. */
#include "report.h"

int
pyr_report_keep(PyObject *reporter, PyObject *argument, PyObject **exc)
{
    PyObject *old_type, *old_value, *old_traceback, *result;
    PyObject *raised = PyErr_GetRaisedException();
    assert(raised != NULL);
    PyErr_GetExcInfo(&old_type, &old_value, &old_traceback);
    PyErr_SetExcInfo(Py_NewRef(Py_TYPE(raised)), Py_NewRef(raised),
                     PyException_GetTraceback(raised));
    result = argument == NULL ? PyObject_CallNoArgs(reporter)
                              : PyObject_CallOneArg(reporter, argument);
    PyErr_SetExcInfo(old_type, old_value, old_traceback);
    if (exc != NULL) {
        *exc = raised;
    } else {
        Py_DECREF(raised);
    }
    if (result == NULL) {
        if (exc != NULL) {
            Py_CLEAR(*exc);
        }
        return -1;
    }
    Py_DECREF(result);
    return 0;
}

int
pyr_report(PyObject *reporter)
{
    return pyr_report_keep(reporter, NULL, NULL);
}

int
pyr_report_with(PyObject *reporter, PyObject *argument)
{
    return pyr_report_keep(reporter, argument, NULL);
}
