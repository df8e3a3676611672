/*
 * The objects that a room's struct in the module state owns: those that the Python side
 * hands over by name, once, before the room is used, so that importing _core imports
 * nothing of Twisted; and those that the room makes itself.
 *
 * A room lists them in one table (an X macro declares the fields from the same list):
 *
 *     static const pyr_given tls_objects[] = {
 *         PYR_MADE(pyr_tls_state, buffer_size),
 *         PYR_GIVEN_AS(pyr_tls_state, Connection, &PyType_Type),
 *     #define X(name) PYR_GIVEN(pyr_tls_state, name),
 *         PYR_TLS_GIVEN(X)
 *     #undef X
 *         {NULL},
 *     };
 *
 * module.c fills in, visits and clears what is in the table; the room does nothing for
 * that.
 */
#ifndef PYREACTOR_GIVEN_H
#define PYREACTOR_GIVEN_H

#include <Python.h>
#include <stddef.h>

typedef struct {
    const char *name;   /* by which it is handed over; "": it is made by the room */
    size_t offset;      /* of the PyObject * (or PyTypeObject *) in the room's struct */
    PyTypeObject *type; /* whose instance it must be; NULL: any object will do */
} pyr_given;

#define PYR_GIVEN_AS(room, field, type)     \
    {                                       \
#field, offsetof(room, field), type \
    }
#define PYR_GIVEN(room, field) PYR_GIVEN_AS(room, field, NULL)
#define PYR_MADE(room, field)           \
    {                                   \
        "", offsetof(room, field), NULL \
    }

/*
 * Take what the dict `given` (NULL: nothing) has for the table, all or nothing.  -1 with
 * TypeError, which names the room and what is missing or of the wrong type.
 */
int pyr_given_take(const pyr_given *table, void *room, PyObject *given, const char *name);

/* One of them, borrowed, or NULL with the same TypeError. */
PyObject *pyr_given_item(PyObject *given, const char *room, const char *name);

/* For tp_traverse and tp_clear: what of the table is there. */
int pyr_given_visit(const pyr_given *table, void *room, visitproc visit, void *arg);
void pyr_given_clear(const pyr_given *table, void *room);

#endif
