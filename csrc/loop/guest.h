/*
 * A loop as the guest of another event loop, its host: asyncio's.
 *
 * The host watches one descriptor, that of the kernel queue of our engine, and has the
 * loop take a turn, which never sleeps, when that is readable and when the alarm rings
 * that the loop asked for.  Between turns the loop is away (wake.h): what is done to it
 * then makes the descriptor readable, from whatever thread, and so leads to a turn.
 */
#ifndef PYREACTOR_GUEST_H
#define PYREACTOR_GUEST_H

#include "loop/loop.h"

/* Become a guest, or go on as one with the engine that there is now: the number of the
 * descriptor that the host is to watch.  `ready` is a sequence that is empty where the
 * host has nothing to call, or None.  `host` is its class and `runs` what that has as
 * run_forever() as long as a callback cannot run the host once more; or both are NULL.
 * -1: an exception is set. */
int pyr_guest_enter(Loop *loop, PyObject *ready, PyObject *host, PyObject *runs);

/* Take a turn; `is_ready`: because the descriptor is readable.  New reference: None if
 * the host has nothing to change, or in how many seconds (float) its alarm is to ring, or
 * 0.0 if there is something to do at once.  NULL: what failed is for the host to report.
 */
PyObject *pyr_guest_turn(Loop *loop, bool is_ready);

/* What a turn asked for may have been lost on the way to the host, as by Ctrl-C: the
 * descriptor becomes readable, and the turn that follows asks for all of it anew. */
void pyr_guest_ask_anew(Loop *loop);

#endif
