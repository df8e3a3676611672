/* addCallbacks and its like: adding links to a Deferred. */
#include "core/call.h"
#include "core/depth.h"
#include "deferred/inline.h"
#include "deferred/object.h"

#define SELF ((pyr_deferred *)op)

/* After adding: self, having run the links if the result is there. */
static PyObject *
added(pyr_deferred *self)
{
    if (self->called && pyr_run_by_name(self) < 0) {
        return NULL;
    }
    return Py_NewRef(self);
}

static PyObject *
add_links(pyr_deferred *self, pyr_link *stolen, int count)
{
    if (self->listed != NULL) {
        return pyr_listed_add(self, stolen, count) < 0 ? NULL : added(self);
    }
    pyr_link *room = pyr_links_append(self, count);
    if (room == NULL) {
        for (int i = 0; i < count; i++) {
            pyr_links_clear_one(&stolen[i]);
        }
        return NULL;
    }
    memcpy(room, stolen, sizeof(pyr_link) * count);
    return added(self);
}

/* As add_one, for calls that are not the plainest. */
static PYR_NO_INLINE PyObject *
add_one_with(pyr_deferred *self, const pyr_link_kind *kind, PyObject *const *args,
             Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs < 1) {
        PyErr_SetString(PyExc_TypeError, "a callable is missing");
        return NULL;
    }
    pyr_link link = {.kind = &kind[kwnames != NULL]};
    if (pyr_keep_arguments(args + 1, nargs - 1, kwnames, &link.args) < 0) {
        return NULL;
    }
    link.target = Py_NewRef(args[0]);
    link.keywords = Py_XNewRef(kwnames);
    return add_links(self, &link, 1);
}

/* addCallback, addErrback, addBoth: (callable, *args, **kwargs) */
static inline PyObject *
add_one(pyr_deferred *self, const pyr_link_kind *kind, PyObject *const *args,
        Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs != 1 || kwnames != NULL || self->listed != NULL) {
        return add_one_with(self, kind, args, nargs, kwnames);
    }
    pyr_link *room = pyr_links_append(self, 1);
    if (room == NULL) {
        return NULL;
    }
    *room = (pyr_link){kind, Py_NewRef(args[0]), NULL, NULL};
    return self->called ? added(self) : Py_NewRef(self);
}

PyObject *
pyr_add_callback(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return add_one(SELF, pyr_link_callback, args, nargs, kwnames);
}

PyObject *
pyr_add_errback(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return add_one(SELF, pyr_link_errback, args, nargs, kwnames);
}

PyObject *
pyr_add_both(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return add_one(SELF, pyr_link_both, args, nargs, kwnames);
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

/* addCallbacks' arguments into borrowed values[ADD_COUNT]; absent ones, None and what
 * stock's function has by default are NULL. */
static int
take_add_callbacks(core_state *st, PyObject *const *args, Py_ssize_t nargs,
                   PyObject **values)
{
    if (nargs < 1 || nargs > ADD_COUNT) {
        PyErr_SetString(PyExc_TypeError, "addCallbacks() takes one to six arguments");
        return -1;
    }
    for (Py_ssize_t i = 0; i < nargs; i++) {
        bool absent = i > ADD_CALLBACK &&
                      (args[i] == Py_None || args[i] == st->deferred->no_keywords ||
                       (PyTuple_CheckExact(args[i]) && PyTuple_GET_SIZE(args[i]) == 0));
        values[i] = absent ? NULL : args[i];
    }
    return 0;
}

static void
fill_side(pyr_link *link, PyObject *target, PyObject *args, PyObject *keywords)
{
    link->target = Py_XNewRef(target);
    link->args = Py_XNewRef(args);
    link->keywords = Py_XNewRef(keywords);
}

PyObject *
pyr_add_callbacks(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                  PyObject *Py_UNUSED(kwnames))
{
    PyObject *values[ADD_COUNT] = {NULL};
    core_state *st = SELF->st;
    if (take_add_callbacks(st, args, nargs, values) < 0) {
        return NULL;
    }
    PyObject *errback = values[ADD_ERRBACK];
    PyObject *errback_args = values[ADD_EB_ARGS], *errback_keywords = values[ADD_EB_KW];
    if (errback == NULL && (errback_args != NULL || errback_keywords != NULL)) {
        /* Given to the pass-through as well, which may not like them. */
        errback = st->deferred->failthru;
    }
    pyr_link links[2] = {{.kind = &pyr_link_pair}, {.kind = pyr_link_errback}};
    fill_side(&links[0], values[ADD_CALLBACK], values[ADD_CB_ARGS], values[ADD_CB_KW]);
    fill_side(&links[1], errback, errback_args, errback_keywords);
    return add_links(SELF, links, 2);
}

/* --- chainDeferred --------------------------------------------------------------- */

static PyObject *
fire_target(const pyr_link *link, PyObject *result, bool failed, pyr_firing *firing)
{
    firing->deferred = Py_NewRef(link->target);
    firing->value = Py_NewRef(result);
    firing->errback = failed;
    return NULL;
}

/* Fire the Deferred `target` with the result. */
static const pyr_link_kind fire_kind = {.name = "fire", .run = fire_target};

PyObject *
pyr_add_chained(PyObject *op, PyObject *other)
{
    core_state *st = SELF->st;
    if (!pyr_is_native(st, op) || !pyr_is_native(st, other)) {
        return PyObject_CallFunctionObjArgs(st->deferred->stock_chain, op, other, NULL);
    }
    /* The link first: what `other` was chained to may run Python code as it goes, and
     * that may have this one listed. */
    if (pyr_links_add(SELF, &fire_kind, other, NULL) < 0) {
        return NULL;
    }
    Py_XSETREF(((pyr_deferred *)other)->chained_to, Py_NewRef(op));
    return added(SELF);
}
