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
    sa_family_t family;
    in_port_t port;
    unsigned char host[16];
} sender;

typedef struct {
    PyObject *pair; /* or NULL */
    socklen_t size;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } addr;
} receiver;

struct pyr_peers {
    sender senders[ENTRIES];
    receiver receivers[ENTRIES];
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
    if (self == NULL) {
        return;
    }
    for (int i = 0; i < ENTRIES; i++) {
        Py_XDECREF(self->senders[i].pair);
        Py_XDECREF(self->receivers[i].pair);
    }
    PyMem_Free(self);
}

static void
describe(const struct sockaddr_storage *addr, sender *found)
{
    memset(found, 0, sizeof(*found));
    found->family = addr->ss_family;
    if (addr->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;
        found->port = v4->sin_port;
        memcpy(found->host, &v4->sin_addr, sizeof(v4->sin_addr));
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)addr;
        found->port = v6->sin6_port;
        memcpy(found->host, &v6->sin6_addr, sizeof(v6->sin6_addr));
    }
}

static sender *
place_of_sender(pyr_peers *self, const sender *wanted)
{
    uint64_t low, high;
    memcpy(&low, wanted->host, sizeof(low));
    memcpy(&high, wanted->host + sizeof(low), sizeof(high));
    uint64_t mixed = (low ^ high ^ ((uint64_t)wanted->port << 32)) * 0x9E3779B97F4A7C15u;
    return &self->senders[mixed >> 56];
}

static bool
is_same(const sender *one, const sender *other)
{
    return one->family == other->family && one->port == other->port &&
           memcmp(one->host, other->host, sizeof(one->host)) == 0;
}

PyObject *
pyr_peers_pair(pyr_peers *self, const struct sockaddr_storage *addr)
{
    sender wanted;
    describe(addr, &wanted);
    sender *place = place_of_sender(self, &wanted);
    if (place->pair != NULL && is_same(place, &wanted)) {
        return Py_NewRef(place->pair);
    }
    PyObject *whole = pyr_address_to_python(addr, sizeof(*addr), false);
    if (whole == NULL || PyTuple_GET_SIZE(whole) == 2) {
        wanted.pair = whole;
    } else {
        wanted.pair = PyTuple_GetSlice(whole, 0, 2);
        Py_DECREF(whole);
    }
    if (wanted.pair == NULL) {
        return NULL;
    }
    PyObject *old = place->pair;
    *place = wanted;
    Py_XDECREF(old);
    return Py_NewRef(wanted.pair);
}

socklen_t
pyr_peers_sockaddr(pyr_peers *self, PyObject *pair, int family,
                   struct sockaddr_storage *addr)
{
    receiver *place = &self->receivers[((uintptr_t)pair >> 4) % ENTRIES];
    if (place->pair != pair || place->addr.any.sa_family != family) {
        socklen_t size = pyr_address_from_pair(pair, family, addr);
        if (size == 0) {
            return 0;
        }
        PyObject *old = place->pair;
        place->pair = Py_NewRef(pair);
        place->size = size;
        memcpy(&place->addr, addr, size);
        Py_XDECREF(old);
        return size;
    }
    memcpy(addr, &place->addr, place->size);
    return place->size;
}
