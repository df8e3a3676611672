/* Interned names; see names.h. */
#include "core/names.h"

#include "core/core.h"

static const char *const spellings[PYR_NAME_COUNT] = {
#define X(name) #name,
#define Y(identifier, spelling) spelling,
    PYR_NAMES(X, Y)
#undef X
#undef Y
};

static int
names_exec(PyObject *Py_UNUSED(module), core_state *st)
{
    PyObject **all = st->names.all;
    for (int i = 0; i < PYR_NAME_COUNT; i++) {
        all[i] = PyUnicode_InternFromString(spellings[i]);
        if (all[i] == NULL) {
            return -1;
        }
    }
    return 0;
}

static int
names_traverse(core_state *st, visitproc visit, void *arg)
{
    for (int i = 0; i < PYR_NAME_COUNT; i++) {
        Py_VISIT(st->names.all[i]);
    }
    return 0;
}

static void
names_clear(core_state *st)
{
    for (int i = 0; i < PYR_NAME_COUNT; i++) {
        Py_CLEAR(st->names.all[i]);
    }
}

const pyr_room pyr_names_room = {
    .exec = names_exec,
    .traverse = names_traverse,
    .clear = names_clear,
};
