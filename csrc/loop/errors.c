/* Errors of the loop; see errors.h. */
#include "loop/errors.h"

#include <errno.h>

#include "loop/loop.h"

void
pyr_errors_set(int error)
{
    errno = error;
    PyErr_SetFromErrno(PyExc_OSError);
}

void
pyr_errors_keep(Loop *loop)
{
    if (loop->pending_exc == NULL) {
        loop->pending_exc = PyErr_GetRaisedException();
    } else {
        PyErr_WriteUnraisable((PyObject *)loop);
    }
}

int
pyr_errors_raise(Loop *loop)
{
    PyObject *exc = loop->pending_exc;
    if (exc == NULL) {
        return 0;
    }
    loop->pending_exc = NULL;
    PyErr_SetRaisedException(exc);
    return -1;
}
