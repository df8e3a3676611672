/* The transports' part in the module's life; see state.h. */
#include "transport/state.h"

#include "transport/datagram.h"
#include "transport/file_stream.h"
#include "transport/listener.h"
#include "transport/peers.h"
#include "transport/stream.h"

static const pyr_given transport_objects[] = {
    PYR_MADE(pyr_transport_state, stream_type),
#define X(name) PYR_GIVEN(pyr_transport_state, name),
    PYR_TRANSPORT_GIVEN(X)
#undef X
        {NULL},
};

static int
transport_exec(PyObject *module, core_state *st)
{
    bool made = pyr_stream_exec(module, st) == 0 &&
                pyr_file_stream_exec(module, st) == 0 &&
                pyr_datagram_exec(module, st) == 0 && pyr_listener_exec(module, st) == 0;
    return made ? 0 : -1;
}

static void
transport_clear(core_state *st)
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

const pyr_room pyr_transport_room = {
    PYR_ROOM_STATE(transport),
    .objects = transport_objects,
    .exec = transport_exec,
    .clear = transport_clear,
};
