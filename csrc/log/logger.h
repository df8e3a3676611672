/*
 * The methods of twisted.logger's Logger that log: emit, and one for each level.
 *
 * An event that nobody hears is not made.  One that is heard is made here and given to
 * the logger's observer.  What else there is (a level that is none, tracing, an observer
 * that counts the frames on the stack) is left to Twisted's functions.
 */
#ifndef PYREACTOR_LOGGER_H
#define PYREACTOR_LOGGER_H

#include "core/core.h"

extern PyMethodDef pyr_logger_methods[];

/* In the namespace that a function of Twisted's has for its globals, a new reference;
 * NULL without an exception if it is not there. */
PyObject *pyr_logger_global(PyObject *names, PyObject *name);

#endif
