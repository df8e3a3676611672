/* Request of twisted.web.http and twisted.web.server, up to what a resource renders. */
#ifndef PYREACTOR_REQUEST_H
#define PYREACTOR_REQUEST_H

#include "core/core.h"

#include <stdbool.h>

/* Is it a class of requests that Twisted's own __init__ makes, and not more? */
bool pyr_request_is_plain(core_state *st, PyObject *factory);

/* Is it a class that is called with the channel and `queued`?  Its code is a program's.
 */
bool pyr_request_is_queued(core_state *st, PyObject *factory);

/* factory(channel, queued), for a plain class.  `whole`: the channel is so (whole.h). */
PyObject *pyr_request_new(core_state *st, PyTypeObject *factory, PyObject *channel,
                          PyObject *queued, bool whole);

/* What gotLength(0) does for a whole request.  1: it is done; 0: nothing is, as it is for
 * a function that may be a program's; -1: error */
int pyr_request_give_content(core_state *st, PyObject *self);

/* What requestReceived(*line) does, all of which are bytes, for a whole request whose
 * content C has made. */
int pyr_request_take(core_state *st, PyObject *self, PyObject *const *line);

/* Methods of it, for StandIns; see web/methods.h. */
PyObject *pyr_request_init(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_request_parse_cookies(core_state *st, PyObject *const *args,
                                    Py_ssize_t nargs);
PyObject *pyr_request_got_length(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_request_server_got_length(core_state *st, PyObject *const *args,
                                        Py_ssize_t nargs);
PyObject *pyr_request_handle_chunk(core_state *st, PyObject *const *args,
                                   Py_ssize_t nargs);
PyObject *pyr_request_received(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_request_get_header(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_request_set_header(core_state *st, PyObject *const *args, Py_ssize_t nargs);

#endif
