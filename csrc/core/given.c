/* What Python hands over to a room; see given.h. */
#include "core/given.h"

#include <stdbool.h>

/* Fields are PyObject * and PyTypeObject * alike. */
#ifdef __GNUC__
typedef PyObject *field __attribute__((may_alias));
#else
typedef PyObject *field;
#endif

static inline field *
field_of(const pyr_given *entry, void *room)
{
    return (field *)((char *)room + entry->offset);
}

static inline bool
is_made(const pyr_given *entry)
{
    return entry->name[0] == '\0';
}

PyObject *
pyr_given_item(PyObject *given, const char *room, const char *name)
{
    PyObject *value = given == NULL ? NULL : PyDict_GetItemString(given, name);
    if (value == NULL) {
        PyErr_Format(PyExc_TypeError, "%s needs %s", room, name);
    }
    return value;
}

static int
check_entry(const pyr_given *entry, PyObject *given, const char *room)
{
    PyObject *value = pyr_given_item(given, room, entry->name);
    if (value != NULL && entry->type != NULL && !PyObject_TypeCheck(value, entry->type)) {
        PyErr_Format(PyExc_TypeError, "%s needs a %s for %s", room, entry->type->tp_name,
                     entry->name);
        value = NULL;
    }
    return value == NULL ? -1 : 0;
}

int
pyr_given_take(const pyr_given *table, void *room, PyObject *given, const char *name)
{
    for (const pyr_given *entry = table; entry->name != NULL; entry++) {
        if (!is_made(entry) && check_entry(entry, given, name) < 0) {
            return -1;
        }
    }
    for (const pyr_given *entry = table; entry->name != NULL; entry++) {
        if (!is_made(entry)) {
            Py_XSETREF(*field_of(entry, room),
                       Py_XNewRef(PyDict_GetItemString(given, entry->name)));
        }
    }
    return 0;
}

int
pyr_given_visit(const pyr_given *table, void *room, visitproc visit, void *arg)
{
    for (; table->name != NULL; table++) {
        Py_VISIT(*field_of(table, room));
    }
    return 0;
}

void
pyr_given_clear(const pyr_given *table, void *room)
{
    for (; table->name != NULL; table++) {
        Py_CLEAR(*field_of(table, room));
    }
}
