/* addCallbacks and its like: adding links to a Deferred. */
#include "core/depth.h"
#include "deferred/inline.h"
#include "deferred/object.h"

#define SELF ((pyr_deferred *)op)

/* After adding: self, having run the links if the result is there. */
static PyObject *
added(pyr_deferred *self)
{
    if (self->called && pyr_run_dynamic(self) < 0) {
        return NULL;
    }
    return Py_NewRef(self);
}

static PyObject *
add_links(pyr_deferred *self, pyr_link *stolen, int count)
{
    if (self->listed != NULL) {
        return pyr_links_listed_add(self, stolen, count) < 0 ? NULL : added(self);
    }
    pyr_link *room = pyr_links_append(self, count);
    if (room == NULL) {
        for (int i = 0; i < count; i++) {
            pyr_link_clear(&stolen[i]);
        }
        return NULL;
    }
    memcpy(room, stolen, sizeof(pyr_link) * count);
    return added(self);
}

/* Store the arguments after the callable in the link. */
static int
keep_arguments(pyr_link *link, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    Py_ssize_t named = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    if (nargs + named == 0) {
        return 0;
    }
    link->args = PyTuple_New(nargs + named);
    if (link->args == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < nargs + named; i++) {
        PyTuple_SET_ITEM(link->args, i, Py_NewRef(args[i]));
    }
    link->named = named > 0;
    link->keywords = named > 0 ? Py_NewRef(kwnames) : NULL;
    return 0;
}

/* As add_one, for calls that are not the plainest. */
static PYR_NO_INLINE PyObject *
add_one_with(pyr_deferred *self, pyr_link_kind kind, PyObject *const *args,
             Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs < 1) {
        PyErr_SetString(PyExc_TypeError, "a callable is missing");
        return NULL;
    }
    pyr_link link = {.kind = (uint8_t)kind};
    link.target = Py_NewRef(args[0]);
    if (keep_arguments(&link, args + 1, nargs - 1, kwnames) < 0) {
        pyr_link_clear(&link);
        return NULL;
    }
    return add_links(self, &link, 1);
}

/* addCallback, addErrback, addBoth: (callable, *args, **kwargs) */
static inline PyObject *
add_one(pyr_deferred *self, pyr_link_kind kind, PyObject *const *args, Py_ssize_t nargs,
        PyObject *kwnames)
{
    if (nargs != 1 || kwnames != NULL || self->listed != NULL) {
        return add_one_with(self, kind, args, nargs, kwnames);
    }
    pyr_link *room = pyr_links_append(self, 1);
    if (room == NULL) {
        return NULL;
    }
    room->kind = (uint8_t)kind;
    room->target = Py_NewRef(args[0]);
    return self->called ? added(self) : Py_NewRef(self);
}

PyObject *
pyr_add_callback(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return add_one(SELF, PYR_LINK_CALLBACK, args, nargs, kwnames);
}

PyObject *
pyr_add_errback(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return add_one(SELF, PYR_LINK_ERRBACK, args, nargs, kwnames);
}

PyObject *
pyr_add_both(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return add_one(SELF, PYR_LINK_BOTH, args, nargs, kwnames);
}

enum {
    ADD_CALLBACK,
    ADD_ERRBACK,
    ADD_CB_ARGS,
    ADD_CB_KW,
    ADD_EB_ARGS,
    ADD_EB_KW,
    ADD_COUNT
};

/* addCallbacks' arguments into borrowed values[ADD_COUNT]; absent and None are NULL */
static int
take_add_callbacks(PyObject *const *args, Py_ssize_t nargs, PyObject **values)
{
    if (nargs < 1 || nargs > ADD_COUNT) {
        PyErr_SetString(PyExc_TypeError, "addCallbacks() takes one to six arguments");
        return -1;
    }
    for (Py_ssize_t i = 0; i < nargs; i++) {
        values[i] = i > ADD_CALLBACK && args[i] == Py_None ? NULL : args[i];
    }
    return 0;
}

static void
fill_side(pyr_link *link, PyObject *target, PyObject *args, PyObject *keywords)
{
    link->target = Py_XNewRef(target);
    if (args != NULL && !(PyTuple_CheckExact(args) && PyTuple_GET_SIZE(args) == 0)) {
        link->args = Py_NewRef(args);
    }
    link->keywords = Py_XNewRef(keywords);
}

PyObject *
pyr_add_callbacks(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                  PyObject *Py_UNUSED(kwnames))
{
    PyObject *values[ADD_COUNT] = {NULL};
    if (take_add_callbacks(args, nargs, values) < 0) {
        return NULL;
    }
    PyObject *errback = values[ADD_ERRBACK];
    PyObject *errback_args = values[ADD_EB_ARGS], *errback_keywords = values[ADD_EB_KW];
    if (errback == NULL && (errback_args != NULL || errback_keywords != NULL)) {
        /* Given to the pass-through as well, which may not like them. */
        errback = SELF->st->deferred->failthru;
    }
    pyr_link links[2] = {{.kind = PYR_LINK_PAIR}, {.kind = PYR_LINK_ERRBACK}};
    fill_side(&links[0], values[ADD_CALLBACK], values[ADD_CB_ARGS], values[ADD_CB_KW]);
    fill_side(&links[1], errback, errback_args, errback_keywords);
    return add_links(SELF, links, 2);
}

PyObject *
pyr_add_chained(PyObject *op, PyObject *other)
{
    core_state *st = SELF->st;
    if (pyr_is_native(st, op) && pyr_is_native(st, other)) {
        Py_XSETREF(((pyr_deferred *)other)->chained_to, Py_NewRef(op));
        return pyr_add_fire(SELF, other) < 0 ? NULL : Py_NewRef(op);
    }
    if (PyObject_SetAttr(other, st->names.chainedTo, op) < 0) {
        return NULL;
    }
    PyObject *callback = PyObject_GetAttr(other, st->names.callback);
    PyObject *errback =
        callback == NULL ? NULL : PyObject_GetAttr(other, st->names.errback);
    PyObject *result = NULL;
    if (errback != NULL) {
        result = PyObject_CallMethodObjArgs(op, st->names.addCallbacks, callback, errback,
                                            NULL);
    }
    Py_XDECREF(callback);
    Py_XDECREF(errback);
    return result;
}
