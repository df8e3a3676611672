/* HTTPChannel.getPeer and getHost: over a connection of ours, made once. */
#ifndef PYREACTOR_PEER_H
#define PYREACTOR_PEER_H

#include "core/core.h"

/* For StandIns; see web/methods.h. */
PyObject *pyr_peer_get_peer(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_peer_get_host(core_state *st, PyObject *const *args, Py_ssize_t nargs);

/* What the two methods, which are Twisted's on this channel, would give for its transport
 * as they did before, peer first.  1: new references, 0: they have to be called, -1:
 * error */
int pyr_peer_find_both(core_state *st, PyObject *channel, PyObject *addresses[2]);

#endif
