/* The transports' part in the module's life; see state.h. */
#include "transport/state.h"

#include "core/objects.h"
#include "transport/datagram.h"
#include "transport/file_stream.h"
#include "transport/listener.h"
#include "transport/peers.h"
#include "transport/stream.h"

const pyr_given pyr_transport_objects[] = {
    PYR_MADE(pyr_transport_state, stream_type),
#define X(name) PYR_GIVEN(pyr_transport_state, name),
    PYR_TRANSPORT_GIVEN(X)
#undef X
        {NULL},
};

PyDoc_STRVAR(configure_doc,
             "configure_transport(**objects)\n--\n\n"
             "Take the Twisted objects that the transports' types need.\n\n"
             "Called once by pyreactor.reactor.  Raises TypeError if one is missing.");

static PyObject *
core_configure_transport(PyObject *module, PyObject *Py_UNUSED(args), PyObject *kwargs)
{
    core_state *st = pyr_module_state(module);
    return pyr_none_or_error(pyr_given_take(pyr_transport_objects, st->transport, kwargs,
                                            "configure_transport"));
}

static PyMethodDef transport_functions[] = {
    {"configure_transport", (PyCFunction)(void (*)(void))core_configure_transport,
     METH_VARARGS | METH_KEYWORDS, configure_doc},
    {NULL},
};

int
pyr_transport_exec(PyObject *module, core_state *st)
{
    if (pyr_stream_exec(module, st) < 0 || pyr_file_stream_exec(module, st) < 0 ||
        pyr_datagram_exec(module, st) < 0 || pyr_listener_exec(module, st) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, transport_functions);
}

void
pyr_transport_clear(core_state *st)
{
    pyr_transport_state *state = st->transport;
    if (!state->read_buffer_busy) {
        PyMem_RawFree(state->read_buffer);
        state->read_buffer = NULL;
    }
    pyr_batch_free(state->batch);
    state->batch = NULL;
    pyr_peers_free(state->peers);
    state->peers = NULL;
}
