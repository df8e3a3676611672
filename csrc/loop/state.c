/* The loop's part in the module; see state.h. */
#include "loop/state.h"

#include <uv.h>

#include "loop/delayed_call.h"
#include "loop/loop.h"
#include "loop/selectable.h"

static const pyr_given loop_objects[] = {
    PYR_MADE(pyr_loop_state, loop_type),
    PYR_MADE(pyr_loop_state, selectable_type),
    PYR_MADE(pyr_loop_state, delayed_call_base),
    PYR_MADE(pyr_loop_state, delayed_call_type),
#define X(name) PYR_GIVEN(pyr_loop_state, name),
    PYR_LOOP_GIVEN(X)
#undef X
        {NULL},
};

PyDoc_STRVAR(libuv_version_doc, "libuv_version()\n--\n\n"
                                "The version (str) of the libuv library in use.");

static PyObject *
core_libuv_version(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyUnicode_FromString(uv_version_string());
}

static PyMethodDef loop_functions[] = {
    {"libuv_version", core_libuv_version, METH_NOARGS, libuv_version_doc},
    {NULL},
};

static int
loop_exec(PyObject *module, core_state *st)
{
    if (pyr_loop_type_exec(module, st) < 0 || pyr_selectable_exec(module, st) < 0 ||
        pyr_delayed_call_exec(module, st) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, loop_functions);
}

const pyr_room pyr_loop_room = {
    PYR_ROOM_STATE(loop),
    .objects = loop_objects,
    .exec = loop_exec,
    .configure = pyr_delayed_call_configure,
};
