/* What the room is given, and makes for itself; see setup.h. */
#include "web/setup.h"

#include "core/core.h"
#include "web/answer.h"
#include "web/headers.h"
#include "web/methods.h"
#include "web/take.h"

static const pyr_given web_objects[] = {
#define X(name) PYR_GIVEN(pyr_web_state, name),
    PYR_WEB_FUNCTIONS(X) PYR_WEB_GIVEN(X)
#undef X
#define X(name, value) PYR_MADE(pyr_web_state, name),
        PYR_WEB_TEXTS(X) PYR_WEB_INTS(X)
#undef X
            PYR_GIVEN_AS(pyr_web_state, Headers, &PyType_Type),
    PYR_GIVEN_AS(pyr_web_state, HTTPChannel, &PyType_Type),
    PYR_GIVEN_AS(pyr_web_state, LineReceiver, &PyType_Type),
    PYR_GIVEN_AS(pyr_web_state, Request, &PyType_Type),
    PYR_GIVEN_AS(pyr_web_state, Componentized, &PyType_Type),
    PYR_GIVEN_AS(pyr_web_state, http, &PyDict_Type),
    PYR_MADE(pyr_web_state, no_args),
    PYR_MADE(pyr_web_state, date),
    {NULL},
};

/* What of these comes later. */
static const pyr_given server_objects[] = {
#define X(name) PYR_GIVEN(pyr_web_state, name),
    PYR_WEB_SERVER_GIVEN(X)
#undef X
        PYR_GIVEN_AS(pyr_web_state, server, &PyDict_Type),
    {NULL},
};

static int
web_configure(PyObject *module, core_state *st, PyObject *Py_UNUSED(given))
{
    if (PyCFunction_CheckExact(st->web->gmtime)) {
        st->web->gmtime_code = PyCFunction_GET_FUNCTION(st->web->gmtime);
    }
    st->take_lines.handler = st->web->HTTPChannel_lineReceived;
    st->take_lines.take = pyr_take_head;
    return pyr_methods_add(module) < 0 ? -1 : pyr_answer_add(module);
}

static int
server_configure(PyObject *module, core_state *Py_UNUSED(st), PyObject *Py_UNUSED(given))
{
    return pyr_methods_add_servers(module);
}

static int
make_constants(pyr_web_state *web)
{
    web->no_args = PyTuple_New(0);
    bool made = web->no_args != NULL;
#define X(name, content) made = made && (web->name = PyBytes_FromString(content)) != NULL;
    PYR_WEB_TEXTS(X)
#undef X
#define X(name, value) made = made && (web->name = PyLong_FromLong(value)) != NULL;
    PYR_WEB_INTS(X)
#undef X
    return made ? 0 : -1;
}

static int
web_exec(PyObject *Py_UNUSED(module), core_state *st)
{
    return make_constants(st->web);
}

static void
web_clear(core_state *st)
{
    st->take_lines.handler = NULL;
    pyr_headers_clear(st);
}

const pyr_room pyr_web_room = {
    PYR_ROOM_STATE(web),        .objects = web_objects, .exec = web_exec,
    .configure = web_configure, .clear = web_clear,
};

const pyr_room pyr_web_server_room = {
    .name = "web_server",
    .state = offsetof(core_state, web),
    .objects = server_objects,
    .configure = server_configure,
};
