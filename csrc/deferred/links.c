/*
 * The links of a Deferred: what waits to run when its result comes.
 *
 * They live in a small array inside the object, or in memory of their own when there are
 * more.  Python code that asks for `_callbacks` gets a list of the tuples stock has
 * there; from then on that list is what counts for this instance (`listed`), and the
 * array stays empty.
 */
#include "deferred/inline.h"
#include "deferred/object.h"
#include "core/depth.h"

static int
grow(pyr_deferred *self, int32_t needed)
{
    int32_t waiting = self->tail - self->head;
    if (self->head > 0 && waiting + needed <= self->capacity / 2 + PYR_INLINE_LINKS / 2 &&
        waiting + needed <= self->capacity) {
        memmove(self->links, self->links + self->head, sizeof(pyr_link) * waiting);
        self->head = 0;
        self->tail = waiting;
        return 0;
    }
    if (waiting > (INT32_MAX - needed) / 2) {
        PyErr_NoMemory();
        return -1;
    }
    int32_t capacity = (waiting + needed) * 2;
    pyr_link *links = PyMem_Malloc(sizeof(pyr_link) * capacity);
    if (links == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(links, self->links + self->head, sizeof(pyr_link) * waiting);
    if (self->links != self->inline_links) {
        PyMem_Free(self->links);
    }
    self->links = links;
    self->capacity = capacity;
    self->head = 0;
    self->tail = waiting;
    return 0;
}

/* Room for `count` more links, zeroed; the caller fills them in before anything else
 * runs. */
pyr_link *
pyr_links_append(pyr_deferred *self, int count)
{
    if (self->head == self->tail) {
        self->head = self->tail = 0;
    }
    if (self->tail + count > self->capacity && grow(self, count) < 0) {
        return NULL;
    }
    pyr_link *link = &self->links[self->tail];
    memset(link, 0, sizeof(pyr_link) * count);
    self->tail += count;
    return link;
}

/* Room for one link before all others. */
pyr_link *
pyr_links_prepend(pyr_deferred *self)
{
    if (self->head == 0) {
        if (pyr_links_append(self, 1) == NULL) {
            return NULL;
        }
        memmove(self->links + self->head + 1, self->links + self->head,
                sizeof(pyr_link) * (self->tail - self->head - 1));
        memset(&self->links[self->head], 0, sizeof(pyr_link));
        return &self->links[self->head];
    }
    pyr_link *link = &self->links[--self->head];
    memset(link, 0, sizeof(pyr_link));
    return link;
}

void
pyr_link_clear(pyr_link *link)
{
    pyr_link old = *link;
    link->target = link->args = link->keywords = NULL;
    Py_XDECREF(old.target);
    Py_XDECREF(old.args);
    Py_XDECREF(old.keywords);
}

void
pyr_links_clear(pyr_deferred *self)
{
    while (self->head < self->tail) {
        pyr_link link = self->links[self->head++];
        pyr_link_clear(&link);
    }
    if (self->links != self->inline_links) {
        PyMem_Free(self->links);
        self->links = self->inline_links;
        self->capacity = PYR_INLINE_LINKS;
    }
    self->head = self->tail = 0;
}

int
pyr_links_traverse(pyr_deferred *self, visitproc visit, void *arg)
{
    for (int32_t i = self->head; i < self->tail; i++) {
        Py_VISIT(self->links[i].target);
        Py_VISIT(self->links[i].args);
        Py_VISIT(self->links[i].keywords);
    }
    return 0;
}

bool
pyr_links_pending(pyr_deferred *self)
{
    if (self->listed == NULL) {
        return self->head < self->tail;
    }
    int truth = PyObject_IsTrue(self->listed);
    if (truth < 0) {
        PyErr_Clear();
    }
    return truth > 0;
}

/* --- calling --------------------------------------------------------------------- */

#define SMALL_CALL 2

static PYR_NO_INLINE PyObject *
call_with_tuple(const pyr_link *link, PyObject *result)
{
    Py_ssize_t count = link->args == NULL ? 0 : PyTuple_GET_SIZE(link->args);
    PyObject *small[SMALL_CALL + 2];
    PyObject **stack = small;
    if (count > SMALL_CALL) {
        stack = PyMem_Malloc(sizeof(PyObject *) * (size_t)(count + 2));
        if (stack == NULL) {
            return PyErr_NoMemory();
        }
    }
    stack[0] = NULL;
    stack[1] = result;
    for (Py_ssize_t i = 0; i < count; i++) {
        stack[i + 2] = PyTuple_GET_ITEM(link->args, i);
    }
    PyObject *returned;
    if (link->keywords == NULL || link->named) {
        Py_ssize_t named = link->keywords == NULL ? 0 : PyTuple_GET_SIZE(link->keywords);
        size_t positional = (size_t)(count + 1 - named);
        returned = PyObject_Vectorcall(link->target, stack + 1,
                                       positional | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                       link->keywords);
    } else {
        returned = PyObject_VectorcallDict(
            link->target, stack + 1, (size_t)(count + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET,
            link->keywords);
    }
    if (stack != small) {
        PyMem_Free(stack);
    }
    return returned;
}

/* Odd arguments: let Python unpack them, and complain in its own words. */
static PYR_NO_INLINE PyObject *
call_by_python(core_state *st, const pyr_link *link, PyObject *result)
{
    PyObject *args[] = {
        link->target, result, link->args == NULL ? st->deferred->empty_tuple : link->args,
        link->keywords == NULL ? st->deferred->no_keywords : link->keywords};
    return PyObject_Vectorcall(st->deferred->call_with, args, 4, NULL);
}

static PYR_NO_INLINE PyObject *
call_plainly(PyObject *target, PyObject *result)
{
    PyObject *stack[] = {NULL, result};
    return PyObject_Vectorcall(target, stack + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET,
                               NULL);
}

/* target(result, *args, **keywords); calls that come last, to leave the stack to them. */
PyObject *
pyr_link_call(core_state *st, const pyr_link *link, PyObject *result)
{
    if (link->args == NULL && link->keywords == NULL) {
        return call_plainly(link->target, result);
    }
    bool tuple = link->args == NULL || PyTuple_CheckExact(link->args);
    bool mapping =
        link->keywords == NULL || link->named || PyDict_CheckExact(link->keywords);
    if (tuple && mapping) {
        return call_with_tuple(link, result);
    }
    return call_by_python(st, link, result);
}
