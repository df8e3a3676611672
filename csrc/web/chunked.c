/*
 * Bodies in chunks; see chunked.h.
 *
 * Chunks are taken straight from what came, where nothing of an earlier time waits in the
 * decoder's buffer, and each line that tells a size is a *plain* one: hexadecimal digits,
 * and nothing else.  From the first that is not so on, all is Twisted's to decode: a line
 * that is not whole, extensions, trailers, and whatever is refused.
 */
#include "web/chunked.h"

#include "core/override.h"
#include "web/objects.h"

#define MOST_DIGITS 15 /* of a size that C counts */

/* What the decoder does in its states. */
static const pyr_override of_decoder[] = {
    PYR_WEB_METHOD(received_chunk_length, Chunked_CHUNK_LENGTH, 1),
    PYR_WEB_METHOD(received_body, Chunked_BODY, 1),
    PYR_WEB_METHOD(received_crlf, Chunked_CRLF, 1),
    PYR_WEB_METHOD(received_trailer, Chunked_TRAILER, 1),
    {0},
};

/* A decoder at work. */
typedef struct {
    PyObject *self;
    const char *begin, *at, *end; /* what came, and how far it is decoded */
    Py_ssize_t longest;           /* that the line may be that tells a size */
    PyObject *state;              /* one of its names, borrowed, as is the next */
    PyObject *noted_state;        /* as the attribute has it */
    long long left;               /* of the chunk */
    long long noted_left;         /* as the attribute has it, -1: something else */
} decoding;

/* ---- is it Twisted's? ---- */

/* Does the decoder find Twisted's own methods for its states? */
static int
has_own_states(core_state *st, PyObject *self)
{
    pyr_web_class *known = &st->web->decoder_class;
    PyTypeObject *type = Py_TYPE(self);
    if (!pyr_class_is_as_seen(&known->seen, type)) {
        pyr_class_see(st, &known->seen, type);
        known->overrides = pyr_class_overrides(st, type, of_decoder, st->web);
    }
    if (known->overrides != 0) {
        return 0;
    }
    PyObject *dict = PyObject_GenericGetDict(self, NULL);
    int own = dict == NULL ? -1 : 0;
    for (const pyr_override *entry = of_decoder; own == 0 && entry->bit != 0; entry++) {
        own = PyDict_Contains(dict, pyr_name_at(st, entry->name));
    }
    Py_XDECREF(dict);
    return own < 0 ? -1 : own == 0;
}

/* Is nothing in its buffer? */
static int
has_empty_buffer(core_state *st, PyObject *self)
{
    PyObject *buffer = PyObject_GetAttr(self, st->names.buffer);
    int empty = buffer == NULL
                    ? -1
                    : PyByteArray_CheckExact(buffer) && PyByteArray_GET_SIZE(buffer) == 0;
    Py_XDECREF(buffer);
    return empty;
}

/* Are the names in the module twisted.web.http Twisted's?  *longest: its limit */
static int
read_module(core_state *st, Py_ssize_t *longest)
{
    PyObject *function = PyDict_GetItemWithError(st->web->http, st->names._hexint);
    if (function != st->web->hexint) {
        return PyErr_Occurred() ? -1 : 0;
    }
    PyObject *limit =
        PyDict_GetItemWithError(st->web->http, st->names.maxChunkSizeLineLength);
    if (limit == NULL || !PyLong_CheckExact(limit)) {
        return PyErr_Occurred() ? -1 : 0;
    }
    *longest = PyLong_AsSsize_t(limit);
    if (*longest == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
    }
    return 1;
}

/* self.length, which is positive in a chunk */
static int
read_left(core_state *st, decoding *now)
{
    PyObject *length = PyObject_GetAttr(now->self, st->names.length);
    int overflow = 0;
    bool is_int = length != NULL && PyLong_CheckExact(length);
    now->left = is_int ? PyLong_AsLongLongAndOverflow(length, &overflow) : 0;
    now->noted_left = now->left;
    Py_XDECREF(length);
    return length == NULL ? -1 : now->left > 0;
}

/* The state that it is in; 0: another, or Twisted's to say; -1: error */
static int
read_decoding(core_state *st, decoding *now)
{
    PyObject *state = PyObject_GetAttr(now->self, st->names.state);
    now->noted_left = -1;
    now->state = state == st->names.CHUNK_LENGTH ? st->names.CHUNK_LENGTH
                 : state == st->names.BODY       ? st->names.BODY
                 : state == st->names.CRLF       ? st->names.CRLF
                                                 : NULL;
    now->noted_state = now->state;
    Py_XDECREF(state);
    if (state == NULL || now->state == NULL) {
        return state == NULL ? -1 : 0;
    }
    return now->state == st->names.BODY ? read_left(st, now) : 1;
}

/* 1: it may begin, 0: all is Twisted's, -1: error */
static int
begin_decoding(core_state *st, decoding *now)
{
    int plain = has_own_states(st, now->self);
    if (plain > 0) {
        plain = has_empty_buffer(st, now->self);
    }
    if (plain > 0) {
        plain = read_module(st, &now->longest);
    }
    return plain > 0 ? read_decoding(st, now) : plain;
}

/* ---- lines ---- */

static int
hex_digit(char byte)
{
    return byte >= '0' && byte <= '9'   ? byte - '0'
           : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
           : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                        : -1;
}

static bool
ends_line(const char *at, const char *end)
{
    return end - at >= 2 && at[0] == '\r' && at[1] == '\n';
}

/* How long the line is, with its end, if it is whole and tells a size plainly, which is
 * now->left then; else 0. */
static Py_ssize_t
read_size(decoding *now)
{
    const char *at = now->at;
    long long size = 0;
    int value;
    while (at < now->end && at - now->at < MOST_DIGITS && (value = hex_digit(*at)) >= 0) {
        size = size * 16 + value;
        at++;
    }
    Py_ssize_t digits = at - now->at;
    if (digits == 0 || digits >= now->longest || !ends_line(at, now->end)) {
        return 0;
    }
    now->left = size;
    return digits + 2;
}

/* ---- steps ---- */

/* The attributes say where it is. */
static int
note(core_state *st, decoding *now, PyObject *state)
{
    now->state = state;
    if (state != now->noted_state) {
        if (PyObject_SetAttr(now->self, st->names.state, state) < 0) {
            return -1;
        }
        now->noted_state = state;
    }
    return 0;
}

static int
note_left(core_state *st, decoding *now)
{
    if (now->left != now->noted_left) {
        if (pyr_web_set_new(now->self, st->names.length, PyLong_FromLongLong(now->left)) <
            0) {
            return -1;
        }
        now->noted_left = now->left;
    }
    return 0;
}

/* self.<name>(what is next), of so many bytes */
static int
tell_decoded(decoding *now, PyObject *name, Py_ssize_t size)
{
    PyObject *function = PyObject_GetAttr(now->self, name);
    PyObject *data = function == NULL ? NULL : PyBytes_FromStringAndSize(now->at, size);
    now->at += size;
    PyObject *result = data == NULL ? NULL : PyObject_CallOneArg(function, data);
    Py_XDECREF(function);
    Py_XDECREF(data);
    return pyr_drop(result);
}

/* What there is of the chunk. */
static int
take_body(core_state *st, decoding *now)
{
    long long size = now->end - now->at;
    bool whole = size >= now->left;
    if (whole) { /* the attribute keeps what was left before this */
        size = now->left;
        if (note_left(st, now) < 0 || note(st, now, st->names.CRLF) < 0) {
            return -1;
        }
    } else {
        now->left -= size;
        if (note_left(st, now) < 0 || note(st, now, st->names.BODY) < 0) {
            return -1;
        }
    }
    return tell_decoded(now, st->names.dataCallback, (Py_ssize_t)size);
}

/* The last line, and the end of the trailers, if there are none. */
static int
take_end(core_state *st, decoding *now, Py_ssize_t line)
{
    now->at += line + 2;
    return note_left(st, now) < 0 || note(st, now, st->names.FINISHED) < 0
               ? -1
               : tell_decoded(now, st->names.finishCallback, now->end - now->at);
}

/* One step.  1: it goes on, 0: Twisted's code does from here, -1: error */
static int
take_step(core_state *st, decoding *now)
{
    if (now->state == st->names.BODY) {
        return take_body(st, now) < 0 ? -1 : 1;
    }
    if (now->state == st->names.CRLF) {
        if (!ends_line(now->at, now->end)) {
            return 0;
        }
        now->at += 2;
        now->state = st->names.CHUNK_LENGTH;
        return 1;
    }
    Py_ssize_t line = read_size(now);
    if (line == 0) {
        return 0;
    }
    if (now->left == 0) {
        return !ends_line(now->at + line, now->end) ? 0
               : take_end(st, now, line) < 0        ? -1
                                                    : 1;
    }
    now->at += line;
    now->state = st->names.BODY;
    return 1;
}

/* A function raised: what came behind its chunk is the buffer's. */
static void
keep_undecoded(core_state *st, decoding *now)
{
    PyObject *error = PyErr_GetRaisedException();
    PyObject *rest = PyBytes_FromStringAndSize(now->at, now->end - now->at);
    PyObject *buffer =
        rest == NULL ? NULL : PyObject_GetAttr(now->self, st->names.buffer);
    PyObject *all = buffer == NULL ? NULL : PyNumber_InPlaceAdd(buffer, rest);
    Py_XDECREF(rest);
    Py_XDECREF(buffer);
    Py_XDECREF(all);
    PyErr_Clear();
    PyErr_SetRaisedException(error);
}

/* All was decoded, or Twisted's code gets the rest. */
static PyObject *
end_decoding(core_state *st, decoding *now)
{
    if (now->state != st->names.FINISHED &&
        ((now->state == st->names.BODY && note_left(st, now) < 0) ||
         note(st, now, now->state) < 0)) {
        return NULL;
    }
    if (now->at == now->end) {
        Py_RETURN_NONE;
    }
    PyObject *rest = PyBytes_FromStringAndSize(now->at, now->end - now->at);
    PyObject *arguments[] = {now->self, rest};
    PyObject *result = rest == NULL ? NULL
                                    : PyObject_Vectorcall(st->web->Chunked_dataReceived,
                                                          arguments, 2, NULL);
    Py_XDECREF(rest);
    return result;
}

PyObject *
pyr_chunked_received(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    decoding now = {.self = args[0]};
    int goes_on = PyBytes_CheckExact(args[1]) ? begin_decoding(st, &now) : 0;
    if (goes_on <= 0) {
        return goes_on < 0 ? NULL : Py_NewRef(Py_NotImplemented);
    }
    now.begin = now.at = PyBytes_AS_STRING(args[1]);
    now.end = now.begin + PyBytes_GET_SIZE(args[1]);
    while (goes_on > 0 && now.at < now.end) {
        goes_on = take_step(st, &now);
    }
    if (goes_on < 0) {
        keep_undecoded(st, &now);
        return NULL;
    }
    return goes_on == 0 && now.at == now.begin ? Py_NewRef(Py_NotImplemented)
                                               : end_decoding(st, &now);
}
