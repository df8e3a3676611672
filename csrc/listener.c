/* Accepting TCP connections without a Python socket; see listener.h. */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static PyObject *
address_ipv4(const struct sockaddr_in *addr)
{
    char host[INET_ADDRSTRLEN];
    if (inet_ntop(AF_INET, &addr->sin_addr, host, sizeof(host)) == NULL) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return Py_BuildValue("si", host, (int)ntohs(addr->sin_port));
}

/* With the scope ("%eth0") in the host, as stock makes it by getnameinfo. */
static PyObject *
address_ipv6(const struct sockaddr_in6 *addr)
{
    char host[NI_MAXHOST];
    int status = getnameinfo((const struct sockaddr *)addr, sizeof(*addr), host,
                             sizeof(host), NULL, 0, NI_NUMERICHOST);
    if (status != 0) {
        PyErr_SetString(PyExc_OSError, gai_strerror(status));
        return NULL;
    }
    return Py_BuildValue("siII", host, (int)ntohs(addr->sin6_port),
                         (unsigned int)ntohl(addr->sin6_flowinfo),
                         (unsigned int)addr->sin6_scope_id);
}

static PyObject *
address_of(const struct sockaddr_storage *addr)
{
    if (addr->ss_family == AF_INET) {
        return address_ipv4((const struct sockaddr_in *)addr);
    }
    if (addr->ss_family == AF_INET6) {
        return address_ipv6((const struct sockaddr_in6 *)addr);
    }
    PyErr_Format(PyExc_OSError, "unexpected address family %d", (int)addr->ss_family);
    return NULL;
}

static int
accept_one(int listener, struct sockaddr_storage *addr)
{
    int fd;
    do {
        socklen_t size = sizeof(*addr);
#ifdef SOCK_NONBLOCK
        fd = accept4(listener, (struct sockaddr *)addr, &size,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
        fd = accept(listener, (struct sockaddr *)addr, &size);
#endif
    } while (fd < 0 && errno == EINTR);
    return fd;
}

PyDoc_STRVAR(
    accept_doc,
    "accept(fd, /)\n--\n\n"
    "Accept one connection from the listening TCP descriptor fd (int).\n\n"
    "Returns (descriptor, address), non-blocking and close-on-exec, with the\n"
    "address as socket.getpeername gives it; or None if no connection waits; or\n"
    "the errno (int) of another error.");

static PyObject *
core_accept(PyObject *Py_UNUSED(module), PyObject *number)
{
    struct sockaddr_storage addr;
    int listener = PyObject_AsFileDescriptor(number);
    if (listener < 0) {
        return NULL;
    }
    int fd = accept_one(listener, &addr);
    if (fd < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            Py_RETURN_NONE;
        }
        return PyLong_FromLong(errno);
    }
    PyObject *address = address_of(&addr);
    if (address == NULL) {
        (void)close(fd);
        return NULL;
    }
    return Py_BuildValue("iN", fd, address);
}

PyDoc_STRVAR(close_doc,
             "close(fd, /)\n--\n\nClose an accepted descriptor (int) that nobody wants.");

static PyObject *
core_close(PyObject *Py_UNUSED(module), PyObject *number)
{
    int fd = PyObject_AsFileDescriptor(number);
    if (fd < 0) {
        return NULL;
    }
    (void)close(fd);
    Py_RETURN_NONE;
}

static PyMethodDef listener_functions[] = {
    {"close", core_close, METH_O, close_doc},
    {"accept", core_accept, METH_O, accept_doc},
    {NULL},
};

int
pyr_listener_exec(PyObject *module, core_state *Py_UNUSED(st))
{
    return PyModule_AddFunctions(module, listener_functions);
}
