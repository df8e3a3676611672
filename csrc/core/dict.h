/* Who is told of changes of dicts; the __dict__ of an instance: keys of its own. */
#ifndef PYREACTOR_DICT_H
#define PYREACTOR_DICT_H

#include "core/compat.h"

#include <stdbool.h>

/*
 * Have `changes` told of changes of the dicts that are watched with the number that this
 * gives.  -1: CPython has no number left, as an interpreter has few of them, or is older
 * than 3.12.
 */
#if PY_VERSION_HEX >= 0x030C0000
static inline int
pyr_dict_add_watcher(PyDict_WatchCallback changes)
{
    int watcher = PyDict_AddWatcher(changes);
    if (watcher < 0) {
        PyErr_Clear();
    }
    return watcher;
}
#else
#define pyr_dict_add_watcher(changes) (-1)
#endif

/* It is told no more. */
static inline void
pyr_dict_clear_watcher(int *watcher)
{
#if PY_VERSION_HEX >= 0x030C0000
    if (*watcher >= 0 && PyDict_ClearWatcher(*watcher) < 0) {
        PyErr_Clear();
    }
#endif
    *watcher = -1;
}

/*
 * Are the values of this __dict__ in its instance?  Then CPython 3.13.0 sets attributes
 * without telling the dict's watchers.
 */
static inline bool
pyr_dict_changes_unseen(PyObject *dict)
{
#if PY_VERSION_HEX >= 0x030D0000 && PY_VERSION_HEX < 0x030E0000
    return pyr_dict_keys(dict) == NULL;
#else
    (void)dict;
    return false;
#endif
}

/*
 * Give the __dict__ of an instance keys, and values, of its own: taking an item away does
 * that.  The order stays; nothing else runs between the two calls.  `popitem` is that
 * name.  -1: exception.
 */
static inline int
pyr_dict_unshare(PyObject *dict, PyObject *popitem)
{
    if (!PyDict_CheckExact(dict) || PyDict_GET_SIZE(dict) == 0) {
        return 0;
    }
    PyObject *last = PyObject_CallMethodNoArgs(dict, popitem);
    int status = last == NULL ? -1
                              : PyDict_SetItem(dict, PyTuple_GET_ITEM(last, 0),
                                               PyTuple_GET_ITEM(last, 1));
    Py_XDECREF(last);
    return status;
}

#endif
