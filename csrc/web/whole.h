/*
 * Requests and channels whose methods are Twisted's own throughout: from the head to the
 * resource, one method of C then calls the next without a look at the attribute.
 */
#ifndef PYREACTOR_WHOLE_H
#define PYREACTOR_WHOLE_H

#include "core/core.h"

#include <stdbool.h>

/* Has the class Request of twisted.web.server Twisted's methods, by which a request gets
 * to its resource? */
bool pyr_whole_request(core_state *st);

/* The same of this channel's class, and the channel has none of its own in their places;
 * -1 with an exception. */
int pyr_whole_channel(core_state *st, PyObject *channel);

/* Methods of the class Request of twisted.web.http, which the one of twisted.web.server
 * calls by name: those that are not Twisted's. */
enum { PYR_BASE_LENGTH = 1, PYR_BASE_WRITE = 2, PYR_BASE_FINISH = 4 };
unsigned int pyr_whole_base(core_state *st);

#endif
