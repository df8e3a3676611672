/* Which of a stream's methods its class or the instance replaces; see stream.h. */
#include "transport/stream_internal.h"

#include "loop/reactor_state.h"

/* Which OWN_* bit an attribute name stands for, or 0. */
int
pyr_stream_override_bit(core_state *st, PyObject *name)
{
    if (name == st->names.doRead) {
        return OWN_READ;
    }
    if (name == st->names.doWrite) {
        return OWN_WRITE;
    }
    if (name == st->names.writeSomeData) {
        return OWN_SEND;
    }
    return name == st->names.logPrefix ? OWN_PREFIX : 0;
}

/* The same for what only classes of the program's own, or their instances, replace. */
int
pyr_stream_watch_override_bit(StreamConnection *self, PyObject *name)
{
    pyr_names *names = &self->st->names;
    bool watch = name == names->startReading || name == names->stopReading ||
                 name == names->startWriting || name == names->stopWriting;
    return watch && self->kind != NULL ? OWN_WATCH : 0;
}

/* Does `type` have another `name` than the original, or than the other one? */
static int
class_overrides(core_state *st, PyTypeObject *type, PyObject *name, PyObject *original,
                PyObject *other, int bit)
{
    PyObject *found = PyObject_GetAttr((PyObject *)type, name);
    if (found == NULL) {
        return -1;
    }
    PyObject *method = pyr_standin_method(st, found);
    int result = method == original || method == other ? 0 : bit;
    Py_DECREF(found);
    return result;
}

/* Does `type` start and stop reading or writing in another way than the C methods? */
static int
find_watch_overrides(core_state *st, PyTypeObject *type)
{
    PyObject *ours = (PyObject *)st->reactor->stream_type;
    PyObject *const names[] = {st->names.startReading, st->names.stopReading,
                               st->names.startWriting, st->names.stopWriting};
    int result = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && result == 0; i++) {
        PyObject *original = PyObject_GetAttr(ours, names[i]);
        result = original == NULL
                     ? -1
                     : class_overrides(st, type, names[i], original, NULL, OWN_WATCH);
        Py_XDECREF(original);
    }
    return result;
}

int
pyr_stream_class_overrides(core_state *st, PyTypeObject *type,
                           const pyr_stream_kind *kind)
{
    pyr_reactor_state *ours = st->reactor;
    bool socket = kind == NULL;
    int read =
        class_overrides(st, type, st->names.doRead, ours->stream_doRead, NULL, OWN_READ);
    int write = class_overrides(st, type, st->names.doWrite, ours->stream_doWrite, NULL,
                                OWN_WRITE);
    int send = class_overrides(
        st, type, st->names.writeSomeData,
        socket ? ours->stock_writeSomeData : ours->stock_pipe_writeSomeData,
        socket ? ours->stock_sendmsg_writeSomeData : ours->terminal_writeSomeData,
        OWN_SEND);
    int prefix =
        class_overrides(st, type, st->names.logPrefix,
                        socket ? ours->stock_logPrefix : ours->stock_descriptor_logPrefix,
                        NULL, OWN_PREFIX);
    int watch = kind != NULL && kind->asks_fileno ? find_watch_overrides(st, type) : 0;
    if (read < 0 || write < 0 || send < 0 || prefix < 0 || watch < 0) {
        return -1;
    }
    return read | write | send | prefix | watch;
}
