/*
 * Context variables (PEP 567), which a guest keeps as its host would.
 *
 * asyncio runs a callback in a copy of the context in which it was registered: for
 * stock's reactor, a reader or writer in that of addReader or addWriter, and a timed call
 * in that of who asked for the earliest one.  A loop that is no guest has none of these
 * copies, and all runs in the context of reactor.run.
 */
#ifndef PYREACTOR_VARIABLES_H
#define PYREACTOR_VARIABLES_H

#include "core/core.h"

#include <stdbool.h>

/* A copy of the present context, or NULL (no exception) if there is no memory for it. */
PyObject *pyr_variables_capture(void);

/* Run what follows in the context; in the present one if it is NULL.  True if it was
 * entered, and is to be left. */
bool pyr_variables_enter(PyObject *context);

/* Leave it.  An exception that is set stays set. */
void pyr_variables_leave(PyObject *context);

#endif
