/*
 * Keeping the arguments of a call for later: what callLater, callFromThread and
 * addCallback have in common.
 */
#ifndef PYREACTOR_CALL_H
#define PYREACTOR_CALL_H

#include <Python.h>

/* Split METH_FASTCALL arguments into a tuple and a dict; NULL where there are none. */
int pyr_pack_arguments(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                       PyObject **packed_args, PyObject **packed_kwargs);

/* Call func with what pyr_pack_arguments made. */
PyObject *pyr_call_packed(PyObject *func, PyObject *args, PyObject *kwargs);

#endif
