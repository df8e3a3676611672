/* Files by sendfile(2): the producers of twisted.web.static and of
 * twisted.protocols.basic. */
#ifndef PYREACTOR_SENDFILE_H
#define PYREACTOR_SENDFILE_H

#include "core/core.h"

/*
 * resumeProducing of NoRangeStaticProducer, of SingleRangeStaticProducer and of
 * FileSender, for StandIns; see web/methods.h.  They send what the kernel takes, and
 * leave the next step to Twisted's.
 */
PyObject *pyr_sendfile_static(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_sendfile_range(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_sendfile_sender(core_state *st, PyObject *const *args, Py_ssize_t nargs);

#endif
