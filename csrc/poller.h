/*
 * Readers and writers: which descriptors the loop watches, and for whom.
 *
 * A poller is one uv_poll_t.  It belongs to the table entry of its descriptor until it is
 * closed, and lives until libuv has closed it.  A selectable of any Python type gets a
 * poller by addReader/addWriter and loses it with the last remove; a StreamConnection
 * keeps its poller from its first start until it closes its descriptor.
 */
#ifndef PYREACTOR_POLLER_H
#define PYREACTOR_POLLER_H

#include <stdbool.h>
#include <uv.h>

#include "core.h"

struct Loop;
struct StreamConnection;

enum { PYR_READ = 1, PYR_WRITE = 2 };

typedef struct pyr_poller {
    uv_poll_t handle;
    struct Loop *loop;    /* borrowed; the loop closes its pollers first */
    PyObject *selectable; /* strong while something is wanted; a stream's borrowed else */
    struct pyr_poller *next_unproven;
    int fd;
    uint16_t uses;         /* dispatches in progress, 1 until closed, 1 while unproven */
    unsigned wanted : 2;   /* PYR_READ | PYR_WRITE: what Twisted asked for */
    unsigned watching : 2; /* what libuv was asked for; may be more than is wanted */
    bool is_stream : 1;    /* selectable is a StreamConnection of ours */
    bool is_terminal : 1;  /* such a one, of a terminal */
    bool closing : 1;
    bool unproven : 1; /* started since libuv last told the kernel */
} pyr_poller;

typedef struct {
    pyr_poller **by_fd;
    int capacity;
    uint64_t dispatched;  /* events handled so far */
    pyr_poller *unproven; /* list, by next_unproven */
} pyr_pollers;

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

/* To be called before libuv runs.  libuv aborts the process if the kernel refuses a
 * descriptor, as it does one that was closed since the poller was started: stop those. */
void pyr_pollers_prove(struct Loop *loop);

/* All pollers are to be proven again: the process forked, and libuv starts them anew. */
void pyr_pollers_forked(struct Loop *loop);

int pyr_pollers_traverse(pyr_pollers *self, visitproc visit, void *arg);

/* Close every poller; their memory goes when the loop next runs. */
void pyr_pollers_close_all(struct Loop *loop);

#endif
