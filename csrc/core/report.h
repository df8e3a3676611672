/*
 * Errors of application code are logged by Python functions (pyreactor/_loop/reports.py)
 * that run as if inside an `except` block, so that Failure() finds the exception.
 */
#ifndef PYREACTOR_REPORT_H
#define PYREACTOR_REPORT_H

#include "core/core.h"

/* Log the exception that is set, by calling reporter(argument), or reporter() if that is
 * NULL.  The truth of what it returns: the exception is handled and cleared.  -1: the
 * reporter itself raised; that exception is set. */
int pyr_report(PyObject *reporter, PyObject *argument);

/* The same; *exc is the exception, a new reference, or NULL with -1. */
int pyr_report_keep(PyObject *reporter, PyObject *argument, PyObject **exc);

#endif
