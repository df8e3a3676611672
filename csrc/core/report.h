/*
 * Errors of application code are logged by Python functions (pyreactor/_loop/reports.py)
 * that run as if inside an `except` block, so that Failure() finds the exception.
 */
#ifndef PYREACTOR_REPORT_H
#define PYREACTOR_REPORT_H

#include "core/core.h"

/* Log the exception that is set, by calling reporter().  0: it is handled and cleared.
 * -1: the reporter itself raised; that exception is set. */
int pyr_report(PyObject *reporter);

/* The same with one argument. */
int pyr_report_with(PyObject *reporter, PyObject *argument);

/* The same, where the reporter answers: the truth of what reporter(argument) returns. */
int pyr_report_ask(PyObject *reporter, PyObject *argument);

/* Like pyr_report_with, and gives back the exception (new reference) in *exc. */
int pyr_report_keep(PyObject *reporter, PyObject *argument, PyObject **exc);

#endif
