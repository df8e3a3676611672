/*
 * PipeReader and PipeWriter: the hot half of the pipes to a child process.  The rare half
 * is Twisted's own Python, which pyreactor/_process.py mixes in.
 */
#ifndef PYREACTOR_PIPE_H
#define PYREACTOR_PIPE_H

#include "core.h"

int pyr_pipe_exec(PyObject *module, core_state *st);

#endif
