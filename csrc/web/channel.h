/* HTTPChannel of twisted.web.http: what is received, and what it does around a request.
 */
#ifndef PYREACTOR_CHANNEL_H
#define PYREACTOR_CHANNEL_H

#include "core/core.h"

#include <stdbool.h>

/* What allHeadersReceived and allContentReceived do for a whole request and channel
 * (whole.h), whose request line is not in the channel's attributes.  `fields`: the dict
 * of the request's headers.  end_whole gives 1: it is done, and nothing of a program's
 * was called; 0: nothing is done, as something would be called or the length is not 0;
 * -1: error.  Only after 1 comes the other; `rested`: no header was counted before, and
 * no empty line. */
int pyr_channel_end_whole(core_state *st, PyObject *self, PyObject *request,
                          PyObject *version, PyObject *fields);
int pyr_channel_hand_over_whole(core_state *st, PyObject *self, PyObject *request,
                                PyObject *const *line, bool rested);

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
