/* Accepting stream connections without a Python socket; see listener.h. */
#include "transport/listener.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/address.h"

static int
accept_one(int listener, struct sockaddr_storage *addr, socklen_t *size)
{
    int fd;
    do {
        *size = sizeof(*addr);
#ifdef SOCK_NONBLOCK
        fd = accept4(listener, (struct sockaddr *)addr, size,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
        fd = accept(listener, (struct sockaddr *)addr, size);
#endif
    } while (fd < 0 && errno == EINTR);
    return fd;
}

PyDoc_STRVAR(
    accept_doc,
    "accept(fd, /)\n--\n\n"
    "Accept one connection from the listening TCP or UNIX descriptor fd (int).\n\n"
    "Returns (descriptor, address), non-blocking and close-on-exec, with the\n"
    "address as socket.accept gives it, an IPv6 host with its scope; or None if no\n"
    "connection waits; or the errno (int) of another error.");

static PyObject *
core_accept(PyObject *Py_UNUSED(module), PyObject *number)
{
    struct sockaddr_storage addr;
    socklen_t size;
    int listener = PyObject_AsFileDescriptor(number);
    if (listener < 0) {
        return NULL;
    }
    int fd = accept_one(listener, &addr, &size);
    if (fd < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            Py_RETURN_NONE;
        }
        return PyLong_FromLong(errno);
    }
    PyObject *address = pyr_address_to_python(&addr, size, true);
    if (address == NULL) {
        (void)close(fd);
        return NULL;
    }
    PyObject *descriptor = PyLong_FromLong(fd);
    PyObject *accepted = descriptor == NULL ? NULL : PyTuple_Pack(2, descriptor, address);
    Py_XDECREF(descriptor);
    Py_DECREF(address);
    if (accepted == NULL) {
        (void)close(fd);
    }
    return accepted;
}

static PyMethodDef listener_functions[] = {
    {"accept", core_accept, METH_O, accept_doc},
    {NULL},
};

int
pyr_listener_exec(PyObject *module, core_state *Py_UNUSED(st))
{
    return PyModule_AddFunctions(module, listener_functions);
}
