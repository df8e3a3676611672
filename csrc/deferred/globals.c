/*
 * The functions of twisted.internet.defer that the driver of generators stands for, and
 * that a program may replace all the same: `_inlineCallbacks` and what belongs to it.
 *
 * Where one is replaced, generators and coroutines that start from then on are driven by
 * stock's `_cancellableInlineCallbacks`, which calls it.  Looking costs next to nothing:
 * the module's dict tells of its changes, by a version up to Python 3.11, by a watcher
 * from 3.12 on.
 */
#include "deferred/inline.h"
#include "deferred/object.h"

#if PY_VERSION_HEX >= 0x030C0000

/* Changes seen in any module that is watched, by any interpreter: each state compares. */
static uint64_t changes = 1;

static int
note_change(PyDict_WatchEvent Py_UNUSED(event), PyObject *Py_UNUSED(dict),
            PyObject *Py_UNUSED(key), PyObject *Py_UNUSED(value))
{
    changes++;
    return 0;
}

/* Without a watcher, as there are only a few, it has always changed. */
static inline uint64_t
globals_version(core_state *st)
{
    return st->deferred->globals_watcher < 0 ? 0 : changes;
}

static int
begin_to_watch(core_state *st)
{
    int watcher = PyDict_AddWatcher(note_change);
    st->deferred->globals_watcher = watcher;
    if (watcher < 0) {
        PyErr_Clear();
        return 0;
    }
    return PyDict_Watch(watcher, st->deferred->globals);
}

void
pyr_defer_globals_clear(core_state *st)
{
    if (st->deferred->globals != NULL && st->deferred->globals_watcher >= 0 &&
        PyDict_ClearWatcher(st->deferred->globals_watcher) < 0) {
        PyErr_Clear();
    }
    st->deferred->globals_watcher = -1;
}

#else

static inline uint64_t
globals_version(core_state *st)
{
    return ((PyDictObject *)st->deferred->globals)->ma_version_tag;
}

static int
begin_to_watch(core_state *Py_UNUSED(st))
{
    return 0;
}

void
pyr_defer_globals_clear(core_state *Py_UNUSED(st))
{
}

#endif

/* Set-up is done: `globals` and `internals` are in the state. */
int
pyr_defer_globals_begin(core_state *st)
{
    st->deferred->globals_seen = 0;
    return begin_to_watch(st);
}

/* Is our Deferred in the module, and one of the internals not what it was? */
static bool
internals_replaced(core_state *st)
{
    pyr_deferred_state *state = st->deferred;
    PyObject *name, *stock;
    Py_ssize_t position = 0;
    if (PyDict_GetItemString(state->globals, "Deferred") != (PyObject *)state->type) {
        return false;
    }
    while (PyDict_Next(state->internals, &position, &name, &stock)) {
        PyObject *now = PyDict_GetItemWithError(state->globals, name);
        if (now != NULL && now != stock) {
            return true;
        }
    }
    return false;
}

/* What stands for our `_cancellableInlineCallbacks` where it is to be called by name. */
static PyObject *
replaced_driver(core_state *st)
{
    pyr_deferred_state *state = st->deferred;
    PyObject *now = PyDict_GetItemString(state->globals, "_cancellableInlineCallbacks");
    bool ours = now == NULL || now == state->stock_drive || PyCFunction_Check(now);
    return ours ? NULL : Py_NewRef(now);
}

static void
look(core_state *st)
{
    pyr_deferred_state *state = st->deferred;
    state->globals_seen = globals_version(st);
    state->internals_replaced = internals_replaced(st);
    Py_XSETREF(state->replaced_driver, replaced_driver(st));
    PyErr_Clear();
}

static inline void
see_changes(core_state *st)
{
    uint64_t version = globals_version(st);
    if (version != st->deferred->globals_seen || version == 0) {
        look(st);
    }
}

bool
pyr_internals_replaced(core_state *st)
{
    see_changes(st);
    return st->deferred->internals_replaced;
}

/* defer._cancellableInlineCallbacks(generator), as Twisted's own code calls it */
PyObject *
pyr_drive_by_name(core_state *st, PyObject *generator)
{
    see_changes(st);
    if (st->deferred->replaced_driver == NULL) {
        return pyr_drive_cancellable(st, generator);
    }
    PyObject *driver = Py_NewRef(st->deferred->replaced_driver);
    PyObject *deferred = PyObject_CallOneArg(driver, generator);
    Py_DECREF(driver);
    return deferred;
}
