/*
 * PTYStream and SerialStream: the hot half of a child's pseudo-terminal and of a serial
 * port.  The rare half is Twisted's own Python, which pyreactor/_process.py and
 * pyreactor/_serial.py mix in.
 */
#ifndef PYREACTOR_TERMINAL_H
#define PYREACTOR_TERMINAL_H

#include "core/core.h"

int pyr_terminal_exec(PyObject *module, core_state *st);

#endif
