/* What the reactor concepts keep in the module state; see reactor_state.h. */
#include "core/core.h"
#include "loop/reactor_state.h"
#include "loop/delayed_call.h"

#include <uv.h>

#include "transport/datagram.h"
#include "transport/listener.h"
#include "loop/loop.h"
#include "transport/peers.h"
#include "transport/pipe.h"
#include "loop/reactor_concepts.h"
#include "transport/stream.h"
#include "transport/terminal.h"
#include "loop/timers.h"

static int
take(PyObject *given, const char *name, PyObject **slot)
{
    PyObject *value = PyDict_GetItemString(given, name);
    if (value == NULL) {
        PyErr_Format(PyExc_TypeError, "configure_reactor() needs %s", name);
        return -1;
    }
    Py_XSETREF(*slot, Py_NewRef(value));
    return 0;
}

PyDoc_STRVAR(configure_doc,
             "configure_reactor(**objects)\n--\n\n"
             "Take the Twisted objects that the reactor types need.\n\n"
             "Called once by pyreactor.reactor.  Raises TypeError if one is missing.");

static PyObject *
core_configure_reactor(PyObject *module, PyObject *Py_UNUSED(args), PyObject *kwargs)
{
    pyr_reactor_state *state = pyr_module_state(module)->reactor;
    PyObject *given = kwargs != NULL ? Py_NewRef(kwargs) : PyDict_New();
    if (given == NULL) {
        return NULL;
    }
    int status = 0;
#define X(name)                                    \
    if (status == 0) {                             \
        status = take(given, #name, &state->name); \
    }
    PYR_REACTOR_GIVEN(X)
#undef X
    Py_DECREF(given);
    if (status < 0 || pyr_delayed_call_configure(module, pyr_module_state(module)) < 0) {
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

static PyMethodDef reactor_functions[] = {
    {"configure_reactor", (PyCFunction)(void (*)(void))core_configure_reactor,
     METH_VARARGS | METH_KEYWORDS, configure_doc},
    {"libuv_version", core_libuv_version, METH_NOARGS, libuv_version_doc},
    {NULL},
};

int
pyr_reactor_exec(PyObject *module, core_state *st)
{
    if (pyr_loop_exec(module, st) < 0 || pyr_delayed_call_exec(module, st) < 0 ||
        pyr_stream_exec(module, st) < 0 || pyr_listener_exec(module, st) < 0 ||
        pyr_datagram_exec(module, st) < 0 || pyr_pipe_exec(module, st) < 0 ||
        pyr_terminal_exec(module, st) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, reactor_functions);
}

int
pyr_reactor_traverse(core_state *st, visitproc visit, void *arg)
{
    pyr_reactor_state *state = st->reactor;
    Py_VISIT(state->loop_type);
    Py_VISIT(state->delayed_call_base);
    Py_VISIT(state->delayed_call_type);
    Py_VISIT(state->stream_type);
    Py_VISIT(state->stream_doRead);
    Py_VISIT(state->stream_doWrite);
    Py_VISIT(state->terminal_writeSomeData);
#define X(name) Py_VISIT(state->name);
    PYR_REACTOR_GIVEN(X)
#undef X
    return 0;
}

void
pyr_reactor_clear(core_state *st)
{
    pyr_reactor_state *state = st->reactor;
    Py_CLEAR(state->loop_type);
    Py_CLEAR(state->delayed_call_base);
    Py_CLEAR(state->delayed_call_type);
    Py_CLEAR(state->stream_type);
    Py_CLEAR(state->stream_doRead);
    Py_CLEAR(state->stream_doWrite);
    Py_CLEAR(state->terminal_writeSomeData);
    pyr_batch_free(state->batch);
    state->batch = NULL;
    pyr_peers_free(state->peers);
    state->peers = NULL;
#define X(name) Py_CLEAR(state->name);
    PYR_REACTOR_GIVEN(X)
#undef X
}
