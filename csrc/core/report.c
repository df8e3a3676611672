/* Logging of application errors; see report.h. */
#include "core/report.h"

/* reporter(argument), or reporter(), as if inside an `except` block for `raised`. */
static PyObject *
call_handling(PyObject *raised, PyObject *reporter, PyObject *argument)
{
    PyObject *old_type, *old_value, *old_traceback, *result;
    PyErr_GetExcInfo(&old_type, &old_value, &old_traceback);
    PyErr_SetExcInfo(Py_NewRef(Py_TYPE(raised)), Py_NewRef(raised),
                     PyException_GetTraceback(raised));
    result = argument == NULL ? PyObject_CallNoArgs(reporter)
                              : PyObject_CallOneArg(reporter, argument);
    PyErr_SetExcInfo(old_type, old_value, old_traceback);
    return result;
}

int
pyr_report_keep(PyObject *reporter, PyObject *argument, PyObject **exc)
{
    PyObject *raised = PyErr_GetRaisedException();
    assert(raised != NULL);
    PyObject *result = call_handling(raised, reporter, argument);
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
pyr_report_ask(PyObject *reporter, PyObject *argument)
{
    PyObject *raised = PyErr_GetRaisedException();
    assert(raised != NULL);
    PyObject *answer = call_handling(raised, reporter, argument);
    Py_DECREF(raised);
    int truth = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return truth;
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
