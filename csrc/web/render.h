/* From a request to what a resource renders: twisted.web.server and twisted.web.resource.
 */
#ifndef PYREACTOR_RENDER_H
#define PYREACTOR_RENDER_H

#include "core/core.h"

#include <stdbool.h>

/* What process() does.  `whole`: for a whole request (whole.h). */
int pyr_render_run(core_state *st, PyObject *self, bool whole);

/* Methods and functions, for StandIns; see web/methods.h. */
PyObject *pyr_render_process(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_render_render(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_render_resource_for(core_state *st, PyObject *const *args,
                                  Py_ssize_t nargs);
PyObject *pyr_render_child_for_request(core_state *st, PyObject *const *args,
                                       Py_ssize_t nargs);
PyObject *pyr_render_child_with_default(core_state *st, PyObject *const *args,
                                        Py_ssize_t nargs);
PyObject *pyr_render_resource_render(core_state *st, PyObject *const *args,
                                     Py_ssize_t nargs);

#endif
