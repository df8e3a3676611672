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

static PyObject *link_side(core_state *st, const pyr_link *link);

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

/*
 * As pyr_link_call, through a Python function, so that the traceback has a real frame: in
 * debug mode Failures keep the local variables of each.
 */
PyObject *
pyr_link_call_visibly(pyr_deferred *self, const pyr_link *link)
{
    PyObject *triple = link_side(self->st, link);
    if (triple == NULL) {
        return NULL;
    }
    PyObject *returned = PyObject_CallFunctionObjArgs(self->st->deferred->call_visibly,
                                                      (PyObject *)self, triple, NULL);
    Py_DECREF(triple);
    return returned;
}

/* --- the Python shape ------------------------------------------------------------ */

/* The `(callable, args, kwargs)` of one side. */
static PyObject *
side(PyObject *callable, PyObject *args, PyObject *keywords)
{
    PyObject *kwargs = keywords == NULL ? PyDict_New() : Py_NewRef(keywords);
    if (kwargs == NULL) {
        return NULL;
    }
    PyObject *positional = args == NULL ? PyTuple_New(0) : Py_NewRef(args);
    PyObject *triple = NULL;
    if (positional != NULL) {
        triple = PyTuple_Pack(3, callable, positional, kwargs);
        Py_DECREF(positional);
    }
    Py_DECREF(kwargs);
    return triple;
}

/* As side(), where the last of args belong to the names in `keywords`. */
static PyObject *
named_side(PyObject *callable, PyObject *args, PyObject *names)
{
    Py_ssize_t named = PyTuple_GET_SIZE(names);
    Py_ssize_t positional = PyTuple_GET_SIZE(args) - named;
    PyObject *kwargs = PyDict_New();
    PyObject *front = PyTuple_GetSlice(args, 0, positional);
    PyObject *triple = NULL;
    if (kwargs == NULL || front == NULL) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < named; i++) {
        if (PyDict_SetItem(kwargs, PyTuple_GET_ITEM(names, i),
                           PyTuple_GET_ITEM(args, positional + i)) < 0) {
            goto done;
        }
    }
    triple = side(callable, front, kwargs);
done:
    Py_XDECREF(kwargs);
    Py_XDECREF(front);
    return triple;
}

static PyObject *
link_side(core_state *st, const pyr_link *link)
{
    PyObject *callable = link->target == NULL ? st->deferred->failthru : link->target;
    if (link->named) {
        return named_side(callable, link->args, link->keywords);
    }
    return side(callable, link->args, link->keywords);
}

static PyObject *
pair_up(PyObject *success, PyObject *failure)
{
    PyObject *pair = NULL;
    if (success != NULL && failure != NULL) {
        pair = PyTuple_Pack(2, success, failure);
    }
    Py_XDECREF(success);
    Py_XDECREF(failure);
    return pair;
}

/* (callable, args, {}) for both sides */
static PyObject *
same_for_both(PyObject *callable, PyObject *args, PyObject *keywords)
{
    PyObject *both = callable == NULL ? NULL : side(callable, args, keywords);
    return pair_up(both, Py_XNewRef(both));
}

/* What a Deferred that `waiting` waits for has in its `_callbacks`. */
PyObject *
pyr_continuation(core_state *st, PyObject *waiting)
{
    PyObject *args = PyTuple_Pack(1, waiting);
    if (args == NULL) {
        return NULL;
    }
    PyObject *item =
        same_for_both(st->deferred->continuation, args, st->deferred->no_keywords);
    Py_DECREF(args);
    return item;
}

static PyObject *
collector_as_item(const pyr_link *link)
{
    PyObject *method = PyObject_GetAttrString(link->target, "_cbDeferred");
    if (method == NULL) {
        return NULL;
    }
    PyObject *success_args = Py_BuildValue("(iO)", (int)link->index, Py_True);
    PyObject *failure_args = Py_BuildValue("(iO)", (int)link->index, Py_False);
    PyObject *item = NULL;
    if (success_args != NULL && failure_args != NULL) {
        item =
            pair_up(side(method, success_args, NULL), side(method, failure_args, NULL));
    }
    Py_XDECREF(success_args);
    Py_XDECREF(failure_args);
    Py_DECREF(method);
    return item;
}

static PyObject *
firing_as_item(core_state *st, const pyr_link *link)
{
    PyObject *callback = PyObject_GetAttr(link->target, st->names.callback);
    PyObject *errback = PyObject_GetAttr(link->target, st->names.errback);
    PyObject *item = NULL;
    if (callback != NULL && errback != NULL) {
        item = pair_up(side(callback, NULL, NULL), side(errback, NULL, NULL));
    }
    Py_XDECREF(callback);
    Py_XDECREF(errback);
    return item;
}

/* The link at `index` as stock's pair of triples. */
static PyObject *
link_as_item(pyr_deferred *self, int32_t index)
{
    core_state *st = self->st;
    const pyr_link *link = &self->links[index];
    PyObject *item;
    switch ((pyr_link_kind)link->kind) {
    case PYR_LINK_CALLBACK:
        return pair_up(link_side(st, link), side(st->deferred->failthru, NULL, NULL));
    case PYR_LINK_ERRBACK:
        return pair_up(side(st->deferred->passthru, NULL, NULL), link_side(st, link));
    case PYR_LINK_BOTH:
        item = link_side(st, link);
        return pair_up(item, Py_XNewRef(item));
    case PYR_LINK_PAIR:
        return pair_up(link_side(st, link), link_side(st, link + 1));
    case PYR_LINK_CONTINUE:
        return pyr_continuation(st, link->target);
    case PYR_LINK_RESUME: {
        PyObject *resumer = pyr_driver_resumer((pyr_driver *)link->target);
        item = same_for_both(resumer, NULL, NULL);
        Py_XDECREF(resumer);
        return item;
    }
    case PYR_LINK_COLLECT:
        return collector_as_item(link);
    case PYR_LINK_FIRE:
        return firing_as_item(st, link);
    }
    Py_UNREACHABLE();
}

/* All links as a list of stock's pairs */
static PyObject *
links_translated(pyr_deferred *self)
{
    PyObject *list = PyList_New(0);
    for (int32_t i = self->head; list != NULL && i < self->tail; i++) {
        PyObject *item = link_as_item(self, i);
        if (item == NULL || PyList_Append(list, item) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(item);
        if (self->links[i].kind == PYR_LINK_PAIR) {
            i++;
        }
    }
    return list;
}

/* Make `listed` what counts from now on. */
int
pyr_links_as_list(pyr_deferred *self)
{
    if (self->listed != NULL) {
        return 0;
    }
    /* A finalizer could change the links while we look at them. */
    int collecting = PyGC_Disable();
    PyObject *list = links_translated(self);
    if (collecting) {
        PyGC_Enable();
    }
    if (list == NULL) {
        return -1;
    }
    self->listed = list;
    pyr_links_clear(self);
    return 0;
}

/* Append to the list Python knows. */
static int
listed_append(core_state *st, PyObject *listed, PyObject *item)
{
    if (PyList_CheckExact(listed)) {
        return PyList_Append(listed, item);
    }
    PyObject *none = PyObject_CallMethodOneArg(listed, st->names.append, item);
    Py_XDECREF(none);
    return none == NULL ? -1 : 0;
}

/* Add links (stolen) in Python's shape: a throw-away Deferred translates them. */
int
pyr_links_listed_add(pyr_deferred *self, pyr_link *links, int count)
{
    int result = -1;
    /* A finalizer may put another list in its place meanwhile. */
    PyObject *listed = Py_NewRef(self->listed);
    pyr_deferred *scratch = pyr_deferred_bare(self->st);
    pyr_link *room = scratch == NULL ? NULL : pyr_links_append(scratch, count);
    if (room == NULL) {
        for (int i = 0; i < count; i++) {
            pyr_link_clear(&links[i]);
        }
    } else {
        memcpy(room, links, sizeof(pyr_link) * count);
        if (pyr_links_as_list(scratch) == 0) {
            result = listed_append(self->st, listed, PyList_GET_ITEM(scratch->listed, 0));
        }
    }
    Py_XDECREF(scratch);
    Py_DECREF(listed);
    return result;
}

/* listed.pop(0) */
static PyObject *
listed_pop(core_state *st, PyObject *listed)
{
    if (!PyList_CheckExact(listed)) {
        PyObject *zero = PyLong_FromLong(0);
        if (zero == NULL) {
            return NULL;
        }
        PyObject *item = PyObject_CallMethodOneArg(listed, st->names.pop, zero);
        Py_DECREF(zero);
        return item;
    }
    PyObject *item = Py_NewRef(PyList_GET_ITEM(listed, 0));
    if (PyList_SetSlice(listed, 0, 1, NULL) < 0) {
        Py_CLEAR(item);
    }
    return item;
}

/* The first item of self->listed, taken out: 1; 0 none left, -1 error */
static int
listed_next(pyr_deferred *self, PyObject **item)
{
    /* Asking it may run Python code, which may put another list in its place. */
    PyObject *listed = Py_NewRef(self->listed);
    int pending = PyObject_IsTrue(listed);
    *item = pending > 0 ? listed_pop(self->st, listed) : NULL;
    Py_DECREF(listed);
    return pending > 0 && *item == NULL ? -1 : pending;
}

/* Read one `(callable, args, kwargs)` of somebody's making into a link. */
static int
read_side(core_state *st, PyObject *triple, pyr_link *taken)
{
    PyObject *parts = PySequence_Tuple(triple);
    if (parts == NULL) {
        return -1;
    }
    PyObject *callable, *args, *keywords;
    if (!PyArg_ParseTuple(parts, "OOO", &callable, &args, &keywords)) {
        Py_DECREF(parts);
        return -1;
    }
    taken->kind = PYR_LINK_BOTH;
    if (callable == st->deferred->continuation) {
        taken->kind = PYR_LINK_CONTINUE;
        taken->target = PySequence_GetItem(args, 0);
        Py_DECREF(parts);
        return taken->target == NULL ? -1 : 0;
    }
    bool no_args = PyTuple_CheckExact(args) && PyTuple_GET_SIZE(args) == 0;
    bool no_keywords = keywords == st->deferred->no_keywords ||
                       (PyDict_CheckExact(keywords) && PyDict_GET_SIZE(keywords) == 0);
    taken->target = Py_NewRef(callable);
    taken->args = no_args ? NULL : Py_NewRef(args);
    taken->keywords = no_keywords ? NULL : Py_NewRef(keywords);
    Py_DECREF(parts);
    return 0;
}

static int
listed_take(pyr_deferred *self, bool failed, pyr_link *taken)
{
    PyObject *item;
    int pending = listed_next(self, &item);
    if (pending <= 0) {
        return pending;
    }
    PyObject *triple = PySequence_GetItem(item, failed ? 1 : 0);
    Py_DECREF(item);
    if (triple == NULL) {
        return -1;
    }
    int result = read_side(self->st, triple, taken);
    Py_DECREF(triple);
    return result < 0 ? -1 : 1;
}

/*
 * Move the next link out for a result that is a Failure or not.  A taken link whose
 * target is NULL passes the result through.
 */
int
pyr_links_take(pyr_deferred *self, bool failed, pyr_link *taken)
{
    if (self->listed != NULL) {
        memset(taken, 0, sizeof(*taken));
        return listed_take(self, failed, taken);
    }
    if (self->head == self->tail) {
        return 0;
    }
    *taken = self->links[self->head++];
    bool unwanted = false;
    if (taken->kind == PYR_LINK_PAIR) {
        pyr_link other = self->links[self->head++];
        if (failed) {
            pyr_link callback = *taken;
            *taken = other;
            other = callback;
        }
        taken->kind = PYR_LINK_BOTH;
        pyr_link_clear(&other);
    } else if (taken->kind == PYR_LINK_CALLBACK) {
        unwanted = failed;
    } else if (taken->kind == PYR_LINK_ERRBACK) {
        unwanted = !failed;
    }
    if (unwanted) {
        pyr_link_clear(taken);
    }
    return 1;
}
