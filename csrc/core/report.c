/* Logging of application errors; see report.h. */
#include "core/report.h"

#include "core/objects.h"

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
    *exc = PyErr_GetRaisedException();
    assert(*exc != NULL);
    int answer = pyr_drop_for_truth(call_handling(*exc, reporter, argument));
    if (answer < 0) {
        Py_CLEAR(*exc);
    }
    return answer;
}

int
pyr_report(PyObject *reporter, PyObject *argument)
{
    PyObject *exc;
    int answer = pyr_report_keep(reporter, argument, &exc);
    Py_XDECREF(exc);
    return answer;
}
