/*
 * The queue of links in Python's shape.
 *
 * Who asks for `_callbacks` gets a list of the pairs that stock has there, which Python
 * code makes of the links (_deferred/links.py).
 */
#include "deferred/inline.h"
#include "deferred/object.h"

/* A link as append_links takes it: (kind, target, args, keywords, named) */
static PyObject *
link_as_tuple(core_state *st, const pyr_link *link)
{
    return Py_BuildValue("(sOOOO)", link->kind->name,
                         link->target == NULL ? st->deferred->failthru : link->target,
                         link->args == NULL ? st->deferred->empty_tuple : link->args,
                         link->keywords == NULL ? Py_None : link->keywords,
                         link->kind->named ? Py_True : Py_False);
}

/* Append the links to the list as stock's pairs. */
static int
append_links(core_state *st, PyObject *list, const pyr_link *links, int32_t count)
{
    PyObject *tuples = PyTuple_New(count);
    PyObject *none = NULL;
    for (int32_t i = 0; tuples != NULL && i < count; i++) {
        PyObject *tuple = link_as_tuple(st, &links[i]);
        if (tuple == NULL) {
            Py_CLEAR(tuples);
        } else {
            PyTuple_SET_ITEM(tuples, i, tuple);
        }
    }
    if (tuples != NULL) {
        none =
            PyObject_CallFunctionObjArgs(st->deferred->append_links, list, tuples, NULL);
    }
    Py_XDECREF(tuples);
    return pyr_drop(none);
}

/* The links that wait, with references of their own; NULL with an exception. */
static pyr_link *
copy_waiting(const pyr_deferred *self, int32_t count)
{
    pyr_link *links = PyMem_New(pyr_link, (size_t)count + 1); /* never nothing */
    if (links == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (int32_t i = 0; i < count; i++) {
        links[i] = self->links[self->head + i];
        Py_XINCREF(links[i].target);
        Py_XINCREF(links[i].args);
        Py_XINCREF(links[i].keywords);
    }
    return links;
}

static void
free_copy(pyr_link *links, int32_t count)
{
    for (int32_t i = 0; links != NULL && i < count; i++) {
        pyr_links_clear_one(&links[i]);
    }
    PyMem_Free(links);
}

static bool
are_waiting(const pyr_deferred *self, const pyr_link *links, int32_t count)
{
    return self->tail - self->head == count &&
           memcmp(self->links + self->head, links, sizeof(pyr_link) * (size_t)count) == 0;
}

/* Have the links that wait in a list, which is the Deferred's from then on.  To make it
 * runs Python code: whatever that raises leaves the links as they are, and if it adds
 * some, fires the Deferred or lists it, the list is made anew. */
static int
list_waiting(pyr_deferred *self)
{
    int32_t count = self->tail - self->head;
    pyr_link *links = copy_waiting(self, count);
    PyObject *list = links == NULL ? NULL : PyList_New(0);
    int result = list == NULL ? -1 : append_links(self->st, list, links, count);
    if (result == 0 && self->listed == NULL && are_waiting(self, links, count)) {
        self->listed = Py_NewRef(list);
        pyr_links_clear(self);
    }
    free_copy(links, count);
    Py_XDECREF(list);
    return result;
}

PyObject *
pyr_listed_get(pyr_deferred *self)
{
    while (self->listed == NULL) {
        if (list_waiting(self) < 0) {
            return NULL;
        }
    }
    return Py_NewRef(self->listed);
}

int
pyr_listed_add(pyr_deferred *self, pyr_link *links, int count)
{
    /* A finalizer may put another list in its place meanwhile. */
    PyObject *listed = Py_NewRef(self->listed);
    int result = append_links(self->st, listed, links, count);
    for (int i = 0; i < count; i++) {
        pyr_links_clear_one(&links[i]);
    }
    Py_DECREF(listed);
    return result;
}
