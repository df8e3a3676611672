/* The queue of links in Python's shape (`_callbacks`). */
#include "deferred/inline.h"
#include "deferred/object.h"

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
