/* Who gets an event; see audience.h. */
#include "log/audience.h"

#include "core/override.h"
#include "log/state.h"

/* Observers below each other that are looked at: there may be a circle. */
#define DEEPEST 16

Py_ssize_t
pyr_audience_rank(core_state *st, PyObject *level)
{
    PyObject *levels = st->log->levels;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(levels); i++) {
        if (PyTuple_GET_ITEM(levels, i) == level) {
            return i;
        }
    }
    return -1;
}

/* ---- plain classes ---- */

/* A method that a class must have as Twisted made it; a table ends with a name of 0. */
typedef struct {
    size_t name, expected;
} own_method;

#define EXPECTED(field) offsetof(struct pyr_log_state, field)

static const own_method publisher_methods[] = {
    {PYR_NAME(dunder_call), EXPECTED(publisher_call)},
    {0, 0},
};
static const own_method filter_methods[] = {
    {PYR_NAME(dunder_call), EXPECTED(filter_call)},
    {0, 0},
};
static const own_method predicate_methods[] = {
    {PYR_NAME(dunder_call), EXPECTED(predicate_call)},
    {PYR_NAME(logLevelForNamespace), EXPECTED(predicate_level)},
    {0, 0},
};
static const own_method history_methods[] = {
    {PYR_NAME(dunder_call), EXPECTED(history_call)},
    {0, 0},
};

static bool
has_own_methods(core_state *st, PyTypeObject *type, const own_method *methods)
{
    for (; methods->expected != 0; methods++) {
        PyObject *expected = *(PyObject **)((char *)st->log + methods->expected);
        if (!pyr_class_has(st, type, pyr_name_at(st, methods->name), expected)) {
            return false;
        }
    }
    return true;
}

/* Is it an instance of just this class, and that plain? */
static inline bool
is_plain(core_state *st, PyObject *op, PyTypeObject *type, pyr_log_class *known,
         const own_method *methods)
{
    if (!Py_IS_TYPE(op, type)) {
        return false;
    }
    if (!pyr_class_is_as_seen(&known->seen, type)) {
        pyr_class_see(st, &known->seen, type);
        known->is_plain = type->tp_getattro == PyObject_GenericGetAttr &&
                          has_own_methods(st, type, methods);
    }
    return known->is_plain;
}

#define IS_PLAIN(op, which, kind) \
    is_plain(st, op, st->log->which, &st->log->kind##_class, kind##_methods)

/* The attribute of an instance of a plain class if it is of just that type, a new
 * reference; NULL without an exception if not. */
static PyObject *
plain_value(PyObject *op, PyObject *name, PyTypeObject *type)
{
    PyObject *value = PyObject_GetAttr(op, name);
    if (value == NULL) {
        PyErr_Clear();
    } else if (!Py_IS_TYPE(value, type)) {
        Py_CLEAR(value);
    }
    return value;
}

/* ---- filters ---- */

/* The level that a predicate asks for in a namespace, borrowed; NULL: nobody knows. */
static PyObject *
level_for(core_state *st, PyObject *levels, PyObject *space)
{
    PyObject *found = PyDict_GetItemWithError(levels, space);
    Py_ssize_t end = PyUnicode_GET_LENGTH(space);
    /* A lone level is that of the empty namespace. */
    while (found == NULL && PyDict_GET_SIZE(levels) > 1 && !PyErr_Occurred() &&
           (end = PyUnicode_FindChar(space, '.', 0, end, -1)) >= 0) {
        PyObject *outer = PyUnicode_Substring(space, 0, end);
        found = outer == NULL ? NULL : PyDict_GetItemWithError(levels, outer);
        Py_XDECREF(outer);
    }
    if (found == NULL && !PyErr_Occurred()) {
        found = PyDict_GetItemWithError(levels, st->names.empty);
    }
    return found;
}

typedef enum { WOULD_DROP, WOULD_PASS, WOULD_WHAT } verdict;

/* What a predicate says, WOULD_WHAT if C does not know. */
static verdict
ask_predicate(core_state *st, pyr_audience *self, PyObject *predicate)
{
    if (!IS_PLAIN(predicate, LogLevelFilterPredicate, predicate)) {
        return WOULD_WHAT;
    }
    verdict said = WOULD_WHAT;
    PyObject *method = PyObject_GetAttr(predicate, st->names.logLevelForNamespace);
    PyObject *levels =
        plain_value(predicate, st->names._logLevelsByNamespace, &PyDict_Type);
    if (levels != NULL && method != NULL && PyUnicode_CheckExact(self->space) &&
        pyr_is_bound(st, method, predicate, st->log->predicate_level)) {
        PyObject *level = PyUnicode_GET_LENGTH(self->space) == 0
                              ? NULL
                              : level_for(st, levels, self->space);
        Py_ssize_t least = level == NULL ? -1 : pyr_audience_rank(st, level);
        said = least < 0 ? WOULD_WHAT : self->rank < least ? WOULD_DROP : WOULD_PASS;
    }
    PyErr_Clear();
    Py_XDECREF(method);
    Py_XDECREF(levels);
    return said;
}

static verdict
ask_predicates(core_state *st, pyr_audience *self, PyObject *predicates)
{
    verdict said = WOULD_PASS;
    for (Py_ssize_t i = 0; said == WOULD_PASS && i < PyList_GET_SIZE(predicates); i++) {
        PyObject *predicate = Py_NewRef(PyList_GET_ITEM(predicates, i));
        said = ask_predicate(st, self, predicate);
        Py_DECREF(predicate);
    }
    return said;
}

/* What a filter's _shouldLogEvent, a partial(shouldLogEvent, predicates), says. */
static verdict
ask_filter(core_state *st, pyr_audience *self, PyObject *filter)
{
    PyObject *asked =
        plain_value(filter, st->names._shouldLogEvent, (PyTypeObject *)st->log->partial);
    if (asked == NULL) {
        return WOULD_WHAT;
    }
    PyObject *func =
        plain_value(asked, st->names.func, Py_TYPE(st->log->should_log_event));
    PyObject *args = plain_value(asked, st->names.args, &PyTuple_Type);
    PyObject *keywords = plain_value(asked, st->names.keywords, &PyDict_Type);
    verdict said = WOULD_WHAT;
    if (func == st->log->should_log_event && args != NULL && keywords != NULL &&
        PyDict_GET_SIZE(keywords) == 0 && PyTuple_GET_SIZE(args) == 1 &&
        PyList_CheckExact(PyTuple_GET_ITEM(args, 0))) {
        said = ask_predicates(st, self, PyTuple_GET_ITEM(args, 0));
    }
    Py_XDECREF(func);
    Py_XDECREF(args);
    Py_XDECREF(keywords);
    Py_DECREF(asked);
    return said;
}

/* ---- the tree ---- */

static pyr_audience_kind look_at(core_state *st, pyr_audience *self, PyObject *observer);

static pyr_audience_kind
look_at_filter(core_state *st, pyr_audience *self, PyObject *filter)
{
    verdict said = ask_filter(st, self, filter);
    if (said == WOULD_WHAT) {
        return PYR_AUDIENCE_HEARS;
    }
    PyObject *next = PyObject_GetAttr(
        filter, said == WOULD_PASS ? st->names._observer : st->names._negativeObserver);
    if (next == NULL) {
        PyErr_Clear();
        return PYR_AUDIENCE_HEARS;
    }
    pyr_audience_kind kind = look_at(st, self, next);
    Py_DECREF(next);
    return kind;
}

static pyr_audience_kind
look_at_publisher(core_state *st, pyr_audience *self, PyObject *publisher)
{
    PyObject *observers = plain_value(publisher, st->names._observers, &PyList_Type);
    if (observers == NULL) {
        return PYR_AUDIENCE_HEARS;
    }
    pyr_audience_kind kind = PYR_AUDIENCE_NONE;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(observers); i++) {
        pyr_audience_kind one = look_at(st, self, PyList_GET_ITEM(observers, i));
        kind = one > kind ? one : kind;
    }
    Py_DECREF(observers);
    return kind;
}

static pyr_audience_kind
look_at_history(core_state *st, pyr_audience *self, PyObject *history)
{
    PyObject *deque =
        plain_value(history, st->names.buffer, (PyTypeObject *)st->log->deque);
    if (deque == NULL || self->count == PYR_AUDIENCE_HISTORIES) {
        Py_XDECREF(deque);
        return PYR_AUDIENCE_HEARS;
    }
    self->histories[self->count++] = deque;
    return PYR_AUDIENCE_NONE;
}

/* One that tells the standard library's logging who logs: by default it looks no further
 * than to what calls it, which is a function of Twisted's that is left out here if no
 * other observer does. */
static pyr_audience_kind
look_at_bridge(core_state *st, const pyr_audience *self, PyObject *bridge)
{
    if (self->depth == 1 || !Py_IS_TYPE(bridge, st->log->STDLibLogObserver)) {
        return PYR_AUDIENCE_LOOKS;
    }
    PyObject *depth = plain_value(bridge, st->names.stackDepth, &PyLong_Type);
    long frames = depth == NULL ? -1 : PyLong_AsLong(depth);
    PyErr_Clear();
    Py_XDECREF(depth);
    return frames < 0 || frames > 4 ? PYR_AUDIENCE_LOOKS : PYR_AUDIENCE_HEARS;
}

static pyr_audience_kind
look_at_kind(core_state *st, pyr_audience *self, PyObject *observer)
{
    if (IS_PLAIN(observer, LogPublisher, publisher)) {
        return look_at_publisher(st, self, observer);
    }
    if (IS_PLAIN(observer, FilteringLogObserver, filter)) {
        return look_at_filter(st, self, observer);
    }
    if (IS_PLAIN(observer, LimitedHistoryLogObserver, history)) {
        return look_at_history(st, self, observer);
    }
    if (PyObject_TypeCheck(observer, st->log->STDLibLogObserver)) {
        return look_at_bridge(st, self, observer);
    }
    return PYR_AUDIENCE_HEARS;
}

static pyr_audience_kind
look_at(core_state *st, pyr_audience *self, PyObject *observer)
{
    if (observer == st->log->bitbucket) {
        return PYR_AUDIENCE_NONE;
    }
    if (self->depth == DEEPEST) {
        return PYR_AUDIENCE_HEARS;
    }
    self->depth++;
    Py_INCREF(observer);
    pyr_audience_kind kind = look_at_kind(st, self, observer);
    Py_DECREF(observer);
    self->depth--;
    return kind;
}

pyr_audience_kind
pyr_audience_look(core_state *st, pyr_audience *self, PyObject *observer)
{
    self->depth = self->count = 0;
    return look_at(st, self, observer);
}

int
pyr_audience_remember(core_state *st, pyr_audience *self, PyObject *event)
{
    int status = 0;
    for (Py_ssize_t i = 0; status == 0 && i < self->count; i++) {
        PyObject *arguments[2] = {self->histories[i], event};
        PyObject *none = PyObject_VectorcallMethod(st->names.append, arguments, 2, NULL);
        status = none == NULL ? -1 : 0;
        Py_XDECREF(none);
    }
    return status;
}

void
pyr_audience_clear(pyr_audience *self)
{
    while (self->count > 0) {
        Py_DECREF(self->histories[--self->count]);
    }
}

int
pyr_audience_is_empty(core_state *st, PyObject *observer)
{
    if (!IS_PLAIN(observer, LogPublisher, publisher)) {
        return 0;
    }
    PyObject *observers = plain_value(observer, st->names._observers, &PyList_Type);
    int is_empty = observers != NULL && PyList_GET_SIZE(observers) == 0;
    Py_XDECREF(observers);
    return is_empty;
}
