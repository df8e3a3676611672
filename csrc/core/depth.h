/*
 * How deep calls are nested, and how much of the thread's C stack is left for more.
 *
 * Python's own limit (sys.setrecursionlimit) counts calls, up to Python 3.11 in all
 * cases, and a program may raise it to any number.  So C code here that nests asks for
 * the stack itself, and raises RecursionError while there is enough left to handle that.
 */
#ifndef PYREACTOR_DEPTH_H
#define PYREACTOR_DEPTH_H

#include <Python.h>

#ifdef __GNUC__
#define PYR_NO_INLINE __attribute__((noinline))
#else
#define PYR_NO_INLINE
#endif

/*
 * Calls that have begun and not ended, of all threads and greenlets together.  Those on
 * one stack are never more than that, so that a small count needs no look at the stack.
 */
typedef Py_ssize_t pyr_depth;

#define PYR_SHALLOW 16

/* 0, or -1 with RecursionError if little of this thread's C stack is left. */
int pyr_stack_check(const char *where);

/* Begin a nested call; -1 with RecursionError if there is no room for it. */
static inline int
pyr_descend(pyr_depth *depth, const char *where)
{
    if (*depth >= PYR_SHALLOW && pyr_stack_check(where) < 0) {
        return -1;
    }
    ++*depth;
    return 0;
}

static inline void
pyr_ascend(pyr_depth *depth)
{
    --*depth;
}

#endif
