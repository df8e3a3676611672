/* Interned names; see names.h. */
#include "core/names.h"

static const char *const spellings[PYR_NAME_COUNT] = {
#define X(identifier, spelling) spelling,
    PYR_NAMES(X)
#undef X
};

int
pyr_names_init(pyr_names *names)
{
    for (int i = 0; i < PYR_NAME_COUNT; i++) {
        names->all[i] = PyUnicode_InternFromString(spellings[i]);
        if (names->all[i] == NULL) {
            return -1;
        }
    }
    return 0;
}

int
pyr_names_traverse(pyr_names *names, visitproc visit, void *arg)
{
    for (int i = 0; i < PYR_NAME_COUNT; i++) {
        Py_VISIT(names->all[i]);
    }
    return 0;
}

void
pyr_names_clear(pyr_names *names)
{
    for (int i = 0; i < PYR_NAME_COUNT; i++) {
        Py_CLEAR(names->all[i]);
    }
}
