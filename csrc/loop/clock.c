/* The reactor's clock; see clock.h. */
#include "loop/clock.h"
#include "loop/state.h"

#include <dlfcn.h>
#include <time.h>

#include "core/objects.h"
#include "core/override.h"

/* ---- whether time.time is CPython's function ---- */

/*
 * Whether the C function behind a function of the module time is that module's own, and
 * not one that was put in its place: it lies in the same file as another one of it does.
 */
static bool
is_of_its_module(PyObject *builtin, PyCFunction function)
{
    Dl_info here, there;
    PyObject *module = PyCFunction_GET_SELF(builtin);
    PyObject *other = PyDict_GetItemString(PyModule_GetDict(module), "get_clock_info");
    return other != NULL && PyCFunction_CheckExact(other) &&
           PyCFunction_GET_SELF(other) == module &&
           dladdr((void *)function, &here) != 0 &&
           dladdr((void *)PyCFunction_GET_FUNCTION(other), &there) != 0 &&
           here.dli_fbase == there.dli_fbase;
}

/* Whether calling time.time would ask the kernel, and do nothing else. */
static inline bool
builtin_is_systems(pyr_clock *self)
{
    PyObject *builtin = self->builtin;
    if (builtin == NULL) { /* never found, or collected: there is no other clock */
        return true;
    }
    PyCFunction function = PyCFunction_GET_FUNCTION(builtin);
    PyCFunction *known = &self->st->loop->time_function;
    if (function == *known) {
        return true;
    }
    if (*known != NULL || !is_of_its_module(builtin, function)) {
        return false;
    }
    *known = function;
    return true;
}

/* ---- whether reactor.seconds is time.time ---- */

/* A builtin function named time, of a module named time. */
static bool
is_time_dot_time(PyObject *found)
{
    if (!PyCFunction_CheckExact(found) || PyCFunction_GET_FLAGS(found) != METH_NOARGS) {
        return false;
    }
    PyObject *module = PyCFunction_GET_SELF(found);
    if (module == NULL || !PyModule_CheckExact(module)) {
        return false;
    }
    const char *owner = PyModule_GetName(module);
    PyObject *name = owner == NULL ? NULL : PyObject_GetAttrString(found, "__name__");
    bool is = name != NULL && strcmp(owner, "time") == 0 && PyUnicode_Check(name) &&
              PyUnicode_CompareWithASCIIString(name, "time") == 0;
    Py_XDECREF(name);
    return is;
}

/* time.time if it is what reactor.seconds gives, else NULL; a new reference.  No code of
 * the application's runs. */
static PyObject *
find_builtin(PyObject *reactor, PyObject *name)
{
    PyObject *own = NULL, *found = NULL;
    if (Py_TYPE(reactor)->tp_getattro == PyObject_GenericGetAttr) {
        own = PyObject_GenericGetDict(reactor, NULL);
    }
    if (own != NULL && PyDict_Contains(own, name) == 0) {
        found = pyr_class_find(Py_TYPE(reactor), name);
    }
    Py_XDECREF(own);
    if (found != NULL && Py_IS_TYPE(found, &PyStaticMethod_Type)) {
        Py_SETREF(found, PyObject_GetAttrString(found, "__func__"));
    }
    if (found != NULL && !is_time_dot_time(found)) {
        Py_CLEAR(found);
    }
    return found;
}

/* Look again what reactor.seconds is.  Where that fails, the reactor will be asked. */
static void
look_up(pyr_clock *self)
{
    pyr_class_see(self->st, &self->seen, Py_TYPE(self->reactor));
    PyObject *builtin = find_builtin(self->reactor, self->st->names.seconds);
    PyErr_Clear();
    self->known = true;
    self->plain = builtin != NULL;
    if (builtin != NULL) {
        Py_XSETREF(self->builtin, builtin);
    }
}

bool
pyr_clock_is_plain(pyr_clock *self)
{
    if (self->reactor == NULL) { /* collected; its calls may still be asked */
        return true;
    }
    if (!self->known || !pyr_class_is_as_seen(&self->seen, Py_TYPE(self->reactor))) {
        look_up(self);
    }
    return self->plain;
}

bool
pyr_clock_is_systems(pyr_clock *self)
{
    return pyr_clock_is_plain(self) && builtin_is_systems(self);
}

/* ---- reading it ---- */

/* Steals `now`, which may be NULL. */
static int
as_seconds(PyObject *now, double *seconds)
{
    *seconds = now == NULL ? -1.0 : PyFloat_AsDouble(now);
    Py_XDECREF(now);
    return *seconds == -1.0 && PyErr_Occurred() ? -1 : 0;
}

static int
read_system(pyr_clock *self, double *seconds)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    /* computed as time.time() does, so that equal instants compare equal */
    self->last = (double)((int64_t)now.tv_sec * 1000000000 + now.tv_nsec) / 1e9;
    *seconds = self->last;
    return 0;
}

int
pyr_clock_read_other(pyr_clock *self, PyObject *other, double *seconds)
{
    if (other == self->builtin && builtin_is_systems(self)) {
        return read_system(self, seconds);
    }
    PyObject *held = Py_NewRef(other);
    int status = as_seconds(PyObject_CallNoArgs(held), seconds);
    Py_DECREF(held);
    return status;
}

int
pyr_clock_read(pyr_clock *self, double *seconds)
{
    if (pyr_clock_is_plain(self)) {
        return pyr_clock_read_other(self, self->builtin, seconds);
    }
    return as_seconds(pyr_call_named(self->reactor, self->st->names.seconds, NULL),
                      seconds);
}
