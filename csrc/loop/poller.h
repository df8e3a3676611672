/*
 * Readers and writers: which descriptors the loop watches, and for whom.
 *
 * A poller is one uv_poll_t.  It belongs to the table entry of its descriptor until it is
 * closed, and lives until libuv has closed it.  A selectable of any Python type gets a
 * poller by addReader/addWriter and loses it with the last remove; a StreamConnection
 * keeps its poller from its first start until it closes its descriptor.
 *
 * Between two runs of libuv only the table changes, from whatever thread.  Right before
 * libuv runs, it is told of the difference (pyr_pollers_apply).  Its callbacks collect
 * what is ready, and touch no Python object; it is handled after libuv has returned
 * (pyr_pollers_dispatch).
 */
#ifndef PYREACTOR_POLLER_H
#define PYREACTOR_POLLER_H

#include "core/core.h"

#include <stdbool.h>
#include <uv.h>

struct Loop;
struct StreamConnection;

enum { PYR_READ = 1, PYR_WRITE = 2 };

typedef struct pyr_poller {
    uv_poll_t handle;
    struct Loop *loop;    /* borrowed; the loop closes its pollers first */
    PyObject *selectable; /* strong while something is wanted; a stream's borrowed else */
    struct pyr_poller *next_pending, *next_closed;
    int fd;
    uint16_t uses;         /* uses in progress, 1 until closed, 1 while pending */
    unsigned wanted : 2;   /* PYR_READ | PYR_WRITE: what Twisted asked for */
    unsigned watching : 2; /* what libuv is to be asked for; may be more than is wanted */
    bool is_stream : 1;    /* selectable is a StreamConnection of ours */
    bool is_terminal : 1;  /* such a one, of a terminal */
    bool has_handle : 1;   /* libuv knows the handle */
    bool closing : 1;
    bool pending : 1; /* libuv is to be told of a change */
    uint8_t told;     /* what libuv was last asked for, unless it stopped the handle */
    /* What libuv's callbacks set, without the GIL; no bit-fields, which share memory. */
    uint8_t ready; /* uv_poll_event bits collected and not yet handled */
    bool failed;   /* an error was collected, after which libuv has stopped the handle */
    bool stopped;  /* we stopped the handle, to end libuv's rounds */
} pyr_poller;

typedef struct {
    pyr_poller **by_fd;
    int capacity;
    size_t count; /* pollers that libuv knows */
    pyr_poller *pending_head, *pending_tail;
    pyr_poller *closed; /* by libuv, and to be released */
    pyr_poller **ready; /* what was collected, in the kernel's order */
    size_t ready_head, ready_end, ready_capacity;
    bool ready_again; /* in this run libuv has reported one a second time */
} pyr_pollers;

void pyr_poller_release(pyr_poller *poller);

pyr_poller *pyr_pollers_get(pyr_pollers *self, int fd);

/* Nothing is wanted any more: gives back the poller's reference to the selectable, if it
 * holds one. */
PyObject *pyr_poller_disown(pyr_poller *poller);

/* Ask for exactly `watching`. */
void pyr_poller_ask(pyr_poller *poller, unsigned watching);

/* Ask for `watching`.  Reading is given up only when something comes that nobody wants:
 * most who stop reading start again, or close, before that. */
void pyr_poller_ask_for(pyr_poller *poller, unsigned watching);

/* A poller for `fd`, whose table entry must be free.  *refused is set where the kernel
 * cannot poll such a file. */
pyr_poller *pyr_poller_new(struct Loop *loop, int fd, bool *refused);

int pyr_poller_want(pyr_poller *poller, PyObject *selectable, unsigned wanted);

/* The same for removal and checks, where -1 is an answer; -2 with an exception set. */
int pyr_descriptor_or_none(core_state *st, PyObject *selectable);

pyr_poller *pyr_pollers_find(pyr_pollers *self, PyObject *selectable);

/* reactor.addReader/addWriter/removeReader/removeWriter for any selectable; `event` is
 * PYR_READ or PYR_WRITE.  Adding gives 1 where the descriptor cannot be polled (a regular
 * file): the caller then polls it continuously, as stock does. */
int pyr_poller_add(struct Loop *loop, PyObject *selectable, int event);
int pyr_poller_remove(struct Loop *loop, PyObject *selectable, int event);

/* reactor.getReaders / getWriters: a new list. */
PyObject *pyr_poller_list(struct Loop *loop, int event);

/* For streams: watch for exactly `wanted` of `events`; makes *poller on first use.  Gives
 * 1 where a stream that is no socket can have none: a regular file, or a descriptor that
 * somebody else watches. */
int pyr_poller_watch(struct Loop *loop, pyr_poller **poller,
                     struct StreamConnection *stream, int fd, int wanted, int watching);

/* For streams: give the poller back; the descriptor may be closed right after. */
void pyr_poller_close(pyr_poller *poller);

/* Lose the selectable for the reason `why`: reactor._disconnectSelectable. */
int pyr_disconnect(struct Loop *loop, PyObject *selectable, PyObject *why, bool in_read);

/* Have `selectable` read as if its descriptor were readable; false if it is no reader. */
bool pyr_poller_dispatch_read(struct Loop *loop, PyObject *selectable);

/* Run `handler` for `selectable` under its log prefix; what it raises is logged. */
typedef int (*pyr_event_handler)(struct Loop *loop, PyObject *selectable, int events);
void pyr_dispatch(struct Loop *loop, PyObject *selectable, PyObject *prefix, int events,
                  pyr_event_handler handler);

/* Tell libuv of what changed since it last ran.  True if the kernel will hear of a
 * descriptor for the first time when libuv runs: no other thread may run until then, as
 * libuv aborts the process if the descriptor is closed meanwhile. */
bool pyr_pollers_apply(struct Loop *loop);

/* To be called after libuv has run. */
void pyr_pollers_settle(struct Loop *loop);

static inline bool
pyr_pollers_have_ready(const pyr_pollers *self)
{
    return self->ready_head < self->ready_end;
}

/* In a forked child: what the sleeper of the parent had collected is the parent's. */
void pyr_pollers_forget_ready(pyr_pollers *self);

/* Handle what is ready, one after the other; whatever an iterate() in one of them has
 * handled is done.  True if there was any. */
bool pyr_pollers_dispatch(struct Loop *loop);

/* libuv, or another libuv loop, is to be told of all pollers anew: the process forked,
 * and the kernel's queue is a new one; or, where `lost`, so is libuv's loop. */
void pyr_pollers_renew(struct Loop *loop, bool lost);

int pyr_pollers_traverse(pyr_pollers *self, visitproc visit, void *arg);

/* Close every poller; their memory goes when the engine is closed. */
void pyr_pollers_close_all(struct Loop *loop);
void pyr_pollers_free(pyr_pollers *self);

#endif
