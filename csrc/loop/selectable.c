/* Readers and writers; see loop/poller.h. */
#include "loop/poller.h"
#include "loop/reactor_state.h"

#include <errno.h>

#include "loop/loop.h"
#include "transport/stream.h"

/* ---- what a selectable says of itself ---- */

/* selectable.fileno() as an int >= 0; -1 with an exception set. */
static int
descriptor_of(core_state *st, PyObject *selectable)
{
    PyObject *number = PyObject_CallMethodNoArgs(selectable, st->names.fileno);
    if (number == NULL) {
        return -1;
    }
    int fd = PyObject_AsFileDescriptor(number);
    Py_DECREF(number);
    return fd;
}

/* The same for removal and checks, where -1 is an answer; -2 with an exception set. */
int
pyr_descriptor_or_none(core_state *st, PyObject *selectable)
{
    PyObject *number = PyObject_CallMethodNoArgs(selectable, st->names.fileno);
    if (number == NULL) {
        return -2;
    }
    long fd = PyLong_AsLong(number);
    Py_DECREF(number);
    if (fd == -1 && PyErr_Occurred()) {
        return -2;
    }
    return fd < 0 || fd > INT_MAX ? -1 : (int)fd;
}

/* Was the descriptor closed, and its number given away, behind the reactor's back? */
static bool
poller_is_stale(pyr_poller *poller)
{
    if (poller->is_stream) {
        return pyr_stream_descriptor((StreamConnection *)poller->selectable) !=
               poller->fd;
    }
    PyObject *selectable = Py_NewRef(poller->selectable);
    int fd = pyr_descriptor_or_none(poller->loop->st, selectable);
    Py_DECREF(selectable);
    if (fd == -2) {
        PyErr_Clear();
    }
    return fd != poller->fd;
}

/* A connection whose socket was closed behind its back is told so, soon. */
static int
lose_later(Loop *loop, PyObject *stream)
{
    core_state *st = loop->st;
    PyObject *disconnect =
        PyObject_GetAttr(loop->reactor, st->names._disconnectSelectable);
    if (disconnect == NULL) {
        return -1;
    }
    PyObject *call[] = {disconnect, stream, st->reactor->no_descriptor, Py_False};
    int status = pyr_threadcalls_add(&loop->threadcalls, call, 4, NULL);
    Py_DECREF(disconnect);
    pyr_loop_wake(loop);
    return status;
}

/* Make room in the table for a newcomer on `fd`: a stream that waits for nothing gives
 * its place to anybody (it may have handed its descriptor on), others if it is stale.
 * One that is no socket shares the descriptor, in the way that stock's selectables do. */
static int
evict_stale(Loop *loop, int fd)
{
    int status = 0;
    pyr_poller *poller = pyr_pollers_get(&loop->pollers, fd);
    if (poller == NULL) {
        return 0;
    }
    if (poller->is_stream && poller->wanted == 0) {
        pyr_stream_forget_poller((StreamConnection *)poller->selectable);
        return 0;
    }
    poller->uses++;
    if (poller_is_stale(poller) && !poller->closing) {
        if (!poller->is_stream) {
            pyr_poller_close(poller);
        } else {
            PyObject *stream = Py_NewRef(poller->selectable);
            pyr_stream_forget_poller((StreamConnection *)stream);
            status = lose_later(loop, stream);
            Py_DECREF(stream);
        }
    }
    if (!poller->closing && poller->is_stream &&
        pyr_stream_is_foreign((StreamConnection *)poller->selectable)) {
        PyObject *stream = Py_NewRef(poller->selectable);
        status = pyr_stream_leave_loop((StreamConnection *)stream);
        Py_DECREF(stream);
    }
    pyr_poller_release(poller);
    return status;
}

/* ---- adding and removing ---- */

pyr_poller *
pyr_pollers_find(pyr_pollers *self, PyObject *selectable)
{
    for (int fd = 0; fd < self->capacity; fd++) {
        if (self->by_fd[fd] != NULL && self->by_fd[fd]->selectable == selectable) {
            return self->by_fd[fd];
        }
    }
    return NULL;
}

static int
add_to_poller(pyr_poller *poller, PyObject *selectable, int event)
{
    if (poller->wanted & event) {
        return 0; /* as in stock, the first one keeps the event */
    }
    if (poller->is_stream) {
        pyr_set_uv_error(UV_EEXIST);
        return -1;
    }
    pyr_poller_ask_for(poller, poller->watching | event);
    return pyr_poller_want(poller, selectable, poller->wanted | event);
}

static int
add_new(Loop *loop, PyObject *selectable, int fd, int event)
{
    bool refused = false;
    pyr_poller *poller = pyr_poller_new(loop, fd, &refused);
    if (poller == NULL) {
        if (refused) {
            PyErr_Clear();
            return 1;
        }
        return -1;
    }
    pyr_poller_ask_for(poller, event);
    return pyr_poller_want(poller, selectable, event);
}

int
pyr_poller_add(Loop *loop, PyObject *selectable, int event)
{
    struct StreamConnection *stream = pyr_stream_of(loop, selectable);
    if (stream != NULL) {
        return pyr_stream_start(stream, event);
    }
    int fd = descriptor_of(loop->st, selectable);
    if (fd < 0 || pyr_loop_ready(loop) < 0) {
        return -1;
    }
    pyr_poller *poller = pyr_pollers_get(&loop->pollers, fd);
    if (poller != NULL && poller->selectable != selectable) {
        if (evict_stale(loop, fd) < 0) {
            return -1;
        }
        poller = pyr_pollers_get(&loop->pollers, fd);
    }
    if (poller != NULL) {
        return add_to_poller(poller, selectable, event);
    }
    return add_new(loop, selectable, fd, event);
}

static void
remove_event(pyr_poller *poller, int event)
{
    unsigned wanted = poller->wanted & ~(unsigned)event;
    if (wanted == 0) {
        pyr_poller_close(poller);
    } else {
        poller->wanted = wanted;
        pyr_poller_ask_for(poller, poller->watching & wanted);
    }
}

int
pyr_poller_remove(Loop *loop, PyObject *selectable, int event)
{
    struct StreamConnection *stream = pyr_stream_of(loop, selectable);
    if (stream != NULL) {
        return pyr_stream_stop(stream, event);
    }
    int fd = pyr_descriptor_or_none(loop->st, selectable);
    if (fd == -2) {
        return -1;
    }
    pyr_poller *poller = fd == -1 ? pyr_pollers_find(&loop->pollers, selectable)
                                  : pyr_pollers_get(&loop->pollers, fd);
    if (poller != NULL && !poller->is_stream && (poller->wanted & event)) {
        remove_event(poller, event);
    }
    return 0;
}

PyObject *
pyr_poller_list(Loop *loop, int event)
{
    pyr_pollers *self = &loop->pollers;
    PyObject *list = PyList_New(0);
    if (list == NULL) {
        return NULL;
    }
    for (int fd = 0; fd < self->capacity; fd++) {
        pyr_poller *poller = self->by_fd[fd];
        if (poller != NULL && (poller->wanted & event) &&
            PyList_Append(list, poller->selectable) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

/* A poller for a stream.  1 where one that is no socket can have none. */
static int
add_stream(Loop *loop, pyr_poller **poller, struct StreamConnection *stream, int fd)
{
    bool refused = false, foreign = pyr_stream_is_foreign(stream);
    if (pyr_loop_ready(loop) < 0 || evict_stale(loop, fd) < 0) {
        return -1;
    }
    if (*poller != NULL) { /* asking for a fileno() ran Python code */
        return 0;
    }
    if (pyr_pollers_get(&loop->pollers, fd) != NULL) {
        if (foreign) {
            return 1;
        }
        pyr_set_uv_error(UV_EEXIST); /* as if the second were any other selectable */
        return -1;
    }
    *poller = pyr_poller_new(loop, fd, foreign ? &refused : NULL);
    if (*poller == NULL) {
        if (refused) {
            PyErr_Clear();
        }
        return refused ? 1 : -1;
    }
    (*poller)->selectable = (PyObject *)stream;
    (*poller)->is_stream = true;
    (*poller)->is_terminal = pyr_stream_is_terminal(stream);
    return 0;
}

int
pyr_poller_watch(Loop *loop, pyr_poller **poller, struct StreamConnection *stream, int fd,
                 int wanted, int watching)
{
    if (*poller == NULL) {
        int status = wanted == 0 ? 0 : add_stream(loop, poller, stream, fd);
        if (status != 0 || wanted == 0) {
            return status;
        }
    }
    pyr_poller *self = *poller;
    pyr_poller_ask_for(self, watching);
    if ((unsigned)wanted == self->wanted) {
        return 0;
    }
    if (wanted != 0) {
        return pyr_poller_want(self, (PyObject *)stream, wanted);
    }
    PyObject *owned = pyr_poller_disown(self);
    Py_XDECREF(owned);
    return 0;
}
