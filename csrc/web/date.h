/* The dates of a response's head, as datetimeToString of twisted.web.http makes them. */
#ifndef PYREACTOR_DATE_H
#define PYREACTOR_DATE_H

#include "core/core.h"

/* What the server's module says with datetimeToString(): bytes, a new reference. */
PyObject *pyr_date_now(core_state *st);

/* What the module twisted.web.http says with datetimeToString(seconds), for an int. */
PyObject *pyr_date_of(core_state *st, PyObject *seconds);

#endif
