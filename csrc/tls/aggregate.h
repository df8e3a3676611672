/*
 * What collects the small writes of a turn, before OpenSSL gets them: Twisted's
 * _AggregateSmallWrites, whose attributes are in a C struct here, and whose hot methods
 * are C.
 *
 * pyreactor/_tls/records.py makes a class of the C type and Twisted's class.  The methods
 * are functions of the module, for StandIns: of an object whose attributes a program made
 * another kind of, Twisted's own method does the work, by the same attributes.
 */
#ifndef PYREACTOR_AGGREGATE_H
#define PYREACTOR_AGGREGATE_H

#include "core/core.h"

/* New references; NotImplemented: nothing was done that Twisted's method does not do
 * again.  Of flush and _scheduledFlush, `data` is ignored. */
PyObject *pyr_aggregate_write(core_state *st, PyObject *self, PyObject *data);
PyObject *pyr_aggregate_flush(core_state *st, PyObject *self, PyObject *data);
PyObject *pyr_aggregate_scheduled_flush(core_state *st, PyObject *self, PyObject *data);

int pyr_aggregate_exec(PyObject *module, core_state *st);

#endif
