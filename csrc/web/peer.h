/* HTTPChannel.getPeer and getHost: over a connection of ours, made once. */
#ifndef PYREACTOR_PEER_H
#define PYREACTOR_PEER_H

#include "core/core.h"

/* For StandIns; see web/methods.h. */
PyObject *pyr_peer_get_peer(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_peer_get_host(core_state *st, PyObject *const *args, Py_ssize_t nargs);

#endif
