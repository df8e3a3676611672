/*
 * A loop's engine is made when it is first needed, belongs to one process, and is whole
 * while the kernel knows its descriptors as libuv's.  These functions see to that.
 */
#ifndef PYREACTOR_WHOLE_H
#define PYREACTOR_WHOLE_H

#include "loop/loop.h"

/* There is an engine, and in a forked child it is the child's own.  -1 with an exception
 * set. */
int pyr_whole_open(Loop *loop);

/* The same, and the engine is whole. */
int pyr_whole_make(Loop *loop);

/* Was an engine there that is not whole any more?  It is made anew then. */
bool pyr_whole_was_lost(Loop *loop);

/* The loop ends: close every watch, and the engine. */
void pyr_whole_close(Loop *loop);

#endif
