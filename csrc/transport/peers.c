/*
 * Two direct-mapped tables; see peers.h.
 *
 * A datagram's sender gets the tuple that it got before, so that an answer to that tuple,
 * which is found by its identity, needs no parsing.  Entries hold their tuple: as long as
 * one is there, no other object can have its address.
 */
#include "transport/peers.h"

#include <stdbool.h>
#include <string.h>

#include "transport/address.h"

#define ENTRIES 256 /* a power of two */

typedef struct {
    PyObject *pair; /* or NULL */
    socklen_t size;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } addr;
} peer;

struct pyr_peers {
    peer senders[ENTRIES];   /* by the sockaddr */
    peer receivers[ENTRIES]; /* by the tuple's identity */
};

pyr_peers *
pyr_peers_new(void)
{
    pyr_peers *self = PyMem_Calloc(1, sizeof(*self));
    if (self == NULL) {
        PyErr_NoMemory();
    }
    return self;
}

void
pyr_peers_free(pyr_peers *self)
{
    for (int i = 0; self != NULL && i < ENTRIES; i++) {
        Py_XDECREF(self->senders[i].pair);
        Py_XDECREF(self->receivers[i].pair);
    }
    PyMem_Free(self);
}

/* Put the tuple, a new reference, and its sockaddr into the place. */
static void
remember_peer(peer *place, PyObject *pair, const struct sockaddr_storage *addr,
              socklen_t size)
{
    PyObject *old = place->pair;
    place->pair = pair;
    place->size = size;
    memcpy(&place->addr, addr, size);
    Py_XDECREF(old);
}

/* What of a sockaddr tells the host and the port. */
static peer *
place_of_sender(pyr_peers *self, const struct sockaddr_storage *addr)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)addr;
    uint64_t low = v4->sin_addr.s_addr, high = 0;
    if (addr->ss_family == AF_INET6) {
        memcpy(&low, &v6->sin6_addr, sizeof(low));
        memcpy(&high, (const char *)&v6->sin6_addr + sizeof(low), sizeof(high));
    }
    /* The port lies at the same place in both. */
    uint64_t mixed = (low ^ high ^ ((uint64_t)v4->sin_port << 32)) * 0x9E3779B97F4A7C15u;
    return &self->senders[mixed >> 56];
}

PyObject *
pyr_peers_pair(pyr_peers *self, const struct sockaddr_storage *addr)
{
    peer *place = place_of_sender(self, addr);
    socklen_t size = addr->ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                                : sizeof(struct sockaddr_in6);
    if (place->pair != NULL && place->size == size &&
        memcmp(&place->addr, addr, size) == 0) {
        return Py_NewRef(place->pair);
    }
    PyObject *whole = pyr_address_to_python(addr, size, false);
    PyObject *pair = whole == NULL ? NULL : PyTuple_GetSlice(whole, 0, 2);
    Py_XDECREF(whole);
    if (pair != NULL) {
        remember_peer(place, Py_NewRef(pair), addr, size);
    }
    return pair;
}

socklen_t
pyr_peers_sockaddr(pyr_peers *self, PyObject *pair, int family,
                   struct sockaddr_storage *addr)
{
    peer *place = &self->receivers[((uintptr_t)pair >> 4) % ENTRIES];
    if (place->pair == pair && place->addr.any.sa_family == family) {
        memcpy(addr, &place->addr, place->size);
        return place->size;
    }
    socklen_t size = pyr_address_from_pair(pair, family, addr);
    if (size > 0) {
        remember_peer(place, Py_NewRef(pair), addr, size);
    }
    return size;
}
