/* Bytes received and not yet consumed; see framing.h. */
#include "framing_internal.h"

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#define LEAST_CAPACITY 64
#define HUGE_SIZE (1 << 20)

pyr_buffer *
pyr_buffer_new(core_state *st, const void *owner)
{
    PyTypeObject *type = st->framing.buffer_type;
    pyr_buffer *b = (pyr_buffer *)type->tp_alloc(type, 0);
    if (b != NULL) {
        b->st = st;
        b->owner = owner;
    }
    return b;
}

static void
drop_content(pyr_buffer *b)
{
    b->data = b->memory;
    b->size = 0;
    b->scanned = 0;
    b->external = false;
    Py_CLEAR(b->lender);
}

/*
 * Ask for huge pages under a large block: most of what a large message costs are the page
 * faults of memory that is touched once.
 */
static void
advise_huge(void *memory, Py_ssize_t size)
{
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (size < HUGE_SIZE) {
        return;
    }
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)memory + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)memory + (size_t)size) / page * page;
    (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE); /* a hint: may fail */
#else
    (void)memory;
    (void)size;
#endif
}

PyObject *
pyr_new_large_message(const char *data, Py_ssize_t size)
{
    PyObject *message = PyBytes_FromStringAndSize(NULL, size);
    if (message != NULL) {
        advise_huge(PyBytes_AS_STRING(message), size);
        memcpy(PyBytes_AS_STRING(message), data, (size_t)size);
    }
    return message;
}

/* Keep the content in a fresh block with room for `extra` more bytes. */
static int
move_to_new_memory(pyr_buffer *b, Py_ssize_t capacity)
{
    char *memory = PyMem_Malloc((size_t)capacity);
    if (memory == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    advise_huge(memory, capacity);
    if (b->size > 0) {
        memcpy(memory, b->data, (size_t)b->size);
    }
    PyMem_Free(b->memory);
    b->memory = memory;
    b->capacity = capacity;
    b->data = memory;
    b->external = false;
    Py_CLEAR(b->lender);
    return 0;
}

/* The capacity for `needed` bytes: grows by half, so that appending stays linear. */
static Py_ssize_t
grown_capacity(Py_ssize_t capacity, Py_ssize_t needed)
{
    Py_ssize_t grown = capacity + capacity / 2;
    if (grown < needed) {
        grown = needed;
    }
    return grown < LEAST_CAPACITY ? LEAST_CAPACITY : grown;
}

static int
grow(pyr_buffer *b, Py_ssize_t needed)
{
    Py_ssize_t capacity = grown_capacity(b->external ? 0 : b->capacity, needed);
    if (b->external || b->memory == NULL || b->data != b->memory) {
        return move_to_new_memory(b, capacity);
    }
    char *memory = PyMem_Realloc(b->memory, (size_t)capacity);
    if (memory == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    advise_huge(memory, capacity);
    b->memory = memory;
    b->capacity = capacity;
    b->data = memory;
    return 0;
}

static int
reserve(pyr_buffer *b, Py_ssize_t extra)
{
    if (extra > PY_SSIZE_T_MAX / 2 - b->size) {
        PyErr_NoMemory();
        return -1;
    }
    Py_ssize_t needed = b->size + extra;
    if (b->external || b->memory == NULL) {
        return grow(b, needed);
    }
    Py_ssize_t offset = b->data - b->memory;
    if (offset + needed <= b->capacity) {
        return 0;
    }
    /* Moving down is paid for by the bytes consumed since the last move. */
    if (needed <= b->capacity && offset >= b->size) {
        memmove(b->memory, b->data, (size_t)b->size);
        b->data = b->memory;
        return 0;
    }
    return grow(b, needed);
}

static int
append(pyr_buffer *b, const char *data, Py_ssize_t size)
{
    if (reserve(b, size) < 0) {
        return -1;
    }
    memcpy((char *)b->data + b->size, data, (size_t)size);
    b->size += size;
    return 0;
}

int
pyr_buffer_attach_slow(pyr_buffer *b, const char *data, Py_ssize_t size, PyObject *lender)
{
    if (size == 0) {
        return 0;
    }
    if (b->size > 0) {
        return append(b, data, size);
    }
    b->data = data;
    b->size = size;
    b->scanned = 0;
    b->external = true;
    Py_XSETREF(b->lender, Py_XNewRef(lender));
    return 0;
}

int
pyr_buffer_settle_slow(pyr_buffer *b)
{
    if (b->size == 0) {
        drop_content(b);
        if (b->capacity > PYR_IDLE_CAPACITY) {
            PyMem_Free(b->memory);
            b->memory = NULL;
            b->data = NULL;
            b->capacity = 0;
        }
        return 0;
    }
    if (b->external) {
        if (b->size > b->capacity) {
            return move_to_new_memory(b, grown_capacity(0, b->size));
        }
        memcpy(b->memory, b->data, (size_t)b->size);
        b->data = b->memory;
        b->external = false;
        Py_CLEAR(b->lender);
        return 0;
    }
    if (b->capacity > PYR_IDLE_CAPACITY && b->size < b->capacity / 8) {
        return move_to_new_memory(b, grown_capacity(0, b->size));
    }
    return 0;
}

int
pyr_buffer_set(pyr_buffer *b, const char *data, Py_ssize_t size)
{
    drop_content(b);
    Py_CLEAR(b->foreign);
    if (size == 0) {
        return 0;
    }
    return append(b, data, size);
}

void
pyr_buffer_reset(pyr_buffer *b)
{
    drop_content(b);
    Py_CLEAR(b->foreign);
    PyMem_Free(b->memory);
    b->memory = NULL;
    b->data = NULL;
    b->capacity = 0;
}

PyObject *
pyr_buffer_bytes(pyr_buffer *b)
{
    if (b->lender != NULL && b->data == PyBytes_AS_STRING(b->lender) &&
        b->size == PyBytes_GET_SIZE(b->lender)) {
        return Py_NewRef(b->lender);
    }
    return pyr_new_message(b->data, b->size);
}

PyObject *
pyr_buffer_take(pyr_buffer *b)
{
    PyObject *content = pyr_buffer_bytes(b);
    if (content != NULL) {
        drop_content(b);
    }
    return content;
}

/* ---- frames ---------------------------------------------------------------- */

void
pyr_frame_begin(pyr_frame *frame, pyr_buffer *b)
{
    frame->data = b->data;
    frame->size = b->size;
    frame->memory = b->memory;
    frame->capacity = b->capacity;
    frame->lender = b->lender;
    b->memory = NULL;
    b->capacity = 0;
    b->lender = NULL;
    b->external = true;
}

bool
pyr_frame_shown(const pyr_frame *frame, const pyr_buffer *b)
{
    return b->external && (uintptr_t)b->data >= (uintptr_t)frame->data &&
           (uintptr_t)b->data + (size_t)b->size <=
               (uintptr_t)frame->data + (size_t)frame->size;
}

static bool
frame_owns_data(const pyr_frame *frame)
{
    return frame->memory != NULL && (uintptr_t)frame->data >= (uintptr_t)frame->memory &&
           (uintptr_t)frame->data < (uintptr_t)frame->memory + (size_t)frame->capacity;
}

int
pyr_frame_end(pyr_frame *frame, pyr_buffer *b)
{
    int result = 0;
    if (pyr_frame_shown(frame, b)) {
        if (b->size > 0 && !frame_owns_data(frame)) {
            if (b->memory == NULL) {
                b->memory = frame->memory;
                b->capacity = frame->capacity;
                frame->memory = NULL;
            }
            result = pyr_buffer_settle(b);
            if (result < 0) {
                drop_content(b); /* it must not point at memory that ends here */
            }
        } else {
            PyMem_Free(b->memory);
            b->memory = frame->memory;
            b->capacity = frame->capacity;
            frame->memory = NULL;
            b->external = false;
            result = pyr_buffer_settle(b);
        }
    }
    PyMem_Free(frame->memory);
    frame->memory = NULL;
    Py_CLEAR(frame->lender);
    return result;
}

/* ---- batches --------------------------------------------------------------- */

#define MOST_ROOM 8192

int
pyr_batch_begin(pyr_batch *batch, Py_ssize_t room)
{
    batch->count = 0;
    batch->room = room < MOST_ROOM ? room : MOST_ROOM;
    batch->list = PyList_New(batch->room);
    return batch->list == NULL ? -1 : 0;
}

PyObject *
pyr_batch_end(pyr_batch *batch, int result)
{
    if (result == 0 && batch->count < batch->room) {
        result = PyList_SetSlice(batch->list, batch->count, batch->room, NULL);
    }
    if (result < 0) {
        Py_CLEAR(batch->list);
    }
    return batch->list;
}

/* ---- the type -------------------------------------------------------------- */

static int
buffer_traverse(PyObject *self, visitproc visit, void *arg)
{
    pyr_buffer *b = (pyr_buffer *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(b->lender);
    Py_VISIT(b->foreign);
    Py_VISIT(b->header);
    for (int i = 0; i < ESCAPE_COUNT; i++) {
        Py_VISIT(b->escaped[i]);
    }
    return pyr_view_traverse(&b->view, visit, arg);
}

static int
buffer_clear(PyObject *self)
{
    pyr_buffer *b = (pyr_buffer *)self;
    Py_CLEAR(b->foreign);
    Py_CLEAR(b->header);
    for (int i = 0; i < ESCAPE_COUNT; i++) {
        Py_CLEAR(b->escaped[i]);
    }
    pyr_view_clear(&b->view);
    return 0;
}

static void
buffer_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    pyr_buffer *b = (pyr_buffer *)self;
    PyObject_GC_UnTrack(self);
    (void)buffer_clear(self);
    Py_CLEAR(b->lender);
    PyMem_Free(b->memory);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
buffer_content(PyObject *self)
{
    pyr_buffer *b = (pyr_buffer *)self;
    return b->foreign != NULL ? Py_NewRef(b->foreign) : pyr_buffer_bytes(b);
}

static PyObject *
buffer_repr(PyObject *self)
{
    PyObject *content = buffer_content(self);
    if (content == NULL) {
        return NULL;
    }
    PyObject *repr = PyObject_Repr(content);
    Py_DECREF(content);
    return repr;
}

/* A copy or a pickle of a protocol's __dict__ gets plain bytes, as it has in stock. */
static PyObject *
buffer_reduce(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *content = buffer_content(self);
    if (content == NULL) {
        return NULL;
    }
    return Py_BuildValue("O(N)", &PyBytes_Type, content);
}

static PyObject *
buffer_to_bytes(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return pyr_buffer_bytes((pyr_buffer *)self);
}

static PyObject *
buffer_sizeof(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    pyr_buffer *b = (pyr_buffer *)self;
    return PyLong_FromSsize_t((Py_ssize_t)sizeof(*b) + b->capacity);
}

static Py_ssize_t
buffer_length(PyObject *self)
{
    return ((pyr_buffer *)self)->size;
}

PyDoc_STRVAR(buffer_doc,
             "The receive buffer of a framed protocol.\n"
             "\n"
             "It lives in the protocol's __dict__ where the stock class keeps bytes\n"
             "(_buffer, _unprocessed, _remainingData); read and set those attributes.");

PyDoc_STRVAR(buffer_bytes_doc, "__bytes__($self, /)\n--\n\nThe content, as bytes.");
PyDoc_STRVAR(buffer_reduce_doc, "__reduce__($self, /)\n--\n\nPickle and copy as bytes.");
PyDoc_STRVAR(
    buffer_sizeof_doc,
    "__sizeof__($self, /)\n--\n\nThe bytes of memory held, spare room included.");

static PyMethodDef buffer_methods[] = {
    {"__bytes__", buffer_to_bytes, METH_NOARGS, buffer_bytes_doc},
    {"__reduce__", buffer_reduce, METH_NOARGS, buffer_reduce_doc},
    {"__sizeof__", buffer_sizeof, METH_NOARGS, buffer_sizeof_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot buffer_slots[] = {
    {Py_tp_doc, (void *)buffer_doc},   {Py_tp_dealloc, buffer_dealloc},
    {Py_tp_traverse, buffer_traverse}, {Py_tp_clear, buffer_clear},
    {Py_tp_repr, buffer_repr},         {Py_tp_methods, buffer_methods},
    {Py_sq_length, buffer_length},     {0, NULL},
};

static PyType_Spec buffer_spec = {
    .name = "pyreactor._core.FramingBuffer",
    .basicsize = sizeof(pyr_buffer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = buffer_slots,
};

int
pyr_buffer_exec(PyObject *module, core_state *st)
{
    st->framing.buffer_type = pyr_add_type(module, &buffer_spec, NULL);
    return st->framing.buffer_type == NULL ? -1 : 0;
}
