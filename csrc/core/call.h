/*
 * Keeping the arguments of a call for later: what callLater, callFromThread and
 * addCallback have in common.
 */
#ifndef PYREACTOR_CALL_H
#define PYREACTOR_CALL_H

#include <Python.h>
#include <stdbool.h>

/* Split METH_FASTCALL arguments into a tuple and a dict; NULL where there are none. */
int pyr_pack_arguments(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                       PyObject **packed_args, PyObject **packed_kwargs);

/* Call func with what pyr_pack_arguments made. */
PyObject *pyr_call_packed(PyObject *func, PyObject *args, PyObject *kwargs);

/* Keep METH_FASTCALL arguments as they come, values of keywords last; NULL for none. */
int pyr_keep_arguments(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                       PyObject **packed);

/*
 * func(first, *args, **keywords).  args is a tuple or NULL.  With `named`, keywords is
 * the tuple of names that the last of args, as pyr_keep_arguments keeps them, belong to;
 * else it is a dict or NULL.
 */
PyObject *pyr_call_kept(PyObject *func, PyObject *first, PyObject *args,
                        PyObject *keywords, bool named);

/* NULL with the TypeError of a call of C that has another number of arguments. */
PyObject *pyr_call_refused(Py_ssize_t expected, Py_ssize_t nargs);

#endif
