/* Request of twisted.web.http and twisted.web.server; see request.h. */
#include "web/request.h"

#include "core/override.h"
#include "web/headers.h"
#include "web/instance.h"
#include "web/objects.h"
#include "web/peer.h"
#include "web/render.h"
#include "web/whole.h"

/* ---- making one ---- */

enum { OF_SERVER = 1, OF_HTTP = 2, CODE = 4, NOT_QUEUED = 8 };

static const pyr_override making[] = {
    PYR_WEB_METHOD(dunder_init, ServerRequest___init__, OF_SERVER),
    PYR_WEB_METHOD(dunder_init, Request___init__, OF_HTTP),
    {0},
};

/* Does the class, which has no __init__ of a program's, make its requests otherwise? */
static bool
runs_code(core_state *st, PyTypeObject *type)
{
    return !PyType_IsSubtype(type, st->web->Request) ||
           type->tp_new != PyBaseObject_Type.tp_new ||
           /* What Twisted's __init__ calls by name, of other classes. */
           !pyr_class_has(st, st->web->Request, st->names.dunder_init,
                          st->web->Request___init__) ||
           !pyr_class_has(st, st->web->Componentized, st->names.dunder_init,
                          st->web->Componentized___init__);
}

/* Does it want to be made without `queued`?  Or is that not to be remembered of it. */
static bool
is_not_queued(core_state *st, PyTypeObject *factory)
{
    if (!Py_IS_TYPE((PyObject *)factory, &PyType_Type)) {
        return true;
    }
    PyObject *provides = pyr_call_named(st->web->NonQueuedFactory, st->names.providedBy,
                                        (PyObject *)factory);
    int truth = provides == NULL ? -1 : pyr_truth(provides);
    Py_XDECREF(provides);
    PyErr_Clear(); /* Twisted's own code will ask again */
    return truth != 0;
}

/* Which __init__ of Twisted's the class has not, CODE if that is not all, and NOT_QUEUED.
 */
static unsigned int
look_at_factory(core_state *st, PyTypeObject *type)
{
    pyr_web_class *known = &st->web->request_class;
    if (pyr_class_is_as_seen(&known->seen, type)) {
        return known->overrides;
    }
    pyr_class_see(st, &known->seen, type);
    known->overrides = ~0U; /* until all is found */
    unsigned int found = pyr_class_overrides(st, type, making, st->web);
    found |= runs_code(st, type) ? CODE : 0;
    found |= is_not_queued(st, type) ? NOT_QUEUED : 0;
    /* Python code may have run there, which looks at another class. */
    if (pyr_class_is_as_seen(&known->seen, type)) {
        known->overrides = found;
    }
    return found;
}

bool
pyr_request_is_plain(core_state *st, PyObject *factory)
{
    if (!PyType_Check(factory)) {
        return false;
    }
    unsigned int other = look_at_factory(st, (PyTypeObject *)factory);
    return (other & (CODE | NOT_QUEUED)) == 0 &&
           (other & (OF_SERVER | OF_HTTP)) != (OF_SERVER | OF_HTTP);
}

bool
pyr_request_is_queued(core_state *st, PyObject *factory)
{
    return PyType_Check(factory) &&
           (look_at_factory(st, (PyTypeObject *)factory) & NOT_QUEUED) == 0;
}

/* For which of a site's attributes its class may run code of a program's, or, of the
 * second, has a function itself. */
enum { SITE_FORMS = 1, SITE_CONTENT = 2 };

static unsigned int
look_at_site(core_state *st, PyTypeObject *type)
{
    pyr_web_class *known = &st->web->site_class;
    if (!pyr_class_is_as_seen(&known->seen, type)) {
        const size_t forms = PYR_NAME(_parsePOSTFormSubmission);
        pyr_class_see(st, &known->seen, type);
        bool generic = type->tp_getattro == PyObject_GenericGetAttr;
        PyObject *content = pyr_class_find(type, st->names.getContentFile);
        known->overrides =
            (generic && pyr_class_leaves_to_dict(st, type, &forms, 1) ? 0 : SITE_FORMS) |
            (generic && content == NULL ? 0 : SITE_CONTENT);
        Py_XDECREF(content);
    }
    return known->overrides;
}

/* channel.site._parsePOSTFormSubmission */
static PyObject *
parses_forms(core_state *st, PyObject *channel)
{
    PyObject *site = pyr_instance_get(st, channel, st->names.site);
    bool asks = site != NULL && (look_at_site(st, Py_TYPE(site)) & SITE_FORMS) != 0;
    PyObject *result =
        site == NULL ? NULL : PyObject_GetAttr(site, st->names._parsePOSTFormSubmission);
    st->web->asked = st->web->asked || asks;
    Py_XDECREF(site);
    return result;
}

/* self.client and self.host; `whole`: the channel is so (whole.h). */
static int
set_addresses(core_state *st, PyObject *self, PyObject *channel, bool whole)
{
    const pyr_names *names = &st->names;
    PyObject *both[2] = {NULL, NULL};
    int known = whole ? pyr_peer_find_both(st, channel, both) : 0;
    if (known > 0) {
        int status = pyr_web_set_new(self, names->client, both[0]);
        if (status == 0) {
            status = PyObject_SetAttr(self, names->host, both[1]);
        }
        Py_DECREF(both[1]);
        return status;
    }
    if (known < 0 || pyr_web_set_new(self, names->client,
                                     pyr_web_do(st, whole, pyr_peer_get_peer,
                                                names->getPeer, &channel, 1)) < 0) {
        return -1;
    }
    return pyr_web_set_new(
        self, names->host,
        pyr_web_do(st, whole, pyr_peer_get_host, names->getHost, &channel, 1));
}

/* The attributes, in the order in which Twisted's __init__ sets them. */
static int
initialize(core_state *st, PyObject *self, PyObject *channel, PyObject *queued,
           PyObject *parses, bool whole)
{
    const pyr_names *names = &st->names;
    if (pyr_web_set_new(self, names->notifications, PyList_New(0)) < 0 ||
        PyObject_SetAttr(self, names->channel, channel) < 0 ||
        set_addresses(st, self, channel, whole) < 0 ||
        pyr_web_set_new(self, names->requestHeaders, pyr_headers_new(st)) < 0 ||
        pyr_web_set_new(self, names->received_cookies, PyDict_New()) < 0 ||
        pyr_web_set_new(self, names->responseHeaders, pyr_headers_new(st)) < 0 ||
        pyr_web_set_new(self, names->cookies, PyList_New(0)) < 0) {
        return -1;
    }
    return pyr_web_set_new(self, names->transport,
                           pyr_instance_get(st, channel, names->transport)) < 0 ||
                   PyObject_SetAttr(self, names->queued, queued) < 0
               ? -1
               : PyObject_SetAttr(self, names->_parsePOSTFormSubmission, parses);
}

PyObject *
pyr_request_new(core_state *st, PyTypeObject *factory, PyObject *channel,
                PyObject *queued, bool whole)
{
    bool of_server = (look_at_factory(st, factory) & OF_SERVER) == 0;
    PyObject *self = factory->tp_new(factory, st->web->no_args, NULL);
    PyObject *parses = self == NULL ? NULL
                       : of_server  ? parses_forms(st, channel)
                                    : Py_NewRef(Py_True);
    int status =
        parses == NULL ? -1 : initialize(st, self, channel, queued, parses, whole);
    Py_XDECREF(parses);
    if (status == 0 && of_server) {
        status = pyr_web_set_new(self, st->names._adapterCache, PyDict_New());
    }
    if (status < 0) {
        Py_CLEAR(self);
    }
    return self;
}

/* self.<to> = self.channel.<name>() */
static int
set_address(core_state *st, PyObject *self, PyObject *to, PyObject *name)
{
    PyObject *channel = PyObject_GetAttr(self, st->names.channel);
    PyObject *address = channel == NULL ? NULL : pyr_call_named(channel, name, NULL);
    Py_XDECREF(channel);
    return pyr_web_set_new(self, to, address);
}

/* self.transport = self.channel.transport */
static int
set_transport(core_state *st, PyObject *self)
{
    PyObject *channel = PyObject_GetAttr(self, st->names.channel);
    PyObject *transport =
        channel == NULL ? NULL : pyr_instance_get(st, channel, st->names.transport);
    Py_XDECREF(channel);
    return pyr_web_set_new(self, st->names.transport, transport);
}

/* self.queued = queued, or False without one */
static int
set_queued(core_state *st, PyObject *self, PyObject *queued)
{
    PyObject *none = PyDict_GetItemWithError(st->web->http, st->names._QUEUED_SENTINEL);
    if (none == NULL && PyErr_Occurred()) {
        return -1;
    }
    return PyObject_SetAttr(self, st->names.queued,
                            queued == NULL || queued == none ? Py_False : queued);
}

PyObject *
pyr_request_init(core_state *st, PyObject *const *args, Py_ssize_t nargs)
{
    const pyr_names *names = &st->names;
    PyObject *self = args[0];
    bool done = pyr_web_set_new(self, names->notifications, PyList_New(0)) == 0 &&
                PyObject_SetAttr(self, names->channel, args[1]) == 0 &&
                set_address(st, self, names->client, names->getPeer) == 0 &&
                set_address(st, self, names->host, names->getHost) == 0 &&
                pyr_web_set_new(self, names->requestHeaders, pyr_headers_new(st)) == 0 &&
                pyr_web_set_new(self, names->received_cookies, PyDict_New()) == 0 &&
                pyr_web_set_new(self, names->responseHeaders, pyr_headers_new(st)) == 0 &&
                pyr_web_set_new(self, names->cookies, PyList_New(0)) == 0 &&
                set_transport(st, self) == 0 &&
                set_queued(st, self, nargs > 2 ? args[2] : NULL) == 0 &&
                PyObject_SetAttr(self, names->_parsePOSTFormSubmission,
                                 nargs > 3 ? args[3] : Py_True) == 0;
    return pyr_web_none(done ? 0 : -1);
}

/* ---- head and body ---- */

static bool
is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* One "name=value" of a Cookie header; what has no "=" is left out. */
static int
add_cookie(PyObject *cookies, const char *text, const char *end)
{
    while (text < end && is_space(*text)) {
        text++;
    }
    const char *equals = memchr(text, '=', (size_t)(end - text));
    if (equals == NULL) {
        return 0;
    }
    PyObject *name = PyBytes_FromStringAndSize(text, equals - text);
    PyObject *value = PyBytes_FromStringAndSize(equals + 1, end - equals - 1);
    int status =
        name == NULL || value == NULL ? -1 : PyDict_SetItem(cookies, name, value);
    Py_XDECREF(name);
    Py_XDECREF(value);
    return status;
}

static int
add_cookies(PyObject *cookies, PyObject *header)
{
    const char *text = PyBytes_AS_STRING(header);
    const char *end = text + PyBytes_GET_SIZE(header);
    int status = 0;
    while (status == 0 && text <= end && PyBytes_GET_SIZE(header) > 0) {
        const char *next = memchr(text, ';', (size_t)(end - text));
        next = next == NULL ? end : next;
        status = add_cookie(cookies, text, next);
        text = next + 1;
    }
    return status;
}

static bool
are_bytes(PyObject *values)
{
    bool result = PyList_CheckExact(values);
    for (Py_ssize_t i = 0; result && i < PyList_GET_SIZE(values); i++) {
        result = PyBytes_CheckExact(PyList_GET_ITEM(values, i));
    }
    return result;
}

PyObject *
pyr_request_parse_cookies(core_state *st, PyObject *const *args,
                          Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *values = pyr_headers_of_request(st, args[0], st->web->name_cookie);
    if (values == NULL || values == Py_None) {
        return values;
    }
    PyObject *cookies = PyObject_GetAttr(args[0], st->names.received_cookies);
    int status = cookies == NULL ? -1 : 0;
    bool plain = status == 0 && PyDict_CheckExact(cookies) && are_bytes(values);
    for (Py_ssize_t i = 0; plain && status == 0 && i < PyList_GET_SIZE(values); i++) {
        PyObject *header = Py_NewRef(PyList_GET_ITEM(values, i));
        status = add_cookies(cookies, header);
        Py_DECREF(header);
    }
    Py_DECREF(values);
    Py_XDECREF(cookies);
    return status < 0 ? NULL : Py_NewRef(plain ? Py_None : Py_NotImplemented);
}

/* Would Twisted's own _getContentFile make a BytesIO for a body of this length?  -1 with
 * an exception */
static int
fits_in_memory(core_state *st, PyObject *length)
{
    int overflow = 1;
    long long size =
        PyLong_CheckExact(length) ? PyLong_AsLongLongAndOverflow(length, &overflow) : 0;
    if (overflow != 0 || size >= 100000) {
        return 0;
    }
    PyObject *type = PyDict_GetItemWithError(st->web->http, st->names.BytesIO);
    return type == st->web->BytesIO ? 1 : PyErr_Occurred() ? -1 : 0;
}

/* The file for a body. */
static PyObject *
content_file(core_state *st, PyObject *length)
{
    PyObject *function =
        PyDict_GetItemWithError(st->web->http, st->names._getContentFile);
    if (function == NULL) {
        return PyErr_Occurred() ? NULL
                                : PyErr_Format(PyExc_NameError,
                                               "name '_getContentFile' is not defined");
    }
    int fits = function == st->web->getContentFile ? fits_in_memory(st, length) : 0;
    if (fits != 0) {
        return fits < 0 ? NULL : PyObject_CallNoArgs(st->web->BytesIO);
    }
    Py_INCREF(function);
    PyObject *file = PyObject_CallOneArg(function, length);
    Py_DECREF(function);
    return file;
}

PyObject *
pyr_request_got_length(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    return pyr_web_none(
        pyr_web_set_new(args[0], st->names.content, content_file(st, args[1])));
}

/* self.channel.site, if there is one; -1 with an exception */
static int
find_site(core_state *st, PyObject *self, PyObject **site)
{
    PyObject *channel;
    *site = NULL;
    int found = PyObject_GetOptionalAttr(self, st->names.channel, &channel);
    if (found > 0) {
        found = PyObject_GetOptionalAttr(channel, st->names.site, site);
    }
    Py_XDECREF(channel);
    return found;
}

/* Its getContentFile, the same way. */
static int
site_function(core_state *st, PyObject *self, PyObject **function)
{
    PyObject *site;
    *function = NULL;
    int found = find_site(st, self, &site);
    if (found > 0) {
        found = PyObject_GetOptionalAttr(site, st->names.getContentFile, function);
    }
    Py_XDECREF(site);
    return found;
}

/* Has it one, or may code of a program's say so?  No such code runs; -1 with an
 * exception. */
static int
may_have_function(core_state *st, PyObject *self)
{
    PyObject *site, *function = NULL;
    int found = find_site(st, self, &site);
    if (found > 0 && (look_at_site(st, Py_TYPE(site)) & SITE_CONTENT) == 0) {
        found = PyObject_GetOptionalAttr(site, st->names.getContentFile, &function);
    }
    Py_XDECREF(site);
    Py_XDECREF(function);
    return found;
}

PyObject *
pyr_request_server_got_length(core_state *st, PyObject *const *args,
                              Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *function;
    int found = site_function(st, args[0], &function);
    if (found < 0) {
        return NULL;
    }
    if (found > 0) {
        int status = pyr_web_set_new(args[0], st->names.content,
                                     PyObject_CallOneArg(function, args[1]));
        Py_DECREF(function);
        return pyr_web_none(status);
    }
    PyObject *base = PyObject_GetAttr((PyObject *)st->web->Request, st->names.gotLength);
    PyObject *result = base == NULL ? NULL : PyObject_Vectorcall(base, args, 2, NULL);
    int status = result == NULL ? -1 : 0;
    Py_XDECREF(base);
    Py_XDECREF(result);
    return pyr_web_none(status);
}

int
pyr_request_give_content(core_state *st, PyObject *self)
{
    int others = may_have_function(st, self);
    if (others != 0 || (pyr_whole_base(st) & PYR_BASE_LENGTH) != 0) {
        return others < 0 ? -1 : 0;
    }
    PyObject *function =
        PyDict_GetItemWithError(st->web->http, st->names._getContentFile);
    int fits = function == st->web->getContentFile ? fits_in_memory(st, st->web->zero)
               : PyErr_Occurred()                  ? -1
                                                   : 0;
    return fits <= 0 ? fits
           : pyr_web_set_new(self, st->names.content,
                             PyObject_CallNoArgs(st->web->BytesIO)) < 0
               ? -1
               : 1;
}

PyObject *
pyr_request_handle_chunk(core_state *st, PyObject *const *args,
                         Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *content = PyObject_GetAttr(args[0], st->names.content);
    int status =
        content == NULL ? -1 : pyr_call_dropping(content, st->names.write, args[1]);
    Py_XDECREF(content);
    return pyr_web_none(status);
}

/* ---- the whole request ---- */

/* self.path and self.args, from the target */
static int
set_target(core_state *st, PyObject *self, PyObject *target)
{
    const char *text = PyBytes_AS_STRING(target);
    const char *mark = memchr(text, '?', (size_t)PyBytes_GET_SIZE(target));
    if (mark == NULL) {
        return PyObject_SetAttr(self, st->names.path, target);
    }
    PyObject *path = PyBytes_FromStringAndSize(text, mark - text);
    Py_ssize_t rest = PyBytes_GET_SIZE(target) - (mark - text) - 1;
    if (pyr_web_set_new(self, st->names.path, path) < 0) {
        return -1;
    }
    PyObject *query = PyBytes_FromStringAndSize(mark + 1, rest);
    PyObject *function = PyDict_GetItemWithError(st->web->http, st->names.parse_qs);
    PyObject *args = NULL;
    if (query != NULL && function != NULL) {
        Py_INCREF(function);
        args = PyObject_CallFunctionObjArgs(function, query, st->web->one, NULL);
        Py_DECREF(function);
    } else if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_NameError, "name 'parse_qs' is not defined");
    }
    Py_XDECREF(query);
    return pyr_web_set_new(self, st->names.args, args);
}

/* clength = self.content.tell(); self.content.seek(0, 0) */
static PyObject *
rewind_content(core_state *st, PyObject *self)
{
    PyObject *content = PyObject_GetAttr(self, st->names.content);
    PyObject *length =
        content == NULL ? NULL : pyr_call_named(content, st->names.tell, NULL);
    PyObject *done = length == NULL ? NULL
                                    : pyr_web_call(content, st->names.seek, st->web->zero,
                                                   st->web->zero);
    if (done == NULL) {
        Py_CLEAR(length);
    }
    Py_XDECREF(content);
    Py_XDECREF(done);
    return length;
}

/* Might the body be a form?  Only then is it looked at. */
static int
may_be_form(core_state *st, PyObject *self, PyObject *command, PyObject *length)
{
    if (!pyr_web_equals(command, st->web->post)) {
        return 0;
    }
    int some = pyr_truth(length);
    return some <= 0 ? some
                     : pyr_attribute_true(self, st->names._parsePOSTFormSubmission);
}

/* All that comes before process().  `empty`: self.content is known to be so. */
static int
take_request(core_state *st, PyObject *self, PyObject *const *line, bool empty)
{
    const pyr_names *names = &st->names;
    PyObject *length = empty ? Py_NewRef(st->web->zero) : rewind_content(st, self);
    int status = length == NULL ? -1 : pyr_web_set_new(self, names->args, PyDict_New());
    if (status == 0) {
        status = PyObject_SetAttr(self, names->method, line[0]) < 0 ||
                         PyObject_SetAttr(self, names->uri, line[1]) < 0 ||
                         PyObject_SetAttr(self, names->clientproto, line[2]) < 0
                     ? -1
                     : set_target(st, self, line[1]);
    }
    int form = status < 0 ? -1 : may_be_form(st, self, line[0], length);
    if (form > 0) {
        PyObject *goes_on =
            PyObject_CallFunctionObjArgs(st->web->readForm, self, length, NULL);
        form = goes_on == NULL ? -1 : !pyr_truth(goes_on);
        Py_XDECREF(goes_on);
    }
    Py_XDECREF(length);
    return form;
}

PyObject *
pyr_request_received(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    if (!PyBytes_CheckExact(args[1]) || !PyBytes_CheckExact(args[2])) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    int refused = take_request(st, args[0], args + 1, false);
    return refused < 0 ? NULL
           : refused   ? Py_NewRef(Py_None)
                     : pyr_web_none(pyr_call_dropping(args[0], st->names.process, NULL));
}

int
pyr_request_take(core_state *st, PyObject *self, PyObject *const *line)
{
    int refused = take_request(st, self, line, true);
    return refused != 0 ? (refused < 0 ? -1 : 0) : pyr_render_run(st, self, true);
}

/* ---- single headers ---- */

PyObject *
pyr_request_get_header(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *headers = PyObject_GetAttr(args[0], st->names.requestHeaders);
    PyObject *values = headers == NULL
                           ? NULL
                           : pyr_call_named(headers, st->names.getRawHeaders, args[1]);
    Py_XDECREF(headers);
    if (values == NULL || values == Py_None) {
        return values;
    }
    PyObject *last = PySequence_GetItem(values, -1);
    Py_DECREF(values);
    return pyr_web_given(st, last);
}

PyObject *
pyr_request_set_header(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *headers = PyObject_GetAttr(args[0], st->names.responseHeaders);
    int status = headers == NULL ? -1 : pyr_headers_set(st, headers, args[1], args[2]);
    Py_XDECREF(headers);
    return pyr_web_none(status);
}
