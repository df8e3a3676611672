/* Looking at attributes of Twisted's and pyOpenSSL's objects; see look.h. */
#include "tls/look.h"

/*
 * While CPython 3.11 makes a __dict__ of an instance's values, a garbage collection may
 * come, whose code asks for the same: then two of them would own the values.
 */
PyObject *
pyr_look_dict(PyObject *object)
{
#if PY_VERSION_HEX < 0x030C0000
    int collecting = PyGC_Disable();
    PyObject *dict = Py_XNewRef(pyr_instance_dict(object));
    if (collecting) {
        (void)PyGC_Enable();
    }
    return dict;
#else
    return Py_XNewRef(pyr_instance_dict(object));
#endif
}

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
pyr_look_has_none(core_state *st, PyObject *dict, const pyr_look_names *names)
{
    uint64_t stamp = pyr_dict_stamp(dict);
    pyr_tls_without *known =
        &st->tls->without[((uintptr_t)dict / sizeof(void *) / 2) % PYR_TLS_KNOWN_DICTS];
    if (stamp != 0 && known->stamp == stamp && known->dict == dict &&
        known->names == names) {
        return true;
    }
    for (int i = 0; i < names->count; i++) {
        if (PyDict_Contains(dict, pyr_name_at(st, names->names[i])) != 0) {
            PyErr_Clear();
            return false;
        }
    }
    *known = (pyr_tls_without){.dict = dict, .names = names, .stamp = stamp};
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
