/* What a request writes and how it ends; see response.h. */
#include "web/response.h"

#include "core/override.h"
#include "web/date.h"
#include "web/headers.h"
#include "web/instance.h"
#include "web/objects.h"
#include "web/whole.h"

/* ---- the head, onto the transport ---- */

/* The pieces as Twisted's writeHeaders puts them together. */
typedef struct {
    PyObject *list;
    bool failed;
} pieces;

static void
add(pieces *all, PyObject *piece)
{
    all->failed = all->failed || PyList_Append(all->list, piece) < 0;
}

static void
add_values(core_state *st, pieces *all, PyObject *name, PyObject *values)
{
    for (Py_ssize_t i = 0; !all->failed && i < PyList_GET_SIZE(values); i++) {
        add(all, name);
        add(all, st->web->colon);
        add(all, PyList_GET_ITEM(values, i));
        add(all, st->web->cr_lf);
    }
}

/* Are all of them lists?  No Python code runs. */
static bool
has_lists(PyObject *dict)
{
    Py_ssize_t at = 0;
    PyObject *name, *values;
    while (PyDict_Next(dict, &at, &name, &values)) {
        if (!PyList_CheckExact(values)) {
            return false;
        }
    }
    return true;
}

/* The list for transport.writeSequence(); line is version, code and reason.  NULL without
 * an exception: not all values are lists, which is asked once the new list is made, as a
 * garbage collection may run then. */
static PyObject *
head_pieces(core_state *st, PyObject *const *line, PyObject *dict)
{
    pieces all = {PyList_New(0), false};
    if (all.list == NULL || !has_lists(dict)) {
        Py_XDECREF(all.list);
        return NULL;
    }
    for (int i = 0; i < 3; i++) {
        add(&all, line[i]);
        add(&all, i < 2 ? st->web->space : st->web->cr_lf);
    }
    Py_ssize_t at = 0;
    PyObject *name, *values;
    while (!all.failed && PyDict_Next(dict, &at, &name, &values)) {
        add_values(st, &all, name, values);
    }
    add(&all, st->web->cr_lf);
    if (all.failed) {
        Py_CLEAR(all.list);
    }
    return all.list;
}

/* How many bytes the head has as one, or -1 if not all of it is bytes. */
static Py_ssize_t
head_size(PyObject *const *line, PyObject *dict)
{
    Py_ssize_t size = 6; /* two spaces, and the ends of two lines */
    for (int i = 0; i < 3; i++) {
        if (!PyBytes_CheckExact(line[i])) {
            return -1;
        }
        size += PyBytes_GET_SIZE(line[i]);
    }
    Py_ssize_t at = 0;
    PyObject *name, *values;
    while (PyDict_Next(dict, &at, &name, &values)) {
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values); i++) {
            PyObject *value = PyList_GET_ITEM(values, i);
            if (!PyBytes_CheckExact(name) || !PyBytes_CheckExact(value)) {
                return -1;
            }
            size += PyBytes_GET_SIZE(name) + PyBytes_GET_SIZE(value) + 4;
        }
    }
    return size;
}

static inline char *
put_bytes(char *to, PyObject *bytes)
{
    memcpy(to, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    return to + PyBytes_GET_SIZE(bytes);
}

static inline char *
put_pair(char *to, const char *pair)
{
    memcpy(to, pair, 2);
    return to + 2;
}

/* The head as one; NULL without an exception: not all of it is bytes. */
static PyObject *
whole_head(PyObject *const *line, PyObject *dict)
{
    Py_ssize_t size = head_size(line, dict);
    PyObject *head = size < 0 ? NULL : PyBytes_FromStringAndSize(NULL, size);
    if (head == NULL) {
        return NULL;
    }
    char *to = put_bytes(PyBytes_AS_STRING(head), line[0]);
    *to++ = ' ';
    to = put_bytes(to, line[1]);
    *to++ = ' ';
    to = put_pair(put_bytes(to, line[2]), "\r\n");
    Py_ssize_t at = 0;
    PyObject *name, *values;
    while (PyDict_Next(dict, &at, &name, &values)) {
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values); i++) {
            to = put_pair(put_bytes(to, name), ": ");
            to = put_pair(put_bytes(to, PyList_GET_ITEM(values, i)), "\r\n");
        }
    }
    put_pair(to, "\r\n");
    return head;
}

/* Has this class the writing of our own transports?  Then one piece is as good as many.
 */
static bool
writes_plainly(core_state *st, PyTypeObject *type)
{
    pyr_web_class *known = &st->web->transport_class;
    if (st->transport_type == NULL || !PyType_IsSubtype(type, st->transport_type)) {
        return false;
    }
    if (!pyr_class_is_as_seen(&known->seen, type)) {
        pyr_class_see(st, &known->seen, type);
        PyObject *ours = (PyObject *)st->transport_type;
        known->overrides = pyr_class_has(st, type, st->names.writeSequence, ours) ? 0 : 1;
    }
    return known->overrides == 0;
}

/* What is given to transport.writeSequence(): a new list, or NULL, with or without an
 * exception. */
static PyObject *
head_for(core_state *st, PyObject *transport, PyObject *const *line, PyObject *dict)
{
    PyObject *head = writes_plainly(st, Py_TYPE(transport)) && has_lists(dict)
                         ? whole_head(line, dict)
                         : NULL;
    if (head == NULL) {
        return PyErr_Occurred() ? NULL : head_pieces(st, line, dict);
    }
    PyObject *list = PyList_New(1);
    if (list == NULL) {
        Py_DECREF(head);
        return NULL;
    }
    PyList_SET_ITEM(list, 0, head);
    return list;
}

PyObject *
pyr_response_write_headers(core_state *st, PyObject *const *args,
                           Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *dict = pyr_headers_dict(st, args[4]);
    PyObject *transport =
        dict == NULL ? NULL : pyr_instance_get(st, args[0], st->names.transport);
    PyObject *list = transport == NULL ? NULL : head_for(st, transport, args + 1, dict);
    PyObject *result =
        list == NULL ? NULL : pyr_call_named(transport, st->names.writeSequence, list);
    Py_XDECREF(dict);
    Py_XDECREF(transport);
    Py_XDECREF(list);
    if (result == NULL) {
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_NotImplemented);
    }
    Py_DECREF(result);
    Py_RETURN_NONE;
}

static PyObject *
call_transport(core_state *st, PyObject *self, PyObject *name, PyObject *argument)
{
    PyObject *transport = pyr_instance_get(st, self, st->names.transport);
    int status = transport == NULL ? -1 : pyr_call_dropping(transport, name, argument);
    Py_XDECREF(transport);
    return pyr_web_none(status);
}

PyObject *
pyr_response_channel_write(core_state *st, PyObject *const *args,
                           Py_ssize_t Py_UNUSED(nargs))
{
    return call_transport(st, args[0], st->names.write, args[1]);
}

PyObject *
pyr_response_channel_write_sequence(core_state *st, PyObject *const *args,
                                    Py_ssize_t Py_UNUSED(nargs))
{
    return call_transport(st, args[0], st->names.writeSequence, args[1]);
}

/* ---- Request.write ---- */

/* What the first write reads of the request. */
typedef struct {
    PyObject *version, *headers, *method;
    long code;
} answer_state;

static void
drop_state(answer_state *state)
{
    Py_CLEAR(state->version);
    Py_CLEAR(state->headers);
    Py_CLEAR(state->method);
}

/* 1: read, 0: the code is no int that C takes, -1: error */
static int
read_state(core_state *st, PyObject *self, answer_state *state)
{
    PyObject *code = PyObject_GetAttr(self, st->names.code);
    int overflow = 0;
    int is_int = code != NULL && PyLong_CheckExact(code);
    state->code = is_int ? PyLong_AsLongAndOverflow(code, &overflow) : 0;
    Py_XDECREF(code);
    if (code == NULL) {
        return -1;
    }
    state->version = PyObject_GetAttr(self, st->names.clientproto);
    state->headers = PyObject_GetAttr(self, st->names.responseHeaders);
    state->method = PyObject_GetAttr(self, st->names.method);
    return state->version == NULL || state->headers == NULL || state->method == NULL
               ? -1
               : is_int && overflow == 0;
}

/* 1: it has one, 0: none, or which codes have none is a program's to say, -1: error */
static int
has_body(core_state *st, const answer_state *state)
{
    PyObject *codes = PyDict_GetItemWithError(st->web->http, st->names.NO_BODY_CODES);
    if (codes != st->web->noBodyCodes) {
        return PyErr_Occurred() ? -1 : 0;
    }
    return state->code != 204 && state->code != 304 &&
           !pyr_web_equals(state->method, st->web->head_method);
}

/* Without a length, a body for HTTP/1.1 goes in chunks. */
static int
choose_chunks(core_state *st, PyObject *self, const answer_state *state)
{
    if (!pyr_web_equals(state->version, st->web->http11)) {
        return 0;
    }
    PyObject *length = pyr_headers_get(st, state->headers, st->web->name_content_length);
    Py_XDECREF(length);
    if (length != Py_None) {
        return length == NULL ? -1 : 0;
    }
    return pyr_headers_set(st, state->headers, st->web->name_transfer_encoding,
                           st->web->chunked_text) < 0
               ? -1
               : PyObject_SetAttr(self, st->names.chunked, st->web->one);
}

/* The headers Last-Modified, ETag and Set-Cookie, from the attributes.  1: done, 0: one
 * of them is Twisted's to say, -1: error */
static int
add_last_modified(core_state *st, PyObject *self, PyObject *headers)
{
    PyObject *when = PyObject_GetAttr(self, st->names.lastModified);
    int status = when == NULL ? -1 : 1;
    if (status > 0 && when != Py_None) {
        PyObject *date = pyr_date_of(st, when);
        status = date == NULL || pyr_headers_set(st, headers, st->web->name_last_modified,
                                                 date) < 0
                     ? -1
                     : 1;
        Py_XDECREF(date);
    }
    Py_XDECREF(when);
    return status;
}

static int
add_etag(core_state *st, PyObject *self, PyObject *headers)
{
    PyObject *etag = PyObject_GetAttr(self, st->names.etag);
    int status = etag == NULL ? -1
                 : etag == Py_None
                     ? 0
                     : pyr_headers_set(st, headers, st->web->name_etag, etag);
    Py_XDECREF(etag);
    return status;
}

static int
add_set_cookie(core_state *st, PyObject *self, PyObject *headers)
{
    PyObject *cookies = PyObject_GetAttr(self, st->names.cookies);
    int some = cookies == NULL ? -1 : pyr_truth(cookies);
    if (some > 0) {
        PyObject *done = pyr_web_call(headers, st->names.setRawHeaders,
                                      st->web->name_set_cookie, cookies);
        some = done == NULL ? -1 : 0;
        Py_XDECREF(done);
    }
    Py_XDECREF(cookies);
    return some;
}

/* self.channel.writeHeaders(version, b"%d" % code, reason, headers) */
static int
send_head(core_state *st, PyObject *self, const answer_state *state, PyObject *reason)
{
    PyObject *channel = PyObject_GetAttr(self, st->names.channel);
    PyObject *code = state->code == 200 ? Py_NewRef(st->web->ok_text)
                                        : PyBytes_FromFormat("%ld", state->code);
    PyObject *arguments[] = {channel, state->version, code, reason, state->headers};
    PyObject *result =
        channel == NULL || code == NULL
            ? NULL
            : PyObject_VectorcallMethod(st->names.writeHeaders, arguments,
                                        5 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_XDECREF(channel);
    Py_XDECREF(code);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Is there a Last-Modified in the headers as well as in the attribute?  Twisted logs it.
 */
static int
is_doubly_modified(core_state *st, PyObject *self, PyObject *headers)
{
    int is_none = pyr_web_is(self, st->names.lastModified, Py_None);
    if (is_none != 0) {
        return is_none < 0 ? -1 : 0;
    }
    PyObject *dict = pyr_headers_dict(st, headers);
    if (dict != NULL) {
        int contains = PyDict_Contains(dict, st->web->name_last_modified);
        Py_DECREF(dict);
        return contains;
    }
    PyObject *found =
        pyr_call_named(headers, st->names.hasHeader, st->web->name_last_modified);
    int truth = found == NULL ? -1 : pyr_truth(found);
    Py_XDECREF(found);
    return truth;
}

/* The first write of a response that has a body. */
static int
begin_response(core_state *st, PyObject *self, const answer_state *state)
{
    /* Twisted reads the reason before anything else, and it might be changed below. */
    PyObject *reason = PyObject_GetAttr(self, st->names.code_message);
    int status = reason == NULL || PyObject_SetAttr(self, st->names.startedWriting,
                                                    st->web->one) < 0
                     ? -1
                     : choose_chunks(st, self, state);
    if (status == 0 && (add_last_modified(st, self, state->headers) < 0 ||
                        add_etag(st, self, state->headers) < 0 ||
                        add_set_cookie(st, self, state->headers) < 0)) {
        status = -1;
    }
    if (status == 0) {
        status = send_head(st, self, state, reason);
    }
    Py_XDECREF(reason);
    return status;
}

/* Begin the response, if C can.  1: done, 0: nothing was done, -1: error */
static int
try_to_begin(core_state *st, PyObject *self)
{
    answer_state state = {NULL, NULL, NULL, 0};
    int plain = read_state(st, self, &state);
    if (plain > 0) {
        plain = has_body(st, &state);
    }
    if (plain > 0) {
        int twice = is_doubly_modified(st, self, state.headers);
        plain = twice < 0 ? -1 : !twice;
    }
    if (plain > 0 && begin_response(st, self, &state) < 0) {
        plain = -1;
    }
    drop_state(&state);
    return plain;
}

/* self.sentLength += len(data) */
static int
count(core_state *st, PyObject *self, Py_ssize_t size)
{
    PyObject *before = PyObject_GetAttr(self, st->names.sentLength);
    PyObject *more = before == NULL ? NULL : PyLong_FromSsize_t(size);
    PyObject *after = more == NULL ? NULL : PyNumber_Add(before, more);
    Py_XDECREF(before);
    Py_XDECREF(more);
    return pyr_web_set_new(self, st->names.sentLength, after);
}

/* self.channel.writeSequence(toChunk(data)) */
static int
send_chunk(core_state *st, PyObject *channel, PyObject *data)
{
    PyObject *function = PyDict_GetItemWithError(st->web->http, st->names.toChunk);
    PyObject *pieces_of = NULL;
    if (function == st->web->toChunk && function != NULL) {
        char size[24];
        int digits = PyOS_snprintf(size, sizeof(size), "%zx", PyBytes_GET_SIZE(data));
        pieces_of = Py_BuildValue("(y#OOO)", size, (Py_ssize_t)digits, st->web->cr_lf,
                                  data, st->web->cr_lf);
    } else if (function != NULL) {
        Py_INCREF(function);
        pieces_of = PyObject_CallOneArg(function, data);
        Py_DECREF(function);
    } else if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_NameError, "name 'toChunk' is not defined");
    }
    int status = pieces_of == NULL
                     ? -1
                     : pyr_call_dropping(channel, st->names.writeSequence, pieces_of);
    Py_XDECREF(pieces_of);
    return status;
}

static int
send_body(core_state *st, PyObject *self, PyObject *data)
{
    if (count(st, self, PyBytes_GET_SIZE(data)) < 0) {
        return -1;
    }
    if (PyBytes_GET_SIZE(data) == 0) {
        return 0;
    }
    int chunked = pyr_attribute_true(self, st->names.chunked);
    PyObject *channel = chunked < 0 ? NULL : PyObject_GetAttr(self, st->names.channel);
    int status = channel == NULL ? -1
                 : chunked       ? send_chunk(st, channel, data)
                                 : pyr_call_dropping(channel, st->names.write, data);
    Py_XDECREF(channel);
    return status;
}

PyObject *
pyr_response_write(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *self = args[0];
    int finished = pyr_attribute_true(self, st->names.finished);
    if (finished != 0 || !PyBytes_CheckExact(args[1])) {
        return finished < 0 ? NULL : Py_NewRef(Py_NotImplemented);
    }
    int gone = pyr_attribute_true(self, st->names._disconnected);
    if (gone != 0) {
        return gone < 0 ? NULL : Py_NewRef(Py_None);
    }
    int started = pyr_attribute_true(self, st->names.startedWriting);
    if (started == 0) {
        started = try_to_begin(st, self);
        if (started == 0) {
            Py_RETURN_NOTIMPLEMENTED;
        }
    }
    return started < 0 ? NULL : pyr_web_none(send_body(st, self, args[1]));
}

/* ---- Request.write of the server's ---- */

/* Is a Content-Type to be added?  Not without a body, or where there is one. */
static int
needs_type(core_state *st, PyObject *self, PyObject *headers)
{
    PyObject *code = PyObject_GetAttr(self, st->names.code);
    int bodiless =
        code == NULL ? -1 : PyObject_RichCompareBool(code, st->web->code_304, Py_EQ);
    if (bodiless == 0) {
        bodiless = PyObject_RichCompareBool(code, st->web->code_204, Py_EQ);
    }
    Py_XDECREF(code);
    PyObject *type =
        bodiless < 0 ? NULL : pyr_headers_get(st, headers, st->web->name_content_type);
    PyObject *length =
        type == NULL ? NULL : pyr_headers_get(st, headers, st->web->name_content_length);
    int needs = length == NULL ? -1 : !bodiless && type == Py_None;
    if (needs > 0 && length != Py_None) {
        PyObject *first = PySequence_GetItem(length, 0);
        needs = first == NULL ? -1 : !pyr_web_equals(first, st->web->zero_text);
        Py_XDECREF(first);
    }
    Py_XDECREF(type);
    Py_XDECREF(length);
    return needs;
}

static int
add_type(core_state *st, PyObject *self)
{
    PyObject *headers = PyObject_GetAttr(self, st->names.responseHeaders);
    int needs = headers == NULL ? -1 : needs_type(st, self, headers);
    if (needs > 0) {
        PyObject *type = PyObject_GetAttr(self, st->names.defaultContentType);
        needs = type == NULL ? -1
                : type == Py_None
                    ? 0
                    : pyr_headers_set(st, headers, st->web->name_content_type, type);
        Py_XDECREF(type);
    }
    Py_XDECREF(headers);
    return needs;
}

/* The method `name` that Twisted's own class of http has, on self, which is `function` if
 * the class has not another (`bit` of pyr_whole_base); a new reference */
static PyObject *
call_base(core_state *st, unsigned int bit, pyr_web_function function, PyObject *name,
          PyObject *const *args, Py_ssize_t nargs)
{
    if ((pyr_whole_base(st) & bit) == 0) {
        PyObject *done = function(st, args, nargs);
        if (done != Py_NotImplemented) {
            return done;
        }
        Py_DECREF(done);
    }
    PyObject *base = PyObject_GetAttr((PyObject *)st->web->Request, name);
    PyObject *result =
        base == NULL ? NULL : PyObject_Vectorcall(base, args, (size_t)nargs, NULL);
    Py_XDECREF(base);
    return result;
}

/* data, as the encoder changes it; a new reference */
static PyObject *
encoded(core_state *st, PyObject *self, PyObject *data)
{
    PyObject *encoder = PyObject_GetAttr(self, st->names._encoder);
    int truth = encoder == NULL ? -1 : pyr_truth(encoder);
    PyObject *result = truth < 0   ? NULL
                       : truth > 0 ? pyr_call_named(encoder, st->names.encode, data)
                                   : Py_NewRef(data);
    Py_XDECREF(encoder);
    return result;
}

PyObject *
pyr_response_server_write(core_state *st, PyObject *const *args,
                          Py_ssize_t Py_UNUSED(nargs))
{
    int started = pyr_attribute_true(args[0], st->names.startedWriting);
    if (started < 0 || (!started && add_type(st, args[0]) < 0)) {
        return NULL;
    }
    int faked = pyr_attribute_true(args[0], st->names._inFakeHead);
    if (faked != 0) {
        return pyr_web_none(faked < 0 ? -1 : 0);
    }
    PyObject *data = encoded(st, args[0], args[1]);
    PyObject *arguments[] = {args[0], data};
    PyObject *result = data == NULL ? NULL
                                    : call_base(st, PYR_BASE_WRITE, pyr_response_write,
                                                st->names.write, arguments, 2);
    int status = result == NULL ? -1 : 0;
    Py_XDECREF(data);
    Py_XDECREF(result);
    return pyr_web_none(status);
}

/* ---- the end ---- */

/* self.channel.factory.log(self), if there is such a factory */
static int
log_request(core_state *st, PyObject *self)
{
    PyObject *channel = PyObject_GetAttr(self, st->names.channel);
    PyObject *factory = NULL;
    int found = channel == NULL
                    ? -1
                    : PyObject_GetOptionalAttr(channel, st->names.factory, &factory);
    if (found > 0 && factory != Py_None) {
        found = pyr_call_dropping(factory, st->names.log, self);
    }
    Py_XDECREF(channel);
    Py_XDECREF(factory);
    return found < 0 ? -1 : 0;
}

/* Begin a response that has no body, or end one that is in chunks. */
static int
complete(core_state *st, PyObject *self)
{
    int started = pyr_attribute_true(self, st->names.startedWriting);
    if (started < 0 ||
        (!started && pyr_call_dropping(self, st->names.write, st->web->empty) < 0)) {
        return -1;
    }
    int chunked = pyr_attribute_true(self, st->names.chunked);
    if (chunked <= 0) {
        return chunked;
    }
    PyObject *channel = PyObject_GetAttr(self, st->names.channel);
    int status = channel == NULL
                     ? -1
                     : pyr_call_dropping(channel, st->names.write, st->web->last_chunk);
    Py_XDECREF(channel);
    return status;
}

PyObject *
pyr_response_finish(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *self = args[0];
    int over = pyr_attribute_true(self, st->names._disconnected);
    if (over == 0) {
        over = pyr_attribute_true(self, st->names.finished);
    }
    if (over != 0) {
        return over < 0 ? NULL : Py_NewRef(Py_NotImplemented);
    }
    if (complete(st, self) < 0 || log_request(st, self) < 0 ||
        PyObject_SetAttr(self, st->names.finished, st->web->one) < 0) {
        return NULL;
    }
    int queued = pyr_attribute_true(self, st->names.queued);
    return queued < 0 ? NULL
           : queued   ? Py_NewRef(Py_None)
                      : pyr_web_none(pyr_call_dropping(self, st->names._cleanup, NULL));
}

PyObject *
pyr_response_server_finish(core_state *st, PyObject *const *args,
                           Py_ssize_t Py_UNUSED(nargs))
{
    int other = pyr_attribute_true(args[0], st->names._encoder);
    if (other == 0) { /* a warning of Twisted's names the file of the calling function */
        other = pyr_attribute_true(args[0], st->names.finished);
    }
    return other < 0 ? NULL
           : other   ? Py_NewRef(Py_NotImplemented)
                   : pyr_web_given(st, call_base(st, PYR_BASE_FINISH, pyr_response_finish,
                                                 st->names.finish, args, 1));
}

/* self.content.close(), and there is none */
static int
close_content(core_state *st, PyObject *self)
{
    PyObject *content = PyObject_GetAttr(self, st->names.content);
    if (content == NULL || content == Py_None) {
        Py_XDECREF(content);
        return content == NULL ? -1 : 0;
    }
    int status = pyr_call_dropping(content, st->names.close, NULL);
    Py_DECREF(content);
    if (status < 0) {
        if (!PyErr_ExceptionMatches(PyExc_OSError)) {
            return -1;
        }
        PyErr_Clear();
    }
    return PyObject_SetAttr(self, st->names.content, NULL);
}

/* Fire those who wait for the end. */
static int
notify(core_state *st, PyObject *self)
{
    PyObject *waiting = PyObject_GetAttr(self, st->names.notifications);
    PyObject *each = waiting == NULL ? NULL : PyObject_GetIter(waiting);
    PyObject *one;
    int status = each == NULL ? -1 : 0;
    while (status == 0 && (one = PyIter_Next(each)) != NULL) {
        status = pyr_call_dropping(one, st->names.callback, Py_None);
        Py_DECREF(one);
    }
    Py_XDECREF(waiting);
    Py_XDECREF(each);
    return status < 0 || PyErr_Occurred()
               ? -1
               : pyr_web_set_new(self, st->names.notifications, PyList_New(0));
}

PyObject *
pyr_response_cleanup(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *self = args[0];
    int producing = pyr_attribute_true(self, st->names.producer);
    if (producing != 0) {
        return producing < 0 ? NULL : Py_NewRef(Py_NotImplemented);
    }
    PyObject *channel = PyObject_GetAttr(self, st->names.channel);
    int status =
        channel == NULL ? -1 : pyr_call_dropping(channel, st->names.requestDone, self);
    Py_XDECREF(channel);
    if (status < 0 || PyObject_SetAttr(self, st->names.channel, NULL) < 0 ||
        close_content(st, self) < 0) {
        return NULL;
    }
    return pyr_web_none(notify(st, self));
}
