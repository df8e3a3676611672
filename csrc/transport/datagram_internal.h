/* What the files of DatagramPort share; see datagram.h. */
#ifndef PYREACTOR_DATAGRAM_INTERNAL_H
#define PYREACTOR_DATAGRAM_INTERNAL_H

#include "transport/datagram.h"

#include <stddef.h>
#include <sys/socket.h>

#include "loop/state.h"
#include "transport/state.h"
#include "transport/peers.h"

/* What stock has a class for each; connected only is a UNIX port that was made so. */
enum { DATAGRAM_UDP, DATAGRAM_UNIX, DATAGRAM_UNIX_CONNECTED };

typedef struct {
    PyObject_HEAD core_state *st;
    PyObject *protocol;
    PyObject *socket;
    PyObject *connected_address; /* _connectedAddr, of a UDP port */
    PyObject *packet_size;       /* maxPacketSize */
    int kind;                    /* DATAGRAM_* */
} DatagramPort;

/* Where its bytes are counted. */
static inline pyr_traffic *
pyr_datagram_traffic(const DatagramPort *self)
{
    bool udp = self->kind == DATAGRAM_UDP;
    return &self->st->loop->traffic[udp ? PYR_OVER_UDP : PYR_OVER_UNIX_DATAGRAM];
}

/* ---- datagram_port.c: what a port says of itself ---- */

/* The descriptor of the Python socket now, which a program may have closed or taken away.
 * -1 with an exception set. */
int pyr_datagram_descriptor(DatagramPort *self);

/* maxPacketSize; -1 with an exception set. */
int pyr_datagram_packet_size(DatagramPort *self, Py_ssize_t *size);

/* maxThroughput into *bytes: 1, or 0 if it is not an int, which stock takes too; -1 with
 * an exception set. */
int pyr_datagram_throughput_limit(DatagramPort *self, Py_ssize_t *bytes);

/* addressFamily; -1 with an exception set, perhaps. */
int pyr_datagram_address_family(DatagramPort *self);

/* Has the port one peer?  1, 0, or -1 with an exception set. */
int pyr_datagram_is_connected(DatagramPort *self);

/* protocol.connectionRefused(); -1 with an exception set. */
int pyr_datagram_tell_refused(DatagramPort *self);

/* The addresses that all ports remember; NULL with MemoryError set. */
pyr_peers *pyr_datagram_peers(core_state *st);

static inline bool
pyr_datagram_has_plain_socket(DatagramPort *self)
{
    return self->socket != NULL &&
           (PyObject *)Py_TYPE(self->socket) == self->st->transport->socket_class;
}

/* ---- datagram_batch.c: many datagrams by one system call ---- */

#define BATCH_MAX 32
#define ADDRESS_SIZE sizeof(struct sockaddr_storage)
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
    int count; /* of those that were received last */
    struct sockaddr_storage addresses[BATCH_MAX];
    struct iovec pieces[BATCH_MAX];
    struct mmsghdr messages[BATCH_MAX];
    char data[]; /* BATCH_MAX slots; memory that was never used costs nothing */
};

/* The batch, made when it is first asked for; NULL with MemoryError set. */
pyr_batch *pyr_datagram_batch_of(core_state *st);
void pyr_datagram_batch_drop(pyr_batch *batch);

static inline bool
pyr_datagram_batch_is_free(pyr_batch *batch)
{
    return batch->st->loop->unread == NULL;
}

/* Are there datagrams of this port?  Those of a socket that it gave up, or that was
 * closed, are dropped: stock would not have received them. */
bool pyr_datagram_batch_has_rest(pyr_batch *batch, DatagramPort *self);

/* Receive up to `count` datagrams, whose msg_namelen is ADDRESS_SIZE; how many, or -1
 * with errno. */
int pyr_datagram_receive_some(int fd, struct mmsghdr *messages, int count);

/* ---- the methods: datagram_receive.c and datagram_send.c ---- */

PyObject *pyr_datagram_read(DatagramPort *self, PyObject *ignored);
PyObject *pyr_datagram_write(DatagramPort *self, PyObject *const *args, Py_ssize_t nargs,
                             PyObject *kwnames);

#endif
