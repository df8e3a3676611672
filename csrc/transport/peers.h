/* Addresses of datagram peers, remembered: who wrote once writes again. */
#ifndef PYREACTOR_PEERS_H
#define PYREACTOR_PEERS_H

#include "core/core.h"

#include <netinet/in.h>
#include <sys/socket.h>

typedef struct pyr_peers pyr_peers;

/* NULL with MemoryError set if there is no memory. */
pyr_peers *pyr_peers_new(void);
void pyr_peers_free(pyr_peers *self);

/* The sender of a datagram as ("host", port); addr is of AF_INET or AF_INET6.  New
 * reference, or NULL with an exception set. */
PyObject *pyr_peers_pair(pyr_peers *self, const struct sockaddr_storage *addr);

/* The sockaddr of ("host", port) in the family; its size, or 0 without an exception where
 * `pair` is not such an address. */
socklen_t pyr_peers_sockaddr(pyr_peers *self, PyObject *pair, int family,
                             struct sockaddr_storage *addr);

#endif
