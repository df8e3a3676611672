/*
 * The Python socket of a stream, which is made when it is asked for, and what a program
 * puts in its place; see stream.h.
 */
#include "transport/stream_internal.h"

#include "core/attribute.h"
#include "core/objects.h"
#include "transport/state.h"

/* Python code makes it: meanwhile another thread, or a finalizer, may have had it made,
 * or have ended the connection, whose number may be another one's by now.  Then what was
 * made is let go, without closing that number. */
static int
make_socket(StreamConnection *self)
{
    int fd = self->fd;
    PyObject *made = PyObject_CallFunction(self->st->transport->make_socket, "ii",
                                           (int)self->family, fd);
    if (made == NULL) {
        return -1;
    }
    if (self->socket == NULL && self->fd == fd) {
        self->socket = made;
        return 0;
    }
    int status = pyr_drop(PyObject_CallMethod(made, "detach", NULL));
    Py_DECREF(made);
    return status;
}

PyObject *
pyr_stream_get_socket(StreamConnection *self, void *Py_UNUSED(closure))
{
    while (self->socket == NULL) {
        if (self->fd < 0 || !self->kind->is_socket) {
            pyr_attribute_absent((PyObject *)self, "socket");
            return NULL;
        }
        if (make_socket(self) < 0) {
            return NULL;
        }
    }
    return Py_NewRef(self->socket);
}

/* Has it methods of its own (a wrapper, a subclass), or another descriptor than the
 * first? Then its methods are called. */
static void
note_kind_of_socket(StreamConnection *self)
{
    bool own = self->socket != NULL &&
               ((PyObject *)Py_TYPE(self->socket) != self->st->transport->socket_class ||
                (self->first_socket != NULL && self->first_socket != self->socket));
    self->overrides =
        (char)(own ? self->overrides | OWN_SOCKET : self->overrides & ~OWN_SOCKET);
}

/* As in stock, where `fileno` stays that of the first, which is watched on. */
static int
put_in_place_of_first(StreamConnection *self, PyObject *socket)
{
    PyObject *first = pyr_stream_get_socket(self, NULL);
    if (first == NULL) {
        return -1;
    }
    if (self->first_socket == NULL) {
        self->first_socket = Py_NewRef(first);
    }
    Py_DECREF(first);
    PyObject *before = self->socket;
    self->socket = Py_NewRef(socket);
    self->read_end = 0;
    note_kind_of_socket(self);
    int status = self->writing && self->loop != NULL ? pyr_stream_send_by_other(self) : 0;
    Py_XDECREF(before);
    return status;
}

int
pyr_stream_follow_fileno(StreamConnection *self)
{
    bool reads = self->reading, writes = self->writing;
    pyr_stream_forget_watch(self); /* before that descriptor is closed */
    PyObject *first = self->first_socket;
    self->first_socket = NULL;
    note_kind_of_socket(self);
    self->fd = pyr_stream_descriptor(self);
    Py_XDECREF(first);
    if (self->loop == NULL || self->fd < 0) {
        return 0;
    }
    return (reads && pyr_stream_start(self, PYR_READ) < 0) ||
                   (writes && pyr_stream_start(self, PYR_WRITE) < 0)
               ? -1
               : 0;
}

int
pyr_stream_set_socket(StreamConnection *self, PyObject *socket, void *Py_UNUSED(closure))
{
    if (socket == self->socket && socket != NULL) {
        return 0;
    }
    if (!self->kind->is_socket) { /* an attribute of the program's own */
        Py_XSETREF(self->socket, Py_XNewRef(socket));
        return 0;
    }
    if (socket != NULL && self->fd >= 0) {
        return put_in_place_of_first(self, socket);
    }
    pyr_stream_close_descriptor(self);
    Py_XSETREF(self->socket, Py_XNewRef(socket));
    Py_CLEAR(self->first_socket);
    note_kind_of_socket(self);
    if (socket != NULL) {
        self->fd = pyr_stream_descriptor(self);
    }
    return 0;
}
