/*
 * Watches: the descriptors that the kernel watches for the loop, over libuv's uv_poll_t.
 *
 * A watch is of one descriptor and for one selectable: an object of any Python type that
 * was given to addReader or addWriter, or a Selectable in C.  It belongs to the table
 * entry of its descriptor until it is closed, and lives until libuv has closed its
 * handle.  Of what it watches, it says in this order what is
 *
 *   wanted  by the selectable, by Twisted's rules;
 *   asked   of libuv when that next runs: it may be more than is wanted;
 *   told    to libuv when that last ran;
 *   ready   as libuv's callbacks have collected it, and not handled yet.
 *
 * Between two runs of libuv only what is wanted and asked changes, from whatever thread,
 * and the watch is one of those that changed.  Right before libuv runs, it is told of the
 * difference (pyr_watches_apply).  Its callbacks collect, and touch no Python object;
 * what they collected is handled after libuv has returned (event.h).
 */
#ifndef PYREACTOR_WATCH_H
#define PYREACTOR_WATCH_H

#include "core/core.h"

#include <stdbool.h>
#include <uv.h>

struct Loop;
struct Selectable;

/* Events.  A hang-up, or an error, is a clean end to who was reading. */
enum {
    PYR_READ = 1,
    PYR_WRITE = 2,
    PYR_HANG_UP = 4,
    PYR_HANG_UP_OF_READER = 8,
};

/* What the loop asks of a selectable; the kinds of selectables differ by these. */
typedef struct {
    /* A Selectable in C has its watch from the first event that it wants until it closes
     * its descriptor, with a borrowed reference while nothing is wanted; an object of
     * another type has it while something is wanted. */
    bool keeps_watch;
    bool may_block; /* the descriptor's O_NONBLOCK is for its owner to set */
    /* libuv passes a hang-up off as readability: where a read does not tell the
     * difference, libuv is asked for hang-ups, and then poll(2) is. */
    bool asks_for_hang_ups;
    /* After an error that poll(2) knows nothing of, read and write to see. */
    bool tries_after_errors;

    /* May libuv's word for these events mean that the other side hung up? */
    bool (*may_have_hung_up)(PyObject *self, int events); /* NULL: no */
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
    uv_poll_t handle;
    struct Loop *loop; /* borrowed; the loop closes its watches first */
    const pyr_selectable_ops *ops;
    PyObject *selectable;  /* strong while something is wanted */
    PyObject *contexts[2]; /* in which it reads and writes; see variables.h */
    struct pyr_watch *next_changed, *next_closed, *next_ready;
    int fd;
    uint16_t uses; /* 1 until closed, 1 while changed, 1 while ready, and callers' */
    unsigned wanted : 2;
    unsigned asked : 2;
    bool has_handle : 1; /* libuv knows the handle */
    bool closing : 1;
    bool changed : 1; /* libuv is to be told */
    uint8_t told;     /* 0 also where libuv has stopped the handle */
    /* What libuv's callbacks set, without the GIL; no bit-fields, which share memory. */
    uint8_t ready; /* uv_poll_event bits */
    bool failed;   /* an error was collected, after which libuv has stopped the handle */
    bool stopped;  /* stopped by us, to end libuv's rounds */
} pyr_watch;

typedef struct {
    pyr_watch **by_fd;
    int capacity;
    pyr_watch *changed_head, *changed_tail;
    pyr_watch *closed;                  /* by libuv, and to be released */
    pyr_watch *ready_head, *ready_tail; /* in the kernel's order */
    bool due;         /* libuv was told of something and has not run since */
    bool ready_again; /* in this run libuv has reported one a second time */
} pyr_watches;

/* A watch of a descriptor that the kernel takes and that has none yet; NULL: error. */
pyr_watch *pyr_watch_new(struct Loop *loop, int fd, const pyr_selectable_ops *ops,
                         PyObject *selectable);
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

/* Tell libuv of what changed since it last ran.  True if the kernel will hear of a
 * descriptor for the first time when libuv runs: no other thread may run until then, as
 * libuv aborts the process if the descriptor is closed meanwhile. */
bool pyr_watches_apply(struct Loop *loop);

/* To be called after libuv has run. */
void pyr_watches_settle(struct Loop *loop);

/* Take the first that is ready, with its use; NULL if there is none. */
pyr_watch *pyr_watches_take_ready(pyr_watches *self);

/* In a forked child: what the sleeper of the parent had collected is the parent's. */
void pyr_watches_forget_ready(pyr_watches *self);

/* libuv, or another libuv loop, is to be told of all watches anew: the process forked,
 * and the kernel's queue is a new one; or, where `lost`, so is libuv's loop. */
void pyr_watches_renew(struct Loop *loop, bool lost);

int pyr_watches_traverse(pyr_watches *self, visitproc visit, void *arg);

/* Close every watch; their memory goes when the engine is closed. */
void pyr_watches_close_all(struct Loop *loop);
void pyr_watches_free(pyr_watches *self);

#endif
