/* HTTPChannel of twisted.web.http: what is received, and what it does around a request.
 */
#ifndef PYREACTOR_CHANNEL_H
#define PYREACTOR_CHANNEL_H

#include "core/core.h"

#include <stdbool.h>

/* What allHeadersReceived does for a request of this version. */
int pyr_channel_end_headers(core_state *st, PyObject *self, PyObject *request,
                            PyObject *version);

/* What allContentReceived does: requestReceived(*line) of the last request.  `noted`: the
 * request line is in the channel's attributes, too. */
int pyr_channel_hand_over(core_state *st, PyObject *self, PyObject *const *line,
                          bool noted);

/* The same two for a whole request and channel (whole.h).  `fields`: the dict of the
 * request's headers.  end_whole gives 1: nothing of a program's was called, and the
 * request's content is made; 0: something was; -1: error.  Only after 1 comes the other;
 * `rested`: no header was counted before, and no empty line. */
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
