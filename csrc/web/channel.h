/* HTTPChannel of twisted.web.http: what is received, and what it does around a request.
 */
#ifndef PYREACTOR_CHANNEL_H
#define PYREACTOR_CHANNEL_H

#include "core/core.h"
#include "core/transport_ops.h"

#include <stdbool.h>

/* A pyr_take_lines_func: the head that the lines begin with, if it is plain. */
bool pyr_channel_take_head(core_state *st, PyObject *channel, const pyr_lines *lines,
                           PyObject **result);

/* Methods of it, and of what stands around it, for StandIns; see web/methods.h. */
PyObject *pyr_channel_generic_data_received(core_state *st, PyObject *const *args,
                                            Py_ssize_t nargs);
PyObject *pyr_channel_data_received(core_state *st, PyObject *const *args,
                                    Py_ssize_t nargs);
PyObject *pyr_channel_raw_data_received(core_state *st, PyObject *const *args,
                                        Py_ssize_t nargs);
PyObject *pyr_channel_all_headers_received(core_state *st, PyObject *const *args,
                                           Py_ssize_t nargs);
PyObject *pyr_channel_check_persistence(core_state *st, PyObject *const *args,
                                        Py_ssize_t nargs);
PyObject *pyr_channel_all_content_received(core_state *st, PyObject *const *args,
                                           Py_ssize_t nargs);
PyObject *pyr_channel_finish_request_body(core_state *st, PyObject *const *args,
                                          Py_ssize_t nargs);
PyObject *pyr_channel_request_done(core_state *st, PyObject *const *args,
                                   Py_ssize_t nargs);
PyObject *pyr_channel_set_raw_mode(core_state *st, PyObject *const *args,
                                   Py_ssize_t nargs);
PyObject *pyr_channel_set_line_mode(core_state *st, PyObject *const *args,
                                    Py_ssize_t nargs);

#endif
