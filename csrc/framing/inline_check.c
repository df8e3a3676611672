/*
 * Whether this interpreter keeps attributes as inline_values.h says.
 *
 * A class of our own is made, with instances in all the states that matter.  What the
 * interpreter has done is compared first, from what is safest to read to what follows
 * pointers; only then is anything written, and that compared with what Python sees.
 */
#include "framing/inline_values.h"

#include <stdlib.h>

#if PYR_INLINE_VALUES

enum { NAME_COUNT = 3, MOST_NAMES = 30, LEAST_LOG2_SIZE = 3, MOST_LOG2_SIZE = 6 };

typedef struct {
    PyTypeObject *type;
    PyObject *names[NAME_COUNT];
    PyObject *values[NAME_COUNT];
    PyObject *early;     /* sets a name first */
    PyObject *late;      /* made when some names are known */
    PyObject *with_dict; /* has a __dict__ */
} trial;

static PyObject *
make_instance(const trial *t)
{
    return PyObject_CallNoArgs((PyObject *)t->type);
}

static bool
begin(trial *t)
{
    static const char *const spellings[NAME_COUNT] = {"first", "second", "third"};
    t->type = (PyTypeObject *)PyObject_CallFunction((PyObject *)&PyType_Type, "s(){}",
                                                    "pyreactor_trial");
    if (t->type == NULL) {
        return false;
    }
    for (int i = 0; i < NAME_COUNT; i++) {
        t->names[i] = PyUnicode_InternFromString(spellings[i]);
        t->values[i] = PyList_New(0);
        if (t->names[i] == NULL || t->values[i] == NULL) {
            return false;
        }
    }
    t->early = make_instance(t);
    t->with_dict = make_instance(t);
    return t->early != NULL && t->with_dict != NULL &&
           PyObject_SetAttr(t->early, t->names[0], t->values[0]) == 0 &&
           PyObject_SetAttr(t->early, t->names[1], t->values[1]) == 0;
}

static void
end(trial *t)
{
    Py_XDECREF(t->early);
    Py_XDECREF(t->late);
    Py_XDECREF(t->with_dict);
    for (int i = 0; i < NAME_COUNT; i++) {
        Py_XDECREF(t->names[i]);
        Py_XDECREF(t->values[i]);
    }
    Py_XDECREF(t->type);
}

/* ---- what the interpreter has made ----------------------------------------- */

/* Nothing is followed here: only the words before the objects are looked at. */
static bool
words_are_right(const trial *t)
{
    if (!PyType_HasFeature(t->type, Py_TPFLAGS_MANAGED_DICT) ||
        pyr_inline_values_unchecked(t->early) == NULL) {
        return false;
    }
    PyObject *dict = PyObject_GenericGetDict(t->with_dict, NULL);
    Py_XDECREF(dict); /* the instance has it */
    return dict != NULL && ((PyObject **)t->with_dict)[-3] == dict &&
           pyr_inline_values_unchecked(t->with_dict) == NULL;
}

static bool
names_are_right(const trial *t, int count)
{
    const pyr_shared_names *names = pyr_shared_names_of(t->type);
    if (names == NULL || names->refcnt < 1 || names->kind != PYR_SHARED_KIND ||
        names->log2_size < LEAST_LOG2_SIZE || names->log2_size > MOST_LOG2_SIZE ||
        names->log2_index_bytes != names->log2_size || names->count != count ||
        names->usable < 0 || names->usable > MOST_NAMES - count) {
        return false;
    }
    int found = 0;
    for (int i = 0; i < 1 << names->log2_size; i++) {
        int place = names->indices[i];
        if (place < -1 || place >= count) {
            return false;
        }
        found += place >= 0;
    }
    const pyr_shared_name *entries = pyr_shared_entries(names);
    for (int i = 0; i < count; i++) {
        if (entries[i].name != t->names[i]) {
            return false;
        }
    }
    return found == count;
}

static bool
places_are_right(const trial *t, int count)
{
    for (int i = 0; i < NAME_COUNT; i++) {
        if (pyr_shared_place(t->type, t->names[i]) != (i < count ? i : -1)) {
            return false;
        }
    }
    return true;
}

/* The instance has the values of these places, which came in this order. */
static bool
values_are_right(const trial *t, PyObject *instance, const char *order)
{
    PyObject **values = pyr_inline_values_unchecked(instance);
    if (values == NULL || (uintptr_t)values % sizeof(PyObject *) != 0) {
        return false;
    }
    int count = (int)strlen(order);
    PyObject *expected[NAME_COUNT] = {NULL};
    int room = pyr_order_room(values);
    if (room < NAME_COUNT || room > MOST_NAMES + (int)sizeof(PyObject *) ||
        *pyr_order_count(values) != count) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        int place = order[i] - '0';
        expected[place] = t->values[place];
        if (*pyr_order_at(values, i) != place) {
            return false;
        }
    }
    return memcmp(values, expected, sizeof(expected)) == 0;
}

/* ---- what we write --------------------------------------------------------- */

static bool
python_sees(PyObject *instance, PyObject *name, PyObject *value)
{
    PyObject *seen = PyObject_GetAttr(instance, name);
    Py_XDECREF(seen);
    return seen == value && seen != NULL;
}

static void
write_value(const trial *t, int place, PyObject *value)
{
    pyr_set_value(pyr_inline_values_unchecked(t->late), place, value);
}

static bool
writing_is_right(trial *t)
{
    t->late = make_instance(t);
    if (t->late == NULL || !values_are_right(t, t->late, "") ||
        PyObject_SetAttr(t->late, t->names[1], t->values[1]) < 0 ||
        !values_are_right(t, t->late, "1")) {
        return false;
    }
    write_value(t, 0, t->values[0]);
    write_value(t, 1, t->values[2]);
    if (!python_sees(t->late, t->names[0], t->values[0]) ||
        !python_sees(t->late, t->names[1], t->values[2]) ||
        PyObject_DelAttr(t->late, t->names[1]) < 0 ||
        !values_are_right(t, t->late, "0")) {
        return false;
    }
    write_value(t, 1, t->values[1]);
    /* A name that the instance is older than. */
    if (PyObject_SetAttr(t->early, t->names[2], t->values[2]) < 0 ||
        !names_are_right(t, NAME_COUNT) || !places_are_right(t, NAME_COUNT)) {
        return false;
    }
    write_value(t, 2, t->values[2]);
    return values_are_right(t, t->early, "012") && values_are_right(t, t->late, "012") &&
           python_sees(t->late, t->names[1], t->values[1]) &&
           python_sees(t->late, t->names[2], t->values[2]);
}

static bool
dict_is_right(const trial *t)
{
    PyObject *dict = PyObject_GenericGetDict(t->late, NULL);
    if (dict == NULL) {
        return false;
    }
    bool right = PyDict_Size(dict) == NAME_COUNT;
    PyObject *name, *value;
    Py_ssize_t at = 0;
    for (int i = 0; right && i < NAME_COUNT; i++) {
        right = PyDict_Next(dict, &at, &name, &value) && name == t->names[i] &&
                value == t->values[i];
    }
    Py_DECREF(dict);
    return right && pyr_inline_values_unchecked(t->late) == NULL;
}

/* Nothing but the trial has a value any more. */
static bool
references_are_right(trial *t)
{
    Py_CLEAR(t->early);
    Py_CLEAR(t->late);
    for (int i = 0; i < NAME_COUNT; i++) {
        if (Py_REFCNT(t->values[i]) != 1) {
            return false;
        }
    }
    return true;
}

void
pyr_inline_values_check(void)
{
    const char *wanted = getenv("PYREACTOR_INLINE_VALUES"); /* for the tests */
    trial t = {0};
    pyr_inline_values_known =
        (wanted == NULL || strcmp(wanted, "0") != 0) && begin(&t) &&
        words_are_right(&t) && names_are_right(&t, 2) && places_are_right(&t, 2) &&
        values_are_right(&t, t.early, "01") && writing_is_right(&t) &&
        dict_is_right(&t) && references_are_right(&t);
    end(&t);
    PyErr_Clear();
}

#else

void
pyr_inline_values_check(void)
{
}

#endif
