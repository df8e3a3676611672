/* Bodies in chunks, of requests and responses: _ChunkedTransferDecoder of
 * twisted.web.http. */
#ifndef PYREACTOR_CHUNKED_H
#define PYREACTOR_CHUNKED_H

#include "core/core.h"

/* Its dataReceived, for a StandIn; see web/methods.h. */
PyObject *pyr_chunked_received(core_state *st, PyObject *const *args, Py_ssize_t nargs);

#endif
