/* Handling what is ready, each event under the log prefix of its selectable. */
#ifndef PYREACTOR_EVENT_H
#define PYREACTOR_EVENT_H

#include "loop/selectable.h"

/* Have a selectable of these operations read, write, or be told that the other side hung
 * up, in a context of variables, which the caller owns, or NULL.  What it raises is
 * logged. */
void pyr_event_dispatch(Loop *loop, PyObject *selectable, const pyr_selectable_ops *ops,
                        int events, PyObject *context);

/* Handle all that was collected, one after the other; whatever an iterate() in one of
 * them has handled is done.  True if there was any. */
bool pyr_event_dispatch_all(Loop *loop);

/* Have the reader of the module state's `unread`, if that is of this loop, go on with
 * what it has received already.  True if there was one. */
bool pyr_event_read_rest(Loop *loop);

#endif
