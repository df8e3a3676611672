/* Ending the sleep; see loop/loop.h. */
#include "loop/loop.h"

void
pyr_loop_wake(Loop *self)
{
    self->woken = true;
    if (self->asleep && !self->wake_sent) {
        self->wake_sent = true;
        pyr_engine_wake(self->engine);
    }
}
