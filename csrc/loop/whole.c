/* That a loop's engine is there and whole; see whole.h. */
#include "loop/whole.h"

#include "loop/errors.h"

static int
open_engine(Loop *self)
{
    int error = 0;
    self->guest.engine_told = false;
    self->engine = pyr_engine_open(&error);
    if (self->engine == NULL) {
        pyr_errors_set(error);
        return -1;
    }
    return 0;
}

/* The engine's descriptors are other files by now, which must not be closed: its memory
 * is left to libuv, and all is registered with the next engine. */
static void
abandon_engine(Loop *self)
{
    self->engine = NULL;
    self->forked = self->engine_lost = false;
    pyr_watches_renew(self, true);
}

static inline bool
engine_is_whole(Loop *self)
{
    return !self->engine_lost && pyr_engine_is_whole(self->engine);
}

/* The engine is whole but for what a failed pyr_engine_fork has left out: its descriptors
 * are this process's own, and go with it. */
static void
drop_engine(Loop *self)
{
    pyr_engine *engine = self->engine;
    abandon_engine(self);
    pyr_engine_close(engine);
}

static int
fork_engine(Loop *self)
{
    if (!engine_is_whole(self)) {
        abandon_engine(self);
        return open_engine(self);
    }
    if (pyr_engine_fork(self->engine) != 0) {
        drop_engine(self);
        return open_engine(self);
    }
    self->forked = self->guest.engine_told = false;
    pyr_watches_renew(self, false);
    return 0;
}

int
pyr_whole_open(Loop *self)
{
    if (self->closed) {
        PyErr_SetString(PyExc_RuntimeError, "the event loop is closed");
        return -1;
    }
    if (self->engine == NULL) {
        self->forked = false;
        return open_engine(self);
    }
    return self->forked ? fork_engine(self) : 0;
}

int
pyr_whole_make(Loop *self)
{
    if (pyr_whole_open(self) < 0) {
        return -1;
    }
    if (engine_is_whole(self)) {
        return 0;
    }
    abandon_engine(self);
    return open_engine(self);
}

bool
pyr_whole_was_lost(Loop *self)
{
    pyr_engine *before = self->engine;
    if (before == NULL || self->wake.asleep) {
        return false;
    }
    if (pyr_whole_make(self) < 0) {
        PyErr_Clear(); /* whoever needs it next is told */
    }
    return self->engine != before;
}

void
pyr_whole_close(Loop *self)
{
    if (self->closed) {
        return;
    }
    if (self->engine != NULL && self->forked && fork_engine(self) < 0) {
        PyErr_WriteUnraisable(NULL);
    }
    if (self->engine != NULL && !engine_is_whole(self)) {
        abandon_engine(self);
    }
    self->wake.away = false;
    self->closed = true; /* first: destructors that run below must not add to it */
    pyr_watches_close_all(self);
    if (self->engine != NULL) {
        pyr_engine_close(self->engine);
        self->engine = NULL;
    }
    pyr_watches_free(&self->watches);
}
