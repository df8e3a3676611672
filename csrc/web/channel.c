/* HTTPChannel of twisted.web.http; see channel.h. */
#include "web/channel.h"

#include "core/override.h"
#include "web/head.h"
#include "web/headers.h"
#include "web/objects.h"
#include "web/request.h"

/* ---- what is received ---- */

PyObject *
pyr_channel_generic_data_received(core_state *st, PyObject *const *args,
                                  Py_ssize_t Py_UNUSED(nargs))
{
    int undecided = pyr_web_is(args[0], st->names._negotiatedProtocol, Py_None);
    if (undecided != 0) {
        return undecided < 0 ? NULL : Py_NewRef(Py_NotImplemented);
    }
    PyObject *channel = PyObject_GetAttr(args[0], st->names._channel);
    PyObject *result =
        channel == NULL ? NULL : pyr_call_named(channel, st->names.dataReceived, args[1]);
    Py_XDECREF(channel);
    return result;
}

PyObject *
pyr_channel_data_received(core_state *st, PyObject *const *args,
                          Py_ssize_t Py_UNUSED(nargs))
{
    if (pyr_call_dropping(args[0], st->names.resetTimeout, NULL) < 0) {
        return NULL;
    }
    PyObject *receive =
        PyObject_GetAttr((PyObject *)st->web->LineReceiver, st->names.dataReceived);
    PyObject *result =
        receive == NULL ? NULL : PyObject_Vectorcall(receive, args, 2, NULL);
    int status = result == NULL ? -1 : 0;
    Py_XDECREF(receive);
    Py_XDECREF(result);
    return pyr_web_none(status);
}

/* While a request is at work: keep what comes, and stop the peer after some of it. */
static int
keep_for_later(core_state *st, PyObject *self, PyObject *data)
{
    PyObject *pieces = PyObject_GetAttr(self, st->names._dataBuffer);
    PyObject *most = NULL;
    Py_ssize_t size = 0;
    int status = pieces == NULL ? -1 : pyr_call_dropping(pieces, st->names.append, data);
    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(pieces); i++) {
        PyObject *piece = Py_NewRef(PyList_GET_ITEM(pieces, i));
        Py_ssize_t one = PyObject_Size(piece);
        Py_DECREF(piece);
        status = one < 0 ? -1 : 0;
        size += one;
    }
    if (status == 0) {
        most = PyObject_GetAttr(self, st->names._optimisticEagerReadSize);
        status = most == NULL ? -1 : 0;
    }
    PyObject *number = status < 0 ? NULL : PyLong_FromSsize_t(size);
    int exceeds = number == NULL ? -1 : PyObject_RichCompareBool(number, most, Py_GT);
    int waits =
        exceeds > 0 ? pyr_attribute_true(self, st->names._waitingForTransport) : 1;
    Py_XDECREF(pieces);
    Py_XDECREF(most);
    Py_XDECREF(number);
    if (exceeds < 0 || waits != 0) {
        return exceeds < 0 || waits < 0 ? -1 : 0;
    }
    PyObject *network = PyObject_GetAttr(self, st->names._networkProducer);
    status =
        network == NULL ? -1 : pyr_call_dropping(network, st->names.pauseProducing, NULL);
    Py_XDECREF(network);
    return status;
}

PyObject *
pyr_channel_raw_data_received(core_state *st, PyObject *const *args,
                              Py_ssize_t Py_UNUSED(nargs))
{
    int handling = pyr_attribute_true(args[0], st->names._handlingRequest);
    if (handling < 0) {
        return NULL;
    }
    if (handling) {
        PyObject *pieces = PyObject_GetAttr(args[0], st->names._dataBuffer);
        bool is_list = pieces != NULL && PyList_CheckExact(pieces);
        Py_XDECREF(pieces);
        return pieces == NULL ? NULL
               : is_list      ? pyr_web_none(keep_for_later(st, args[0], args[1]))
                              : Py_NewRef(Py_NotImplemented);
    }
    PyObject *decoder = PyObject_GetAttr(args[0], st->names._transferDecoder);
    int status = decoder == NULL
                     ? -1
                     : pyr_call_dropping(decoder, st->names.dataReceived, args[1]);
    Py_XDECREF(decoder);
    if (status < 0 && decoder != NULL &&
        PyErr_ExceptionMatches(st->web->MalformedChunk)) {
        PyErr_Clear();
        status = pyr_call_dropping(args[0], st->names.respondToBadRequest, NULL);
    }
    return pyr_web_none(status);
}

/* ---- a whole head ---- */

/* What the head's methods would have to be called for, if they were not Twisted's. */
static const pyr_override parsing[] = {
#define METHOD(name, function, bit)                                                 \
    {                                                                               \
        PYR_NAME(name),                                                             \
            {offsetof(pyr_web_state, function), offsetof(pyr_web_state, function)}, \
            (bit)                                                                   \
    }
    METHOD(lineReceived, HTTPChannel_lineReceived, 1),
    METHOD(headerReceived, HTTPChannel_headerReceived, 1),
    METHOD(maybeChooseDecoder, HTTPChannel__maybeChooseTransferDecoder, 1),
#undef METHOD
    {0},
};

/* Does the channel find Twisted's own methods under these names? */
static int
parses_plainly(core_state *st, PyObject *channel)
{
    pyr_web_class *known = &st->web->channel_class;
    PyTypeObject *type = Py_TYPE(channel);
    if (!pyr_class_is_as_seen(&known->seen, type)) {
        pyr_class_see(st, &known->seen, type);
        known->overrides = pyr_class_overrides(st, type, parsing, st->web);
        if (!PyType_IsSubtype(type, st->web->HTTPChannel)) {
            known->overrides = 1;
        }
    }
    if (known->overrides != 0) {
        return 0;
    }
    PyObject *dict = PyObject_GenericGetDict(channel, NULL);
    int own = dict == NULL ? -1 : PyDict_Contains(dict, st->names.headerReceived);
    if (own == 0) {
        own = PyDict_Contains(dict, st->names.maybeChooseDecoder);
    }
    if (own == 0) {
        own = PyDict_Contains(dict, st->names.lineReceived);
    }
    Py_XDECREF(dict);
    return own < 0 ? -1 : own == 0;
}

/* An attribute that is an int of moderate size, into *value; 0: it is none, -1: error */
static int
small_int(PyObject *object, PyObject *name, long *value)
{
    PyObject *found = PyObject_GetAttr(object, name);
    int overflow = 0;
    int is_int = found != NULL && PyLong_Check(found);
    *value = is_int ? PyLong_AsLongAndOverflow(found, &overflow) : 0;
    Py_XDECREF(found);
    return found == NULL ? -1 : is_int && overflow == 0;
}

/* What the limits leave for this head. */
typedef struct {
    long first_line, count, size, most_count, most_size;
} room;

static int
read_room(core_state *st, PyObject *channel, room *left)
{
    const struct {
        PyObject *name;
        long *value;
    } all[] = {
        {st->names.firstLine, &left->first_line},
        {st->names._receivedHeaderCount, &left->count},
        {st->names._receivedHeaderSize, &left->size},
        {st->names.maxHeaders, &left->most_count},
        {st->names.totalHeadersSize, &left->most_size},
    };
    int plain = 1;
    for (size_t i = 0; plain > 0 && i < sizeof(all) / sizeof(all[0]); i++) {
        plain = small_int(channel, all[i].name, all[i].value);
    }
    return plain;
}

/* Is nothing of an earlier line left, but for the request line if that is gone?  And the
 * connection goes on. */
static int
is_at_rest(core_state *st, PyObject *channel, bool first_line)
{
    PyObject *header = PyObject_GetAttr(channel, st->names.pendingHeader);
    int rests = header == NULL ? -1 : pyr_web_equals(header, st->web->empty);
    Py_XDECREF(header);
    if (rests > 0) {
        rests = pyr_web_is(channel, st->names._transferDecoder, Py_None);
    }
    return rests > 0 && first_line ? pyr_attribute_true(channel, st->names.persistent)
                                   : rests;
}

/* channel.<name> = int(value) */
static int
set_int(PyObject *channel, PyObject *name, long value)
{
    return pyr_web_set_new(channel, name, PyLong_FromLong(value));
}

/* requestFactory makes the request, and it becomes the channel's last one. */
static int
begin_request(core_state *st, PyObject *channel, PyObject *factory)
{
    PyObject *requests = PyObject_GetAttr(channel, st->names.requests);
    Py_ssize_t count = requests == NULL ? -1 : PyObject_Size(requests);
    PyObject *queued = count < 0 ? NULL : PyLong_FromSsize_t(count);
    PyObject *request =
        queued == NULL ? NULL
                       : pyr_request_new(st, (PyTypeObject *)factory, channel, queued);
    int status =
        request == NULL ? -1 : pyr_call_dropping(requests, st->names.append, request);
    Py_XDECREF(requests);
    Py_XDECREF(queued);
    Py_XDECREF(request);
    return status;
}

/* What lineReceived notes of the request line. */
static int
note_request_line(core_state *st, PyObject *channel, const pyr_head *head,
                  const char *text)
{
    PyObject *method = head->method_size == 3 && memcmp(text, "GET", 3) == 0
                           ? Py_NewRef(st->web->get_method)
                           : PyBytes_FromStringAndSize(text, head->method_size);
    if (PyObject_SetAttr(channel, st->names.firstLine, st->web->zero) < 0 ||
        pyr_web_set_new(channel, st->names._command, method) < 0) {
        return -1;
    }
    return pyr_web_set_new(
               channel, st->names._path,
               PyBytes_FromStringAndSize(text + head->path, head->path_size)) < 0
               ? -1
               : PyObject_SetAttr(channel, st->names._version,
                                  head->is_http_11 ? st->web->http11 : st->web->http10);
}

/* All headers go into the request's. */
static int
fill_headers(core_state *st, PyObject *request, const pyr_head *head, const char *text)
{
    PyObject *headers = PyObject_GetAttr(request, st->names.requestHeaders);
    PyObject *dict = headers == NULL ? NULL : pyr_headers_dict(st, headers);
    int status = headers == NULL ? -1 : 0;
    for (int i = 0; status == 0 && i < head->count; i++) {
        const pyr_field *field = &head->fields[i];
        PyObject *name = pyr_headers_canonical(st, text + field->name, field->name_size);
        PyObject *value = name == NULL ? NULL
                                       : PyBytes_FromStringAndSize(text + field->value,
                                                                   field->value_size);
        if (value == NULL) {
            status = -1;
        } else if (dict != NULL) {
            status = pyr_headers_add(st, dict, name, value);
        } else {
            PyObject *done = pyr_web_call(headers, st->names.addRawHeader, name, value);
            status = done == NULL ? -1 : 0;
            Py_XDECREF(done);
        }
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    Py_XDECREF(headers);
    Py_XDECREF(dict);
    return status;
}

/* type(length, request.handleContentChunk, channel._finishRequestBody), the first for a
 * length that is not None only */
static PyObject *
make_decoder(core_state *st, PyObject *channel, PyObject *request, PyObject *length)
{
    PyObject *chunk = PyObject_GetAttr(request, st->names.handleContentChunk);
    PyObject *end =
        chunk == NULL ? NULL : PyObject_GetAttr(channel, st->names._finishRequestBody);
    PyObject *arguments[] = {NULL, length, chunk, end};
    PyObject *decoder = NULL;
    if (end != NULL) {
        decoder = length == Py_None
                      ? PyObject_Vectorcall(st->web->chunkedDecoder, arguments + 2,
                                            2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
                      : PyObject_Vectorcall(st->web->identityDecoder, arguments + 1,
                                            3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    }
    Py_XDECREF(chunk);
    Py_XDECREF(end);
    return decoder;
}

/* What _maybeChooseTransferDecoder does, if a header says how long the body is. */
static int
choose_decoder(core_state *st, PyObject *channel, PyObject *request, const pyr_head *head)
{
    if (head->body == PYR_BODY_NONE) {
        return 0;
    }
    PyObject *length = head->body == PYR_BODY_CHUNKED ? Py_NewRef(Py_None)
                                                      : PyLong_FromLongLong(head->length);
    PyObject *decoder =
        length == NULL ? NULL : make_decoder(st, channel, request, length);
    int status =
        decoder == NULL ? -1 : PyObject_SetAttr(channel, st->names.length, length);
    if (status == 0) {
        status = PyObject_SetAttr(channel, st->names._transferDecoder, decoder);
    }
    Py_XDECREF(length);
    Py_XDECREF(decoder);
    return status;
}

/* The empty line: self.allHeadersReceived(), and what comes next. */
static int
end_head(core_state *st, PyObject *channel)
{
    if (PyObject_SetAttr(channel, st->names.pendingHeader, st->web->empty) < 0 ||
        pyr_call_dropping(channel, st->names.allHeadersReceived, NULL) < 0) {
        return -1;
    }
    PyObject *length = PyObject_GetAttr(channel, st->names.length);
    int is_zero =
        length == NULL ? -1 : PyObject_RichCompareBool(length, st->web->zero, Py_EQ);
    Py_XDECREF(length);
    return is_zero < 0
               ? -1
               : pyr_call_dropping(
                     channel,
                     is_zero ? st->names.allContentReceived : st->names.setRawMode, NULL);
}

/* Do what Twisted does for each line of the head. */
static int
receive_head(core_state *st, PyObject *channel, PyObject *factory, const pyr_head *head,
             const room *before, const char *text)
{
    if (factory != NULL && (begin_request(st, channel, factory) < 0 ||
                            note_request_line(st, channel, head, text) < 0)) {
        return -1;
    }
    PyObject *request = pyr_web_last_request(st, channel);
    int status = request == NULL ? -1 : choose_decoder(st, channel, request, head);
    if (status == 0) {
        status = fill_headers(st, request, head, text);
    }
    Py_XDECREF(request);
    if (status < 0 || set_int(channel, st->names._receivedHeaderSize,
                              before->size + (long)head->text) < 0) {
        return -1;
    }
    if (head->count > 0 && set_int(channel, st->names._receivedHeaderCount,
                                   before->count + head->count) < 0) {
        return -1;
    }
    return end_head(st, channel);
}

/* The class that makes the request, if making one runs no code of a program's (a new
 * reference); NULL without an exception: its line is Twisted's own. */
static PyObject *
plain_factory(core_state *st, PyObject *channel)
{
    PyObject *factory = PyObject_GetAttr(channel, st->names.requestFactory);
    if (factory != NULL && !pyr_request_is_plain(st, factory)) {
        Py_CLEAR(factory);
    }
    return factory;
}

/* Is a plain head there, within the limits?  1, 0, or -1 with an exception. */
static int
find_head(core_state *st, PyObject *channel, const pyr_lines *lines, room *before,
          PyObject **factory, pyr_head *head)
{
    int plain = parses_plainly(st, channel);
    if (plain > 0) {
        plain = read_room(st, channel, before);
    }
    bool first = before->first_line != 0;
    if (plain > 0) {
        plain = is_at_rest(st, channel, first);
    }
    if (plain > 0 && first) {
        *factory = plain_factory(st, channel);
        plain = *factory != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
    }
    if (plain <= 0) {
        return plain;
    }
    Py_ssize_t size;
    const char *data = lines->peek(lines->buffer, &size);
    return pyr_head_parse(head, data, size, first) &&
           before->size + head->text <= before->most_size &&
           before->count + head->count <= before->most_count;
}

bool
pyr_channel_take_head(core_state *st, PyObject *channel, const pyr_lines *lines,
                      PyObject **result)
{
    pyr_head head;
    room before = {0};
    PyObject *factory = NULL;
    int found = find_head(st, channel, lines, &before, &factory, &head);
    if (found > 0) {
        PyObject *text = lines->cut(lines->buffer, head.size);
        found = text == NULL ? -1
                             : receive_head(st, channel, factory, &head, &before,
                                            PyBytes_AS_STRING(text));
        Py_XDECREF(text);
        *result = pyr_web_none(found);
        found = 1;
    } else {
        *result = NULL;
    }
    Py_XDECREF(factory);
    return found != 0;
}

/* ---- between head and request ---- */

/* Whether the client waits for a "100 Continue" */
static int
expects_continue(core_state *st, PyObject *self, PyObject *request)
{
    PyObject *headers = PyObject_GetAttr(request, st->names.requestHeaders);
    PyObject *values =
        headers == NULL ? NULL : pyr_headers_get(st, headers, st->web->name_expect);
    Py_XDECREF(headers);
    int truth = values == NULL ? -1 : pyr_truth(values);
    PyObject *first = truth > 0 ? PySequence_GetItem(values, 0) : NULL;
    PyObject *lower = first == NULL ? NULL : pyr_call_named(first, st->names.lower, NULL);
    if (truth > 0) {
        truth = lower == NULL ? -1 : pyr_web_equals(lower, st->web->continue_text);
    }
    if (truth > 0) {
        PyObject *version = PyObject_GetAttr(self, st->names._version);
        truth = version == NULL ? -1 : pyr_web_equals(version, st->web->http11);
        Py_XDECREF(version);
    }
    Py_XDECREF(values);
    Py_XDECREF(first);
    Py_XDECREF(lower);
    return truth;
}

/* self.persistent = self.checkPersistence(request, self._version) */
static int
note_persistence(core_state *st, PyObject *self, PyObject *request)
{
    PyObject *version = PyObject_GetAttr(self, st->names._version);
    PyObject *persistent =
        version == NULL
            ? NULL
            : pyr_web_call(self, st->names.checkPersistence, request, version);
    Py_XDECREF(version);
    return pyr_web_set_new(self, st->names.persistent, persistent);
}

static int
all_headers_received(core_state *st, PyObject *self, PyObject *request)
{
    if (pyr_call_dropping(request, st->names.parseCookies, NULL) < 0 ||
        note_persistence(st, self, request) < 0) {
        return -1;
    }
    PyObject *length = PyObject_GetAttr(self, st->names.length);
    int status =
        length == NULL ? -1 : pyr_call_dropping(request, st->names.gotLength, length);
    Py_XDECREF(length);
    int expects = status < 0 ? -1 : expects_continue(st, self, request);
    return expects <= 0 ? expects
                        : pyr_call_dropping(self, st->names._send100Continue, NULL);
}

PyObject *
pyr_channel_all_headers_received(core_state *st, PyObject *const *args,
                                 Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *request = pyr_web_last_request(st, args[0]);
    int status = request == NULL ? -1 : all_headers_received(st, args[0], request);
    Py_XDECREF(request);
    return pyr_web_none(status);
}

/* Is "close" among the words of the header Connection's first value? */
static bool
says_close(PyObject *value)
{
    const char *word = PyBytes_AS_STRING(value);
    const char *end = word + PyBytes_GET_SIZE(value);
    while (word < end) {
        const char *space = memchr(word, ' ', (size_t)(end - word));
        const char *next = space == NULL ? end : space;
        if (next - word == 5 && PyOS_strnicmp(word, "close", 5) == 0) {
            return true;
        }
        word = next + 1;
    }
    return false;
}

PyObject *
pyr_channel_check_persistence(core_state *st, PyObject *const *args,
                              Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *headers = PyObject_GetAttr(args[1], st->names.requestHeaders);
    PyObject *values =
        headers == NULL ? NULL : pyr_headers_get(st, headers, st->web->name_connection);
    Py_XDECREF(headers);
    if (values == NULL) {
        return NULL;
    }
    bool is_list = PyList_CheckExact(values) && PyList_GET_SIZE(values) > 0;
    PyObject *first = is_list ? PyList_GET_ITEM(values, 0) : NULL;
    if (values != Py_None && (first == NULL || !PyBytes_CheckExact(first))) {
        Py_DECREF(values);
        Py_RETURN_NOTIMPLEMENTED;
    }
    bool closes = first != NULL && says_close(first);
    Py_DECREF(values);
    if (!pyr_web_equals(args[2], st->web->http11)) {
        Py_RETURN_FALSE;
    }
    if (!closes) {
        Py_RETURN_TRUE;
    }
    headers = PyObject_GetAttr(args[1], st->names.responseHeaders);
    int status = headers == NULL ? -1
                                 : pyr_headers_set(st, headers, st->web->name_connection,
                                                   st->web->close_text);
    Py_XDECREF(headers);
    return status < 0 ? NULL : Py_NewRef(Py_False);
}

PyObject *
pyr_channel_finish_request_body(core_state *st, PyObject *const *args,
                                Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *pieces = PyObject_GetAttr(args[0], st->names._dataBuffer);
    int status =
        pieces == NULL ? -1 : pyr_call_dropping(pieces, st->names.append, args[1]);
    Py_XDECREF(pieces);
    if (status == 0) {
        status = pyr_call_dropping(args[0], st->names.allContentReceived, NULL);
    }
    return pyr_web_none(status);
}

/* The state of the head and the body is gone: the next one may come. */
static int
reset_channel(core_state *st, PyObject *self)
{
    const struct {
        PyObject *name, *value;
    } all[] = {
        {st->names.length, st->web->zero},
        {st->names._receivedHeaderCount, st->web->zero},
        {st->names._receivedHeaderSize, st->web->zero},
        {st->names.firstLine, st->web->one},
        {st->names._transferDecoder, Py_None},
        {st->names._command, NULL},
        {st->names._path, NULL},
        {st->names._version, NULL},
    };
    int status = 0;
    for (size_t i = 0; status == 0 && i < sizeof(all) / sizeof(all[0]); i++) {
        status = PyObject_SetAttr(self, all[i].name, all[i].value);
    }
    return status;
}

/* No timeout while the request is handled. */
static int
suspend_timeout(core_state *st, PyObject *self)
{
    int limited = pyr_attribute_true(self, st->names.timeOut);
    return limited <= 0
               ? limited
               : pyr_web_set_new(self, st->names._savedTimeOut,
                                 pyr_call_named(self, st->names.setTimeout, Py_None));
}

/* self.requests[-1].requestReceived(command, path, version) */
static int
hand_to_request(core_state *st, PyObject *self, PyObject *const *line)
{
    if (reset_channel(st, self) < 0 || suspend_timeout(st, self) < 0 ||
        PyObject_SetAttr(self, st->names._handlingRequest, Py_True) < 0 ||
        pyr_call_dropping(self, st->names.setRawMode, NULL) < 0) {
        return -1;
    }
    PyObject *request = pyr_web_last_request(st, self);
    PyObject *arguments[] = {request, line[0], line[1], line[2]};
    PyObject *result =
        request == NULL
            ? NULL
            : PyObject_VectorcallMethod(st->names.requestReceived, arguments,
                                        4 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    int status = result == NULL ? -1 : 0;
    Py_XDECREF(request);
    Py_XDECREF(result);
    return status;
}

PyObject *
pyr_channel_all_content_received(core_state *st, PyObject *const *args,
                                 Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *const names[] = {st->names._command, st->names._path, st->names._version};
    PyObject *line[3] = {NULL, NULL, NULL};
    int status = 0;
    for (int i = 0; status == 0 && i < 3; i++) {
        line[i] = PyObject_GetAttr(args[0], names[i]);
        status = line[i] == NULL ? -1 : 0;
    }
    if (status == 0) {
        status = hand_to_request(st, args[0], line);
    }
    for (int i = 0; i < 3; i++) {
        Py_XDECREF(line[i]);
    }
    return pyr_web_none(status);
}

/* ---- after a request ---- */

/* Take the request off the queue, whose first it has to be. */
static int
dequeue(core_state *st, PyObject *self, PyObject *request)
{
    PyObject *requests = PyObject_GetAttr(self, st->names.requests);
    PyObject *first = requests == NULL ? NULL : PySequence_GetItem(requests, 0);
    int differs = first == NULL      ? -1
                  : first == request ? 0
                                     : PyObject_RichCompareBool(request, first, Py_NE);
    int status = differs < 0 ? -1 : 0;
    if (differs > 0) {
        PyErr_SetNone(PyExc_TypeError);
        status = -1;
    } else if (status == 0) {
        status = PySequence_DelItem(requests, 0);
    }
    Py_XDECREF(requests);
    Py_XDECREF(first);
    return status;
}

static int
resume_network(core_state *st, PyObject *self)
{
    int waits = pyr_attribute_true(self, st->names._waitingForTransport);
    if (waits != 0) {
        return waits < 0 ? -1 : 0;
    }
    PyObject *network = PyObject_GetAttr(self, st->names._networkProducer);
    int status = network == NULL
                     ? -1
                     : pyr_call_dropping(network, st->names.resumeProducing, NULL);
    Py_XDECREF(network);
    return status;
}

/* b"".join(self._dataBuffer), which is empty then */
static PyObject *
take_kept(core_state *st, PyObject *self)
{
    PyObject *pieces = PyObject_GetAttr(self, st->names._dataBuffer);
    if (pieces == NULL) {
        return NULL;
    }
    PyObject *data = PyList_CheckExact(pieces) && PyList_GET_SIZE(pieces) == 0
                         ? Py_NewRef(st->web->empty)
                         : pyr_call_named(st->web->empty, st->names.join, pieces);
    Py_DECREF(pieces);
    if (data != NULL && pyr_web_set_new(self, st->names._dataBuffer, PyList_New(0)) < 0) {
        Py_CLEAR(data);
    }
    return data;
}

/* The connection goes on: with its timeout, and what came meanwhile. */
static int
await_next(core_state *st, PyObject *self)
{
    if (PyObject_SetAttr(self, st->names._handlingRequest, Py_False) < 0) {
        return -1;
    }
    PyObject *period = PyObject_GetAttr(self, st->names._savedTimeOut);
    int limited = period == NULL ? -1 : pyr_truth(period);
    int status =
        limited > 0 ? pyr_call_dropping(self, st->names.setTimeout, period) : limited;
    Py_XDECREF(period);
    PyObject *data = status < 0 ? NULL : take_kept(st, self);
    if (data == NULL) {
        return -1;
    }
    status = pyr_call_dropping(self, st->names.setLineMode, data);
    Py_DECREF(data);
    return status;
}

PyObject *
pyr_channel_request_done(core_state *st, PyObject *const *args,
                         Py_ssize_t Py_UNUSED(nargs))
{
    if (dequeue(st, args[0], args[1]) < 0 || resume_network(st, args[0]) < 0) {
        return NULL;
    }
    int persistent = pyr_attribute_true(args[0], st->names.persistent);
    return persistent < 0
               ? NULL
               : pyr_web_none(persistent ? await_next(st, args[0])
                                         : pyr_call_dropping(
                                               args[0], st->names.loseConnection, NULL));
}

/* ---- LineReceiver's modes ---- */

PyObject *
pyr_channel_set_raw_mode(core_state *st, PyObject *const *args,
                         Py_ssize_t Py_UNUSED(nargs))
{
    return pyr_web_none(PyObject_SetAttr(args[0], st->names.line_mode, st->web->zero));
}

PyObject *
pyr_channel_set_line_mode(core_state *st, PyObject *const *args, Py_ssize_t nargs)
{
    if (PyObject_SetAttr(args[0], st->names.line_mode, st->web->one) < 0) {
        return NULL;
    }
    int more = nargs < 2 ? 0 : pyr_truth(args[1]);
    return more < 0   ? NULL
           : more > 0 ? pyr_call_named(args[0], st->names.dataReceived, args[1])
                      : Py_NewRef(Py_None);
}
