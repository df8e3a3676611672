/* The Selectables that were written to since the last flush, in the order of their first
 * write.  The loop flushes them right before it sleeps. */
#ifndef PYREACTOR_FLUSH_H
#define PYREACTOR_FLUSH_H

#include "core/core.h"

#include <stdbool.h>

struct Loop;
struct Selectable;

typedef struct {
    struct Selectable *head, *tail; /* strong references */
    size_t count;
} pyr_flush;

static inline bool
pyr_flush_is_due(const pyr_flush *self)
{
    return self->head != NULL;
}

/* The Selectable, whose loop is known, is to be flushed. */
void pyr_flush_add(struct Selectable *selectable);

/* Flush all that are on the list now; where Python code ran, the loop does not sleep. */
void pyr_flush_run(struct Loop *loop);

int pyr_flush_traverse(pyr_flush *self, visitproc visit, void *arg);
void pyr_flush_clear(pyr_flush *self);

#endif
