/* Watching: what a stream wants of its descriptor's watch; see stream.h. */
#include "transport/stream_internal.h"

#include <errno.h>
#include <unistd.h>

#include "core/objects.h"
#include "loop/loop.h"
#include "loop/state.h"

int
pyr_stream_update_watch(StreamConnection *self)
{
    bool poll_write = self->writing && (self->blocked || (self->overrides & OWN_OUTPUT));
    int reading = self->reading ? PYR_READ : 0;
    switch (pyr_selectable_want((Selectable *)self, self->fd,
                                reading | (self->writing ? PYR_WRITE : 0),
                                reading | (poll_write ? PYR_WRITE : 0))) {
    case PYR_NOT_WATCHED:
        return pyr_stream_leave_loop(self);
    case PYR_WATCHED:
        return 0;
    default:
        return -1;
    }
}

void
pyr_stream_forget_watch(StreamConnection *self)
{
    pyr_watch *watch = self->watch;
    self->watch = NULL;
    self->reading = self->writing = self->blocked = 0;
    if (watch != NULL) {
        pyr_watch_close(watch);
    }
}

int
pyr_stream_refresh_descriptor(StreamConnection *self)
{
    if (!self->kind->asks_fileno) {
        return 0;
    }
    PyObject *number =
        PyObject_CallMethodNoArgs((PyObject *)self, self->st->names.fileno);
    if (number == NULL) {
        return -1;
    }
    int fd = PyObject_AsFileDescriptor(number);
    Py_DECREF(number);
    if (fd >= 0) {
        pyr_stream_set_descriptor(self, fd);
    }
    return fd < 0 ? -1 : 0;
}

/* Stock's error for a descriptor that is gone.  The watch stays, so that a connection
 * whose socket was closed behind our back still is a reader, and is told at the end. */
static int
check_descriptor(StreamConnection *self)
{
    if (pyr_stream_refresh_descriptor(self) < 0) {
        return -1;
    }
    if (self->kind->is_socket ? pyr_stream_descriptor(self) < 0 : self->fd < 0) {
        PyErr_SetString(PyExc_ValueError,
                        "file descriptor cannot be a negative integer (-1)");
        return -1;
    }
    return 0;
}

int
pyr_stream_start(StreamConnection *self, int event)
{
    char *flag = event == PYR_READ ? &self->reading : &self->writing;
    if (*flag && !self->kind->asks_fileno) {
        return 0;
    }
    if (check_descriptor(self) < 0) {
        return -1;
    }
    if (*flag) {
        return 0;
    }
    *flag = 1;
    if (pyr_stream_update_watch(self) < 0) {
        *flag = 0;
        return -1;
    }
    if (event == PYR_WRITE && !(self->overrides & OWN_OUTPUT) && self->loop != NULL) {
        pyr_flush_add((Selectable *)self);
    }
    return 0;
}

/* What waits to be sent is now sent by another method: the program's waits until it can
 * be written, C's is called at the end of the iteration. */
int
pyr_stream_send_by_other(StreamConnection *self)
{
    if (!(self->overrides & OWN_OUTPUT)) {
        pyr_flush_add((Selectable *)self);
    }
    return pyr_stream_update_watch(self);
}

/* May the descriptor be closed, and its number be used again, once nothing is wanted?
 * Those of sockets and of pipes are told otherwise. */
static bool
may_be_closed(StreamConnection *self)
{
    return !self->kind->is_socket && (self->disconnected || self->kind->asks_fileno);
}

int
pyr_stream_stop(StreamConnection *self, int event)
{
    char *flag = event == PYR_READ ? &self->reading : &self->writing;
    bool was_on = *flag;
    *flag = 0;
    if (event == PYR_WRITE) {
        self->blocked = 0;
    }
    if (may_be_closed(self) && !self->reading && !self->writing) {
        pyr_stream_forget_watch(self);
        return 0;
    }
    return was_on ? pyr_stream_update_watch(self) : 0;
}

/* Call the one of the names that starts or stops reading or writing; with the stream as
 * the argument, if it is not the stream's own method. */
static int
call_to_watch(StreamConnection *self, PyObject *callee, const size_t names[4], int event,
              bool start)
{
    PyObject *args[] = {callee, (PyObject *)self};
    size_t place = names[(event == PYR_WRITE ? 2 : 0) + (start ? 0 : 1)];
    PyObject *name = pyr_name_at(self->st, place);
    return pyr_drop(
        PyObject_VectorcallMethod(name, args, callee == (PyObject *)self ? 1 : 2, NULL));
}

int
pyr_stream_change_watch(StreamConnection *self, int event, bool start)
{
    static const size_t methods[] = {PYR_NAME(addReader), PYR_NAME(removeReader),
                                     PYR_NAME(addWriter), PYR_NAME(removeWriter)};
    if (self->loop != NULL) {
        return start ? pyr_stream_start(self, event) : pyr_stream_stop(self, event);
    }
    if (self->reactor == NULL) {
        PyErr_SetString(PyExc_AttributeError, "reactor");
        return -1;
    }
    return call_to_watch(self, self->reactor, methods, event, start);
}

int
pyr_stream_change(StreamConnection *self, int event, bool start)
{
    static const size_t methods[] = {PYR_NAME(startReading), PYR_NAME(stopReading),
                                     PYR_NAME(startWriting), PYR_NAME(stopWriting)};
    return self->overrides & OWN_WATCH
               ? call_to_watch(self, (PyObject *)self, methods, event, start)
               : pyr_stream_change_watch(self, event, start);
}

int
pyr_stream_leave_loop(StreamConnection *self)
{
    bool reading = self->reading, writing = self->writing;
    pyr_stream_forget_watch(self);
    Py_CLEAR(self->loop);
    if ((reading && pyr_stream_change_watch(self, PYR_READ, true) < 0) ||
        (writing && pyr_stream_change_watch(self, PYR_WRITE, true) < 0)) {
        return -1;
    }
    return 0;
}

int
pyr_stream_descriptor(StreamConnection *self)
{
    PyObject *asked = self->first_socket != NULL ? self->first_socket
                      : self->kind->is_socket    ? self->socket
                      : self->kind->asks_fileno  ? (PyObject *)self
                                                 : NULL;
    if (asked == NULL) {
        return self->fd;
    }
    PyObject *number = PyObject_CallMethodNoArgs(asked, self->st->names.fileno);
    long fd = number == NULL ? -1 : PyLong_AsLong(number);
    Py_XDECREF(number);
    if (fd == -1 && PyErr_Occurred()) {
        PyErr_Clear();
    }
    return (int)fd;
}

void
pyr_stream_set_descriptor(StreamConnection *self, int fd)
{
    if (fd != self->fd) {
        pyr_stream_forget_watch(self);
        self->fd = fd;
        self->terminal = fd >= 0 && isatty(fd);
    }
}

void
pyr_stream_close_descriptor(StreamConnection *self)
{
    pyr_stream_forget_watch(self); /* may run a finalizer's code, which closes it */
    int fd = self->fd;
    self->fd = -1;
    self->read_end = 0;
    if (fd >= 0 && self->socket == NULL && self->kind->is_socket) {
        (void)close(fd);
    }
}
