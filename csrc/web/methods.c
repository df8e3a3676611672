/* The functions that StandIns call; see methods.h. */
#include "web/methods.h"

#include "web/body.h"
#include "web/channel.h"
#include "web/chunked.h"
#include "web/headers.h"
#include "web/peer.h"
#include "web/proxy.h"
#include "web/render.h"
#include "web/request.h"
#include "web/response.h"
#include "web/sendfile.h"
#include "web/timeout.h"

/*
 * X(name, function, least, most): in Python `name` with "web_" before it, which takes
 * that many arguments, self among them.
 */
#define METHODS(X)                                                            \
    X(Headers_setRawHeaders, pyr_headers_set_raw, 3, 3)                       \
    X(Headers_getRawHeaders, pyr_headers_get_raw, 2, 3)                       \
    X(Headers_addRawHeader, pyr_headers_add_raw, 3, 3)                        \
    X(Headers_hasHeader, pyr_headers_has, 2, 2)                               \
    X(Headers_copy, pyr_headers_copy, 1, 1)                                   \
    X(TimeoutMixin_setTimeout, pyr_timeout_set, 2, 2)                         \
    X(TimeoutMixin_resetTimeout, pyr_timeout_reset, 1, 1)                     \
    X(LineReceiver_setRawMode, pyr_channel_set_raw_mode, 1, 1)                \
    X(LineReceiver_setLineMode, pyr_channel_set_line_mode, 1, 2)              \
    X(ModuleProxy_getattribute, pyr_proxy_getattribute, 2, 2)                 \
    X(Generic_dataReceived, pyr_channel_generic_data_received, 2, 2)          \
    X(HTTPChannel_dataReceived, pyr_channel_data_received, 2, 2)              \
    X(HTTPChannel_rawDataReceived, pyr_channel_raw_data_received, 2, 2)       \
    X(HTTPChannel_allHeadersReceived, pyr_channel_all_headers_received, 1, 1) \
    X(HTTPChannel_checkPersistence, pyr_channel_check_persistence, 3, 3)      \
    X(HTTPChannel_allContentReceived, pyr_channel_all_content_received, 1, 1) \
    X(HTTPChannel__finishRequestBody, pyr_channel_finish_request_body, 2, 2)  \
    X(HTTPChannel_requestDone, pyr_channel_request_done, 2, 2)                \
    X(HTTPChannel_writeHeaders, pyr_response_write_headers, 5, 5)             \
    X(HTTPChannel_write, pyr_response_channel_write, 2, 2)                    \
    X(HTTPChannel_writeSequence, pyr_response_channel_write_sequence, 2, 2)   \
    X(HTTPChannel_getPeer, pyr_peer_get_peer, 1, 1)                           \
    X(HTTPChannel_getHost, pyr_peer_get_host, 1, 1)                           \
    X(Identity_dataReceived, pyr_body_identity_received, 2, 2)                \
    X(Chunked_dataReceived, pyr_chunked_received, 2, 2)                       \
    X(Request___init__, pyr_request_init, 2, 4)                               \
    X(Request_parseCookies, pyr_request_parse_cookies, 1, 1)                  \
    X(Request_gotLength, pyr_request_got_length, 2, 2)                        \
    X(Request_handleContentChunk, pyr_request_handle_chunk, 2, 2)             \
    X(Request_requestReceived, pyr_request_received, 4, 4)                    \
    X(Request_getHeader, pyr_request_get_header, 2, 2)                        \
    X(Request_setHeader, pyr_request_set_header, 3, 3)                        \
    X(Request_write, pyr_response_write, 2, 2)                                \
    X(Request_finish, pyr_response_finish, 1, 1)                              \
    X(Request__cleanup, pyr_response_cleanup, 1, 1)                           \
    X(NoRangeStaticProducer_resumeProducing, pyr_sendfile_static, 1, 1)       \
    X(SingleRangeStaticProducer_resumeProducing, pyr_sendfile_range, 1, 1)    \
    X(FileSender_resumeProducing, pyr_sendfile_sender, 1, 1)

/* The same, once "web_server" is configured. */
#define SERVERS(X)                                                       \
    X(ServerRequest_gotLength, pyr_request_server_got_length, 2, 2)      \
    X(ServerRequest_process, pyr_render_process, 1, 1)                   \
    X(ServerRequest_render, pyr_render_render, 2, 2)                     \
    X(ServerRequest_write, pyr_response_server_write, 2, 2)              \
    X(ServerRequest_finish, pyr_response_server_finish, 1, 1)            \
    X(Site_getResourceFor, pyr_render_resource_for, 2, 2)                \
    X(getChildForRequest, pyr_render_child_for_request, 2, 2)            \
    X(Resource_getChildWithDefault, pyr_render_child_with_default, 3, 3) \
    X(Resource_render, pyr_render_resource_render, 2, 2)

#define X(name, function, least, most)                                                 \
    static PyObject *name##_method(PyObject *module, PyObject *const *args,            \
                                   Py_ssize_t nargs)                                   \
    {                                                                                  \
        if (nargs < (least) || nargs > (most)) {                                       \
            return PyErr_Format(PyExc_TypeError, #name " does not take %zd arguments", \
                                nargs);                                                \
        }                                                                              \
        return function(pyr_module_state(module), args, nargs);                        \
    }
METHODS(X)
SERVERS(X)
#undef X

PyDoc_STRVAR(web_method_doc,
             "A function of twisted.web's, for a StandIn.\n\n"
             "Takes what that takes, self first, and returns what it returns, or\n"
             "NotImplemented where Twisted's own code has to do the work.");

#define X(name, function, least, most)                                        \
    {"web_" #name, (PyCFunction)(void (*)(void))name##_method, METH_FASTCALL, \
     web_method_doc},
static PyMethodDef web_methods[] = {METHODS(X){NULL}};
static PyMethodDef server_methods[] = {SERVERS(X){NULL}};
#undef X

int
pyr_methods_add(PyObject *module)
{
    return PyModule_AddFunctions(module, web_methods);
}

int
pyr_methods_add_servers(PyObject *module)
{
    return PyModule_AddFunctions(module, server_methods);
}
