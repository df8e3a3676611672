/* Receiving from a UNIX stream socket what may come beside the bytes: descriptors. */
#ifndef PYREACTOR_ANCILLARY_H
#define PYREACTOR_ANCILLARY_H

#include <sys/types.h>

#include "core.h"

/* recvmsg(), with errno as it sets it.  *ancillary becomes NULL, or where control data
 * came a new list of (level: int, type: int, data: bytes), as socket.recvmsg gives it.
 * -2 with an exception set, and the descriptors that came closed, if that failed. */
ssize_t pyr_receive_ancillary(int fd, void *data, size_t size, PyObject **ancillary);

#endif
