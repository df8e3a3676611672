/* Bytes received and not yet consumed; see framing.h. */
#include "framing/parser.h"
#include "framing/framing.h"

#include <assert.h>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#define LEAST_CAPACITY 64
#define HUGE_SIZE (1 << 20)

pyr_buffer *
pyr_buffer_new(core_state *st, const void *owner)
{
    PyTypeObject *type = st->framing->buffer_type;
    pyr_buffer *b = (pyr_buffer *)type->tp_alloc(type, 0);
    if (b != NULL) {
        PyObject_GC_UnTrack(b);
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
    b->quiet = 0;
    b->awaited = 0;
    b->scanned = 0;
    b->external = false;
    Py_CLEAR(b->lender);
    Py_CLEAR(b->delivered);
}

/* ---- blocks ---------------------------------------------------------------- */

#define HEADER ((Py_ssize_t)offsetof(PyBytesObject, ob_sval))

static_assert(PYR_MOST_LEAD <= offsetof(PyBytesObject, ob_sval),
              "the lead lies where the header will be");

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

/* A block, or the block of `memory` with another capacity; NULL: no memory, and that of
 * before is as it was. */
static char *
resize_block(char *memory, Py_ssize_t capacity)
{
    size_t size = (size_t)(HEADER + capacity + 1);
    char *block =
        memory == NULL ? PyObject_Malloc(size) : PyObject_Realloc(memory - HEADER, size);
    if (block == NULL) {
        return NULL;
    }
    advise_huge(block, capacity);
    return block + HEADER;
}

static void
free_block(char *memory)
{
    if (memory != NULL) {
        PyObject_Free(memory - HEADER);
    }
}

/* The first `size` bytes of a block as bytes, which the block becomes. */
static PyObject *
block_as_bytes(char *memory, Py_ssize_t size, Py_ssize_t capacity)
{
    if (capacity - size > size / 8) {
        char *smaller = resize_block(memory, size);
        memory = smaller == NULL ? memory : smaller;
    }
    PyObject *bytes = (PyObject *)(memory - HEADER);
    PyObject_InitVar((PyVarObject *)bytes, &PyBytes_Type, size);
    PYR_IGNORE_DEPRECATED_BEGIN((PyBytesObject *)bytes)->ob_shash = -1;
    PYR_IGNORE_DEPRECATED_END
    memory[size] = '\0';
    return bytes;
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

/* ---- growing --------------------------------------------------------------- */

/* Put the content, of `size` bytes at `data` now, into a fresh block. */
static int
move_to_new_memory(pyr_buffer *b, Py_ssize_t capacity)
{
    char *memory = resize_block(NULL, capacity);
    if (memory == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (b->size > 0) {
        memcpy(memory - b->lead, b->data, (size_t)b->size);
    }
    free_block(b->memory);
    b->memory = memory;
    b->capacity = capacity;
    b->data = memory - b->lead;
    b->external = false;
    Py_CLEAR(b->lender);
    return 0;
}

/*
 * The capacity for `needed` bytes.  Room for all of the message that is announced, and
 * for what may follow it in its last chunk; but for no more than a few times what has
 * really come.  That is generous for large blocks, since memory that nobody touches is
 * none.
 */
static Py_ssize_t
grown_capacity(const pyr_buffer *b, Py_ssize_t capacity, Py_ssize_t needed)
{
    bool large = needed >= HUGE_SIZE;
    Py_ssize_t grown;
    if (b->awaited > needed) {
        Py_ssize_t most = needed * (large ? 64 : 4);
        grown = b->awaited + (b->arrived < b->awaited ? b->arrived : b->awaited);
        most = most < PYR_IDLE_CAPACITY ? PYR_IDLE_CAPACITY : most;
        grown = grown < most ? grown : most;
    } else {
        grown = capacity * (large ? 4 : 2);
    }
    grown = grown < needed ? needed : grown;
    return grown < LEAST_CAPACITY ? LEAST_CAPACITY : grown;
}

/* A large block is not grown in place: the kernel would move its pages, and give up the
 * huge ones. */
static int
grow(pyr_buffer *b, Py_ssize_t needed)
{
    Py_ssize_t capacity = grown_capacity(b, b->external ? 0 : b->capacity, needed);
    if (b->external || b->memory == NULL || b->data != b->memory - b->lead ||
        capacity >= HUGE_SIZE) {
        if (move_to_new_memory(b, capacity) == 0) {
            return 0;
        }
        PyErr_Clear(); /* so much there is not; perhaps what is needed is there */
        return move_to_new_memory(b, needed);
    }
    char *memory = resize_block(b->memory, capacity);
    if (memory == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    b->memory = memory;
    b->capacity = capacity;
    b->data = memory - b->lead;
    return 0;
}

static int
reserve(pyr_buffer *b, Py_ssize_t extra)
{
    if (extra > PYR_MOST_SIZE - b->size) {
        PyErr_NoMemory();
        return -1;
    }
    Py_ssize_t needed = b->size + extra;
    if (b->external || b->memory == NULL) {
        return grow(b, needed);
    }
    if (b->memory + b->capacity - b->data >= needed) {
        return 0;
    }
    /* Moving down is paid for by the bytes consumed since the last move. */
    Py_ssize_t offset = b->data - b->memory;
    if (needed <= b->capacity && offset >= b->size) {
        memmove(b->memory - b->lead, b->data, (size_t)b->size);
        b->data = b->memory - b->lead;
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

/* ---- the content ----------------------------------------------------------- */

static Py_ssize_t
delivered_size(const pyr_buffer *b)
{
    return b->delivered == NULL ? 0
                                : b->delivered_lead_size + PyBytes_GET_SIZE(b->delivered);
}

static void
copy_delivered(const pyr_buffer *b, char *to)
{
    memcpy(to, b->delivered_lead, (size_t)b->delivered_lead_size);
    memcpy(to + b->delivered_lead_size, PyBytes_AS_STRING(b->delivered),
           (size_t)PyBytes_GET_SIZE(b->delivered));
}

/* Put the message that was handed out back before the rest, as one content. */
static int
undeliver(pyr_buffer *b)
{
    Py_ssize_t before = delivered_size(b);
    char *memory = resize_block(NULL, before + b->size);
    if (memory == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    copy_delivered(b, memory);
    if (b->size > 0) {
        memcpy(memory + before, b->data, (size_t)b->size);
    }
    free_block(b->memory);
    b->memory = memory;
    b->capacity = b->size = before + b->size;
    b->data = memory;
    b->external = false;
    Py_CLEAR(b->lender);
    Py_CLEAR(b->delivered);
    return 0;
}

int
pyr_buffer_attach_slow(pyr_buffer *b, const char *data, Py_ssize_t size, PyObject *lender)
{
    if (b->delivered != NULL && undeliver(b) < 0) {
        return -1;
    }
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
            free_block(b->memory);
            b->memory = NULL;
            b->data = NULL;
            b->capacity = 0;
        }
        return 0;
    }
    if (b->external) {
        if (b->size > b->capacity) {
            int result = move_to_new_memory(b, grown_capacity(b, 0, b->size));
            if (result < 0) {
                drop_content(b); /* it must not point at memory that ends here */
            }
            return result;
        }
        memcpy(b->memory - b->lead, b->data, (size_t)b->size);
        b->data = b->memory - b->lead;
        b->external = false;
        Py_CLEAR(b->lender);
        return 0;
    }
    if (b->capacity > PYR_IDLE_CAPACITY && b->size < b->capacity / 8) {
        Py_ssize_t capacity = grown_capacity(b, 0, b->size);
        return capacity < b->capacity / 2 ? move_to_new_memory(b, capacity) : 0;
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
    free_block(b->memory);
    b->memory = NULL;
    b->data = NULL;
    b->capacity = 0;
}

PyObject *
pyr_buffer_bytes(pyr_buffer *b)
{
    if (b->delivered != NULL) {
        Py_ssize_t before = delivered_size(b);
        PyObject *bytes = PyBytes_FromStringAndSize(NULL, before + b->size);
        if (bytes != NULL) {
            copy_delivered(b, PyBytes_AS_STRING(bytes));
            memcpy(PyBytes_AS_STRING(bytes) + before, b->size ? b->data : "",
                   (size_t)b->size);
        }
        return bytes;
    }
    if (b->lender != NULL && b->data == PyBytes_AS_STRING(b->lender) &&
        b->size == PyBytes_GET_SIZE(b->lender)) {
        return Py_NewRef(b->lender);
    }
    return pyr_new_message(b->data, b->size);
}

PyObject *
pyr_buffer_take(pyr_buffer *b)
{
    PyObject *content = b->external ? NULL : pyr_buffer_detach(b, 0, b->size, b->size);
    if (content == NULL) {
        content = pyr_buffer_bytes(b);
    }
    if (content != NULL) {
        drop_content(b);
    }
    return content;
}

int
pyr_buffer_continue(pyr_buffer *b, pyr_buffer *from)
{
    PyObject *content = pyr_buffer_bytes(from);
    int result = content == NULL ? -1
                                 : pyr_buffer_set(b, PyBytes_AS_STRING(content),
                                                  PyBytes_GET_SIZE(content));
    Py_XDECREF(content);
    b->compatibility_offset = from->compatibility_offset;
    b->ready = from->ready;
    b->netstring_state = from->netstring_state;
    b->expected = from->expected;
    b->moved = from->moved;
    for (int i = 0; i < ESCAPE_COUNT; i++) {
        b->escaped[i] = Py_XNewRef(from->escaped[i]);
    }
    if (b->escaped[0] != NULL) {
        pyr_buffer_track(b);
    }
    return result;
}

/* ---- messages without a copy ----------------------------------------------- */

/* From this size on it is dearer to copy a message than to keep what came after it. */
#define DETACH_LEAST 4096

/*
 * Whether so much of a block would be given back that a copy is better.  A block that
 * shrinks first is freed as a small one, from which malloc does not learn to keep large
 * blocks mapped; the largest it never keeps.
 */
static bool
wasteful(Py_ssize_t size, Py_ssize_t capacity)
{
    return capacity - size > size / 4 && capacity < 32 * HUGE_SIZE;
}

static PyObject *
detach(pyr_frame *frame, Py_ssize_t lead, Py_ssize_t size, Py_ssize_t consumed)
{
    Py_ssize_t rest = frame->size - consumed;
    if (size < DETACH_LEAST || rest > size / 4 || frame->memory == NULL ||
        frame->data + lead != frame->memory || wasteful(size, frame->capacity)) {
        return NULL;
    }
    char *memory = NULL;
    Py_ssize_t capacity = rest < LEAST_CAPACITY ? LEAST_CAPACITY : rest;
    if (rest > 0) {
        memory = resize_block(NULL, capacity);
        if (memory == NULL) {
            return NULL;
        }
        memcpy(memory - lead, frame->data + consumed, (size_t)rest);
    }
    PyObject *message = block_as_bytes(frame->memory, size, frame->capacity);
    frame->memory = memory;
    frame->capacity = memory == NULL ? 0 : capacity;
    frame->data = memory == NULL ? NULL : memory - lead;
    frame->size = rest;
    return message;
}

PyObject *
pyr_buffer_detach(pyr_buffer *b, Py_ssize_t lead, Py_ssize_t size, Py_ssize_t consumed)
{
    pyr_frame frame = {
        .data = b->data, .size = b->size, .memory = b->memory, .capacity = b->capacity};
    PyObject *message = b->external ? NULL : detach(&frame, lead, size, consumed);
    if (message != NULL) {
        b->data = frame.data;
        b->size = frame.size;
        b->memory = frame.memory;
        b->capacity = frame.capacity;
        b->scanned = 0;
        b->quiet = 0;
    }
    return message;
}

PyObject *
pyr_frame_detach(pyr_frame *frame, pyr_buffer *b, Py_ssize_t lead, Py_ssize_t size,
                 Py_ssize_t consumed)
{
    Py_ssize_t shown = pyr_frame_shown(frame, b) ? b->data - frame->data : -1;
    PyObject *message = detach(frame, lead, size, consumed);
    if (message != NULL && shown >= 0) {
        Py_ssize_t gone = shown < consumed ? consumed - shown : 0;
        b->size -= gone;
        b->data = frame->data == NULL ? NULL : frame->data + shown + gone - consumed;
    }
    return message;
}

PyObject *
pyr_buffer_cut_long(pyr_buffer *b, Py_ssize_t size, Py_ssize_t consumed)
{
    PyObject *message = pyr_buffer_detach(b, 0, size, consumed);
    if (message == NULL) {
        message = pyr_new_message(b->data, size);
        if (message != NULL) {
            pyr_buffer_consume(b, consumed);
        }
    }
    return message;
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
    return frame->memory != NULL &&
           (uintptr_t)frame->data >= (uintptr_t)frame->memory - HEADER &&
           (uintptr_t)frame->data < (uintptr_t)frame->memory + (size_t)frame->capacity;
}

int
pyr_frame_end(pyr_frame *frame, pyr_buffer *b)
{
    int result = 0;
    if (pyr_frame_shown(frame, b)) {
        if (b->delivered != NULL) {
            result = undeliver(b); /* a callback has raised: all of it is there again */
            if (result < 0) {
                drop_content(b); /* it must not point at memory that ends here */
            }
        } else if (b->size > 0 && !frame_owns_data(frame)) {
            if (b->memory == NULL) {
                b->memory = frame->memory;
                b->capacity = frame->capacity;
                frame->memory = NULL;
            }
            result = pyr_buffer_settle(b);
        } else {
            free_block(b->memory);
            b->memory = frame->memory;
            b->capacity = frame->capacity;
            frame->memory = NULL;
            b->external = false;
            result = pyr_buffer_settle(b);
        }
    }
    free_block(frame->memory);
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
    if (b->st->framing->recent == b) {
        b->st->framing->recent = NULL;
    }
    (void)buffer_clear(self);
    Py_CLEAR(b->lender);
    Py_CLEAR(b->delivered);
    free_block(b->memory);
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

/* A netstring parser has more state than the bytes; its attributes are all here. */
static PyObject *
buffer_deepcopy(PyObject *self, PyObject *Py_UNUSED(memo))
{
    pyr_buffer *b = (pyr_buffer *)self;
    if (!b->ready || b->escaped[0] != NULL) {
        return buffer_content(self);
    }
    pyr_buffer *copy = pyr_buffer_new(b->st, NULL);
    if (copy != NULL && pyr_buffer_continue(copy, b) < 0) {
        Py_CLEAR(copy);
    }
    return (PyObject *)copy;
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

/*
 * Code that reaches past the attribute (a class that is no receiver, put over a protocol
 * with __class__) finds something that adds, slices and searches as bytes do.
 */
static PyObject *
buffer_concat(PyObject *self, PyObject *other)
{
    PyObject *content = buffer_content(self);
    PyObject *result = content == NULL ? NULL : PyNumber_Add(content, other);
    Py_XDECREF(content);
    return result;
}

static PyObject *
buffer_subscript(PyObject *self, PyObject *key)
{
    PyObject *content = buffer_content(self);
    PyObject *result = content == NULL ? NULL : PyObject_GetItem(content, key);
    Py_XDECREF(content);
    return result;
}

static PyObject *
buffer_getattro(PyObject *self, PyObject *name)
{
    PyObject *value = PyObject_GenericGetAttr(self, name);
    if (value != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return value;
    }
    PyErr_Clear();
    PyObject *content = buffer_content(self);
    value = content == NULL ? NULL : PyObject_GetAttr(content, name);
    Py_XDECREF(content);
    return value;
}

static Py_ssize_t
buffer_length(PyObject *self)
{
    pyr_buffer *b = (pyr_buffer *)self;
    return delivered_size(b) + b->size;
}

PyDoc_STRVAR(buffer_doc,
             "The receive buffer of a framed protocol.\n"
             "\n"
             "It lives in the protocol's __dict__ where the stock class keeps bytes\n"
             "(_buffer, _unprocessed, _remainingData); read and set those attributes.");

PyDoc_STRVAR(buffer_bytes_doc, "__bytes__($self, /)\n--\n\nThe content, as bytes.");
PyDoc_STRVAR(buffer_reduce_doc, "__reduce__($self, /)\n--\n\nPickle and copy as bytes.");
PyDoc_STRVAR(buffer_deepcopy_doc, "__deepcopy__($self, memo, /)\n--\n\n"
                                  "Bytes, or for netstrings a buffer in the same state.");
PyDoc_STRVAR(
    buffer_sizeof_doc,
    "__sizeof__($self, /)\n--\n\nThe bytes of memory held, spare room included.");

static PyMethodDef buffer_methods[] = {
    {"__bytes__", buffer_to_bytes, METH_NOARGS, buffer_bytes_doc},
    {"__reduce__", buffer_reduce, METH_NOARGS, buffer_reduce_doc},
    {"__deepcopy__", buffer_deepcopy, METH_O, buffer_deepcopy_doc},
    {"__sizeof__", buffer_sizeof, METH_NOARGS, buffer_sizeof_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot buffer_slots[] = {
    {Py_tp_doc, (void *)buffer_doc},     {Py_tp_dealloc, buffer_dealloc},
    {Py_tp_traverse, buffer_traverse},   {Py_tp_clear, buffer_clear},
    {Py_tp_repr, buffer_repr},           {Py_tp_methods, buffer_methods},
    {Py_sq_length, buffer_length},       {Py_sq_concat, buffer_concat},
    {Py_mp_subscript, buffer_subscript}, {Py_mp_length, buffer_length},
    {Py_tp_getattro, buffer_getattro},   {0, NULL},
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
    st->framing->buffer_type = pyr_add_type(module, &buffer_spec, NULL);
    return st->framing->buffer_type == NULL ? -1 : 0;
}
