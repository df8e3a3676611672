/* Selectables; see selectable.h. */
#include "loop/selectable.h"
#include "loop/state.h"

#include <errno.h>

#include "core/objects.h"
#include "loop/errors.h"
#include "loop/whole.h"

Selectable *
pyr_selectable_of(Loop *loop, PyObject *object)
{
    if (!PyObject_TypeCheck(object, loop->st->loop->selectable_type)) {
        return NULL;
    }
    Selectable *self = (Selectable *)object;
    return self->loop == loop ? self : NULL;
}

/* ---- objects of any type ---- */

/* object.fileno(), which must be a descriptor; -1 with an exception set. */
static int
descriptor_to_add(core_state *st, PyObject *object)
{
    PyObject *number = PyObject_CallMethodNoArgs(object, st->names.fileno);
    if (number == NULL) {
        return -1;
    }
    int fd = PyObject_AsFileDescriptor(number);
    Py_DECREF(number);
    return fd;
}

/* What object.fileno() may return but for a descriptor. */
enum { NONE_ANY_MORE = -1, NOTHING_TO_WATCH = -2 };

static int
as_descriptor(PyObject *number)
{
    int overflow = 0;
    long value = PyLong_Check(number) ? PyLong_AsLongAndOverflow(number, &overflow)
                                      : NOTHING_TO_WATCH;
    bool fits = overflow == 0 && value >= NONE_ANY_MORE && value <= INT_MAX;
    return fits ? (int)value : NOTHING_TO_WATCH;
}

/* Put object.fileno() into *fd; -1 with the exception that it raised. */
static int
ask_descriptor(core_state *st, PyObject *object, int *fd)
{
    PyObject *number = PyObject_CallMethodNoArgs(object, st->names.fileno);
    *fd = number == NULL ? NONE_ANY_MORE : as_descriptor(number);
    Py_XDECREF(number);
    return number == NULL ? -1 : 0;
}

static int
object_descriptor(core_state *st, PyObject *object)
{
    int fd;
    if (ask_descriptor(st, object, &fd) < 0) {
        PyErr_Clear();
    }
    return fd;
}

static PyObject *
object_read_and_write(core_state *st, PyObject *object, int events, bool *in_read)
{
    int fd, lost = 0;
    if (ask_descriptor(st, object, &fd) < 0) {
        return NULL;
    }
    if (fd == NONE_ANY_MORE) {
        return Py_NewRef(st->loop->no_descriptor);
    }
    PyObject *why = Py_NewRef(Py_None);
    if (events & PYR_READ) {
        Py_SETREF(why, PyObject_CallMethodNoArgs(object, st->names.doRead));
        *in_read = why != NULL;
        lost = why == NULL ? -1 : PyObject_IsTrue(why);
    }
    if (lost == 0 && (events & PYR_WRITE)) {
        Py_SETREF(why, PyObject_CallMethodNoArgs(object, st->names.doWrite));
        *in_read &= why == NULL;
    } else if (lost < 0) {
        Py_CLEAR(why);
    }
    return why;
}

static const pyr_selectable_ops object_ops = {
    .descriptor = object_descriptor,
    .read_and_write = object_read_and_write,
};

/* ---- descriptors that have another selectable ---- */

/* Was the descriptor closed, and its number given away, behind the reactor's back? */
static bool
is_stale(pyr_watch *watch)
{
    PyObject *selectable = Py_NewRef(watch->selectable);
    int fd = watch->ops->descriptor(watch->loop->st, selectable);
    Py_DECREF(selectable);
    return fd != watch->fd && !watch->closing;
}

static int
drop_stale(Loop *loop, pyr_watch *watch)
{
    if (!watch->ops->keeps_watch) {
        pyr_watch_close(watch);
        return 0;
    }
    Selectable *self = (Selectable *)Py_NewRef(watch->selectable);
    self->ops->forget(self);
    /* A connection whose socket was closed behind its back is told so, soon. */
    int status = pyr_drop(PyObject_CallFunctionObjArgs(loop->st->loop->lose_later,
                                                       loop->reactor, self, NULL));
    Py_DECREF(self);
    return status;
}

static int
make_leave(pyr_watch *watch)
{
    Selectable *self = (Selectable *)Py_NewRef(watch->selectable);
    int status = self->ops->leave(self);
    Py_DECREF(self);
    return status;
}

/* Make room for a newcomer on `fd`: a Selectable that waits for nothing gives its place
 * to anybody (it may have handed its descriptor on), others if they are stale, and one
 * that shares the descriptor leaves the loop. */
static int
make_room(Loop *loop, int fd)
{
    int status = 0;
    pyr_watch *watch = pyr_watches_get(&loop->watches, fd);
    if (watch == NULL) {
        return 0;
    }
    if (watch->ops->keeps_watch && watch->wanted == 0) {
        watch->ops->forget((Selectable *)watch->selectable);
        return 0;
    }
    watch->uses++;
    /* Who closed the engine's descriptors may have closed this one with them. */
    if (is_stale(watch) || (!watch->closing && pyr_whole_was_lost(loop))) {
        status = drop_stale(loop, watch);
    }
    if (!watch->closing && watch->ops->leave != NULL) {
        status = make_leave(watch);
    }
    pyr_watch_release(watch);
    return status;
}

/* A watch of a descriptor that has none, if the kernel polls such a file. */
static pyr_watched
watch_new(Loop *loop, int fd, const pyr_selectable_ops *ops, PyObject *selectable,
          int asked, pyr_watch **watch)
{
    int error = pyr_watch_new(loop, fd, ops, selectable, (unsigned)asked, watch);
    if (error > 0 && pyr_whole_was_lost(loop)) {
        /* It was the engine that is not what it was. */
        error = pyr_whole_make(loop) < 0
                    ? -1
                    : pyr_watch_new(loop, fd, ops, selectable, (unsigned)asked, watch);
    }
    if (error == EPERM && (!ops->keeps_watch || ops->leave != NULL)) {
        return PYR_NOT_WATCHED;
    }
    if (error > 0) {
        pyr_errors_set(error);
    }
    return error == 0 ? PYR_WATCHED : PYR_WATCH_ERROR;
}

/* ---- adding and removing ---- */

pyr_watched
pyr_selectable_add(Loop *loop, PyObject *object, int event)
{
    Selectable *own = pyr_selectable_of(loop, object);
    if (own != NULL) {
        return own->ops->start(own, event) < 0 ? PYR_WATCH_ERROR : PYR_WATCHED;
    }
    int fd = descriptor_to_add(loop->st, object);
    if (fd < 0 || pyr_whole_open(loop) < 0) {
        return PYR_WATCH_ERROR;
    }
    pyr_watch *watch = pyr_watches_get(&loop->watches, fd);
    if (watch != NULL && watch->selectable != object) {
        if (make_room(loop, fd) < 0) {
            return PYR_WATCH_ERROR;
        }
        watch = pyr_watches_get(&loop->watches, fd);
    }
    if (watch == NULL) {
        pyr_watched status = watch_new(loop, fd, &object_ops, object, event, &watch);
        if (status != PYR_WATCHED) {
            return status;
        }
    }
    if (watch->wanted & event) {
        return PYR_WATCHED; /* as in stock, the first one keeps the event */
    }
    if (watch->ops->keeps_watch) {
        pyr_errors_set(EEXIST);
        return PYR_WATCH_ERROR;
    }
    pyr_watch_want(watch, object, watch->wanted | event, watch->asked | event);
    return PYR_WATCHED;
}

int
pyr_selectable_remove(Loop *loop, PyObject *object, int event)
{
    Selectable *own = pyr_selectable_of(loop, object);
    if (own != NULL) {
        return own->ops->stop(own, event);
    }
    int fd;
    if (ask_descriptor(loop->st, object, &fd) < 0) {
        return -1;
    }
    pyr_watch *watch = fd == NONE_ANY_MORE ? pyr_watches_find(&loop->watches, object)
                                           : pyr_watches_get(&loop->watches, fd);
    if (watch == NULL || watch->ops->keeps_watch || !(watch->wanted & event)) {
        return 0;
    }
    unsigned wanted = watch->wanted & ~(unsigned)event;
    if (wanted == 0) {
        pyr_watch_close(watch);
    } else {
        pyr_watch_want(watch, watch->selectable, wanted, watch->asked & wanted);
    }
    return 0;
}

PyObject *
pyr_selectable_list(Loop *loop, int event)
{
    pyr_watches *all = &loop->watches;
    PyObject *list = PyList_New(0);
    if (list == NULL) {
        return NULL;
    }
    for (int fd = 0; fd < all->capacity; fd++) {
        pyr_watch *watch = all->by_fd[fd];
        if (watch != NULL && (watch->wanted & event) &&
            PyList_Append(list, watch->selectable) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

static pyr_watched
first_want(Selectable *self, int fd, int asked)
{
    if (pyr_whole_open(self->loop) < 0 || make_room(self->loop, fd) < 0) {
        return PYR_WATCH_ERROR;
    }
    if (self->watch != NULL) { /* asking for a fileno() ran Python code */
        return PYR_WATCHED;
    }
    if (pyr_watches_get(&self->loop->watches, fd) == NULL) {
        return watch_new(self->loop, fd, self->ops, (PyObject *)self, asked,
                         &self->watch);
    }
    if (self->ops->leave != NULL) {
        return PYR_NOT_WATCHED;
    }
    pyr_errors_set(EEXIST); /* as if the second were an object of any type */
    return PYR_WATCH_ERROR;
}

pyr_watched
pyr_selectable_want(Selectable *self, int fd, int wanted, int asked)
{
    if (self->watch == NULL) {
        pyr_watched status = wanted == 0 ? PYR_WATCHED : first_want(self, fd, asked);
        if (status != PYR_WATCHED || self->watch == NULL) {
            return status;
        }
    }
    pyr_watch_want(self->watch, (PyObject *)self, (unsigned)wanted, (unsigned)asked);
    return PYR_WATCHED;
}

/* ---- the base of the types ---- */

PyDoc_STRVAR(selectable_doc,
             "What the loop watches without calls into Python: a connection, a pipe.");

static PyType_Slot selectable_slots[] = {
    {Py_tp_doc, (void *)selectable_doc},
    {0, NULL},
};

static PyType_Spec selectable_spec = {
    .name = "pyreactor._core.Selectable",
    .basicsize = sizeof(Selectable),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = selectable_slots,
};

int
pyr_selectable_exec(PyObject *module, core_state *st)
{
    return pyr_add_type(module, &selectable_spec, NULL, &st->loop->selectable_type);
}
