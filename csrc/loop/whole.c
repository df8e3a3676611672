/* That there is an engine, and that it is whole; see loop/loop.h. */
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

/*
 * glibc gives the top of its heap back to the kernel as soon as 128 KiB of it are free,
 * so that a server of large messages takes a page fault for every 4 KiB of each of them.
 * The limit grows to twice the largest mapped block that was ever freed: free one.
 */
static void
keep_freed_memory(void)
{
    char *volatile block = malloc(1024 * 1024);
    free(block);
}

static int
open_engine(Loop *self)
{
    int error = 0;
    keep_freed_memory();
    self->engine = pyr_engine_open(&error);
    if (self->engine == NULL) {
        pyr_set_uv_error(-error);
        return -1;
    }
    return 0;
}

/* The engine's descriptors are other files by now, which must not be closed: its memory
 * is left to libuv, and all is registered with the next engine. */
void
pyr_loop_abandon_engine(Loop *self)
{
    self->engine = NULL;
    self->forked = self->engine_lost = false;
    pyr_pollers_renew(self, true);
}

static int
fork_engine(Loop *self)
{
    if (self->engine_lost || !pyr_engine_is_whole(self->engine) ||
        pyr_engine_fork(self->engine) != 0) {
        pyr_loop_abandon_engine(self);
        return open_engine(self);
    }
    self->forked = false;
    pyr_pollers_renew(self, false);
    return 0;
}

int
pyr_loop_ready(Loop *self)
{
    if (self->closed) {
        PyErr_SetString(PyExc_RuntimeError, "the event loop is closed");
        return -1;
    }
    if (self->engine == NULL) {
        self->forked = false;
        return open_engine(self);
    }
    return self->forked ? fork_engine(self) : 0;
}

/* The same, and the engine has all its descriptors. */
int
pyr_loop_make_whole(Loop *self)
{
    if (pyr_loop_ready(self) < 0) {
        return -1;
    }
    if (!self->engine_lost && pyr_engine_is_whole(self->engine)) {
        return 0;
    }
    pyr_loop_abandon_engine(self);
    return open_engine(self);
}

int
pyr_loop_refuses(Loop *self, int fd)
{
    int error = pyr_engine_refuses(self->engine, fd);
    if (error == 0 || pyr_engine_is_whole(self->engine)) {
        return error;
    }
    /* It was the engine that is not what it was.  A loop that sleeps will notice. */
    if (!self->asleep && pyr_loop_make_whole(self) == 0) {
        return pyr_engine_refuses(self->engine, fd);
    }
    PyErr_Clear();
    return fcntl(fd, F_GETFD) < 0 ? errno : 0;
}
