/* The loop's part in the module; see state.h. */
#include "loop/state.h"

#include <uv.h>

#include "loop/delayed_call.h"
#include "loop/loop.h"
#include "loop/selectable.h"

const pyr_given pyr_loop_objects[] = {
    PYR_MADE(pyr_loop_state, loop_type),
    PYR_MADE(pyr_loop_state, selectable_type),
    PYR_MADE(pyr_loop_state, delayed_call_base),
    PYR_MADE(pyr_loop_state, delayed_call_type),
#define X(name) PYR_GIVEN(pyr_loop_state, name),
    PYR_LOOP_GIVEN(X)
#undef X
        {NULL},
};

PyDoc_STRVAR(configure_doc,
             "configure_loop(**objects)\n--\n\n"
             "Take the Twisted objects that the loop needs.\n\n"
             "Called once by pyreactor.reactor.  Raises TypeError if one is missing.");

static PyObject *
core_configure_loop(PyObject *module, PyObject *Py_UNUSED(args), PyObject *kwargs)
{
    core_state *st = pyr_module_state(module);
    if (pyr_given_take(pyr_loop_objects, st->loop, kwargs, "configure_loop") < 0 ||
        pyr_delayed_call_configure(module, st) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(libuv_version_doc, "libuv_version()\n--\n\n"
                                "The version (str) of the libuv library in use.");

static PyObject *
core_libuv_version(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyUnicode_FromString(uv_version_string());
}

static PyMethodDef loop_functions[] = {
    {"configure_loop", (PyCFunction)(void (*)(void))core_configure_loop,
     METH_VARARGS | METH_KEYWORDS, configure_doc},
    {"libuv_version", core_libuv_version, METH_NOARGS, libuv_version_doc},
    {NULL},
};

int
pyr_loop_exec(PyObject *module, core_state *st)
{
    if (pyr_loop_type_exec(module, st) < 0 || pyr_selectable_exec(module, st) < 0 ||
        pyr_delayed_call_exec(module, st) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, loop_functions);
}
