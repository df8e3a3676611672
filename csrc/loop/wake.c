/* Ending the loop's sleep; see wake.h. */
#include "loop/wake.h"

void
pyr_wake_up(pyr_wake *self)
{
    self->woken = true;
    if ((self->asleep || self->away) && !self->sent && *self->engine != NULL) {
        self->sent = true;
        pyr_engine_wake(*self->engine);
    }
}
