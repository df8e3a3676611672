/* Looking at attributes of Twisted's and pyOpenSSL's objects; see look.h. */
#include "tls/look.h"

/* Whatever comparing keys runs, the dict is still there after it. */
PyObject *
pyr_look_anew(PyObject *dict, PyObject *name, Py_ssize_t *place)
{
    PyObject *key, *value;
    Py_INCREF(dict);
    if (PyDict_GetItemRef(dict, name, &value) < 0) {
        PyErr_Clear();
    }
    Py_ssize_t at = 0, next = 0;
    while (value != NULL && PyDict_Next(dict, &next, &key, NULL)) {
        if (key == name) {
            *place = at;
            break;
        }
        at = next;
    }
    Py_DECREF(dict);
    return value;
}

bool
pyr_look_has_none(core_state *st, PyObject *dict, const pyr_override *table)
{
    uint64_t stamp = pyr_dict_stamp(dict);
    pyr_tls_without *known =
        &st->tls->without[((uintptr_t)dict / sizeof(void *) / 2) % PYR_TLS_KNOWN_DICTS];
    if (stamp != 0 && known->stamp == stamp && known->dict == dict &&
        known->table == table) {
        return true;
    }
    for (const pyr_override *entry = table; entry->bit != 0; entry++) {
        if (PyDict_Contains(dict, pyr_name_at(st, entry->name)) != 0) {
            PyErr_Clear();
            return false;
        }
    }
    *known = (pyr_tls_without){.dict = dict, .table = table, .stamp = stamp};
    return true;
}

bool
pyr_look_has_methods(core_state *st, pyr_tls_class *known, PyTypeObject *type,
                     const pyr_override *methods)
{
    if (!pyr_class_is_as_seen(&known->seen, type)) {
        pyr_class_see(st, &known->seen, type);
        known->fits = pyr_class_overrides(st, type, methods, st->tls) == 0;
    }
    return known->fits;
}
