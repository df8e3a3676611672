/* pyreactor._core: multi-phase init (PEP 489) and the module state. */
#include "core/core.h"

#include <string.h>

#include "core/class_watch.h"
#include "core/objects.h"
#include "core/room.h"
#include "deferred/object.h"
#include "framing/framing.h"
#include "log/log.h"
#include "loop/state.h"
#include "tls/records.h"
#include "transport/state.h"
#include "web/setup.h"

/* In order of need: a room may use what stands above it. */
static const pyr_room *const rooms[] = {
    &pyr_names_room,    &pyr_standin_room,   &pyr_class_watch_room, &pyr_framing_room,
    &pyr_loop_room,     &pyr_transport_room, &pyr_tls_room,         &pyr_log_room,
    &pyr_deferred_room, &pyr_web_room,       &pyr_web_server_room,
};

#define ROOM_COUNT (sizeof(rooms) / sizeof(rooms[0]))

static void **
pointer_of(core_state *st, const pyr_room *room)
{
    return (void **)((char *)st + room->state);
}

/* The struct that its objects are in; NULL: there is nothing to visit or to clear yet. */
static void *
struct_of(core_state *st, const pyr_room *room)
{
    return room->state == 0 ? st : *pointer_of(st, room);
}

static int
room_exec(PyObject *module, core_state *st, const pyr_room *room)
{
    if (room->size != 0 &&
        (*pointer_of(st, room) = PyMem_Calloc(1, room->size)) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return room->exec == NULL ? 0 : room->exec(module, st);
}

static int
room_traverse(core_state *st, const pyr_room *room, visitproc visit, void *arg)
{
    int result = 0;
    if (room->objects != NULL) {
        result = pyr_given_visit(room->objects, struct_of(st, room), visit, arg);
    }
    return result == 0 && room->traverse != NULL ? room->traverse(st, visit, arg)
                                                 : result;
}

static void
room_clear(core_state *st, const pyr_room *room)
{
    if (room->clear != NULL) {
        room->clear(st);
    }
    if (room->objects != NULL) {
        pyr_given_clear(room->objects, struct_of(st, room));
    }
}

PyDoc_STRVAR(
    configure_doc,
    "configure(room, /, **objects)\n--\n\n"
    "Give a room, such as \"loop\", the objects that it needs of Python code.\n\n"
    "Once for each, before it is used.  Raises TypeError if one is missing, or of\n"
    "another type than it must be, and ValueError for a room that there is not.");

static PyObject *
core_configure(PyObject *module, PyObject *args, PyObject *given)
{
    core_state *st = pyr_module_state(module);
    const char *name;
    if (!PyArg_ParseTuple(args, "s:configure", &name)) {
        return NULL;
    }
    for (size_t i = 0; i < ROOM_COUNT; i++) {
        const pyr_room *room = rooms[i];
        if (room->name != NULL && strcmp(room->name, name) == 0) {
            int status = pyr_given_take(room->objects, struct_of(st, room), given, name);
            return pyr_none_or_error(status == 0 && room->configure != NULL
                                         ? room->configure(module, st, given)
                                         : status);
        }
    }
    return PyErr_Format(PyExc_ValueError, "there is no room %s", name);
}

static PyMethodDef core_functions[] = {
    {"configure", (PyCFunction)(void (*)(void))core_configure,
     METH_VARARGS | METH_KEYWORDS, configure_doc},
    {NULL},
};

static int
core_exec(PyObject *module)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < ROOM_COUNT; i++) {
        result = room_exec(module, pyr_module_state(module), rooms[i]);
    }
    return result;
}

static int
core_traverse(PyObject *module, visitproc visit, void *arg)
{
    core_state *st = pyr_module_state(module);
    int result = 0;
    for (size_t i = 0; st != NULL && result == 0 && i < ROOM_COUNT; i++) {
        if (struct_of(st, rooms[i]) != NULL) {
            result = room_traverse(st, rooms[i], visit, arg);
        }
    }
    return result;
}

static int
core_clear(PyObject *module)
{
    core_state *st = pyr_module_state(module);
    for (size_t i = ROOM_COUNT; st != NULL && i-- > 0;) {
        if (struct_of(st, rooms[i]) != NULL) {
            room_clear(st, rooms[i]);
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
    for (size_t i = 0; st != NULL && i < ROOM_COUNT; i++) {
        if (rooms[i]->size != 0) {
            PyMem_Free(*pointer_of(st, rooms[i]));
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
    PyModuleDef_HEAD_INIT,       .m_name = "pyreactor._core",
    .m_doc = core_doc,           .m_size = sizeof(core_state),
    .m_slots = core_slots,       .m_methods = core_functions,
    .m_traverse = core_traverse, .m_clear = core_clear,
    .m_free = core_free,
};

PyMODINIT_FUNC
PyInit__core(void)
{
    pyr_types_begin(&core_module);
    return PyModuleDef_Init(&core_module);
}
