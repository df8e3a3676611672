/* An allocator for tests that fails once, at the allocation that it is told. */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static PyMemAllocatorEx real[3];
static pthread_t thread; /* the one whose allocations count */
static long armed;       /* 0: none fails and none is counted */
static long fails_at, seen;
static int tells; /* the stack of the one that fails goes to stderr */
static int own;   /* those that Python code makes do not count */

/* Whether the extension asks for this one, and not Python code that it calls. */
static int
is_by_extension(void)
{
    void *frames[60];
    int count = backtrace(frames, 60);
    for (int i = 0; i < count; i++) {
        Dl_info found;
        if (dladdr(frames[i], &found) == 0) {
            continue;
        }
        if (found.dli_sname != NULL && strstr(found.dli_sname, "EvalFrame") != NULL) {
            return 0;
        }
        if (found.dli_fname != NULL && strstr(found.dli_fname, "/_core.") != NULL) {
            return 1;
        }
    }
    return 0;
}

static int
fails(void)
{
    if (!armed || !pthread_equal(pthread_self(), thread)) {
        return 0;
    }
    if ((own && !is_by_extension()) || ++seen != fails_at) {
        return 0;
    }
    if (tells) {
        void *frames[60];
        backtrace_symbols_fd(frames, backtrace(frames, 60), STDERR_FILENO);
    }
    return 1;
}

static void *
hook_malloc(void *ctx, size_t size)
{
    PyMemAllocatorEx *to = ctx;
    return fails() ? NULL : to->malloc(to->ctx, size);
}

static void *
hook_calloc(void *ctx, size_t count, size_t size)
{
    PyMemAllocatorEx *to = ctx;
    return fails() ? NULL : to->calloc(to->ctx, count, size);
}

static void *
hook_realloc(void *ctx, void *old, size_t size)
{
    PyMemAllocatorEx *to = ctx;
    return fails() ? NULL : to->realloc(to->ctx, old, size);
}

static void
hook_free(void *ctx, void *old)
{
    PyMemAllocatorEx *to = ctx;
    to->free(to->ctx, old);
}

/* arm(n, tells, own): the n-th allocation of this thread from now on fails. */
static PyObject *
arm(PyObject *module, PyObject *args)
{
    if (!PyArg_ParseTuple(args, "lpp", &fails_at, &tells, &own)) {
        return NULL;
    }
    if (real[0].malloc == NULL) {
        for (int domain = 0; domain < 3; domain++) {
            PyMemAllocatorEx hook = {&real[domain], hook_malloc, hook_calloc,
                                     hook_realloc, hook_free};
            PyMem_GetAllocator((PyMemAllocatorDomain)domain, &real[domain]);
            PyMem_SetAllocator((PyMemAllocatorDomain)domain, &hook);
        }
    }
    thread = pthread_self();
    seen = 0;
    armed = 1;
    Py_RETURN_NONE;
}

/* disarm(): whether there was such an allocation. */
static PyObject *
disarm(PyObject *module, PyObject *unused)
{
    armed = 0;
    return PyBool_FromLong(seen >= fails_at);
}

static PyMethodDef methods[] = {
    {"arm", arm, METH_VARARGS, NULL},
    {"disarm", disarm, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "allocator", NULL, -1,
                                    methods};

PyMODINIT_FUNC
PyInit_allocator(void)
{
    return PyModule_Create(&module);
}
