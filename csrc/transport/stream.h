/*
 * StreamConnection: the hot half of a TCP or UNIX connection.  The rare half is Twisted's
 * own Python, which pyreactor/_transport/tcp.py and pyreactor/_transport/unix.py mix in.
 */
#ifndef PYREACTOR_STREAM_H
#define PYREACTOR_STREAM_H

#include "core/core.h"

int pyr_stream_exec(PyObject *module, core_state *st);

#endif
