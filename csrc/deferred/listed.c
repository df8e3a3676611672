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

PyObject *
pyr_listed_get(pyr_deferred *self)
{
    PyObject *list = self->listed == NULL ? PyList_New(0) : NULL;
    if (self->listed != NULL || list == NULL) { /* or listed by a finalizer just now */
        Py_XDECREF(list);
        return Py_XNewRef(self->listed);
    }
    self->listed = Py_NewRef(list);
    int result = 0;
    while (result == 0 && self->head < self->tail) {
        pyr_link links[2] = {self->links[self->head++]};
        int count = 1;
        if (links[0].kind == &pyr_link_pair) {
            links[count++] = self->links[self->head++];
        }
        result = pyr_listed_add(self, links, count);
    }
    pyr_links_clear(self);
    if (result < 0) {
        Py_CLEAR(list);
    }
    return list;
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
