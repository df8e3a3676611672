/* Looking at attributes of Twisted's and pyOpenSSL's objects; see look.h. */
#include "tls/look.h"

/* ---- the views ---- */

/* Powers of two: of connections there are many, of contexts and their helpers few.  One
 * table of each for all interpreters, which share the GIL. */
static pyr_look_view protocols[256], connections[256], contexts[16], helpers[16];

static const struct {
    pyr_look_view *views;
    size_t count;
} tables[] = {
    [PYR_LOOK_PROTOCOLS] = {protocols, 256},
    [PYR_LOOK_CONNECTIONS] = {connections, 256},
    [PYR_LOOK_CONTEXTS] = {contexts, 16},
    [PYR_LOOK_HELPERS] = {helpers, 16},
};

enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

pyr_look_view *
pyr_look_place(int views, const PyObject *dict)
{
    uint64_t mixed = (uint64_t)((uintptr_t)dict / 16) * 0x9E3779B97F4A7C15u;
    return &tables[views].views[(mixed >> 32) & (tables[views].count - 1)];
}

#if PY_VERSION_HEX >= 0x030C0000

/* A dict that was seen changes, or ends.  No Python code runs. */
static int
forget_view(PyDict_WatchEvent Py_UNUSED(event), PyObject *dict, PyObject *Py_UNUSED(key),
            PyObject *Py_UNUSED(value))
{
    for (int views = 0; views < TABLES; views++) {
        pyr_look_view *view = pyr_look_place(views, dict);
        if (view->dict == dict) {
            view->dict = NULL;
        }
    }
    return 0;
}

/* From now on a change of the dict ends its view. */
static bool
watch_dict(core_state *st, PyObject *dict)
{
    bool told = st->tls->watcher >= 0 &&
                (!pyr_dict_changes_unseen(dict) ||
                 (pyr_dict_unshare(dict, st->names.popitem) == 0 &&
                  !pyr_dict_changes_unseen(dict))) &&
                PyDict_Watch(st->tls->watcher, dict) == 0;
    if (!told) {
        PyErr_Clear();
    }
    return told;
}

#else

static inline bool
watch_dict(core_state *Py_UNUSED(st), PyObject *Py_UNUSED(dict))
{
    return true; /* the number of its state tells */
}

#endif

/* Note what the dict has under the kind's names, as far as these are the interned ones.
 */
static void
read_values(core_state *st, const pyr_look_kind *kind, PyObject *dict,
            pyr_look_view *view)
{
    PyObject *key, *value;
    Py_ssize_t place = 0, next = 0;
    while (PyDict_Next(dict, &next, &key, &value)) {
        for (int i = 0; i < kind->count; i++) {
            if (key == pyr_name_at(st, kind->names[i])) {
                view->values[i] = value;
                view->places[i] = place;
            }
        }
        place = next;
    }
}

/* Has the dict nothing of the class's, and no value that was not noted?  To compare odd
 * keys may run any code. */
static bool
has_no_others(core_state *st, const pyr_look_kind *kind, PyObject *dict,
              const pyr_look_view *view)
{
    bool none = true;
    for (const pyr_override *entry = kind->of_class; none && entry->bit != 0; entry++) {
        none = PyDict_Contains(dict, pyr_name_at(st, entry->name)) == 0;
    }
    for (int i = 0; none && i < kind->count; i++) {
        none = view->values[i] != NULL ||
               PyDict_Contains(dict, pyr_name_at(st, kind->names[i])) == 0;
    }
    if (!none) {
        PyErr_Clear();
    }
    return none;
}

static pyr_look_view *
view_dict(core_state *st, const pyr_look_kind *kind, PyObject *dict)
{
    if (!watch_dict(st, dict)) {
        return NULL;
    }
    pyr_look_view *view = pyr_look_place(kind->views, dict);
    *view = (pyr_look_view){.dict = dict, .stamp = pyr_dict_stamp(dict)};
    read_values(st, kind, dict, view);
    bool fits = has_no_others(st, kind, dict, view);
    if (view->dict != dict) { /* it changed meanwhile, or another one's view is there */
        return NULL;
    }
    if (!fits || view->stamp != pyr_dict_stamp(dict)) {
        view->dict = NULL;
        return NULL;
    }
    return view;
}

/* ---- classes ---- */

bool
pyr_look_has_methods(core_state *st, pyr_tls_class *known, PyTypeObject *type,
                     const pyr_override *methods)
{
    if (!pyr_class_is_as_seen(&known->seen, type)) {
        pyr_class_see(st, &known->seen, type);
        known->fits = pyr_class_overrides(st, type, methods, st->tls) == 0;
        known->place = 0;
    }
    return known->fits;
}

/* How far behind the instance's beginning is the pointer to its __dict__, which is made?
 * 0: not at the same place in each. */
static Py_ssize_t
place_of_dict(PyObject *object)
{
    PyObject **place =
        Py_TYPE(object)->tp_itemsize == 0 ? _PyObject_GetDictPtr(object) : NULL;
    return place == NULL ? 0 : (char *)place - (char *)object;
}

static bool
class_fits(core_state *st, const pyr_look_kind *kind, pyr_tls_class *known,
           PyTypeObject *type)
{
    if (!pyr_class_is_as_seen(&known->seen, type)) {
        (void)pyr_look_has_methods(st, known, type, kind->of_class);
        known->fits = known->fits && pyr_class_leaves_to_dict(st, type, kind->names,
                                                              (size_t)kind->count);
    }
    return known->fits;
}

pyr_look_view *
pyr_look_anew(core_state *st, const pyr_look_kind *kind, pyr_tls_class *known,
              PyObject *object)
{
    PyObject *dict =
        class_fits(st, kind, known, Py_TYPE(object)) ? pyr_instance_dict(object) : NULL;
    if (dict == NULL) {
        return NULL;
    }
    known->place = place_of_dict(object);
    pyr_look_view *view = view_dict(st, kind, dict);
    Py_DECREF(dict);
    return view;
}

/* ---- module ---- */

void
pyr_look_exec(core_state *st)
{
    st->tls->watcher = pyr_dict_add_watcher(forget_view);
}

void
pyr_look_clear(core_state *st)
{
    pyr_dict_clear_watcher(&st->tls->watcher);
    for (int views = 0; views < TABLES; views++) {
        memset(tables[views].views, 0, tables[views].count * sizeof(pyr_look_view));
    }
}
