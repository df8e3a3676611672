/*
 * Many datagrams received by one system call; see datagram.h and datagram_internal.h.
 */
#include "transport/datagram_internal.h"

#include <errno.h>

pyr_batch *
pyr_datagram_batch_of(core_state *st)
{
    pyr_transport_state *state = st->transport;
    if (state->batch != NULL) {
        return state->batch;
    }
    pyr_batch *batch =
        PyMem_RawCalloc(1, sizeof(pyr_batch) + (size_t)BATCH_MAX * SLOT_STRIDE);
    if (batch == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (int i = 0; i < BATCH_MAX; i++) {
        batch->pieces[i] = (struct iovec){.iov_base = batch->data + i * SLOT_STRIDE,
                                          .iov_len = SLOT_SIZE};
        batch->messages[i].msg_hdr = (struct msghdr){.msg_name = &batch->addresses[i],
                                                     .msg_namelen = ADDRESS_SIZE,
                                                     .msg_iov = &batch->pieces[i],
                                                     .msg_iovlen = 1};
    }
    batch->st = st;
    state->batch = batch;
    return batch;
}

void
pyr_datagram_batch_drop(pyr_batch *batch)
{
    batch->st->loop->unread = NULL;
    Py_CLEAR(batch->socket);
}

void
pyr_batch_free(pyr_batch *batch)
{
    if (batch != NULL) {
        pyr_datagram_batch_drop(batch);
        PyMem_RawFree(batch);
    }
}

bool
pyr_datagram_batch_has_rest(pyr_batch *batch, DatagramPort *self)
{
    if (batch->st->loop->unread != (PyObject *)self) {
        return false;
    }
    if (batch->socket == self->socket) {
        int fd = pyr_datagram_descriptor(self);
        if (fd == batch->fd) {
            return true;
        }
        PyErr_Clear();
    }
    pyr_datagram_batch_drop(batch);
    return false;
}

#ifndef __linux__
/* One datagram will do where the system has no such call. */
static int
recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, void *timeout)
{
    (void)count;
    (void)timeout;
    ssize_t size = recvmsg(fd, &messages[0].msg_hdr, flags);
    messages[0].msg_len = size < 0 ? 0 : (unsigned)size;
    return size < 0 ? -1 : 1;
}
#endif

int
pyr_datagram_receive_some(int fd, struct mmsghdr *messages, int count)
{
    int received;
    do {
        received = recvmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT, NULL);
    } while (received < 0 && errno == EINTR);
    return received;
}
