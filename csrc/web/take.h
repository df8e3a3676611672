/* The lines of a head, taken together, in the place of HTTPChannel.lineReceived for each.
 */
#ifndef PYREACTOR_TAKE_H
#define PYREACTOR_TAKE_H

#include "core/core.h"
#include "core/transport_ops.h"

#include <stdbool.h>

/* A pyr_take_lines_func: the head that the lines begin with, if it is plain. */
bool pyr_take_head(core_state *st, PyObject *channel, const pyr_lines *lines,
                   PyObject **result);

#endif
