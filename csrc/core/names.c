/* Interned names; see names.h. */
#include "core/names.h"

int
pyr_names_init(pyr_names *names)
{
#define X(identifier, spelling)                               \
    names->identifier = PyUnicode_InternFromString(spelling); \
    if (names->identifier == NULL) {                          \
        return -1;                                            \
    }
    PYR_NAMES(X)
#undef X
    return 0;
}

int
pyr_names_traverse(pyr_names *names, visitproc visit, void *arg)
{
#define X(identifier, spelling) Py_VISIT(names->identifier);
    PYR_NAMES(X)
#undef X
    return 0;
}

void
pyr_names_clear(pyr_names *names)
{
#define X(identifier, spelling) Py_CLEAR(names->identifier);
    PYR_NAMES(X)
#undef X
}
