/*
 * StreamConnection: the hot half of a TCP connection.  The rare half is Twisted's own
 * Python, which pyreactor/_tcp.py mixes in.
 */
#ifndef PYREACTOR_STREAM_H
#define PYREACTOR_STREAM_H

#include <stdbool.h>

#include "core.h"

struct Loop;
typedef struct StreamConnection StreamConnection;

/* `selectable` as a stream of this loop, or NULL (no exception) if it is anything else.
 */
StreamConnection *pyr_stream_of(struct Loop *loop, PyObject *selectable);

/* Start or stop reading (PYR_READ) or writing (PYR_WRITE). */
int pyr_stream_start(StreamConnection *self, int event);
int pyr_stream_stop(StreamConnection *self, int event);

/* The descriptor as the Python socket has it now (somebody may have closed that), or -1.
 */
int pyr_stream_descriptor(StreamConnection *self);

/* Is it a client that waits for its connection? */
bool pyr_stream_is_connecting(StreamConnection *self);

/* Handle readiness; `disconnected` says that the kernel reported an error or hang-up. */
void pyr_stream_dispatch(StreamConnection *self, int events, bool disconnected);

/* Send what was written since the last flush. */
void pyr_stream_flush(struct Loop *loop);

/* The loop goes away: give back the poller. */
void pyr_stream_forget_poller(StreamConnection *self);

/* The flush list holds strong references: for the loop's traverse and clear. */
int pyr_stream_flush_traverse(struct Loop *loop, visitproc visit, void *arg);
void pyr_stream_flush_clear(struct Loop *loop);

int pyr_stream_exec(PyObject *module, core_state *st);

#endif
