/* The lines of a head, taken together; see take.h. */
#include "web/take.h"

#include "core/override.h"
#include "web/channel.h"
#include "web/head.h"
#include "web/headers.h"
#include "web/instance.h"
#include "web/objects.h"
#include "web/request.h"
#include "web/whole.h"

/* What the head's methods would have to be called for, if they were not Twisted's. */
enum { PARSING = 1, ENDING = 2 };

static const pyr_override parsing[] = {
    PYR_WEB_METHOD(lineReceived, HTTPChannel_lineReceived, PARSING),
    PYR_WEB_METHOD(headerReceived, HTTPChannel_headerReceived, PARSING),
    PYR_WEB_METHOD(maybeChooseDecoder, HTTPChannel__maybeChooseTransferDecoder, PARSING),
    PYR_WEB_METHOD(allHeadersReceived, HTTPChannel_allHeadersReceived, ENDING),
    PYR_WEB_METHOD(allContentReceived, HTTPChannel_allContentReceived, ENDING),
    {0},
};

/* Which of these the channel's class replaces. */
static unsigned int
class_overrides(core_state *st, PyTypeObject *type)
{
    pyr_web_class *known = &st->web->channel_class;
    if (!pyr_class_is_as_seen(&known->seen, type)) {
        pyr_class_see(st, &known->seen, type);
        known->overrides = PyType_IsSubtype(type, st->web->HTTPChannel)
                               ? pyr_class_overrides(st, type, parsing, st->web)
                               : PARSING | ENDING;
    }
    return known->overrides;
}

/* Does the channel find Twisted's own methods under these names?  *ends_plainly: the same
 * of its class, for the end of a head. */
static int
parses_plainly(core_state *st, PyObject *channel, bool *ends_plainly)
{
    unsigned int overrides = class_overrides(st, Py_TYPE(channel));
    *ends_plainly = (overrides & ENDING) == 0;
    if ((overrides & PARSING) != 0) {
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

/* Does the module twisted.web.http have this under the name?  -1 with an exception */
static int
module_has(core_state *st, PyObject *name, PyObject *expected)
{
    PyObject *found = PyDict_GetItemWithError(st->web->http, name);
    return found == expected ? 1 : PyErr_Occurred() ? -1 : 0;
}

/* Does it have what Twisted's methods call for this head as Twisted made it?  A program
 * may have put its own there, to refuse more than Twisted does.  -1 with an exception */
static int
module_is_plain(core_state *st, const pyr_head *head)
{
    const struct {
        PyObject *name, *expected;
    } all[] = {
        {st->names._parseRequestLine, st->web->parseRequestLine},
        {st->names._istoken, st->web->isToken},
        {st->names._nameEncoder, st->web->nameEncoder},
    };
    int plain = 1;
    for (size_t i = 0; plain > 0 && i < sizeof(all) / sizeof(all[0]); i++) {
        plain = module_has(st, all[i].name, all[i].expected);
    }
    if (plain <= 0 || head->body == PYR_BODY_NONE) {
        return plain;
    }
    return head->body == PYR_BODY_CHUNKED
               ? module_has(st, st->names._ChunkedTransferDecoder,
                            st->web->chunkedDecoder)
               : module_has(st, st->names._IdentityTransferDecoder,
                            st->web->identityDecoder);
}

/* What an attribute is (stolen), if that is an int of moderate size, into *value; 0: it
 * is none, -1: error */
static int
small_int(PyObject *found, long *value)
{
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

/* What of a head is taken. */
typedef struct {
    pyr_head head;
    room before;
    PyObject *factory; /* that makes the request; NULL: its line was received before */
    PyObject *request; /* the channel's last one, once there is one */
    PyObject *fields;  /* the dict of its headers */
    bool whole;        /* or the request's line alone */
    bool ends_plainly; /* for the end of a head, the class has Twisted's methods */
} taken;

/* Does it? */
static bool
has_room(const room *left, const pyr_head *head)
{
    return left->size + (long)head->text <= left->most_size &&
           left->count + head->count <= left->most_count;
}

static int
read_room(core_state *st, PyObject *channel, room *left)
{
    const struct {
        PyObject *name;
        long *value;
        bool of_class; /* that is where Twisted has it */
    } all[] = {
        {st->names.firstLine, &left->first_line, false},
        {st->names._receivedHeaderCount, &left->count, false},
        {st->names._receivedHeaderSize, &left->size, false},
        {st->names.maxHeaders, &left->most_count, true},
        {st->names.totalHeadersSize, &left->most_size, true},
    };
    int plain = 1;
    for (size_t i = 0; plain > 0 && i < sizeof(all) / sizeof(all[0]); i++) {
        plain = small_int(all[i].of_class ? PyObject_GetAttr(channel, all[i].name)
                                          : pyr_instance_get(st, channel, all[i].name),
                          all[i].value);
    }
    return plain;
}

/* Is nothing of an earlier line left, but for the request line if that is gone?  And the
 * connection goes on. */
static int
is_at_rest(core_state *st, PyObject *channel, bool first_line)
{
    PyObject *header = pyr_instance_get(st, channel, st->names.pendingHeader);
    int rests = header == NULL ? -1 : pyr_web_equals(header, st->web->empty);
    Py_XDECREF(header);
    if (rests > 0) {
        PyObject *decoder = pyr_instance_get(st, channel, st->names._transferDecoder);
        rests = decoder == NULL ? -1 : decoder == Py_None;
        Py_XDECREF(decoder);
    }
    return rests > 0 && first_line ? pyr_instance_true(st, channel, st->names.persistent)
                                   : rests;
}

/* channel.<name> = int(value) */
static int
set_int(PyObject *channel, PyObject *name, long value)
{
    return pyr_web_set_new(channel, name, PyLong_FromLong(value));
}

static int
append_request(core_state *st, PyObject *requests, PyObject *request)
{
    return PyList_CheckExact(requests)
               ? PyList_Append(requests, request)
               : pyr_call_dropping(requests, st->names.append, request);
}

/* requestFactory makes the request, and it becomes the channel's last one; a new
 * reference.  `whole`: the channel is so (whole.h).  *asked: code of a program's may have
 * run. */
static PyObject *
begin_request(core_state *st, PyObject *channel, PyObject *factory, bool whole,
              bool *asked)
{
    bool before = st->web->asked; /* of the request that this one is made within */
    PyObject *requests = pyr_instance_get(st, channel, st->names.requests);
    Py_ssize_t count = requests == NULL ? -1 : PyObject_Size(requests);
    PyObject *queued = count < 0 ? NULL : PyLong_FromSsize_t(count);
    st->web->asked = !whole;
    PyObject *request = queued == NULL ? NULL
                                       : pyr_request_new(st, (PyTypeObject *)factory,
                                                         channel, queued, whole);
    *asked = st->web->asked;
    st->web->asked = before || *asked;
    if (request != NULL && *asked) {
        /* getPeer and getHost may have changed the channel */
        Py_SETREF(requests, pyr_instance_get(st, channel, st->names.requests));
    }
    int status =
        request == NULL || requests == NULL ? -1 : append_request(st, requests, request);
    if (status < 0) {
        Py_CLEAR(request);
    }
    Py_XDECREF(requests);
    Py_XDECREF(queued);
    return request;
}

/* Would LineReceiver go on to the next line?  A program's getPeer or getHost, called
 * while the request was made, may have closed or paused the connection.  -1: error */
static int
may_go_on(core_state *st, PyObject *channel)
{
    int lines = pyr_attribute_true(channel, st->names.line_mode);
    int stops = lines > 0 ? pyr_attribute_true(channel, st->names.paused) : 1;
    if (lines < 0 || stops != 0) {
        return lines < 0 || stops < 0 ? -1 : 0;
    }
    PyObject *transport = PyObject_GetAttr(channel, st->names.transport);
    int there = transport == NULL ? -1 : pyr_truth(transport);
    stops = there > 0 ? pyr_attribute_true(transport, st->names.disconnecting) : there;
    Py_XDECREF(transport);
    return stops < 0 ? -1 : !stops;
}

/* The lines after the request's are the buffer's again, before what came meanwhile. */
static int
put_back(core_state *st, PyObject *channel, const pyr_head *head, const char *text)
{
    Py_ssize_t line = head->path + head->path_size + 11; /* " HTTP/1.1\r\n" */
    PyObject *rest = PyBytes_FromStringAndSize(text + line, head->size - line);
    PyObject *later = rest == NULL ? NULL : PyObject_GetAttr(channel, st->names.buffer);
    PyObject *all = later == NULL ? NULL : PyNumber_Add(rest, later);
    Py_XDECREF(rest);
    Py_XDECREF(later);
    return pyr_web_set_new(channel, st->names.buffer, all);
}

/* Only the request line was received. */
static int
stop_after_line(core_state *st, PyObject *channel, const pyr_head *head,
                const room *before, const char *text)
{
    return put_back(st, channel, head, text) < 0
               ? -1
               : set_int(channel, st->names._receivedHeaderSize,
                         before->size + head->path + head->path_size + 9);
}

/* Method, target and version of the request line; -1 with an exception, and none of them.
 */
static int
read_line(core_state *st, const pyr_head *head, const char *text, PyObject **line)
{
    line[0] = head->method_size == 3 && memcmp(text, "GET", 3) == 0
                  ? Py_NewRef(st->web->get_method)
                  : PyBytes_FromStringAndSize(text, head->method_size);
    line[1] = PyBytes_FromStringAndSize(text + head->path, head->path_size);
    line[2] = Py_NewRef(head->is_http_11 ? st->web->http11 : st->web->http10);
    if (line[0] == NULL || line[1] == NULL) {
        for (int i = 0; i < 3; i++) {
            Py_CLEAR(line[i]);
        }
        return -1;
    }
    return 0;
}

/* What lineReceived notes of it. */
static int
note_line(core_state *st, PyObject *channel, PyObject *const *line)
{
    return PyObject_SetAttr(channel, st->names.firstLine, st->web->zero) < 0 ||
                   PyObject_SetAttr(channel, st->names._command, line[0]) < 0 ||
                   PyObject_SetAttr(channel, st->names._path, line[1]) < 0
               ? -1
               : PyObject_SetAttr(channel, st->names._version, line[2]);
}

/* The request line alone was received when the exception came that is set, which remains;
 * `line`: what of it is noted, if the request was made. */
static void
stop_in_line(core_state *st, PyObject *channel, const taken *all, PyObject *const *line,
             const char *text)
{
    PyObject *error = PyErr_GetRaisedException();
    if ((line != NULL && note_line(st, channel, line) < 0) ||
        stop_after_line(st, channel, &all->head, &all->before, text) < 0) {
        PyErr_Clear();
    }
    PyErr_SetRaisedException(error);
}

/* self.requests.append(factory(self, len(self.requests))) */
static int
call_factory(core_state *st, PyObject *channel, PyObject *factory)
{
    PyObject *requests = pyr_instance_get(st, channel, st->names.requests);
    Py_ssize_t count = requests == NULL ? -1 : PyObject_Size(requests);
    PyObject *queued = count < 0 ? NULL : PyLong_FromSsize_t(count);
    PyObject *arguments[] = {NULL, channel, queued};
    PyObject *request =
        queued == NULL ? NULL
                       : PyObject_Vectorcall(factory, arguments + 1,
                                             2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_XDECREF(queued);
    if (request != NULL) {
        Py_SETREF(requests, pyr_instance_get(st, channel, st->names.requests));
    }
    int status =
        request == NULL || requests == NULL ? -1 : append_request(st, requests, request);
    Py_XDECREF(requests);
    Py_XDECREF(request);
    return status;
}

/* Do what Twisted does for the request's line, which is all that was taken: the request's
 * class runs code of a program's, after which LineReceiver looks at everything anew. */
static int
receive_line(core_state *st, PyObject *channel, PyObject *factory, const pyr_head *head,
             const room *before, const char *text)
{
    PyObject *line[3];
    if (set_int(channel, st->names._receivedHeaderSize, before->size + (long)head->text) <
            0 ||
        read_line(st, head, text, line) < 0) {
        return -1;
    }
    int status = call_factory(st, channel, factory);
    if (status == 0) {
        status = note_line(st, channel, line);
    }
    for (int i = 0; i < 3; i++) {
        Py_DECREF(line[i]);
    }
    return status;
}

/* All headers go into the request's. */
static int
fill_headers(core_state *st, const taken *all, const char *text)
{
    int status = 0;
    for (int i = 0; status == 0 && i < all->head.count; i++) {
        const pyr_field *field = &all->head.fields[i];
        PyObject *name = pyr_headers_canonical(st, text + field->name, field->name_size);
        PyObject *value = name == NULL ? NULL
                                       : PyBytes_FromStringAndSize(text + field->value,
                                                                   field->value_size);
        status = value == NULL ? -1 : pyr_headers_add(st, all->fields, name, value);
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
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
    PyObject *length = pyr_instance_get(st, channel, st->names.length);
    int is_zero =
        length == NULL ? -1 : PyObject_RichCompareBool(length, st->web->zero, Py_EQ);
    Py_XDECREF(length);
    return is_zero < 0
               ? -1
               : pyr_call_dropping(
                     channel,
                     is_zero ? st->names.allContentReceived : st->names.setRawMode, NULL);
}

/* What counts the head is noted. */
static int
note_counts(core_state *st, PyObject *channel, const taken *all)
{
    const room *before = &all->before;
    if (set_int(channel, st->names._receivedHeaderSize,
                before->size + (long)all->head.text) < 0) {
        return -1;
    }
    return all->head.count > 0 ? set_int(channel, st->names._receivedHeaderCount,
                                         before->count + all->head.count)
                               : 0;
}

/* The lines after the request's, which was noted: the request gets what is in them. */
static int
receive_fields(core_state *st, PyObject *channel, const taken *all, const char *text)
{
    return choose_decoder(st, channel, all->request, &all->head) < 0 ||
                   fill_headers(st, all, text) < 0 || note_counts(st, channel, all) < 0
               ? -1
               : end_head(st, channel);
}

/*
 * The same where request and channel are whole, and the end of the head is Twisted's: if
 * nothing of a program's is called until the request is processed, nobody looks at what
 * is noted meanwhile.  To note it would cost more than all of this, as names that come
 * and go make an instance's dict slow.
 */
static int
receive_by_c(core_state *st, PyObject *channel, const taken *all, PyObject *const *line,
             const char *text)
{
    const room *before = &all->before;
    int alone = fill_headers(st, all, text);
    if (alone == 0) {
        alone = pyr_channel_end_whole(st, channel, all->request, line[2], all->fields);
    }
    if (alone <= 0) {
        return alone < 0 || note_line(st, channel, line) < 0 ||
                       note_counts(st, channel, all) < 0
                   ? -1
                   : end_head(st, channel);
    }
    bool rested = before->count == 0 && before->size == 0 && before->first_line == 1;
    return pyr_channel_hand_over_whole(st, channel, all->request, line, rested);
}

/* Are both whole?  -1 with an exception */
static int
are_whole(core_state *st, PyObject *channel, PyObject *factory)
{
    return factory == st->web->ServerRequest && pyr_whole_request(st) &&
                   pyr_instance_is_plain(st, channel)
               ? pyr_whole_channel(st, channel)
               : 0;
}

/* Is it a request without a body, and the end of its head Twisted's?  1, 0, or -1 with an
 * exception. */
static int
is_unobserved(core_state *st, PyObject *channel, const taken *all)
{
    if (all->head.body != PYR_BODY_NONE || !all->ends_plainly) {
        return 0;
    }
    PyObject *dict = PyObject_GenericGetDict(channel, NULL);
    int own = dict == NULL ? -1 : PyDict_Contains(dict, st->names.allHeadersReceived);
    if (own == 0) {
        own = PyDict_Contains(dict, st->names.allContentReceived);
    }
    Py_XDECREF(dict);
    return own < 0 ? -1 : own == 0;
}

/* The dict of the request's headers; 0: they are no plain ones, whose methods are called
 * for each field.  What is raised here will be once more, by Twisted's code. */
static int
find_fields(core_state *st, taken *all)
{
    PyObject *headers = all->request == NULL
                            ? NULL
                            : PyObject_GetAttr(all->request, st->names.requestHeaders);
    all->fields = headers == NULL ? NULL : pyr_headers_dict(st, headers);
    Py_XDECREF(headers);
    PyErr_Clear();
    return all->fields != NULL;
}

/* Would LineReceiver find the same lines, none of which is too long for it?  -1 with an
 * exception */
static int
has_same_lines(core_state *st, PyObject *channel, const pyr_head *head)
{
    long most;
    int same = small_int(PyObject_GetAttr(channel, st->names.MAX_LENGTH), &most);
    if (same <= 0 || most < head->size) {
        return same < 0 ? -1 : 0;
    }
    PyObject *delimiter = PyObject_GetAttr(channel, st->names.delimiter);
    same = delimiter == NULL ? -1 : pyr_web_equals(delimiter, st->web->cr_lf);
    Py_XDECREF(delimiter);
    return same;
}

/* Code that may be a program's ran while the request was made.  Would Twisted go on, and
 * receive the rest of the head as it was found?  1, 0, or -1 with an exception. */
static int
is_as_found(core_state *st, PyObject *channel, taken *all)
{
    int same = may_go_on(st, channel);
    if (same > 0) {
        same = read_room(st, channel, &all->before);
    }
    if (same > 0) {
        same = has_room(&all->before, &all->head) ? is_at_rest(st, channel, false) : 0;
    }
    if (same > 0) {
        same = has_same_lines(st, channel, &all->head);
    }
    if (same > 0) {
        PyObject *last = pyr_web_last_request(st, channel);
        same = last == NULL ? -1 : last == all->request && find_fields(st, all);
        Py_XDECREF(last);
    }
    if (same > 0) {
        same = module_is_plain(st, &all->head);
    }
    return same > 0 ? parses_plainly(st, channel, &all->ends_plainly) : same;
}

/* The request was made: what comes after its line. */
static int
receive_rest(core_state *st, PyObject *channel, const taken *all, bool whole,
             PyObject *const *line, const char *text)
{
    int unobserved = whole ? is_unobserved(st, channel, all) : 0;
    if (unobserved != 0) {
        return unobserved < 0 ? -1 : receive_by_c(st, channel, all, line, text);
    }
    return note_line(st, channel, line) < 0 ? -1 : receive_fields(st, channel, all, text);
}

/* Do what Twisted does for each line of the head, the first of which is the request's. */
static int
receive_request(core_state *st, PyObject *channel, taken *all, const char *text)
{
    PyObject *line[3];
    int whole = are_whole(st, channel, all->factory);
    if (whole < 0 || read_line(st, &all->head, text, line) < 0) {
        return -1;
    }
    bool asked;
    all->request = begin_request(st, channel, all->factory, whole, &asked);
    int goes_on = all->request == NULL ? -1
                  : asked              ? is_as_found(st, channel, all)
                                       : find_fields(st, all);
    if (goes_on > 0 && whole && asked) {
        whole = are_whole(st, channel, all->factory);
        goes_on = whole < 0 ? -1 : 1;
    }
    int status = -1;
    if (goes_on < 0) {
        stop_in_line(st, channel, all, all->request == NULL ? NULL : line, text);
    } else if (goes_on > 0) {
        status = receive_rest(st, channel, all, whole, line, text);
    } else if (note_line(st, channel, line) == 0) {
        status = stop_after_line(st, channel, &all->head, &all->before, text);
    }
    for (int i = 0; i < 3; i++) {
        Py_DECREF(line[i]);
    }
    return status;
}

/* The class that makes the request (a new reference); NULL without an exception: its line
 * is Twisted's own.  *whole: making one runs no code of a program's. */
static PyObject *
find_factory(core_state *st, PyObject *channel, bool *whole)
{
    PyObject *factory = pyr_instance_get(st, channel, st->names.requestFactory);
    *whole = factory != NULL && pyr_request_is_plain(st, factory);
    if (factory != NULL && !*whole && !pyr_request_is_queued(st, factory)) {
        Py_CLEAR(factory);
    }
    return factory;
}

/* Is that plain, and within the limits?  1, 0, or -1 with an exception. */
static int
is_plainly_there(core_state *st, const pyr_lines *lines, taken *all)
{
    Py_ssize_t size;
    const char *data = lines->peek(lines->buffer, &size);
    bool found = all->whole ? pyr_head_parse(&all->head, data, size, all->factory != NULL)
                            : pyr_head_parse_line(&all->head, data, size);
    return found && has_room(&all->before, &all->head) ? module_is_plain(st, &all->head)
                                                       : 0;
}

/* Is a plain head there?  1, 0, or -1 with an exception.  Attributes may be a program's
 * properties: what the methods are is asked after them, too. */
static int
find_head(core_state *st, PyObject *channel, const pyr_lines *lines, taken *all)
{
    int plain = (class_overrides(st, Py_TYPE(channel)) & PARSING) != 0
                    ? 0
                    : read_room(st, channel, &all->before);
    bool first = all->before.first_line != 0;
    if (plain > 0) {
        plain = is_at_rest(st, channel, first);
    }
    if (plain > 0 && first) {
        all->factory = find_factory(st, channel, &all->whole);
        plain = all->factory != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
    } else if (plain > 0) {
        all->request = pyr_web_last_request(st, channel);
        plain = find_fields(st, all);
    }
    if (plain > 0) {
        plain = parses_plainly(st, channel, &all->ends_plainly);
    }
    return plain > 0 ? is_plainly_there(st, lines, all) : plain;
}

static int
receive_taken(core_state *st, PyObject *channel, taken *all, const char *text)
{
    if (all->factory == NULL) {
        return receive_fields(st, channel, all, text);
    }
    return all->whole
               ? receive_request(st, channel, all, text)
               : receive_line(st, channel, all->factory, &all->head, &all->before, text);
}

bool
pyr_take_head(core_state *st, PyObject *channel, const pyr_lines *lines,
              PyObject **result)
{
    taken all;
    all.before = (room){0};
    all.factory = all.request = all.fields = NULL;
    all.whole = true;
    int found = find_head(st, channel, lines, &all);
    *result = NULL;
    if (found > 0) {
        PyObject *text = lines->cut(lines->buffer, all.head.size);
        int status =
            text == NULL ? -1 : receive_taken(st, channel, &all, PyBytes_AS_STRING(text));
        Py_XDECREF(text);
        *result = pyr_web_none(status);
    }
    Py_XDECREF(all.factory);
    Py_XDECREF(all.request);
    Py_XDECREF(all.fields);
    return found != 0;
}
