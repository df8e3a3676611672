/*
 * A library to be loaded first: it has one call of one system function fail, with one
 * errno.
 *
 * fault_arm(name, errno, n, stays): the n-th call from then on returns -1 with that errno
 * and does nothing else.  So do, if the error stays, those that follow with the same
 * descriptor, as after the end of a connection.  "receive" and "send" are all functions
 * that do so with a socket.  After fault_of(a, b) only calls with one of these descriptors
 * are counted.  After fault_signal(n) each call that fails comes with that signal.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static char name[32];
static int number, armed, stays, failed_fd, comes_with, only[2] = {-1, -1};
static long at, seen, turns;

void
fault_arm(const char *function, int error, long n, int is_lasting)
{
    strncpy(name, function, sizeof(name) - 1);
    number = error;
    at = n;
    seen = 0;
    stays = is_lasting;
    failed_fd = -1;
    armed = 1;
}

/* Count calls with these only; -1: with any. */
void
fault_of(int one, int other)
{
    only[0] = one;
    only[1] = other;
}

void
fault_signal(int signal)
{
    comes_with = signal;
}

/* Whether there was such a call. */
int
fault_disarm(void)
{
    armed = 0;
    return seen >= at;
}

/* How often this process has asked the kernel for events. */
long
fault_turns(void)
{
    return turns;
}

static int
fails(const char *called, int fd)
{
    if (strcmp(called, "epoll_wait") == 0) {
        turns++;
    }
    if (!armed || strcmp(called, name) != 0 ||
        (only[0] != -1 && fd != only[0] && fd != only[1])) {
        return 0;
    }
    if (++seen != at && !(stays && fd == failed_fd)) {
        return 0;
    }
    failed_fd = fd;
    if (comes_with != 0) {
        (void)raise(comes_with);
    }
    errno = number;
    return 1;
}

#define PYR_FIRST(first, ...) first
#define REAL(called) ((__typeof__(&called))dlsym(RTLD_NEXT, #called))
#define SHIM_AS(as, type, called, parameters, arguments)                     \
    type called parameters                                                   \
    {                                                                        \
        return fails(as, PYR_FIRST arguments) ? -1 : REAL(called) arguments; \
    }
#define SHIM(type, called, parameters, arguments) \
    SHIM_AS(#called, type, called, parameters, arguments)

SHIM_AS("receive", ssize_t, recv, (int fd, void *to, size_t size, int flags),
        (fd, to, size, flags))
SHIM_AS("send", ssize_t, send, (int fd, const void *from, size_t size, int flags),
        (fd, from, size, flags))
SHIM_AS("receive", ssize_t, recvmsg, (int fd, struct msghdr *message, int flags),
        (fd, message, flags))
SHIM_AS("send", ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
        (fd, message, flags))
SHIM_AS("receive", int, recvmmsg,
        (int fd, struct mmsghdr *messages, unsigned count, int flags,
         struct timespec *wait),
        (fd, messages, count, flags, wait))
SHIM_AS("send", ssize_t, sendto,
        (int fd, const void *from, size_t size, int flags, const struct sockaddr *to,
         socklen_t long_),
        (fd, from, size, flags, to, long_))
SHIM_AS("accept", int, accept4,
        (int fd, struct sockaddr *from, socklen_t *size, int flags),
        (fd, from, size, flags))
SHIM(int, accept, (int fd, struct sockaddr *from, socklen_t *size), (fd, from, size))
SHIM_AS("receive", ssize_t, recvfrom,
        (int fd, void *to, size_t size, int flags, struct sockaddr *from,
         socklen_t *long_),
        (fd, to, size, flags, from, long_))
SHIM(int, connect, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size))
SHIM(int, shutdown, (int fd, int how), (fd, how))
SHIM(int, getsockopt, (int fd, int level, int option, void *value, socklen_t *size),
     (fd, level, option, value, size))
SHIM(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t size),
     (fd, level, option, value, size))
SHIM(int, epoll_ctl, (int epoll, int what, int fd, struct epoll_event *event),
     (epoll, what, fd, event))
SHIM(int, epoll_wait, (int epoll, struct epoll_event *events, int most, int wait),
     (epoll, events, most, wait))
SHIM_AS("epoll_wait", int, epoll_pwait,
        (int epoll, struct epoll_event *events, int most, int wait,
         const sigset_t *signals),
        (epoll, events, most, wait, signals))
SHIM(int, epoll_create1, (int flags), (flags))
SHIM(int, eventfd, (unsigned first, int flags), (first, flags))
SHIM(ssize_t, sendfile, (int to, int from, off_t *at, size_t size), (to, from, at, size))
SHIM_AS("sendfile", ssize_t, sendfile64, (int to, int from, off64_t *at, size_t size),
        (to, from, at, size))
SHIM(ssize_t, read, (int fd, void *to, size_t size), (fd, to, size))
SHIM(ssize_t, write, (int fd, const void *from, size_t size), (fd, from, size))
SHIM_AS("write", ssize_t, writev, (int fd, const struct iovec *parts, int count),
        (fd, parts, count))

/* Closes all the same, as Linux does. */
int
close(int fd)
{
    int failing = fails("close", fd);
    int result = REAL(close)(fd);
    if (failing) {
        errno = number;
        return -1;
    }
    return result;
}
