/* What a request writes and how it ends: Request of twisted.web.http and
 * twisted.web.server, and what they call of the channel. */
#ifndef PYREACTOR_RESPONSE_H
#define PYREACTOR_RESPONSE_H

#include "core/core.h"

/* Methods, for StandIns; see web/methods.h. */
PyObject *pyr_response_write_headers(core_state *st, PyObject *const *args,
                                     Py_ssize_t nargs);
PyObject *pyr_response_channel_write(core_state *st, PyObject *const *args,
                                     Py_ssize_t nargs);
PyObject *pyr_response_channel_write_sequence(core_state *st, PyObject *const *args,
                                              Py_ssize_t nargs);
PyObject *pyr_response_write(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_response_server_write(core_state *st, PyObject *const *args,
                                    Py_ssize_t nargs);
PyObject *pyr_response_finish(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_response_server_finish(core_state *st, PyObject *const *args,
                                     Py_ssize_t nargs);
PyObject *pyr_response_cleanup(core_state *st, PyObject *const *args, Py_ssize_t nargs);

#endif
