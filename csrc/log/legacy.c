/* LogPublisher.msg; see legacy.h. */
#include "log/legacy.h"

#include "core/objects.h"
#include "log/audience.h"
#include "log/logger.h"
#include "log/state.h"

/* A call of msg. */
typedef struct {
    PyObject *self;            /* the legacy publisher, borrowed */
    PyObject *const *messages; /* exact str, at least one */
    Py_ssize_t count;          /* of these */
    PyObject *kwnames;         /* or NULL; their values follow the messages */
    PyObject *publisher;       /* whom it publishes to; owned */
    PyObject *context;         /* dict: what the event begins with; owned */
} msg_call;

/* ---- is it plain? ---- */

/* Has the log a meaning of its own for this key?  If it cannot be told, too. */
static bool
has_meaning(core_state *st, PyObject *key)
{
    static const size_t names[] = {
        PYR_NAME(message), PYR_NAME(time), PYR_NAME(isError),  PYR_NAME(format),
        PYR_NAME(failure), PYR_NAME(why),  PYR_NAME(logLevel), PYR_NAME(self)};
    if (!PyUnicode_CheckExact(key) || !PyUnicode_CHECK_INTERNED(key)) {
        return true;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (key == pyr_name_at(st, names[i])) {
            return true;
        }
    }
    return PyUnicode_Tailmatch(key, st->log->prefix, 0, PY_SSIZE_T_MAX, -1) != 0;
}

static bool
are_plain_keywords(core_state *st, PyObject *kwnames)
{
    Py_ssize_t count = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (has_meaning(st, PyTuple_GET_ITEM(kwnames, i))) {
            return false;
        }
    }
    return true;
}

static bool
are_texts(PyObject *const *messages, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!PyUnicode_CheckExact(messages[i])) {
            return false;
        }
    }
    return count > 0;
}

/* Does a namespace have this object under the name? */
static bool
names_it(PyObject *names, PyObject *name, PyObject *expected)
{
    PyObject *found = pyr_logger_global(names, name);
    Py_XDECREF(found);
    return found == expected;
}

/* Would msg find what Twisted and Python put there? */
static bool
finds_its_own(core_state *st, PyObject *self)
{
    const struct pyr_log_state *log = st->log;
    return Py_IS_TYPE(self, log->LegacyPublisher) &&
           Py_TYPE(self)->tp_getattro == PyObject_GenericGetAttr &&
           names_it(log->log_names, st->names._publishNew, log->publish_new) &&
           names_it(log->log_names, st->names.textFromEventDict, log->text_from_event) &&
           names_it(log->log_names, st->names.time, log->time_module) &&
           names_it(log->time_names, st->names.time, log->time) &&
           names_it(log->context_names, st->names.get, log->context_get);
}

/* ---- the event ---- */

/* What the innermost of the thread's contexts has for the log: a new reference; NULL
 * without an exception if Twisted's function has to look. */
static PyObject *
find_context(core_state *st)
{
    PyObject *tracker = PyObject_GetAttr(st->log->context_storage, st->names.ct);
    PyObject *contexts =
        tracker == NULL ? NULL : PyObject_GetAttr(tracker, st->names.contexts);
    PyObject *found = NULL;
    Py_ssize_t i =
        contexts != NULL && PyList_CheckExact(contexts) ? PyList_GET_SIZE(contexts) : 0;
    while (found == NULL && i-- > 0 && PyDict_CheckExact(PyList_GET_ITEM(contexts, i)) &&
           PyDict_GetItemRef(PyList_GET_ITEM(contexts, i), st->log->ILogContext,
                             &found) >= 0) {
    }
    Py_XDECREF(tracker);
    Py_XDECREF(contexts);
    PyErr_Clear();
    if (found != NULL && !PyDict_CheckExact(found)) {
        Py_CLEAR(found);
    }
    return found;
}

static bool
is_plain_context(core_state *st, PyObject *context)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(context, &position, &key, &value)) {
        if (has_meaning(st, key)) {
            return false;
        }
    }
    return true;
}

/* " ".join(messages) */
static PyObject *
join(core_state *st, PyObject *messages)
{
    return PyTuple_GET_SIZE(messages) == 1 ? Py_NewRef(PyTuple_GET_ITEM(messages, 0))
                                           : PyUnicode_Join(st->log->space, messages);
}

static int
set_keyword_values(const msg_call *call, PyObject *event)
{
    Py_ssize_t count = call->kwnames == NULL ? 0 : PyTuple_GET_SIZE(call->kwnames);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (PyDict_SetItem(event, PyTuple_GET_ITEM(call->kwnames, i),
                           call->messages[call->count + i]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* What publishToNewObserver adds. */
static int
make_new_style(core_state *st, PyObject *event, PyObject *when, PyObject *text)
{
    PyObject *info = PyTuple_GET_ITEM(st->log->levels, 1), *system;
    if (PyDict_SetItem(event, st->names.log_time, when) < 0 ||
        PyDict_SetItem(event, st->names.log_text, text) < 0 ||
        PyDict_SetItem(event, st->names.log_format, st->log->legacy_format) < 0 ||
        PyDict_SetItem(event, st->names.log_level, info) < 0 ||
        PyDict_SetItem(event, st->names.log_namespace, st->log->legacy_namespace) < 0 ||
        PyDict_GetItemRef(event, st->names.system, &system) < 0) {
        return -1;
    }
    int status = system == NULL ? 0 : PyDict_SetItem(event, st->names.log_system, system);
    Py_XDECREF(system);
    return status;
}

static int
fill(core_state *st, const msg_call *call, PyObject *event, PyObject *messages)
{
    PyObject *text = join(st, messages);
    PyObject *when = text == NULL ? NULL : PyObject_CallNoArgs(st->log->time);
    int status = when == NULL || set_keyword_values(call, event) < 0 ||
                         PyDict_SetItem(event, st->names.message, messages) < 0 ||
                         PyDict_SetItem(event, st->names.time, when) < 0 ||
                         PyDict_SetItem(event, st->names.isError, st->log->zero) < 0
                     ? -1
                     : make_new_style(st, event, when, text);
    Py_XDECREF(text);
    Py_XDECREF(when);
    return status;
}

static PyObject *
make_message_event(core_state *st, const msg_call *call)
{
    PyObject *event = PyDict_Copy(call->context);
    PyObject *messages = event == NULL ? NULL : PyTuple_New(call->count);
    for (Py_ssize_t i = 0; messages != NULL && i < call->count; i++) {
        PyTuple_SET_ITEM(messages, i, Py_NewRef(call->messages[i]));
    }
    if (messages == NULL || fill(st, call, event, messages) < 0) {
        Py_CLEAR(event);
    }
    Py_XDECREF(messages);
    return event;
}

/* ---- who gets it ---- */

/* The event is made and published while the lock is held, as in Twisted's. */
static int
publish_locked(core_state *st, const msg_call *call, PyObject *lock)
{
    if (pyr_call_dropping(lock, st->names.acquire, NULL) < 0) {
        return -1;
    }
    PyObject *event = make_message_event(st, call);
    PyObject *result = event == NULL ? NULL : PyObject_CallOneArg(call->publisher, event);
    Py_XDECREF(event);
    Py_XDECREF(result);
    PyObject *raised = result == NULL ? PyErr_GetRaisedException() : NULL;
    int status = pyr_call_dropping(lock, st->names.release, NULL);
    if (raised != NULL && status < 0) {
        Py_DECREF(raised);
    } else if (raised != NULL) {
        PyErr_SetRaisedException(raised);
        status = -1;
    }
    return status;
}

/* 1: done, 0: Twisted's function has to do it, -1: an exception is set */
static int
publish(core_state *st, const msg_call *call)
{
    PyObject *lock;
    int has_lock =
        PyObject_GetOptionalAttr(call->self, st->names._threadable_lock, &lock);
    if (has_lock <= 0) {
        return has_lock;
    }
    int status = publish_locked(st, call, lock);
    Py_DECREF(lock);
    return status < 0 ? -1 : 1;
}

/* The same of an event that is only remembered, if by anybody. */
static int
remember(core_state *st, const msg_call *call, pyr_audience *audience)
{
    if (audience->count == 0) {
        return 1;
    }
    PyObject *event = make_message_event(st, call);
    int status = event == NULL ? -1 : pyr_audience_remember(st, audience, event);
    Py_XDECREF(event);
    return status < 0 ? -1 : 1;
}

static int
hand_on(core_state *st, msg_call *call)
{
    if (pyr_audience_is_empty(st, call->publisher)) {
        return 1;
    }
    call->context = find_context(st);
    if (call->context == NULL || !is_plain_context(st, call->context)) {
        return 0;
    }
    pyr_audience audience = {.rank = 1, .space = st->log->legacy_namespace};
    pyr_audience_kind kind = pyr_audience_look(st, &audience, call->publisher);
    int done = kind == PYR_AUDIENCE_NONE    ? remember(st, call, &audience)
               : kind == PYR_AUDIENCE_HEARS ? publish(st, call)
                                            : 0;
    pyr_audience_clear(&audience);
    return done;
}

static PyObject *
legacy_msg(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    core_state *st = pyr_module_state(module);
    if (nargs < 2 || !are_texts(args + 1, nargs - 1) || !finds_its_own(st, args[0]) ||
        !are_plain_keywords(st, kwnames)) {
        return Py_NewRef(Py_NotImplemented);
    }
    msg_call call = {args[0],
                     args + 1,
                     nargs - 1,
                     kwnames,
                     PyObject_GetAttr(args[0], st->names._publishPublisher),
                     NULL};
    int done = call.publisher == NULL ? -1 : hand_on(st, &call);
    Py_XDECREF(call.publisher);
    Py_XDECREF(call.context);
    return done < 0 ? NULL : Py_NewRef(done ? Py_None : Py_NotImplemented);
}

PyDoc_STRVAR(legacy_msg_doc,
             "legacy_msg(self, *message, **kw)\n--\n\n"
             "Publish a message.  Mirrors twisted.python.log.LogPublisher.msg.\n\n"
             "Returns NotImplemented where Twisted's function is to do the work.");

PyMethodDef pyr_legacy_methods[] = {
    {"legacy_msg", (PyCFunction)(void (*)(void))legacy_msg, METH_FASTCALL | METH_KEYWORDS,
     legacy_msg_doc},
    {NULL},
};
