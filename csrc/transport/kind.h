/* What a class of transports is, as its attribute `_kind` (str) tells. */
#ifndef PYREACTOR_KIND_H
#define PYREACTOR_KIND_H

#include "core/core.h"

/* Which of the names (the last is NULL) the class has; -1 with an exception set. */
int pyr_kind_of(PyTypeObject *type, const char *const *names);

#endif
