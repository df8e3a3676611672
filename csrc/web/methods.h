/* The functions of the module that StandIns call for Twisted's, by Twisted's names. */
#ifndef PYREACTOR_METHODS_H
#define PYREACTOR_METHODS_H

#include <Python.h>

/* Add them to the module, once they can be called: those of twisted.web.server and
 * twisted.web.resource when what they need is there, too. */
int pyr_methods_add(PyObject *module);
int pyr_methods_add_servers(PyObject *module);

#endif
