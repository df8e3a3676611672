/*
 * The links of a Deferred: what waits to run when its result comes.
 *
 * They live in a small array inside the object, or in memory of their own when there are
 * more.  Those of a listed Deferred are in its list, and the array is empty.
 */
#include "core/call.h"
#include "core/depth.h"
#include "deferred/inline.h"
#include "deferred/object.h"

static int
grow_links(pyr_deferred *self, int32_t needed)
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

pyr_link *
pyr_links_append(pyr_deferred *self, int count)
{
    if (self->head == self->tail) {
        self->head = self->tail = 0;
    }
    if (self->tail + count > self->capacity && grow_links(self, count) < 0) {
        return NULL;
    }
    pyr_link *room = &self->links[self->tail];
    self->tail += count;
    return room;
}

int
pyr_links_add(pyr_deferred *self, const pyr_link_kind *kind, PyObject *target,
              PyObject *args)
{
    pyr_link *room = pyr_links_append(self, 1);
    if (room == NULL) {
        return -1;
    }
    *room = (pyr_link){kind, Py_NewRef(target), Py_XNewRef(args), NULL};
    return 0;
}

void
pyr_links_clear_one(pyr_link *link)
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
        pyr_links_clear_one(&link);
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

/* --- taking ---------------------------------------------------------------------- */

/* Of a pair, the side that the result is for */
static void
take_side(pyr_deferred *self, bool failed, pyr_link *taken)
{
    pyr_link other = self->links[self->head++];
    if (failed) {
        pyr_link callback = *taken;
        *taken = other;
        other = callback;
    }
    taken->kind = pyr_link_both;
    pyr_links_clear_one(&other);
}

bool
pyr_links_take(pyr_deferred *self, bool failed, pyr_link *taken)
{
    if (self->head == self->tail) {
        return false;
    }
    *taken = self->links[self->head++];
    if (taken->kind->skips[failed]) {
        pyr_links_clear_one(taken);
    } else if (taken->kind == &pyr_link_pair) {
        take_side(self, failed, taken);
    }
    return true;
}

/* --- calling --------------------------------------------------------------------- */

#define WITH_NAMED(...)                \
    {                                  \
        {__VA_ARGS__},                 \
        {                              \
            __VA_ARGS__, .named = true \
        }                              \
    }
const pyr_link_kind pyr_link_callback[] =
    WITH_NAMED(.name = "callback", .skips = {false, true});
const pyr_link_kind pyr_link_errback[] =
    WITH_NAMED(.name = "errback", .skips = {true, false});
const pyr_link_kind pyr_link_both[] = WITH_NAMED(.name = "both");
const pyr_link_kind pyr_link_pair = {.name = "pair"};
const pyr_link_kind pyr_link_continue = {.name = "continue"};

/* Odd arguments: let Python unpack them, and complain in its own words. */
static PYR_NO_INLINE PyObject *
call_by_python(core_state *st, const pyr_link *link, PyObject *result)
{
    PyObject *args[] = {link->target, result,
                        link->args == NULL ? st->deferred->empty_tuple : link->args,
                        link->keywords};
    return PyObject_Vectorcall(st->deferred->call_with, args,
                               link->keywords == NULL ? 3 : 4, NULL);
}

/* target(result, *args, **keywords); calls that come last, to leave the stack to them. */
PyObject *
pyr_links_call(core_state *st, const pyr_link *link, PyObject *result)
{
    if (link->args == NULL && link->keywords == NULL) {
        return PyObject_CallOneArg(link->target, result);
    }
    bool tuple = link->args == NULL || PyTuple_CheckExact(link->args);
    bool mapping =
        link->keywords == NULL || link->kind->named || PyDict_CheckExact(link->keywords);
    if (tuple && mapping) {
        return pyr_call_kept(link->target, result, link->args, link->keywords,
                             link->kind->named);
    }
    return call_by_python(st, link, result);
}
