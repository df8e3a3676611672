/*
 * Files by sendfile(2); see sendfile.h.
 *
 * In a step of the producer, a part of the file goes to the socket, behind what is
 * queued, and the file stands behind it.  If there is more of it, the producer is paused,
 * as by a write that fills the queue.  The end of the file, and whatever is not sent so,
 * is for Twisted's own step.
 */
#include "web/sendfile.h"

#include <sys/stat.h>

#include "core/override.h"
#include "web/objects.h"

/* So much of a file goes out in one step, at most, for others to have their turn. */
#define MOST_AT_ONCE (1 << 22)

/* What Twisted's step reads, and writes in one piece with the response's head: no less is
 * sent in the place of the first. */
#define ONE_STEP (1 << 16)

/* Is the attribute's truth this? */
static int
is_truth(PyObject *object, PyObject *name, int truth)
{
    int found = pyr_attribute_true(object, name);
    return found < 0 ? -1 : found == truth;
}

/* Is it a connection of ours, whose write() is neither the class's nor the object's own?
 */
static int
is_own_transport(core_state *st, PyObject *transport)
{
    if (st->transport_type == NULL ||
        !PyObject_TypeCheck(transport, st->transport_type)) {
        return 0;
    }
    PyObject *write = pyr_class_find(st->transport_type, st->names.write);
    int own = pyr_web_has_method(st, transport, st->names.write, write);
    Py_XDECREF(write);
    return own;
}

/* ---- the file ---- */

/* A part of a file: its descriptor, where it begins, and how many bytes that there are
 * from there on may be sent. */
typedef struct {
    int file;
    long long offset, size;
} file_part;

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

/* Is file.read its class's own?  A program may put another into the object. */
static bool
has_own_read(core_state *st, PyObject *file)
{
    PyObject *read;
    if (PyObject_GetOptionalAttr(file, st->names.read, &read) < 0) {
        PyErr_Clear();
    }
    bool own = read != NULL && PyCFunction_CheckExact(read) &&
               PyCFunction_GET_SELF(read) == file;
    Py_XDECREF(read);
    return own;
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
    return is_file && has_own_read(st, file);
}

/* What of it is to be sent, but for `spared` bytes at its end, and `most` at most; false:
 * nothing. */
static bool
find_part(core_state *st, PyObject *file, long long spared, long long most,
          file_part *part)
{
    struct stat status;
    if (!is_plain_file(st, file)) {
        return false;
    }
    part->file = (int)ask_number(file, st->names.fileno);
    part->offset = part->file < 0 ? -1 : ask_number(file, st->names.tell);
    if (part->offset < 0 || fstat(part->file, &status) < 0 || !S_ISREG(status.st_mode)) {
        return false;
    }
    part->size = (long long)status.st_size - part->offset - spared;
    part->size = part->size < most ? part->size : most;
    return part->size > 0;
}

/* Send from where the file stands, and put it behind what was sent: how many bytes; -1
 * with an exception. */
static Py_ssize_t
send_part(core_state *st, PyObject *transport, PyObject *file, const file_part *part)
{
    Py_ssize_t most = (Py_ssize_t)(part->size < MOST_AT_ONCE ? part->size : MOST_AT_ONCE);
    Py_ssize_t sent =
        st->transport_ops->send_file(transport, part->file, part->offset, most);
    if (sent <= 0) {
        return sent;
    }
    PyObject *position = PyLong_FromLongLong(part->offset + sent);
    int status =
        position == NULL ? -1 : pyr_call_dropping(file, st->names.seek, position);
    Py_XDECREF(position);
    return status < 0 ? -1 : sent;
}

/* Was that the step?  Then None; else NotImplemented, and the step is Twisted's. */
static PyObject *
end_step(core_state *st, PyObject *transport, const file_part *part, Py_ssize_t sent)
{
    bool more = sent > 0 && sent < part->size;
    int waits = more ? st->transport_ops->await_room(transport) : 0;
    return waits < 0 ? NULL : Py_NewRef(waits ? Py_None : Py_NotImplemented);
}

/* ---- the producers ---- */

/*
 * Does who it is registered with ask the producer itself for its steps, which are all
 * that Twisted's class does?  What a program has put before them may count them, or wait
 * between two of them: then each is Twisted's, of one chunk.
 */
static int
is_asked_itself(core_state *st, PyObject *producer, PyObject *with)
{
    PyObject *registered;
    if (PyObject_GetOptionalAttr(with, st->names.producer, &registered) < 0) {
        return -1;
    }
    PyObject *step = registered != producer
                         ? NULL
                         : pyr_class_find(Py_TYPE(producer), st->names.resumeProducing);
    int own = step != NULL && Py_IS_TYPE(step, st->standin.type)
                  ? pyr_web_has_method(st, producer, st->names.resumeProducing, step)
                  : 0;
    Py_XDECREF(registered);
    Py_XDECREF(step);
    return own;
}

/* Is its write() the one of Twisted's server, through all of its layers? */
static int
is_plain_request(core_state *st, PyObject *request)
{
    if (st->web->ServerRequest == NULL ||
        !PyObject_TypeCheck(request, (PyTypeObject *)st->web->ServerRequest) ||
        !pyr_class_has(st, st->web->Request, st->names.write, st->web->Request_write)) {
        return 0;
    }
    return pyr_web_has_method(st, request, st->names.write, st->web->ServerRequest_write);
}

/* Would the bytes go out as they are, without anything before or around them? */
static int
sends_bare(core_state *st, PyObject *request)
{
    const struct {
        PyObject *name;
        int truth;
    } all[] = {
        {st->names.chunked, 0},  {st->names._encoder, 0},      {st->names._inFakeHead, 0},
        {st->names.finished, 0}, {st->names._disconnected, 0},
    };
    int bare = is_plain_request(st, request);
    for (size_t i = 0; bare > 0 && i < sizeof(all) / sizeof(all[0]); i++) {
        bare = is_truth(request, all[i].name, all[i].truth);
    }
    return bare;
}

/* The transport under a request that has begun, if the file can go to it; NULL, with an
 * exception or not. */
static PyObject *
transport_of(core_state *st, PyObject *request)
{
    PyObject *channel =
        sends_bare(st, request) > 0 ? PyObject_GetAttr(request, st->names.channel) : NULL;
    int plain = channel == NULL ? 0
                                : pyr_web_has_method(st, channel, st->names.write,
                                                     st->web->HTTPChannel_write);
    PyObject *transport =
        plain > 0 ? PyObject_GetAttr(channel, st->names.transport) : NULL;
    Py_XDECREF(channel);
    if (transport != NULL && is_own_transport(st, transport) <= 0) {
        Py_CLEAR(transport);
    }
    return transport;
}

/* Has the request begun?  Else its head is written, if so much is to be sent that the
 * file goes behind it: how the body goes out is known only then.  -1 with an exception.
 */
static int
begin(core_state *st, PyObject *request, long long size)
{
    int plain = is_plain_request(st, request);
    int begun = plain > 0 ? pyr_attribute_true(request, st->names.startedWriting) : plain;
    if (plain <= 0 || begun != 0 || size <= ONE_STEP) {
        return begun;
    }
    int bare = is_truth(request, st->names._encoder, 0);
    return bare <= 0                                                         ? bare
           : pyr_call_dropping(request, st->names.write, st->web->empty) < 0 ? -1
                                                                             : 1;
}

/* object.<name> += sent */
static int
count_sent(PyObject *object, PyObject *name, Py_ssize_t sent)
{
    PyObject *before = PyObject_GetAttr(object, name);
    PyObject *more = before == NULL ? NULL : PyLong_FromSsize_t(sent);
    PyObject *after = more == NULL ? NULL : PyNumber_Add(before, more);
    Py_XDECREF(before);
    Py_XDECREF(more);
    return pyr_web_set_new(object, name, after);
}

/* object.<name>, if that is an int of C's; else -1, with an exception or not */
static long long
read_number(PyObject *object, PyObject *name)
{
    PyObject *number = PyObject_GetAttr(object, name);
    int overflow = 0;
    long long value = number != NULL && PyLong_CheckExact(number)
                          ? PyLong_AsLongLongAndOverflow(number, &overflow)
                          : -1;
    Py_XDECREF(number);
    return value;
}

/* A producer of a file, or of a range in it. */
typedef struct {
    PyObject *self, *request, *file;
    bool is_range;
} file_producer;

/* What it would send, from where the file stands; false: nothing, or it cannot be told.
 */
static bool
find_next(core_state *st, const file_producer *producer, file_part *part)
{
    long long most = PY_LLONG_MAX;
    if (producer->is_range) {
        long long size = read_number(producer->self, st->names.size);
        long long done =
            size < 0 ? -1 : read_number(producer->self, st->names.bytesWritten);
        most = done < 0 ? 0 : size - done;
    }
    return !PyErr_Occurred() && find_part(st, producer->file, 0, most, part);
}

/* A step of the producer of a file. */
static PyObject *
step_of_static(core_state *st, const file_producer *producer)
{
    PyObject *request = producer->request;
    file_part part;
    PyObject *transport =
        request != Py_None && is_asked_itself(st, producer->self, request) > 0 &&
                find_next(st, producer, &part) && begin(st, request, part.size) > 0
            ? transport_of(st, request)
            : NULL;
    /* A program's code may have run, and changed the file. */
    if (transport == NULL || !find_next(st, producer, &part)) {
        Py_XDECREF(transport);
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_NotImplemented);
    }
    Py_ssize_t sent = send_part(st, transport, producer->file, &part);
    int status = sent < 0 ? -1 : 0;
    if (sent > 0 && producer->is_range) {
        status = count_sent(producer->self, st->names.bytesWritten, sent);
    }
    if (sent > 0 && status == 0) {
        status = count_sent(request, st->names.sentLength, sent);
    }
    PyObject *result = status < 0 ? NULL : end_step(st, transport, &part, sent);
    Py_DECREF(transport);
    return result;
}

static PyObject *
step_of(core_state *st, PyObject *self, bool is_range)
{
    PyObject *request = PyObject_GetAttr(self, st->names.request);
    PyObject *file =
        request == NULL ? NULL : PyObject_GetAttr(self, st->names.fileObject);
    file_producer producer = {self, request, file, is_range};
    PyObject *result = file == NULL ? NULL : step_of_static(st, &producer);
    Py_XDECREF(request);
    Py_XDECREF(file);
    return result;
}

PyObject *
pyr_sendfile_static(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    return step_of(st, args[0], false);
}

PyObject *
pyr_sendfile_range(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    return step_of(st, args[0], true);
}

/* The file of a FileSender, if its bytes go to its consumer as they are. */
static PyObject *
untransformed(core_state *st, PyObject *self)
{
    int bare = is_truth(self, st->names.transform, 0);
    return bare > 0 ? PyObject_GetAttr(self, st->names.file) : NULL;
}

/* What a FileSender sends to: a transport that a file can go to, or NULL, with an
 * exception or not. */
static PyObject *
consumer_of(core_state *st, PyObject *self)
{
    PyObject *consumer = PyObject_GetAttr(self, st->names.consumer);
    if (consumer != NULL && (is_own_transport(st, consumer) <= 0 ||
                             is_asked_itself(st, self, consumer) <= 0)) {
        Py_CLEAR(consumer);
    }
    return consumer;
}

/* self.CHUNK_SIZE, if that is a positive int; else 0, or -1 with an exception */
static long long
chunk_size(core_state *st, PyObject *self)
{
    PyObject *size = PyObject_GetAttr(self, st->names.CHUNK_SIZE);
    int overflow = 0;
    long long chunk = size != NULL && PyLong_CheckExact(size)
                          ? PyLong_AsLongLongAndOverflow(size, &overflow)
                          : 0;
    Py_XDECREF(size);
    return size == NULL ? -1 : chunk > 0 ? chunk : 0;
}

/* A step of a FileSender.  The last chunk is for Twisted's step, which tells its last
 * byte. */
static PyObject *
step_of_sender(core_state *st, PyObject *self, PyObject *file)
{
    file_part part;
    PyObject *consumer = consumer_of(st, self);
    long long chunk = consumer == NULL ? 0 : chunk_size(st, self);
    if (chunk <= 0 || !find_part(st, file, chunk, PY_LLONG_MAX, &part)) {
        Py_XDECREF(consumer);
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_NotImplemented);
    }
    Py_ssize_t sent = send_part(st, consumer, file, &part);
    PyObject *result = sent < 0 ? NULL : end_step(st, consumer, &part, sent);
    Py_DECREF(consumer);
    return result;
}

PyObject *
pyr_sendfile_sender(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *file = untransformed(st, args[0]);
    if (file == NULL) {
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_NotImplemented);
    }
    PyObject *result = step_of_sender(st, args[0], file);
    Py_DECREF(file);
    return result;
}
