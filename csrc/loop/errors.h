/* Errors below the reactor, and those that an iteration raises when it ends. */
#ifndef PYREACTOR_ERRORS_H
#define PYREACTOR_ERRORS_H

#include "core/core.h"

struct Loop;

/* Set OSError for an errno. */
void pyr_errors_set(int error);

/* Keep the exception that is set now, to be raised when the iteration ends. */
void pyr_errors_keep(struct Loop *loop);

/* Raise what was kept: -1, or 0 if there is nothing. */
int pyr_errors_raise(struct Loop *loop);

#endif
