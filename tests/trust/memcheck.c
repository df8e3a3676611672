/*
 * A library to be loaded first under memcheck: Python's objects come from malloc, and the
 * memory of an int of one digit counts as set.
 *
 * An int that CPython makes of text or bytes and that is 0 has no digit; up to 3.11 it is
 * found among the small ints by the digit that is not there, times zero.  To memcheck,
 * the address of that small int is not set from then on, wherever it goes.
 */
#include <Python.h>

#include <stddef.h>
#include <stdlib.h>

#if PY_VERSION_HEX < 0x030C0000
#define ONE_DIGIT (offsetof(struct _longobject, ob_digit) + sizeof(digit))
#else
#define ONE_DIGIT 0
#endif

/* Programs that are not Python load the library, too. */
#pragma weak PyMem_SetAllocator

static void *
allocate(void *Py_UNUSED(context), size_t size)
{
    return size == ONE_DIGIT ? calloc(1, size) : malloc(size != 0 ? size : 1);
}

static void *
allocate_zeroed(void *Py_UNUSED(context), size_t count, size_t size)
{
    return count != 0 && size != 0 ? calloc(count, size) : calloc(1, 1);
}

static void *
resize(void *Py_UNUSED(context), void *block, size_t size)
{
    return realloc(block, size != 0 ? size : 1);
}

static void
release(void *Py_UNUSED(context), void *block)
{
    free(block);
}

__attribute__((constructor)) static void
begin(void)
{
    PyMemAllocatorEx allocator = {NULL, allocate, allocate_zeroed, resize, release};
    if (PyMem_SetAllocator != NULL) {
        PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &allocator);
        PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &allocator);
    }
}
