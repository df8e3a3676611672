/*
 * Interned attribute and method names used by more than one concept or on a hot path.
 * A name is used as st->names.callback.
 */
#ifndef PYREACTOR_NAMES_H
#define PYREACTOR_NAMES_H

#include <Python.h>

/* Keep sorted.  X(identifier, "spelling") */
#define PYR_NAMES(X)                    \
    X(connectionLost, "connectionLost") \
    X(dataReceived, "dataReceived")

typedef struct pyr_names {
#define X(identifier, spelling) PyObject *identifier;
    PYR_NAMES(X)
#undef X
} pyr_names;

int pyr_names_init(pyr_names *names);
int pyr_names_traverse(pyr_names *names, visitproc visit, void *arg);
void pyr_names_clear(pyr_names *names);

#endif
