/*
 * Watches: the descriptors that the kernel watches for the loop.
 *
 * A watch is of one descriptor and for one selectable: an object of any Python type that
 * was given to addReader or addWriter, or a Selectable in C.  It belongs to the table
 * entry of its descriptor until it is closed.  Of the events, it says in this order which
 * are
 *
 *   wanted  by the selectable, by Twisted's rules;
 *   asked   of the kernel from its next wait on: it may be more than is wanted;
 *   told    to the kernel, to be watched for.
 *
 * The kernel is told of a descriptor when it gets its watch, and that it has none any
 * more when that is closed; of other changes right before the loop waits
 * (pyr_watches_apply).  What it has found then lies in its queue, and is taken one by
 * one; an event that is not of a watch any more, or of a descriptor's earlier one, is
 * void.
 */
#ifndef PYREACTOR_WATCH_H
#define PYREACTOR_WATCH_H

#include "core/core.h"

#include <stdbool.h>

#include "loop/queue.h"

struct Loop;
struct Selectable;

/* What the loop asks of a selectable; the kinds of selectables differ by these. */
typedef struct {
    /* A Selectable in C has its watch from the first event that it wants until it closes
     * its descriptor, with a borrowed reference while nothing is wanted; an object of
     * another type has it while something is wanted. */
    bool keeps_watch;
    /* The descriptor's number as the selectable has it now, or -1. */
    int (*descriptor)(core_state *st, PyObject *self);
    /* What to log its events under, a new reference; NULL: ask its logPrefix(). */
    PyObject *(*log_prefix)(PyObject *self);
    /* Whom its events are for, borrowed; NULL, of the function too: nobody else. */
    PyObject *(*serves)(PyObject *self);
    /* Read, then write, as stock's _doReadOrWrite does: why the selectable ends, or a
     * false value, or NULL with an exception set.  *in_read, which is false before: was
     * reading the last that ended without an exception? */
    PyObject *(*read_and_write)(core_state *st, PyObject *self, int events,
                                bool *in_read);

    /* The rest is for a Selectable. */
    int (*start)(struct Selectable *self, int event); /* want the event; -1: error */
    int (*stop)(struct Selectable *self, int event);
    /* Send what was written.  True if Python code may have run meanwhile. */
    bool (*flush)(struct Selectable *self);
    /* Give back the watch. */
    void (*forget)(struct Selectable *self);
    /* Share the descriptor with another selectable, as those of stock do: from now on be
     * treated as an object of any type.  -1: error.  NULL: it does not share. */
    int (*leave)(struct Selectable *self);
} pyr_selectable_ops;

typedef struct pyr_watch {
    struct Loop *loop; /* borrowed; the loop closes its watches first */
    const pyr_selectable_ops *ops;
    PyObject *selectable;  /* strong while something is wanted */
    PyObject *contexts[2]; /* in which it reads and writes; see variables.h */
    struct pyr_watch *next_changed, *next_refused;
    int fd;
    uint32_t number; /* no other watch of the descriptor has had it */
    uint16_t uses;   /* 1 until closed, 1 while changed or refused, and callers' */
    int16_t refused; /* the errno with which the kernel has refused it, not yet handled */
    unsigned wanted : 2;
    unsigned asked : 2;
    unsigned told : 2;
    bool closing : 1;
    bool changed : 1; /* the kernel is to be told */
} pyr_watch;

typedef struct {
    pyr_watch **by_fd;
    int capacity;
    uint32_t numbers; /* of the watches there were */
    pyr_watch *changed_head, *changed_tail;
    pyr_watch *refused; /* what the kernel watches no more */
} pyr_watches;

/* Of a descriptor that has no watch, in *watch; the kernel is told, and the engine open.
 * 0, the kernel's errno, or -1 with an exception set. */
int pyr_watch_new(struct Loop *loop, int fd, const pyr_selectable_ops *ops,
                  PyObject *selectable, unsigned asked, pyr_watch **watch);
void pyr_watch_release(pyr_watch *self);

/* Let `selectable` want exactly `wanted`, and ask for `asked`.  Reading goes on being
 * asked for until something comes that nobody wants: most who stop reading start again,
 * or close, before that. */
void pyr_watch_want(pyr_watch *self, PyObject *selectable, unsigned wanted,
                    unsigned asked);

/* Ask for exactly `asked`. */
void pyr_watch_ask(pyr_watch *self, unsigned asked);

/* Watch no more; the descriptor may be closed right after. */
void pyr_watch_close(pyr_watch *self);

static inline pyr_watch *
pyr_watches_get(const pyr_watches *self, int fd)
{
    return fd >= 0 && fd < self->capacity ? self->by_fd[fd] : NULL;
}

/* The watch that an object has, whatever its descriptor is by now; or NULL. */
pyr_watch *pyr_watches_find(const pyr_watches *self, PyObject *selectable);

/* Tell the kernel of what changed. */
void pyr_watches_apply(struct Loop *loop);

/* Is there anything to take? */
bool pyr_watches_any(const struct Loop *loop);

/* Take the first that something was found of: a new use of it, and PYR_READ, PYR_WRITE
 * and PYR_HANG_UP in *events; these are 0 where the kernel has refused it.  NULL: none.
 */
pyr_watch *pyr_watches_take(struct Loop *loop, int *events);

/* The kernel is to be told of all watches anew, in a queue of the process's own; or,
 * where `lost`, one in the place of a queue that somebody closed. */
void pyr_watches_renew(struct Loop *loop, bool lost);

int pyr_watches_traverse(pyr_watches *self, visitproc visit, void *arg);

/* Close every watch. */
void pyr_watches_close_all(struct Loop *loop);
void pyr_watches_free(pyr_watches *self);

#endif
