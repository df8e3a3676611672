/* Errors of the loop; see loop/loop.h. */
#include "loop/loop.h"

#include <errno.h>

void
pyr_set_uv_error(int status)
{
    errno = -status; /* on Unix, libuv's codes are negated errno values */
    PyErr_SetFromErrno(PyExc_OSError);
}

void
pyr_loop_keep_exception(Loop *self)
{
    if (self->pending_exc == NULL) {
        self->pending_exc = PyErr_GetRaisedException();
    } else {
        PyErr_WriteUnraisable((PyObject *)self);
    }
}

int
pyr_loop_raise_kept(Loop *self)
{
    if (self->pending_exc == NULL) {
        return 0;
    }
    PyObject *exc = self->pending_exc;
    self->pending_exc = NULL;
    PyErr_SetRaisedException(exc);
    return -1;
}
