/* Socket addresses as Python has them, and back. */
#ifndef PYREACTOR_ADDRESS_H
#define PYREACTOR_ADDRESS_H

#include "core/core.h"

#include <stdbool.h>
#include <sys/socket.h>

/* What socket.accept and socket.recvfrom give for the address: ("host", port) for IPv4,
 * ("host", port, flowinfo, scope) for IPv6, str or bytes (abstract names) for AF_UNIX;
 * None for no address.  `with_scope`: the IPv6 host tells the scope ("fe80::1%eth0"), as
 * getnameinfo does.  New reference, or NULL with an exception set. */
PyObject *pyr_address_to_python(const struct sockaddr_storage *addr, socklen_t size,
                                bool with_scope);

/* The sockaddr of ("host", port), host a numeric address (str) of the family AF_INET or
 * AF_INET6, without a scope.  Its size; 0, without an exception, for anything else. */
socklen_t pyr_address_from_pair(PyObject *pair, int family,
                                struct sockaddr_storage *addr);

/* The sockaddr of a path (str or bytes) or abstract name (bytes).  Its size; 0, without
 * an exception, for anything else. */
socklen_t pyr_address_from_path(PyObject *path, struct sockaddr_storage *addr);

#endif
