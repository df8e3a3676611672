/* Receiving from a UNIX stream socket what may come beside the bytes: descriptors. */
#ifndef PYREACTOR_ANCILLARY_H
#define PYREACTOR_ANCILLARY_H

#include "core/core.h"

#include <sys/types.h>

/* What came beside bytes. */
typedef struct {
    PyObject *messages; /* list of (level: int, type: int, data: bytes), as from
                           socket.recvmsg; NULL if there was no control data */
    PyObject *bytes;    /* a copy of the bytes that came with it, or NULL */
} pyr_ancillary;

/* recvmsg(), with errno as it sets it; *ancillary owns what it then holds.  -2 with an
 * exception set, and the descriptors that came closed, if that failed. */
ssize_t pyr_receive_ancillary(int fd, void *data, size_t size, pyr_ancillary *ancillary);

#endif
