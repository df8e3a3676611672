/* Whether classes have changed since they were looked at; see class_watch.h. */
#include "core/class_watch.h"

#include "core/core.h"

#if PY_VERSION_HEX >= 0x030C0000

uint64_t pyr_class_changes = 1;

static int
raise_changes(PyTypeObject *Py_UNUSED(type))
{
    pyr_class_changes++;
    return 0;
}

void
pyr_class_see(core_state *st, pyr_class_seen *seen, PyTypeObject *type)
{
    seen->type = type;
    seen->stamp = 0;
    if (!st->class_watch.told) {
        return;
    }
    if (PyType_Watch(st->class_watch.watcher, (PyObject *)type) < 0) {
        PyErr_Clear();
    } else if (pyr_class_is_told_of(type)) {
        seen->stamp = pyr_class_changes;
    }
}

static int
class_watch_exec(PyObject *Py_UNUSED(module), core_state *st)
{
    st->class_watch.watcher = PyType_AddWatcher(raise_changes);
    st->class_watch.told = st->class_watch.watcher >= 0;
    PyErr_Clear(); /* an interpreter has few of them */
    return 0;
}

static void
class_watch_clear(core_state *st)
{
    if (st->class_watch.told && PyType_ClearWatcher(st->class_watch.watcher) < 0) {
        PyErr_Clear();
    }
    st->class_watch.told = false;
}

const pyr_room pyr_class_watch_room = {
    .exec = class_watch_exec,
    .clear = class_watch_clear,
};

#else

void
pyr_class_see(core_state *st, pyr_class_seen *seen, PyTypeObject *type)
{
    seen->type = type;
    seen->stamp = pyr_class_new_tag(type, st->names.dunder_init);
}

const pyr_room pyr_class_watch_room = {0};

#endif
