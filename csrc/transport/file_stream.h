/*
 * FileStream: the hot half of what is read and written by read(2) and writev(2): pipes to
 * a child process, standard input and output, pseudo-terminals, serial ports.  The rare
 * half is Twisted's own Python, which pyreactor/_transport/process.py and
 * pyreactor/_transport/serial.py mix in.
 */
#ifndef PYREACTOR_FILE_STREAM_H
#define PYREACTOR_FILE_STREAM_H

#include "core/core.h"

int pyr_file_stream_exec(PyObject *module, core_state *st);

#endif
