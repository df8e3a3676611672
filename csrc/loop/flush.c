/* What was written to; see flush.h. */
#include "loop/flush.h"

#include "loop/selectable.h"

void
pyr_flush_add(Selectable *selectable)
{
    pyr_flush *self = &selectable->loop->flush;
    if (selectable->in_flush) {
        return;
    }
    selectable->in_flush = true;
    selectable->next_flush = NULL;
    Py_INCREF(selectable);
    if (self->tail == NULL) {
        self->head = selectable;
    } else {
        self->tail->next_flush = selectable;
    }
    self->tail = selectable;
    self->count++;
    pyr_wake_notice(&selectable->loop->wake);
}

/* Take the first; the caller owns its reference. */
static Selectable *
take_first(pyr_flush *self)
{
    Selectable *first = self->head;
    self->head = first->next_flush;
    if (self->head == NULL) {
        self->tail = NULL;
    }
    self->count--;
    first->next_flush = NULL;
    first->in_flush = false;
    return first;
}

void
pyr_flush_run(Loop *loop)
{
    pyr_flush *self = &loop->flush;
    /* Who writes meanwhile waits for the next time.  The rest stay on the list, where an
     * iterate() inside one of these flushes finds them. */
    for (size_t left = self->count; left > 0 && self->head != NULL; left--) {
        Selectable *selectable = take_first(self);
        /* Code that ran, or runs as the last reference goes, may have stopped the reactor
         * or made a timed call, and how long to sleep was settled before: come round
         * once more instead. */
        if (selectable->ops->flush(selectable) || Py_REFCNT(selectable) == 1) {
            loop->wake.woken = true;
        }
        Py_DECREF(selectable);
    }
}

int
pyr_flush_traverse(pyr_flush *self, visitproc visit, void *arg)
{
    for (Selectable *s = self->head; s != NULL; s = s->next_flush) {
        Py_VISIT(s);
    }
    return 0;
}

void
pyr_flush_clear(pyr_flush *self)
{
    while (self->head != NULL) {
        Py_DECREF(take_first(self));
    }
}
