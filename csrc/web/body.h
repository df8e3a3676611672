/* The bodies of requests: _IdentityTransferDecoder of twisted.web.http. */
#ifndef PYREACTOR_BODY_H
#define PYREACTOR_BODY_H

#include "core/core.h"

/* Its dataReceived, for a StandIn; see web/methods.h. */
PyObject *pyr_body_identity_received(core_state *st, PyObject *const *args,
                                     Py_ssize_t nargs);

#endif
