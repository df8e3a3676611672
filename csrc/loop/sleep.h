/* Collecting what is ready, and sleeping until something is. */
#ifndef PYREACTOR_SLEEP_H
#define PYREACTOR_SLEEP_H

#include "loop/loop.h"

#define PYR_LONGEST_SLEEP 2147483.0 /* seconds; stock's limit */

/* Is there something to do that a sleep would put off?  What is due by the clock is not
 * asked. */
static inline bool
pyr_sleep_is_needless(const Loop *loop)
{
    return loop->wake.woken || pyr_flush_is_due(&loop->flush) ||
           loop->pending_exc != NULL;
}

/* How long an iteration may sleep that the main loop follows with another one: `delay`
 * seconds, or less where a short sleep costs less. */
double pyr_sleep_at_most(const Loop *loop, double delay);

/* Collect what is ready within `delay` seconds (infinite: without limit).  What fails is
 * kept for the end of the iteration; -1 with an exception set if there is no engine. */
int pyr_sleep_until_ready(Loop *loop, double delay);

/* Prepare for a sleep of the host's on the engine's kernel queue: tell the kernel of what
 * changed.  What is ready meanwhile is collected.  -1: an exception is set. */
int pyr_sleep_by_host(Loop *loop);

#endif
