/* Logger.emit and its like; see logger.h. */
#include "log/logger.h"

#include "core/override.h"
#include "log/audience.h"
#include "log/state.h"

/* A call of one of the methods. */
typedef struct {
    PyObject *self, *level, *format; /* borrowed */
    PyObject *const *values;         /* of the keywords */
    PyObject *kwnames;               /* or NULL */
} log_call;

PyObject *
pyr_logger_global(PyObject *names, PyObject *name)
{
    PyObject *found;
    if (PyDict_GetItemRef(names, name, &found) < 0) {
        PyErr_Clear();
    }
    return found;
}

static PyObject *
not_here(void)
{
    return Py_NewRef(Py_NotImplemented);
}

/* ---- the event ---- */

static int
set_keywords(core_state *st, const log_call *call, PyObject *event)
{
    Py_ssize_t count = call->kwnames == NULL ? 0 : PyTuple_GET_SIZE(call->kwnames);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name = PyTuple_GET_ITEM(call->kwnames, i);
        if (name != st->names.format &&
            PyDict_SetItem(event, name, call->values[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* event[key] = value, which is dropped; NULL: an exception is set */
static int
set_new(PyObject *event, PyObject *key, PyObject *value)
{
    int status = value == NULL ? -1 : PyDict_SetItem(event, key, value);
    Py_XDECREF(value);
    return status;
}

/* What a call gives to observers, a new dict: its keywords, then Twisted's own keys.
 * `space` is the logger's namespace, which is asked for once, as it may be a property. */
static PyObject *
make_event(core_state *st, const log_call *call, PyObject *space, PyObject *clock)
{
    PyObject *event = PyDict_New();
    if (event != NULL &&
        (set_keywords(st, call, event) < 0 ||
         PyDict_SetItem(event, st->names.log_logger, call->self) < 0 ||
         PyDict_SetItem(event, st->names.log_level, call->level) < 0 ||
         PyDict_SetItem(event, st->names.log_namespace, space) < 0 ||
         set_new(event, st->names.log_source,
                 PyObject_GetAttr(call->self, st->names.source)) < 0 ||
         PyDict_SetItem(event, st->names.log_format, call->format) < 0 ||
         set_new(event, st->names.log_time, PyObject_CallNoArgs(clock)) < 0)) {
        Py_CLEAR(event);
    }
    return event;
}

/* ---- who gets it ---- */

/* Give the event of the call to the observer, or to those who only remember it. */
static PyObject *
give_to(core_state *st, const log_call *call, PyObject *observer, pyr_audience *audience,
        pyr_audience_kind kind, PyObject *clock)
{
    if (kind == PYR_AUDIENCE_LOOKS) {
        return not_here();
    }
    if (kind == PYR_AUDIENCE_NONE && audience->count == 0) {
        Py_RETURN_NONE;
    }
    PyObject *event = make_event(st, call, audience->space, clock);
    int status = -1;
    if (event != NULL && kind == PYR_AUDIENCE_NONE) {
        status = pyr_audience_remember(st, audience, event);
    } else if (event != NULL) {
        PyObject *result = PyObject_CallOneArg(observer, event);
        status = result == NULL ? -1 : 0;
        Py_XDECREF(result);
    }
    Py_XDECREF(event);
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

/* Look who would get the event. */
static PyObject *
emit_to(core_state *st, const log_call *call, PyObject *observer, PyObject *clock)
{
    PyObject *space = PyObject_GetAttr(call->self, st->names.name_space);
    if (space == NULL) {
        return NULL;
    }
    pyr_audience audience = {.rank = pyr_audience_rank(st, call->level), .space = space};
    pyr_audience_kind kind = pyr_audience_look(st, &audience, observer);
    if (kind == PYR_AUDIENCE_NONE && clock != st->log->time) {
        kind = PYR_AUDIENCE_HEARS; /* a program's clock may want to be called */
    }
    PyObject *result = give_to(st, call, observer, &audience, kind, clock);
    pyr_audience_clear(&audience);
    Py_DECREF(space);
    return result;
}

static PyObject *
emit(core_state *st, const log_call *call)
{
    PyObject *observer = PyObject_GetAttr(call->self, st->names.observer);
    PyObject *clock = observer == NULL
                          ? NULL
                          : pyr_logger_global(st->log->logger_names, st->names.time);
    PyObject *result;
    if (clock == NULL) {
        result = observer == NULL ? NULL : not_here();
    } else if (clock == st->log->time && pyr_audience_is_empty(st, observer)) {
        result = Py_NewRef(Py_None);
    } else {
        result = emit_to(st, call, observer, clock);
    }
    Py_XDECREF(observer);
    Py_XDECREF(clock);
    return result;
}

/* ---- the calls ---- */

/* Look at the names of the keywords, and take the format if it is one.  False: the call
 * is one for Twisted's function, to be refused or traced. */
static bool
take_keywords(core_state *st, log_call *call)
{
    Py_ssize_t count = call->kwnames == NULL ? 0 : PyTuple_GET_SIZE(call->kwnames);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name = PyTuple_GET_ITEM(call->kwnames, i);
        if (!PyUnicode_CHECK_INTERNED(name) || name == st->names.self ||
            name == st->names.level || name == st->names.log_trace) {
            return false;
        }
        if (name == st->names.format) {
            if (call->format != NULL) {
                return false;
            }
            call->format = call->values[i];
        }
    }
    if (call->format == NULL) {
        call->format = Py_None;
    }
    return true;
}

static PyObject *
logger_emit(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    core_state *st = pyr_module_state(module);
    if (nargs < 2 || nargs > 3) {
        return not_here();
    }
    log_call call = {args[0], args[1], nargs > 2 ? args[2] : NULL, args + nargs, kwnames};
    return pyr_audience_rank(st, call.level) >= 0 && take_keywords(st, &call)
               ? emit(st, &call)
               : not_here();
}

/* Has this logger the emit of Twisted's?  -1 with an exception set. */
static int
emits_itself(core_state *st, PyObject *self)
{
    PyObject *found = PyObject_GetAttr(self, st->names.emit);
    if (found == NULL) {
        return -1;
    }
    int answer = pyr_is_bound(st, found, self, st->log->logger_emit);
    Py_DECREF(found);
    return answer;
}

/* self.emit(LogLevel.<level>, format, **keywords) */
static PyObject *
log_at(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
       Py_ssize_t rank)
{
    core_state *st = pyr_module_state(module);
    if (nargs < 1 || nargs > 2) {
        return not_here();
    }
    log_call call = {args[0], PyTuple_GET_ITEM(st->log->levels, rank),
                     nargs > 1 ? args[1] : NULL, args + nargs, kwnames};
    if (!take_keywords(st, &call)) {
        return not_here();
    }
    int own = emits_itself(st, call.self);
    return own > 0 ? emit(st, &call) : own < 0 ? NULL : not_here();
}

#define LEVEL(name, rank)                                                   \
    static PyObject *logger_##name(PyObject *module, PyObject *const *args, \
                                   Py_ssize_t nargs, PyObject *kwnames)     \
    {                                                                       \
        return log_at(module, args, nargs, kwnames, rank);                  \
    }

LEVEL(debug, 0)
LEVEL(info, 1)
LEVEL(warn, 2)
LEVEL(error, 3)
LEVEL(critical, 4)

#define METHOD(name, parameters, what)                                           \
    {                                                                            \
        "logger_" #name, (PyCFunction)(void (*)(void))logger_##name,             \
            METH_FASTCALL | METH_KEYWORDS,                                       \
            "logger_" #name "(self, " parameters ", /, **keywords)\n"            \
            "--\n\n" what "  Mirrors twisted.logger.Logger." #name ".\n\n"       \
            "Returns NotImplemented where Twisted's function is to do the work." \
    }
#define AT_LEVEL(name) METHOD(name, "format", "Log an event at the level " #name ".")

PyMethodDef pyr_logger_methods[] = {
    METHOD(emit, "level, format", "Log an event at a level of LogLevel's."),
    AT_LEVEL(debug),
    AT_LEVEL(info),
    AT_LEVEL(warn),
    AT_LEVEL(error),
    AT_LEVEL(critical),
    {NULL},
};
