/* pyreactor._core: multi-phase init (PEP 489) and the module state. */
#include "core/core.h"

#include <stdbool.h>

#include "deferred/object.h"
#include "framing/framing.h"
#include "loop/reactor_concepts.h"
#include "loop/reactor_state.h"
#include "tls/records.h"

/* A room's part in the module's life. */
typedef struct {
    size_t state; /* where core_state has the pointer to the room's struct */
    size_t size;  /* of that; 0: it is core's own, and part of core_state */
    int (*exec)(PyObject *module, core_state *st);
    int (*traverse)(core_state *st, visitproc visit, void *arg);
    void (*clear)(core_state *st);
} concept;

static int
names_exec(PyObject *Py_UNUSED(module), core_state *st)
{
    return pyr_names_init(&st->names);
}

static int
names_traverse(core_state *st, visitproc visit, void *arg)
{
    return pyr_names_traverse(&st->names, visit, arg);
}

static void
names_clear(core_state *st)
{
    pyr_names_clear(&st->names);
}

#define ROOM(name) offsetof(core_state, name), sizeof(struct pyr_##name##_state)

/* In order of need: a room may use what stands above it. */
static const concept concepts[] = {
    {0, 0, names_exec, names_traverse, names_clear},
    {0, 0, pyr_standin_exec, pyr_standin_traverse_state, pyr_standin_clear_state},
    {ROOM(framing), pyr_framing_exec, pyr_framing_traverse, pyr_framing_clear},
    {ROOM(reactor), pyr_reactor_exec, pyr_reactor_traverse, pyr_reactor_clear},
    {ROOM(tls), pyr_tls_exec, pyr_tls_traverse, pyr_tls_clear},
    {ROOM(deferred), pyr_deferred_exec, pyr_deferred_traverse, pyr_deferred_clear},
};

#define CONCEPT_COUNT (sizeof(concepts) / sizeof(concepts[0]))

static void **
room_of(core_state *st, const concept *which)
{
    return (void **)((char *)st + which->state);
}

/* Whether there is anything to visit or to clear yet. */
static bool
is_set_up(core_state *st, const concept *which)
{
    return which->size == 0 || *room_of(st, which) != NULL;
}

static int
core_exec(PyObject *module)
{
    core_state *st = pyr_module_state(module);
    for (const concept *one = concepts; one < concepts + CONCEPT_COUNT; one++) {
        if (one->size != 0 && (*room_of(st, one) = PyMem_Calloc(1, one->size)) == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        if (one->exec(module, st) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
core_traverse(PyObject *module, visitproc visit, void *arg)
{
    core_state *st = pyr_module_state(module);
    for (const concept *one = concepts; st != NULL && one < concepts + CONCEPT_COUNT;
         one++) {
        int result = is_set_up(st, one) ? one->traverse(st, visit, arg) : 0;
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int
core_clear(PyObject *module)
{
    core_state *st = pyr_module_state(module);
    for (size_t i = CONCEPT_COUNT; st != NULL && i-- > 0;) {
        if (is_set_up(st, &concepts[i])) {
            concepts[i].clear(st);
        }
    }
    return 0;
}

/* Types outlive a cleared module, and their objects look into the rooms' structs: these
 * go with the module's own memory. */
static void
core_free(void *module)
{
    core_state *st = pyr_module_state((PyObject *)module);
    (void)core_clear((PyObject *)module);
    for (size_t i = 0; st != NULL && i < CONCEPT_COUNT; i++) {
        if (concepts[i].size != 0) {
            PyMem_Free(*room_of(st, &concepts[i]));
        }
    }
}

core_state *
pyr_state_of_type(PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030B0000
    PyObject *module = PyType_GetModuleByDef(type, &pyr_core_module);
    return module == NULL ? NULL : pyr_module_state(module);
#else
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(mro, i);
        if (!(base->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
            continue;
        }
        PyObject *module = ((PyHeapTypeObject *)base)->ht_module;
        if (module != NULL && PyModule_Check(module) &&
            PyModule_GetDef(module) == &pyr_core_module) {
            return pyr_module_state(module);
        }
    }
    PyErr_Format(PyExc_TypeError, "%.200s is not a pyreactor type", type->tp_name);
    return NULL;
#endif
}

PyTypeObject *
pyr_add_type(PyObject *module, PyType_Spec *spec, PyObject *bases)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, bases);
    if (type == NULL) {
        return NULL;
    }
    if (PyModule_AddType(module, (PyTypeObject *)type) < 0) {
        Py_DECREF(type);
        return NULL;
    }
    return (PyTypeObject *)type;
}

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, core_exec},
#if PY_VERSION_HEX >= 0x030C0000
    /* All is in the module state or in objects, but the GIL guards it, and libuv's loops:
     * an interpreter with a GIL of its own gets an ImportError. */
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED},
#endif
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_USED},
#endif
    {0, NULL},
};

PyDoc_STRVAR(core_doc, "The C parts of pyreactor: event loop, Deferred, framing.");

struct PyModuleDef pyr_core_module = {
    PyModuleDef_HEAD_INIT, .m_name = "pyreactor._core",
    .m_doc = core_doc,     .m_size = sizeof(core_state),
    .m_slots = core_slots, .m_traverse = core_traverse,
    .m_clear = core_clear, .m_free = core_free,
};

PyMODINIT_FUNC
PyInit__core(void)
{
    return PyModuleDef_Init(&pyr_core_module);
}
