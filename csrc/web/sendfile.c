/*
 * Files by sendfile(2); see sendfile.h.
 *
 * Nothing of the producer's steps is changed: where nothing waits in the connection's
 * queue, a part of the file goes to the socket first, and the file stands behind it. Then
 * Twisted's own step reads on and writes, which ends at the file's end, or fills the
 * queue, so that the connection asks again when the socket takes more.
 */
#include "web/sendfile.h"

#include <errno.h>
#include <sys/stat.h>
#if defined(__linux__)
#include <sys/sendfile.h>
#endif

#include "core/override.h"
#include "web/objects.h"

/* So much of a file goes out in one step, at most, for others to have their turn. */
#define MOST_AT_ONCE (1 << 20)

/* Is object.<name> this function of Twisted's, bound to the object? */
static int
has_method(core_state *st, PyObject *object, PyObject *name, PyObject *expected)
{
    PyObject *found = PyObject_GetAttr(object, name);
    int result = found == NULL ? -1 : pyr_is_bound(st, found, object, expected);
    Py_XDECREF(found);
    return result;
}

/* Is the attribute's truth this? */
static int
is_truth(PyObject *object, PyObject *name, int truth)
{
    int found = pyr_attribute_true(object, name);
    return found < 0 ? -1 : found == truth;
}

/* ---- where it goes ---- */

/* Is it of TCP, and sends as Twisted's class does? */
static bool
has_own_sending(core_state *st, PyTypeObject *type)
{
    PyObject *kind = pyr_class_find(type, st->names._kind);
    PyObject *sends = pyr_class_find(type, st->names.writeSomeData);
    PyObject *stock = pyr_class_find(type, st->names._stockWriteSomeData);
    bool own = kind != NULL && PyUnicode_Check(kind) &&
               PyUnicode_CompareWithASCIIString(kind, "TCP") == 0 &&
               pyr_is_expected(st, sends, stock);
    Py_XDECREF(kind);
    Py_XDECREF(sends);
    Py_XDECREF(stock);
    return own;
}

/* Has this class of ours the writing of our own type? */
static bool
has_own_write(core_state *st, PyTypeObject *type)
{
    pyr_web_class *known = &st->web->sending_class;
    if (st->transport_type == NULL || !PyType_IsSubtype(type, st->transport_type)) {
        return false;
    }
    if (!pyr_class_is_as_seen(&known->seen, type)) {
        pyr_class_see(st, &known->seen, type);
        PyObject *ours = (PyObject *)st->transport_type;
        known->overrides = pyr_class_has(st, type, st->names.write, ours) &&
                                   pyr_class_has(st, type, st->names.fileno, ours) &&
                                   pyr_class_has(st, type, st->names.doWrite, ours) &&
                                   has_own_sending(st, type)
                               ? 0
                               : 1;
    }
    return known->overrides == 0;
}

/* Has the instance none of its own of these? */
static int
has_none_of_its_own(core_state *st, PyObject *transport)
{
    PyObject *dict = PyObject_GenericGetDict(transport, NULL);
    int own = dict == NULL ? -1 : PyDict_Contains(dict, st->names.write);
    if (own == 0) {
        own = PyDict_Contains(dict, st->names.fileno);
    }
    if (own == 0) {
        own = PyDict_Contains(dict, st->names.doWrite);
    }
    if (own == 0) {
        own = PyDict_Contains(dict, st->names.writeSomeData);
    }
    Py_XDECREF(dict);
    return own < 0 ? -1 : !own;
}

/* Is it a plain TCP connection that would send at once what is written? */
static int
is_idle(core_state *st, PyObject *transport)
{
    const struct {
        PyObject *name;
        int truth;
    } all[] = {
        {st->names.connected, 1},     {st->names.TLS, 0},
        {st->names.disconnecting, 0}, {st->names._writeDisconnecting, 0},
        {st->names.dataBuffer, 0},    {st->names._tempDataLen, 0},
    };
    int idle =
        has_own_write(st, Py_TYPE(transport)) ? has_none_of_its_own(st, transport) : 0;
    for (size_t i = 0; idle > 0 && i < sizeof(all) / sizeof(all[0]); i++) {
        idle = is_truth(transport, all[i].name, all[i].truth);
    }
    return idle;
}

/* ---- the file ---- */

/* The int that object.<name>() gives, -1: none, or an error, which is dropped: Twisted's
 * step will meet it. */
static long long
ask_number(PyObject *object, PyObject *name)
{
    PyObject *number = pyr_call_named(object, name, NULL);
    long long value = number == NULL ? -1 : PyLong_AsLongLong(number);
    Py_XDECREF(number);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return -1;
    }
    return value;
}

/* How much may go out now, but for `spared` bytes at the end of the file. */
static long long
most_to_send(int from, long long offset, long long spared)
{
    struct stat status;
    if (fstat(from, &status) < 0 || !S_ISREG(status.st_mode)) {
        return 0;
    }
    long long most = (long long)status.st_size - offset - spared;
    return most < MOST_AT_ONCE ? most : MOST_AT_ONCE;
}

/* What the kernel takes of the file now; nothing after an error, which Twisted's step
 * will meet, too. */
static Py_ssize_t
send_part(int to, int from, long long offset, long long spared)
{
    Py_ssize_t sent = 0;
#if defined(__linux__)
    long long most = most_to_send(from, offset, spared);
    off_t at = (off_t)offset;
    Py_BEGIN_ALLOW_THREADS while (sent < most)
    {
        ssize_t size = sendfile(to, from, &at, (size_t)(most - sent));
        if (size <= 0 && !(size < 0 && errno == EINTR)) {
            break;
        }
        sent += size > 0 ? size : 0;
    }
    Py_END_ALLOW_THREADS
#else
    (void)to, (void)from, (void)offset, (void)spared;
#endif
        return sent;
}

/* Is it one that open(path, "rb") gives, which reads the descriptor's own bytes from
 * where it stands? */
static bool
is_plain_file(core_state *st, PyObject *file)
{
    if (!Py_IS_TYPE(file, (PyTypeObject *)st->web->BufferedReader)) {
        return false;
    }
    PyObject *raw;
    int found = PyObject_GetOptionalAttr(file, st->names.raw, &raw);
    bool is_file = raw != NULL && Py_IS_TYPE(raw, (PyTypeObject *)st->web->FileIO);
    Py_XDECREF(raw);
    if (found < 0) {
        PyErr_Clear(); /* a detached one: Twisted's step will meet it */
    }
    return is_file;
}

/* Send from where the file stands, and put it behind what was sent: *sent bytes. */
static int
send_from(core_state *st, PyObject *transport, PyObject *file, long long spared,
          Py_ssize_t *sent)
{
    long long to = ask_number(transport, st->names.fileno);
    long long from = ask_number(file, st->names.fileno);
    long long offset = from < 0 ? -1 : ask_number(file, st->names.tell);
    *sent = to < 0 || offset < 0 ? 0 : send_part((int)to, (int)from, offset, spared);
    if (*sent == 0) {
        return 0;
    }
    PyObject *position = PyLong_FromLongLong(offset + *sent);
    int status =
        position == NULL ? -1 : pyr_call_dropping(file, st->names.seek, position);
    Py_XDECREF(position);
    return status;
}

/* ---- the producers ---- */

/* Are the request's and the channel's methods, by which the file would go, Twisted's? */
static int
writes_through(core_state *st, PyObject *request, PyObject *channel)
{
    int plain = has_method(st, request, st->names.write, st->web->ServerRequest_write);
    if (plain > 0) {
        plain = has_method(st, channel, st->names.write, st->web->HTTPChannel_write);
    }
    if (plain > 0) {
        plain =
            pyr_class_has(st, st->web->Request, st->names.write, st->web->Request_write);
    }
    return plain;
}

/* Would the bytes go out as they are, without anything before or around them? */
static int
sends_bare(core_state *st, PyObject *request)
{
    const struct {
        PyObject *name;
        int truth;
    } all[] = {
        {st->names.startedWriting, 1}, {st->names.chunked, 0},
        {st->names._encoder, 0},       {st->names._inFakeHead, 0},
        {st->names.finished, 0},       {st->names._disconnected, 0},
    };
    int bare = 1;
    for (size_t i = 0; bare > 0 && i < sizeof(all) / sizeof(all[0]); i++) {
        bare = is_truth(request, all[i].name, all[i].truth);
    }
    return bare;
}

/* The transport under a request, if the file can go to it; NULL, with an exception or
 * not. */
static PyObject *
transport_of(core_state *st, PyObject *request)
{
    int bare =
        PyObject_TypeCheck(request, st->web->Request) ? sends_bare(st, request) : 0;
    PyObject *channel = bare > 0 ? PyObject_GetAttr(request, st->names.channel) : NULL;
    int plain = channel == NULL ? 0 : writes_through(st, request, channel);
    PyObject *transport =
        plain > 0 ? PyObject_GetAttr(channel, st->names.transport) : NULL;
    Py_XDECREF(channel);
    if (transport != NULL && is_idle(st, transport) <= 0) {
        Py_CLEAR(transport);
    }
    return transport;
}

/* request.sentLength += sent */
static int
count_sent(core_state *st, PyObject *request, Py_ssize_t sent)
{
    PyObject *before = PyObject_GetAttr(request, st->names.sentLength);
    PyObject *more = before == NULL ? NULL : PyLong_FromSsize_t(sent);
    PyObject *after = more == NULL ? NULL : PyNumber_Add(before, more);
    Py_XDECREF(before);
    Py_XDECREF(more);
    return pyr_web_set_new(request, st->names.sentLength, after);
}

/* The next step is Twisted's; NULL with an exception. */
static PyObject *
go_on(int status)
{
    return status < 0 || PyErr_Occurred() ? NULL : Py_NewRef(Py_NotImplemented);
}

PyObject *
pyr_sendfile_static(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *request = PyObject_GetAttr(args[0], st->names.request);
    PyObject *file =
        request == NULL ? NULL : PyObject_GetAttr(args[0], st->names.fileObject);
    PyObject *transport = file == NULL || request == Py_None || !is_plain_file(st, file)
                              ? NULL
                              : transport_of(st, request);
    int status = file == NULL ? -1 : 0;
    Py_ssize_t sent = 0;
    if (transport != NULL) {
        status = send_from(st, transport, file, 0, &sent);
    }
    if (status == 0 && sent > 0) {
        status = count_sent(st, request, sent);
    }
    Py_XDECREF(request);
    Py_XDECREF(file);
    Py_XDECREF(transport);
    return go_on(status);
}

/* The file of a FileSender, if its bytes go to its consumer as they are. */
static PyObject *
untransformed(core_state *st, PyObject *self)
{
    int bare = is_truth(self, st->names.transform, 0);
    PyObject *file = bare > 0 ? PyObject_GetAttr(self, st->names.file) : NULL;
    if (file != NULL && !is_plain_file(st, file)) {
        Py_CLEAR(file);
    }
    return file;
}

PyObject *
pyr_sendfile_sender(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *file = untransformed(st, args[0]);
    PyObject *consumer =
        file == NULL ? NULL : PyObject_GetAttr(args[0], st->names.consumer);
    long long chunk = 0;
    int idle = consumer == NULL ? 0 : is_idle(st, consumer);
    if (idle > 0) {
        PyObject *size = PyObject_GetAttr(args[0], st->names.CHUNK_SIZE);
        chunk = size != NULL && PyLong_CheckExact(size) ? PyLong_AsLongLong(size) : -1;
        Py_XDECREF(size);
    }
    int status = 0;
    if (chunk > 0) {
        /* The last chunk is for Twisted's step, which tells its last byte. */
        Py_ssize_t sent;
        status = send_from(st, consumer, file, chunk, &sent);
    }
    Py_XDECREF(file);
    Py_XDECREF(consumer);
    return go_on(status);
}
