/* pyreactor._core: multi-phase init (PEP 489) and the module state. */
#include "core/core.h"

#include <stdbool.h>

#include "core/class_watch.h"
#include "core/given.h"
#include "deferred/object.h"
#include "framing/framing.h"
#include "log/log.h"
#include "log/state.h"
#include "loop/state.h"
#include "tls/records.h"
#include "tls/state.h"
#include "transport/state.h"
#include "web/setup.h"

/* A room's part in the module's life. */
typedef struct {
    size_t state;             /* where core_state has the pointer to the room's struct */
    size_t size;              /* of that; 0: it is core's own, and part of core_state */
    const pyr_given *objects; /* what that owns; NULL: what traverse and clear know */
    int (*exec)(PyObject *module, core_state *st);
    int (*traverse)(core_state *st, visitproc visit, void *arg); /* or NULL */
    void (*clear)(core_state *st);                               /* or NULL */
} concept;

#define ROOM(name) offsetof(core_state, name), sizeof(struct pyr_##name##_state)

/* In order of need: a room may use what stands above it. */
static const concept concepts[] = {
    {0, 0, NULL, pyr_names_exec, pyr_names_traverse, pyr_names_clear},
    {0, 0, pyr_standin_objects, pyr_standin_exec, NULL, NULL},
    {0, 0, NULL, pyr_class_watch_exec, NULL, pyr_class_watch_clear},
    {ROOM(framing), pyr_framing_objects, pyr_framing_exec, NULL, pyr_framing_clear},
    {ROOM(loop), pyr_loop_objects, pyr_loop_exec, NULL, NULL},
    {ROOM(transport), pyr_transport_objects, pyr_transport_exec, NULL,
     pyr_transport_clear},
    {ROOM(tls), pyr_tls_objects, pyr_tls_exec, NULL, pyr_tls_clear},
    {ROOM(log), pyr_log_objects, pyr_log_exec, NULL, NULL},
    {ROOM(deferred), pyr_deferred_objects, pyr_deferred_exec, pyr_deferred_traverse,
     pyr_deferred_clear},
    {ROOM(web), pyr_web_objects, pyr_web_exec, NULL, pyr_web_clear},
};

#define CONCEPT_COUNT (sizeof(concepts) / sizeof(concepts[0]))

static void **
room_of(core_state *st, const concept *which)
{
    return (void **)((char *)st + which->state);
}

/* The struct that its objects are in; NULL: there is nothing to visit or to clear yet. */
static void *
struct_of(core_state *st, const concept *which)
{
    return which->size == 0 ? st : *room_of(st, which);
}

static int
concept_exec(PyObject *module, core_state *st, const concept *one)
{
    if (one->size != 0 && (*room_of(st, one) = PyMem_Calloc(1, one->size)) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return one->exec(module, st);
}

static int
concept_traverse(core_state *st, const concept *one, visitproc visit, void *arg)
{
    int result = 0;
    if (one->objects != NULL) {
        result = pyr_given_visit(one->objects, struct_of(st, one), visit, arg);
    }
    return result == 0 && one->traverse != NULL ? one->traverse(st, visit, arg) : result;
}

static void
concept_clear(core_state *st, const concept *one)
{
    if (one->clear != NULL) {
        one->clear(st);
    }
    if (one->objects != NULL) {
        pyr_given_clear(one->objects, struct_of(st, one));
    }
}

static int
core_exec(PyObject *module)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < CONCEPT_COUNT; i++) {
        result = concept_exec(module, pyr_module_state(module), &concepts[i]);
    }
    return result;
}

static int
core_traverse(PyObject *module, visitproc visit, void *arg)
{
    core_state *st = pyr_module_state(module);
    int result = 0;
    for (size_t i = 0; st != NULL && result == 0 && i < CONCEPT_COUNT; i++) {
        if (struct_of(st, &concepts[i]) != NULL) {
            result = concept_traverse(st, &concepts[i], visit, arg);
        }
    }
    return result;
}

static int
core_clear(PyObject *module)
{
    core_state *st = pyr_module_state(module);
    for (size_t i = CONCEPT_COUNT; st != NULL && i-- > 0;) {
        if (struct_of(st, &concepts[i]) != NULL) {
            concept_clear(st, &concepts[i]);
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

static struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT, .m_name = "pyreactor._core",
    .m_doc = core_doc,     .m_size = sizeof(core_state),
    .m_slots = core_slots, .m_traverse = core_traverse,
    .m_clear = core_clear, .m_free = core_free,
};

PyMODINIT_FUNC
PyInit__core(void)
{
    pyr_types_begin(&core_module);
    return PyModuleDef_Init(&core_module);
}
