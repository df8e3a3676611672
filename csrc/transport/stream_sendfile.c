/*
 * A part of a file, which the kernel sends behind what is queued; see stream.h.
 *
 * The queue stays what it is: what waits in it goes first, in the same segment, and the
 * file's bytes never come into it.
 */
#include "transport/stream_internal.h"

#include <errno.h>
#include <sys/socket.h>
#if defined(__linux__)
#include <sys/sendfile.h>
#endif

#include "core/objects.h"

/* Would what is written now go into a TCP socket at once, and as it is? */
static bool
takes_bytes(StreamConnection *self)
{
    int fd = pyr_stream_descriptor(self); /* Python code may run: first of all */
    return fd >= 0 && fd == self->fd && self->kind->is_socket && !self->kind->is_unix &&
           self->connected && !self->tls && !self->disconnecting &&
           !self->write_disconnecting && !self->write_disconnected && !self->blocked &&
           !(self->overrides & OWN_OUTPUT);
}

#if defined(__linux__)

/* Send what is queued.  1: all of it, 0: not, or an error came, which the next send
 * meets, too; -1 with an exception set. */
static int
send_queue(StreamConnection *self)
{
    struct iovec items[GATHER_MAX];
    struct msghdr message = {.msg_iov = items};
    if (pyr_stream_unsent(self) <= 0) {
        return 1;
    }
    message.msg_iovlen = (size_t)pyr_stream_gather(self, items);
    ssize_t sent = sendmsg(self->fd, &message, MSG_NOSIGNAL | MSG_MORE);
    if (sent < 0) {
        return 0;
    }
    pyr_stream_traffic(self)->sent += (uint64_t)sent;
    return pyr_stream_consume(self, sent) < 0 ? -1 : pyr_stream_unsent(self) <= 0;
}

/* What the kernel takes of the file.  Where that is less than it was offered, there is no
 * other call: an error that came meanwhile is the next write's or read's to meet. */
static Py_ssize_t
send_pages(int to, int file, off_t at, Py_ssize_t most)
{
    ssize_t sent;
    do {
        PyThreadState *thread = PyEval_SaveThread(); /* pages may have to be read first */
        sent = sendfile(to, file, &at, (size_t)most);
        PyEval_RestoreThread(thread); /* which leaves errno as it is */
    } while (sent < 0 && errno == EINTR);
    return sent > 0 ? sent : 0;
}

#endif

Py_ssize_t
pyr_stream_send_file(StreamConnection *self, int file, long long offset, Py_ssize_t most)
{
    if (!takes_bytes(self)) {
        return 0;
    }
#if defined(__linux__)
    int first = send_queue(self);
    if (first <= 0) {
        return first;
    }
    Py_ssize_t sent = send_pages(self->fd, file, (off_t)offset, most);
    pyr_stream_traffic(self)->sent += (uint64_t)sent;
    return sent;
#else
    (void)file, (void)offset, (void)most;
    return 0;
#endif
}

int
pyr_stream_await_room(StreamConnection *self)
{
    if (!pyr_stream_has_producer(self)) {
        return 0;
    }
    self->blocked = 1;
    if (pyr_stream_change(self, PYR_WRITE, true) < 0 ||
        (self->loop != NULL && pyr_stream_update_watch(self) < 0)) {
        return -1;
    }
    if (!self->streaming_producer || self->producer_paused) {
        return 1;
    }
    self->producer_paused = 1;
    PyObject *producer = Py_NewRef(self->producer);
    int status = pyr_call_dropping(producer, self->st->names.pauseProducing, NULL);
    Py_DECREF(producer);
    return status < 0 ? -1 : 1;
}
