/* Headers of twisted.web.http_headers: its dict of lists, names as it spells them. */
#ifndef PYREACTOR_HEADERS_H
#define PYREACTOR_HEADERS_H

#include "core/core.h"

/* A new Headers, as Headers() makes it, for whose class that is plain. */
PyObject *pyr_headers_new(core_state *st);

/* The dict of a Headers that is Twisted's own in all that C does with it (a new
 * reference); NULL without an exception: call its methods. */
PyObject *pyr_headers_dict(core_state *st, PyObject *headers);

/* Is this class Twisted's own Headers, with Twisted's methods? */
bool pyr_headers_is_plain(core_state *st, PyTypeObject *type);

/* The name (bytes) as Twisted spells it: a new reference. */
PyObject *pyr_headers_canonical(core_state *st, const char *name, Py_ssize_t size);

/* headers.getRawHeaders(name), for a name in its own spelling: a new reference, None if
 * there is no such header. */
PyObject *pyr_headers_get(core_state *st, PyObject *headers, PyObject *name);

/* The same of request.requestHeaders. */
PyObject *pyr_headers_of_request(core_state *st, PyObject *request, PyObject *name);

/* headers.setRawHeaders(name, [value]), for any name and value. */
int pyr_headers_set(core_state *st, PyObject *headers, PyObject *name, PyObject *value);

/* Add a value that has no CR and LF, for a name in its own spelling, to the dict. */
int pyr_headers_add(core_state *st, PyObject *dict, PyObject *name, PyObject *value);

/* Methods of Headers, for StandIns; see web/methods.h. */
PyObject *pyr_headers_set_raw(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_headers_get_raw(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_headers_add_raw(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_headers_has(core_state *st, PyObject *const *args, Py_ssize_t nargs);
PyObject *pyr_headers_copy(core_state *st, PyObject *const *args, Py_ssize_t nargs);

void pyr_headers_clear(core_state *st);

#endif
