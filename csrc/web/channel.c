/* HTTPChannel of twisted.web.http; see channel.h. */
#include "web/channel.h"

#include "web/headers.h"
#include "web/instance.h"
#include "web/objects.h"
#include "web/request.h"
#include "web/timeout.h"

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
    return pyr_web_given(st, result);
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

/* ---- between head and request ---- */

/* Whether the client waits for a "100 Continue" */
static int
expects_continue(core_state *st, PyObject *request, PyObject *version)
{
    PyObject *values = pyr_headers_of_request(st, request, st->web->name_expect);
    int truth = values == NULL ? -1 : pyr_truth(values);
    PyObject *first = truth > 0 ? PySequence_GetItem(values, 0) : NULL;
    PyObject *lower = first == NULL ? NULL : pyr_call_named(first, st->names.lower, NULL);
    if (truth > 0) {
        truth = lower == NULL ? -1 : pyr_web_equals(lower, st->web->continue_text);
    }
    if (truth > 0) {
        truth = pyr_web_equals(version, st->web->http11);
    }
    Py_XDECREF(values);
    Py_XDECREF(first);
    Py_XDECREF(lower);
    return truth;
}

/* What allHeadersReceived does for a request of this version. */
static int
end_headers(core_state *st, PyObject *self, PyObject *request, PyObject *version)
{
    if (pyr_call_dropping(request, st->names.parseCookies, NULL) < 0 ||
        pyr_web_set_new(
            self, st->names.persistent,
            pyr_web_call(self, st->names.checkPersistence, request, version)) < 0) {
        return -1;
    }
    PyObject *length = pyr_instance_get(st, self, st->names.length);
    int status =
        length == NULL ? -1 : pyr_call_dropping(request, st->names.gotLength, length);
    Py_XDECREF(length);
    int expects = status < 0 ? -1 : expects_continue(st, request, version);
    return expects <= 0 ? expects
                        : pyr_call_dropping(self, st->names._send100Continue, NULL);
}

PyObject *
pyr_channel_all_headers_received(core_state *st, PyObject *const *args,
                                 Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *request = pyr_web_last_request(st, args[0]);
    PyObject *version =
        request == NULL ? NULL : PyObject_GetAttr(args[0], st->names._version);
    int status = version == NULL ? -1 : end_headers(st, args[0], request, version);
    Py_XDECREF(request);
    Py_XDECREF(version);
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
    PyObject *values = pyr_headers_of_request(st, args[1], st->web->name_connection);
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
    PyObject *headers = PyObject_GetAttr(args[1], st->names.responseHeaders);
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

/* self.<name> = value, which need not be done again where that is so.  `dict`: where a
 * plain instance has it (instance.h), or NULL */
static int
settle_attribute(PyObject *self, PyObject *dict, PyObject *name, PyObject *value)
{
    PyObject *found = NULL;
    int status = dict == NULL ? 0 : PyDict_GetItemRef(dict, name, &found);
    bool same = found == value;
    Py_XDECREF(found);
    return status < 0 ? -1 : same ? 0 : PyObject_SetAttr(self, name, value);
}

/* The state of the head and the body is gone: the next one may come.  `noted`: the
 * request line is in attributes, too. */
static int
reset_channel(core_state *st, PyObject *self, bool noted)
{
    const struct {
        PyObject *name, *value;
    } all[] = {
        {st->names.length, st->web->zero},
        {st->names._receivedHeaderCount, st->web->zero},
        {st->names._receivedHeaderSize, st->web->zero},
        {st->names.firstLine, st->web->one},
        {st->names._transferDecoder, Py_None},
        {st->names.pendingHeader, st->web->empty}, /* where it was not noted */
    };
    size_t count = sizeof(all) / sizeof(all[0]) - (noted ? 1 : 0);
    bool plain = pyr_instance_is_plain(st, self);
    PyObject *dict = plain ? PyObject_GenericGetDict(self, NULL) : NULL;
    int status = plain && dict == NULL ? -1 : 0;
    for (size_t i = 0; status == 0 && i < count; i++) {
        status = settle_attribute(self, dict, all[i].name, all[i].value);
    }
    Py_XDECREF(dict);
    if (status < 0 || !noted) {
        return status;
    }
    return PyObject_SetAttr(self, st->names._command, NULL) < 0 ||
                   PyObject_SetAttr(self, st->names._path, NULL) < 0
               ? -1
               : PyObject_SetAttr(self, st->names._version, NULL);
}

/* No timeout while the request is handled. */
static int
suspend_timeout(core_state *st, PyObject *self, bool whole)
{
    PyObject *const arguments[] = {self, Py_None};
    int limited = pyr_instance_true(st, self, st->names.timeOut);
    return limited <= 0
               ? limited
               : pyr_instance_set_new(st, self, st->names._savedTimeOut,
                                      pyr_web_do(st, whole, pyr_timeout_set,
                                                 st->names.setTimeout, arguments, 2));
}

/* requestReceived(*line) of the last request, which is noted. */
static int
hand_noted_over(core_state *st, PyObject *self, PyObject *const *line)
{
    if (reset_channel(st, self, true) < 0 || suspend_timeout(st, self, false) < 0 ||
        pyr_instance_set(st, self, st->names._handlingRequest, Py_True) < 0 ||
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

/* Whether there is another request on this connection after this one. */
static int
settle_persistence(core_state *st, PyObject *self, PyObject *request, PyObject *version,
                   PyObject *fields)
{
    PyObject *const arguments[] = {self, request, version};
    int says = PyDict_Contains(fields, st->web->name_connection);
    if (says != 0) {
        return says < 0 ? -1
                        : pyr_web_set_new(
                              self, st->names.persistent,
                              pyr_web_do(st, true, pyr_channel_check_persistence,
                                         st->names.checkPersistence, arguments, 3));
    }
    bool persists = pyr_web_equals(version, st->web->http11);
    PyObject *dict = PyObject_GenericGetDict(self, NULL);
    int status = dict == NULL ? -1
                              : settle_attribute(self, dict, st->names.persistent,
                                                 persists ? Py_True : Py_False);
    Py_XDECREF(dict);
    return status;
}

int
pyr_channel_end_whole(core_state *st, PyObject *self, PyObject *request,
                      PyObject *version, PyObject *fields)
{
    PyObject *length = pyr_instance_get(st, self, st->names.length);
    int expects = length == NULL ? -1 : PyDict_Contains(fields, st->web->name_expect);
    int made = expects < 0 ? -1
               : expects || length != st->web->zero
                   ? 0
                   : pyr_request_give_content(st, request);
    Py_XDECREF(length);
    int some = made > 0 ? PyDict_Contains(fields, st->web->name_cookie) : 0;
    if (some > 0) {
        some = pyr_drop(pyr_web_do(st, true, pyr_request_parse_cookies,
                                   st->names.parseCookies, &request, 1));
    }
    return some < 0                                                     ? -1
           : made <= 0                                                  ? made
           : settle_persistence(st, self, request, version, fields) < 0 ? -1
                                                                        : 1;
}

int
pyr_channel_hand_over_whole(core_state *st, PyObject *self, PyObject *request,
                            PyObject *const *line, bool rested)
{
    PyObject *dict = PyObject_GenericGetDict(self, NULL);
    /* Once they were set, all of them are in the dict, where Twisted's code leaves them.
     */
    int set = dict == NULL ? -1 : PyDict_Contains(dict, st->names._receivedHeaderCount);
    int status = set < 0 ? -1
                 : set && rested
                     ? settle_attribute(self, dict, st->names.length, st->web->zero)
                     : reset_channel(st, self, false);
    Py_XDECREF(dict);
    return status < 0 || suspend_timeout(st, self, true) < 0 ||
                   pyr_instance_set(st, self, st->names._handlingRequest, Py_True) < 0 ||
                   pyr_instance_set(st, self, st->names.line_mode, st->web->zero) < 0
               ? -1
               : pyr_request_take(st, request, line);
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
        status = hand_noted_over(st, args[0], line);
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
    PyObject *requests = pyr_instance_get(st, self, st->names.requests);
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
    int waits = pyr_instance_true(st, self, st->names._waitingForTransport);
    if (waits != 0) {
        return waits < 0 ? -1 : 0;
    }
    PyObject *network = pyr_instance_get(st, self, st->names._networkProducer);
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
    PyObject *pieces = pyr_instance_get(st, self, st->names._dataBuffer);
    if (pieces == NULL) {
        return NULL;
    }
    PyObject *data = PyList_CheckExact(pieces) && PyList_GET_SIZE(pieces) == 0
                         ? Py_NewRef(st->web->empty)
                         : pyr_call_named(st->web->empty, st->names.join, pieces);
    Py_DECREF(pieces);
    if (data != NULL &&
        pyr_instance_set_new(st, self, st->names._dataBuffer, PyList_New(0)) < 0) {
        Py_CLEAR(data);
    }
    return data;
}

/* The connection goes on: with its timeout, and what came meanwhile. */
static int
await_next(core_state *st, PyObject *self)
{
    if (pyr_instance_set(st, self, st->names._handlingRequest, Py_False) < 0) {
        return -1;
    }
    PyObject *period = pyr_instance_get(st, self, st->names._savedTimeOut);
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
    int persistent = pyr_instance_true(st, args[0], st->names.persistent);
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
    return pyr_web_none(
        pyr_instance_set(st, args[0], st->names.line_mode, st->web->zero));
}

PyObject *
pyr_channel_set_line_mode(core_state *st, PyObject *const *args, Py_ssize_t nargs)
{
    if (pyr_instance_set(st, args[0], st->names.line_mode, st->web->one) < 0) {
        return NULL;
    }
    int more = nargs < 2 ? 0 : pyr_truth(args[1]);
    return more < 0   ? NULL
           : more > 0 ? pyr_web_given(
                            st, pyr_call_named(args[0], st->names.dataReceived, args[1]))
                      : Py_NewRef(Py_None);
}
