/* Ending the loop's sleep; see wake.h. */
#include "loop/wake.h"

void
pyr_wake_sleeper(pyr_wake *self)
{
    if (!self->sent && *self->engine != NULL) {
        self->sent = pyr_engine_wake(*self->engine);
    }
}
