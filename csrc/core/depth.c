/* The bounds of this thread's C stack; see depth.h. */
#include "core/depth.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#define LARGEST_MARGIN ((uintptr_t)128 * 1024)
#define SMALLEST_MARGIN ((uintptr_t)48 * 1024)

/* A frame whose address lies between these is too near to the end of the stack. */
typedef struct {
    uintptr_t end;   /* the lowest address; 0: not asked for yet */
    uintptr_t limit; /* equal to it: nothing is known of this stack */
} stack_bounds;

static _Thread_local stack_bounds here;

static void
set_bounds(uintptr_t end, uintptr_t size)
{
    uintptr_t margin = size / 8;
    margin = margin > LARGEST_MARGIN ? LARGEST_MARGIN : margin;
    margin = margin < SMALLEST_MARGIN ? SMALLEST_MARGIN : margin;
    margin = margin > size / 2 ? size / 2 : margin;
    here.end = end;
    here.limit = end + margin;
}

#if defined(__APPLE__)

static void
find_bounds(void)
{
    uintptr_t size = pthread_get_stacksize_np(pthread_self());
    set_bounds((uintptr_t)pthread_get_stackaddr_np(pthread_self()) - size, size);
}

#elif defined(__linux__)

/* The main thread's stack grows on demand, up to what `ulimit -s` allows; of that, not
 * every C library tells. */
static uintptr_t
full_size(uintptr_t size)
{
#ifndef __GLIBC__
    struct rlimit allowed;
    if (getpid() == gettid() && getrlimit(RLIMIT_STACK, &allowed) == 0 &&
        allowed.rlim_cur != RLIM_INFINITY) {
        return (uintptr_t)allowed.rlim_cur;
    }
#endif
    return size;
}

static void
find_bounds(void)
{
    pthread_attr_t attributes;
    void *end;
    size_t size;
    here = (stack_bounds){.end = 1, .limit = 1};
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return;
    }
    if (pthread_attr_getstack(&attributes, &end, &size) == 0 && size > 0) {
        uintptr_t full = full_size(size);
        set_bounds((uintptr_t)end + size - full, full);
    }
    (void)pthread_attr_destroy(&attributes);
}

#else

static void
find_bounds(void)
{
    here = (stack_bounds){.end = 1, .limit = 1};
}

#endif

int
pyr_stack_check(const char *where)
{
    char local;
    uintptr_t address = (uintptr_t)&local;
    if (here.end == 0) {
        find_bounds();
    }
    /* Below the end: this is some other stack, such as a coroutine library may make. */
    if (address >= here.limit || address < here.end) {
        return 0;
    }
    PyErr_Format(PyExc_RecursionError, "maximum recursion depth exceeded%s", where);
    return -1;
}
