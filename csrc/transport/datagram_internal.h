/* What the files of DatagramPort share; see datagram.h. */
#ifndef PYREACTOR_DATAGRAM_INTERNAL_H
#define PYREACTOR_DATAGRAM_INTERNAL_H

#include "transport/datagram.h"

#include <stddef.h>
#include <sys/socket.h>

#include "loop/reactor_state.h"
#include "transport/peers.h"

typedef struct {
    PyObject_HEAD core_state *st;
    PyObject *protocol;
    PyObject *socket;
    PyObject *connected_address; /* _connectedAddr */
    PyObject *packet_size;       /* maxPacketSize */
} DatagramPort;

/* ---- datagram_batch.c ---- */

#define BATCH_MAX 32
#define SLOT_SIZE 65536 /* no UDP datagram is larger */
/* The slots' beginnings, which alone are used as a rule, must not share cache lines. */
#define SLOT_STRIDE (SLOT_SIZE + 192)

#ifndef __linux__
struct mmsghdr {
    struct msghdr msg_hdr;
    unsigned msg_len;
};
#endif

/* One for all ports: it is in use only while a port handles an event. */
struct pyr_batch {
    core_state *st;   /* whose `unread` is the port that these datagrams are of */
    PyObject *socket; /* where they came from, */
    int fd;           /* and its descriptor */
    int next;
    int count;
    struct sockaddr_storage addresses[BATCH_MAX];
    struct iovec pieces[BATCH_MAX];
    struct mmsghdr messages[BATCH_MAX];
    char data[]; /* BATCH_MAX slots; memory that was never used costs nothing */
};

pyr_batch *pyr_datagram_batch_of(core_state *st);
void pyr_datagram_batch_drop(pyr_batch *batch);

static inline bool
pyr_datagram_batch_is_free(pyr_batch *batch)
{
    return batch->st->reactor->unread == NULL;
}

/* Are there datagrams of this port?  Those of a socket that it gave up, or that somebody
 * closed, are dropped: stock would not have received them. */
bool pyr_datagram_batch_has_rest(pyr_batch *batch, DatagramPort *self);

/* Receive up to `count` datagrams; how many, or -1 with errno. */
int pyr_datagram_receive_some(int fd, struct mmsghdr *messages, int count);

/* Receive one datagram; its size, or -1 with errno. */
ssize_t pyr_datagram_receive_into(int fd, char *data, size_t limit);

/* ---- datagram_port.c ---- */

int pyr_datagram_descriptor(DatagramPort *self);
int pyr_datagram_packet_size(DatagramPort *self, Py_ssize_t *size);
int pyr_datagram_throughput_limit(DatagramPort *self, Py_ssize_t *bytes);
int pyr_datagram_address_family(DatagramPort *self);
int pyr_datagram_is_connected(DatagramPort *self);
pyr_peers *pyr_datagram_peers(core_state *st);
PyObject *pyr_datagram_call_protocol(DatagramPort *self, PyObject *name);

static inline bool
pyr_datagram_has_plain_socket(DatagramPort *self)
{
    return self->socket != NULL &&
           (PyObject *)Py_TYPE(self->socket) == self->st->reactor->socket_class;
}

/* ---- datagram_receive.c ---- */

PyObject *pyr_datagram_read(DatagramPort *self, PyObject *Py_UNUSED(ignored));
PyObject *pyr_datagram_unix_connected_read(DatagramPort *self,
                                           PyObject *Py_UNUSED(ignored));

/* ---- datagram_send.c ---- */

PyObject *pyr_datagram_write(DatagramPort *self, PyObject *const *args, Py_ssize_t nargs,
                             PyObject *kwnames);
PyObject *pyr_datagram_unix_write(DatagramPort *self, PyObject *const *args,
                                  Py_ssize_t nargs, PyObject *kwnames);
PyObject *pyr_datagram_unix_connected_write(DatagramPort *self, PyObject *const *args,
                                            Py_ssize_t nargs, PyObject *kwnames);

#endif
