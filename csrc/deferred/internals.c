/*
 * The functions of twisted.internet.defer that the driver of generators stands for, and
 * that a program may replace all the same: `_inlineCallbacks` and what belongs to it.
 *
 * Where one is replaced, generators that start from then on are driven by stock.  Each
 * start asks, so the answer stands until the module's dict changes: CPython 3.12 and
 * later tell of that (PyDict_Watch), earlier versions number each state of a dict.
 */
#include "core/core.h"
#include "core/dict.h"
#include "deferred/object.h"

#if PY_VERSION_HEX >= 0x030C0000

/* Raised by a change of any dict that is watched, in any interpreter. */
static uint64_t dict_changes = 1;

static int
note_dict_change(PyDict_WatchEvent Py_UNUSED(event), PyObject *Py_UNUSED(dict),
                 PyObject *Py_UNUSED(key), PyObject *Py_UNUSED(value))
{
    dict_changes++;
    return 0;
}

/* Without a watcher, as there are only a few, each start looks again. */
static inline uint64_t
globals_stamp(pyr_deferred_state *state)
{
    return state->globals_watcher < 0 ? 0 : dict_changes;
}

#else

static inline uint64_t
globals_stamp(pyr_deferred_state *state)
{
    return pyr_dict_stamp(state->module_globals);
}

#endif

/* Is one of them another than at set-up, in a module that has this Deferred at all? */
static bool
are_replaced(pyr_deferred_state *state)
{
    PyObject *name, *stock;
    Py_ssize_t position = 0;
    while (PyDict_Next(state->internals, &position, &name, &stock)) {
        PyObject *now = PyDict_GetItemWithError(state->module_globals, name);
        if (now != stock && now != NULL) {
            return PyDict_GetItemString(state->module_globals, "Deferred") ==
                   (PyObject *)state->type;
        }
    }
    return false;
}

bool
pyr_internals_replaced(core_state *st)
{
    pyr_deferred_state *state = st->deferred;
    uint64_t stamp = globals_stamp(state);
    if (stamp != state->globals_seen || stamp == 0) {
        state->globals_seen = stamp;
        state->internals_replaced = are_replaced(state);
    }
    return state->internals_replaced;
}

int
pyr_internals_begin(core_state *st)
{
    st->deferred->globals_seen = 0;
#if PY_VERSION_HEX >= 0x030C0000
    st->deferred->globals_watcher = pyr_dict_add_watcher(note_dict_change);
    if (st->deferred->globals_watcher >= 0) {
        return PyDict_Watch(st->deferred->globals_watcher, st->deferred->module_globals);
    }
#endif
    return 0;
}

void
pyr_internals_clear(core_state *st)
{
    if (st->deferred->module_globals != NULL) {
        pyr_dict_clear_watcher(&st->deferred->globals_watcher);
    }
}
