/* Control messages beside the bytes of a stream; see ancillary.h. */
#include "transport/ancillary.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONTROL_SIZE 4096 /* twisted.python.sendmsg.recvmsg's cmsgSize */

/* Bytes of data in `header`, which the kernel may have cut short. */
static size_t
data_size(struct msghdr *message, struct cmsghdr *header)
{
    size_t given = header->cmsg_len > CMSG_LEN(0) ? header->cmsg_len - CMSG_LEN(0) : 0;
    size_t start = (size_t)(CMSG_DATA(header) - (unsigned char *)message->msg_control);
    size_t room = message->msg_controllen > start ? message->msg_controllen - start : 0;
    return given < room ? given : room;
}

static PyObject *
list_messages(struct msghdr *message)
{
    PyObject *list = PyList_New(0);
    struct cmsghdr *header = list == NULL ? NULL : CMSG_FIRSTHDR(message);
    for (; header != NULL; header = CMSG_NXTHDR(message, header)) {
        PyObject *item = Py_BuildValue("iiy#", header->cmsg_level, header->cmsg_type,
                                       (const char *)CMSG_DATA(header),
                                       (Py_ssize_t)data_size(message, header));
        int status = item == NULL ? -1 : PyList_Append(list, item);
        Py_XDECREF(item);
        if (status < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

static void
close_received(struct msghdr *message)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = data_size(message, header) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            (void)close(fd);
        }
    }
}

/* Make objects of what came.  The bytes are copied first: making the list may run the
 * garbage collector, and with it Python code, which may receive into `data`. */
static int
take_received(struct msghdr *message, const void *data, ssize_t count,
              pyr_ancillary *ancillary)
{
    ancillary->bytes = PyBytes_FromStringAndSize(data, count);
    if (ancillary->bytes != NULL) {
        ancillary->messages = list_messages(message);
    }
    if (ancillary->messages == NULL) {
        Py_CLEAR(ancillary->bytes);
        close_received(message);
        return -1;
    }
    return 0;
}

ssize_t
pyr_receive_ancillary(int fd, void *data, size_t size, pyr_ancillary *ancillary)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(CONTROL_SIZE)];
    struct iovec piece = {.iov_base = data, .iov_len = size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t count;
    *ancillary = (pyr_ancillary){NULL, NULL};
    do {
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        count = recvmsg(fd, &message, 0);
    } while (count < 0 && errno == EINTR);
    if (count >= 0 && message.msg_controllen > 0 &&
        take_received(&message, data, count, ancillary) < 0) {
        return -2;
    }
    return count;
}
