/*
 * PipeReader and PipeWriter: the hot half of the pipes to a child process, and of
 * standard input and output.  The rare half is Twisted's own Python, which
 * pyreactor/_process.py mixes in.
 */
#ifndef PYREACTOR_PIPE_H
#define PYREACTOR_PIPE_H

#include "core/core.h"

#include <sys/types.h>

#include "transport/stream.h"

/* What is no socket is read and written by read(2) and writev(2). */
ssize_t pyr_pipe_receive(int fd, char *data, size_t size);
ssize_t pyr_pipe_send(int fd, const struct iovec *items, int count);

/* protocol.childDataReceived(child_fd, bytes); -1 with an exception set. */
int pyr_pipe_deliver(core_state *st, PyObject *protocol, PyObject *child_fd,
                     const char *data, Py_ssize_t size);

/* The attribute `fd`, for a PyGetSetDef. */
PyObject *pyr_pipe_get_fd(StreamConnection *self, void *closure);
int pyr_pipe_set_fd(StreamConnection *self, PyObject *value, void *closure);

int pyr_pipe_exec(PyObject *module, core_state *st);

#endif
