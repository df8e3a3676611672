/* Socket addresses as Python has them, and back; see address.h. */
#include "transport/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

/* ---- to Python ---- */

/* Each connection and many a datagram brings one: inet_ntop() takes three times as long.
 */
static PyObject *
ipv4_host(const struct in_addr *addr)
{
    char host[INET_ADDRSTRLEN];
    char *end = host;
    unsigned char bytes[4];
    memcpy(bytes, addr, sizeof(bytes));
    for (int i = 0; i < 4; i++) {
        if (bytes[i] >= 100) {
            *end++ = (char)('0' + bytes[i] / 100);
        }
        if (bytes[i] >= 10) {
            *end++ = (char)('0' + bytes[i] / 10 % 10);
        }
        *end++ = (char)('0' + bytes[i] % 10);
        *end++ = '.';
    }
    return PyUnicode_DecodeASCII(host, end - host - 1, NULL);
}

static PyObject *
ipv4_to_python(const struct sockaddr_in *addr)
{
    PyObject *host = ipv4_host(&addr->sin_addr);
    PyObject *port = host == NULL ? NULL : PyLong_FromLong(ntohs(addr->sin_port));
    PyObject *pair = port == NULL ? NULL : PyTuple_Pack(2, host, port);
    Py_XDECREF(host);
    Py_XDECREF(port);
    return pair;
}

static PyObject *
ipv6_to_python(const struct sockaddr_in6 *addr, bool with_scope)
{
    char host[NI_MAXHOST];
    if (!with_scope) {
        if (inet_ntop(AF_INET6, &addr->sin6_addr, host, sizeof(host)) == NULL) {
            return PyErr_SetFromErrno(PyExc_OSError);
        }
    } else {
        int status = getnameinfo((const struct sockaddr *)addr, sizeof(*addr), host,
                                 sizeof(host), NULL, 0, NI_NUMERICHOST);
        if (status != 0) {
            PyErr_SetString(PyExc_OSError, gai_strerror(status));
            return NULL;
        }
    }
    return Py_BuildValue("siII", host, (int)ntohs(addr->sin6_port),
                         (unsigned int)ntohl(addr->sin6_flowinfo),
                         (unsigned int)addr->sin6_scope_id);
}

static PyObject *
path_to_python(const struct sockaddr_un *addr, socklen_t size)
{
    size_t start = offsetof(struct sockaddr_un, sun_path);
    size_t length = size > start ? size - start : 0;
    if (length > 0 && addr->sun_path[0] == '\0') { /* an abstract name */
        return PyBytes_FromStringAndSize(addr->sun_path, (Py_ssize_t)length);
    }
    return PyUnicode_DecodeFSDefaultAndSize(addr->sun_path,
                                            (Py_ssize_t)strnlen(addr->sun_path, length));
}

PyObject *
pyr_address_to_python(const struct sockaddr_storage *addr, socklen_t size,
                      bool with_scope)
{
    if (size == 0) { /* an unnamed UNIX socket sent a datagram */
        Py_RETURN_NONE;
    }
    switch (addr->ss_family) {
    case AF_INET:
        return ipv4_to_python((const struct sockaddr_in *)addr);
    case AF_INET6:
        return ipv6_to_python((const struct sockaddr_in6 *)addr, with_scope);
    case AF_UNIX:
        return path_to_python((const struct sockaddr_un *)addr, size);
    default:
        PyErr_Format(PyExc_OSError, "unexpected address family %d", (int)addr->ss_family);
        return NULL;
    }
}

/* ---- from Python ---- */

/* A str without null characters as UTF-8, else NULL; no exception. */
static const char *
plain_text(PyObject *text)
{
    Py_ssize_t size;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &size);
    if (utf8 == NULL) {
        PyErr_Clear();
        return NULL;
    }
    return strlen(utf8) == (size_t)size ? utf8 : NULL;
}

socklen_t
pyr_address_from_pair(PyObject *pair, int family, struct sockaddr_storage *addr)
{
    if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2 ||
        !PyUnicode_CheckExact(PyTuple_GET_ITEM(pair, 0)) ||
        !PyLong_CheckExact(PyTuple_GET_ITEM(pair, 1))) {
        return 0;
    }
    const char *host = plain_text(PyTuple_GET_ITEM(pair, 0));
    int overflow;
    long port = PyLong_AsLongAndOverflow(PyTuple_GET_ITEM(pair, 1), &overflow);
    if (host == NULL || overflow != 0 || port < 0 || port > 65535) {
        return 0;
    }
    if (family == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)addr;
        *v4 = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port)};
        return inet_pton(AF_INET, host, &v4->sin_addr) == 1 ? sizeof(*v4) : 0;
    }
    if (family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)addr;
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
                                    .sin6_port = htons((uint16_t)port)};
        return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1 ? sizeof(*v6) : 0;
    }
    return 0;
}

socklen_t
pyr_address_from_path(PyObject *path, struct sockaddr_storage *addr)
{
    struct sockaddr_un *name = (struct sockaddr_un *)addr;
    PyObject *bytes = NULL;
    socklen_t size = 0;
    if (PyUnicode_CheckExact(path)) {
        bytes = PyUnicode_EncodeFSDefault(path);
    } else if (PyBytes_CheckExact(path)) {
        bytes = Py_NewRef(path);
    }
    if (bytes == NULL) {
        PyErr_Clear();
        return 0;
    }
    size_t length = (size_t)PyBytes_GET_SIZE(bytes);
    const char *text = PyBytes_AS_STRING(bytes);
    if (length > 0 && length < sizeof(name->sun_path)) {
        bool abstract = text[0] == '\0';
        name->sun_family = AF_UNIX;
        memcpy(name->sun_path, text, length + 1);
        size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length +
                           (abstract ? 0 : 1));
    }
    Py_DECREF(bytes);
    return size;
}
