/* The functions of the module that StandIns call for Twisted's, by Twisted's names. */
#ifndef PYREACTOR_METHODS_H
#define PYREACTOR_METHODS_H

#include <Python.h>

/* Add them to the module. */
int pyr_methods_add(PyObject *module);

#endif
