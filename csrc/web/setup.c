/* What the room is given, and makes for itself; see setup.h. */
#include "web/setup.h"

#include "core/core.h"
#include "web/answer.h"
#include "web/headers.h"
#include "web/methods.h"
#include "web/take.h"

const pyr_given pyr_web_objects[] = {
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
#define X(name) PYR_MADE(pyr_web_state, name),
    PYR_WEB_SERVER_GIVEN(X)
#undef X
        PYR_MADE(pyr_web_state, server),
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

PyDoc_STRVAR(
    configure_web_doc,
    "configure_web(**objects)\n--\n\n"
    "Take what the web methods need of Twisted.\n\n"
    "Called by pyreactor._web.setup.  Raises TypeError if something is missing.");

static PyObject *
configure_web(PyObject *module, PyObject *Py_UNUSED(args), PyObject *kwargs)
{
    core_state *st = pyr_module_state(module);
    if (pyr_given_take(pyr_web_objects, st->web, kwargs, "configure_web") < 0 ||
        pyr_methods_add(module) < 0 || pyr_answer_add(module) < 0) {
        return NULL;
    }
    if (PyCFunction_CheckExact(st->web->gmtime)) {
        st->web->gmtime_code = PyCFunction_GET_FUNCTION(st->web->gmtime);
    }
    st->take_lines.handler = st->web->HTTPChannel_lineReceived;
    st->take_lines.take = pyr_take_head;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(configure_web_server_doc,
             "configure_web_server(**objects)\n--\n\n"
             "Take what the methods of twisted.web.server need, as configure_web does.");

static PyObject *
configure_web_server(PyObject *module, PyObject *Py_UNUSED(args), PyObject *kwargs)
{
    core_state *st = pyr_module_state(module);
    if (pyr_given_take(server_objects, st->web, kwargs, "configure_web_server") < 0 ||
        pyr_methods_add_servers(module) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef web_functions[] = {
    {"configure_web_server", (PyCFunction)(void (*)(void))configure_web_server,
     METH_VARARGS | METH_KEYWORDS, configure_web_server_doc},
    {"configure_web", (PyCFunction)(void (*)(void))configure_web,
     METH_VARARGS | METH_KEYWORDS, configure_web_doc},
    {NULL},
};

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

int
pyr_web_exec(PyObject *module, core_state *st)
{
    return make_constants(st->web) < 0 ? -1
                                       : PyModule_AddFunctions(module, web_functions);
}

void
pyr_web_clear(core_state *st)
{
    st->take_lines.handler = NULL;
    pyr_headers_clear(st);
}
