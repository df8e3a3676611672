/* Bytes received and not yet consumed; see buffer.h. */
#include "framing/buffer.h"
#include "core/objects.h"
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
    b->data = b->block == NULL ? NULL : pyr_block_start(b->block);
    b->size = 0;
    b->lead_size = 0;
    b->quiet = 0;
    b->awaited = 0;
    b->scanned = 0;
    b->external = false;
    Py_CLEAR(b->lender);
    Py_CLEAR(b->delivered);
}

/* ---- blocks ---------------------------------------------------------------- */

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

/* A new block; NULL with an exception set. */
static PyObject *
new_block(Py_ssize_t capacity)
{
    PyObject *block = PyBytes_FromStringAndSize(NULL, capacity);
    if (block != NULL) {
        advise_huge(PyBytes_AS_STRING(block), capacity);
    }
    return block;
}

PyObject *
pyr_new_large_message(const char *data, Py_ssize_t size)
{
    PyObject *message = new_block(size);
    if (message != NULL) {
        memcpy(PyBytes_AS_STRING(message), data, (size_t)size);
    }
    return message;
}

/* ---- growing --------------------------------------------------------------- */

/* Own this block (stolen), in which the content is. */
static void
own_block(pyr_buffer *b, PyObject *block)
{
    Py_XSETREF(b->block, block);
    b->data = pyr_block_start(block);
    b->external = false;
    Py_CLEAR(b->lender);
}

/* Put the content, of `size` bytes at `data` now, into a fresh block. */
static int
move_to_new_memory(pyr_buffer *b, Py_ssize_t capacity)
{
    PyObject *block = new_block(capacity);
    if (block == NULL) {
        return -1;
    }
    if (b->size > 0) {
        memcpy(pyr_block_start(block), b->data, (size_t)b->size);
    }
    own_block(b, block);
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

/* Lengthen the block where it is, if there is room behind it. */
static int
grow_in_place(pyr_buffer *b, Py_ssize_t capacity)
{
    int result = _PyBytes_Resize(&b->block, capacity);
    if (result < 0) {
        drop_content(b); /* which is gone with the block */
    } else {
        b->data = pyr_block_start(b->block);
    }
    return result;
}

/* A large block is not grown in place: the kernel would move its pages, and give up the
 * huge ones. */
static int
grow(pyr_buffer *b, Py_ssize_t needed)
{
    bool own = !b->external && b->block != NULL;
    Py_ssize_t capacity = grown_capacity(b, own ? pyr_block_size(b->block) : 0, needed);
    if (own && b->data == pyr_block_start(b->block) && capacity < HUGE_SIZE) {
        return grow_in_place(b, capacity);
    }
    if (move_to_new_memory(b, capacity) == 0) {
        return 0;
    }
    PyErr_Clear(); /* so much there is not; perhaps what is needed is there */
    return move_to_new_memory(b, needed);
}

static int
reserve(pyr_buffer *b, Py_ssize_t extra)
{
    if (extra > PYR_MOST_SIZE - b->size) {
        PyErr_NoMemory();
        return -1;
    }
    Py_ssize_t needed = b->size + extra;
    if (b->external || b->block == NULL) {
        return grow(b, needed);
    }
    char *start = pyr_block_start(b->block);
    if (start + pyr_block_size(b->block) - b->data >= needed) {
        return 0;
    }
    /* Moving down is paid for by the bytes consumed since the last move. */
    if (needed <= pyr_block_size(b->block) && b->data - start >= b->size) {
        memmove(start, b->data, (size_t)b->size);
        b->data = start;
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

/* The size of what is held apart before `data`. */
static Py_ssize_t
size_before(const pyr_buffer *b)
{
    return b->lead_size + (b->delivered == NULL ? 0 : PyBytes_GET_SIZE(b->delivered));
}

/* All of the content. */
static void
copy_content(const pyr_buffer *b, char *to)
{
    memcpy(to, b->lead, (size_t)b->lead_size);
    to += b->lead_size;
    if (b->delivered != NULL) {
        Py_ssize_t size = PyBytes_GET_SIZE(b->delivered);
        memcpy(to, PyBytes_AS_STRING(b->delivered), (size_t)size);
        to += size;
    }
    if (b->size > 0) {
        memcpy(to, b->data, (size_t)b->size);
    }
}

int
pyr_buffer_join(pyr_buffer *b)
{
    Py_ssize_t size = size_before(b) + b->size;
    PyObject *block = new_block(size < LEAST_CAPACITY ? LEAST_CAPACITY : size);
    if (block == NULL) {
        return -1;
    }
    copy_content(b, pyr_block_start(block));
    own_block(b, block);
    b->size = size;
    b->awaited = 0;
    b->lead_size = 0;
    Py_CLEAR(b->delivered);
    return 0;
}

int
pyr_buffer_attach_slow(pyr_buffer *b, const char *data, Py_ssize_t size, PyObject *lender)
{
    if (b->delivered != NULL && pyr_buffer_join(b) < 0) {
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
    Py_ssize_t capacity = b->block == NULL ? 0 : pyr_block_size(b->block);
    if (b->size == 0) {
        drop_content(b);
        if (capacity > PYR_IDLE_CAPACITY) {
            Py_CLEAR(b->block);
            b->data = NULL;
        }
        return 0;
    }
    if (b->external) {
        if (b->size > capacity) {
            int result = move_to_new_memory(b, grown_capacity(b, 0, b->size));
            if (result < 0) {
                drop_content(b); /* it must not point at memory that ends here */
            }
            return result;
        }
        char *start = pyr_block_start(b->block);
        memcpy(start, b->data, (size_t)b->size);
        b->data = start;
        b->external = false;
        Py_CLEAR(b->lender);
        return 0;
    }
    if (capacity > PYR_IDLE_CAPACITY && b->size < capacity / 8) {
        Py_ssize_t less = grown_capacity(b, 0, b->size);
        return less < capacity / 2 ? move_to_new_memory(b, less) : 0;
    }
    return 0;
}

int
pyr_buffer_set(pyr_buffer *b, const char *data, Py_ssize_t size)
{
    drop_content(b);
    return size == 0 ? 0 : append(b, data, size);
}

void
pyr_buffer_reset(pyr_buffer *b)
{
    drop_content(b);
    Py_CLEAR(b->block);
    b->data = NULL;
}

PyObject *
pyr_buffer_bytes(pyr_buffer *b)
{
    if (b->lead_size > 0) {
        PyObject *bytes = PyBytes_FromStringAndSize(NULL, size_before(b) + b->size);
        if (bytes != NULL) {
            copy_content(b, PyBytes_AS_STRING(bytes));
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
    PyObject *content = pyr_buffer_detach(b, b->size, b->size);
    if (content == NULL && !PyErr_Occurred()) {
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
    b->broken = from->broken;
    b->header = Py_XNewRef(from->header);
    b->netstring_state = from->netstring_state;
    b->expected = from->expected;
    b->moved = from->moved;
    if (b->header != NULL) {
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
detach(pyr_frame *frame, Py_ssize_t size, Py_ssize_t consumed)
{
    Py_ssize_t rest = frame->size - consumed;
    if (size < DETACH_LEAST || rest > size / 4 || frame->block == NULL ||
        frame->data != pyr_block_start(frame->block) ||
        wasteful(size, pyr_block_size(frame->block))) {
        return NULL;
    }
    PyObject *block = NULL;
    if (rest > 0) {
        block = new_block(rest < LEAST_CAPACITY ? LEAST_CAPACITY : rest);
        if (block == NULL) {
            return NULL;
        }
        memcpy(pyr_block_start(block), frame->data + consumed, (size_t)rest);
    }
    PyObject *message = frame->block;
    frame->block = block;
    frame->data = block == NULL ? NULL : pyr_block_start(block);
    frame->size = rest;
    (void)_PyBytes_Resize(&message, size); /* NULL if it fails, with an exception */
    return message;
}

PyObject *
pyr_buffer_detach(pyr_buffer *b, Py_ssize_t size, Py_ssize_t consumed)
{
    if (b->external || b->lead_size > 0) {
        return NULL;
    }
    pyr_frame frame = {.data = b->data, .size = b->size, .block = b->block};
    PyObject *message = detach(&frame, size, consumed);
    if (message != NULL || frame.block != b->block) {
        b->data = frame.data;
        b->size = frame.size;
        b->block = frame.block;
        b->scanned = 0;
        b->quiet = 0;
    }
    return message;
}

PyObject *
pyr_frame_detach(pyr_frame *frame, pyr_buffer *b, Py_ssize_t size, Py_ssize_t consumed)
{
    Py_ssize_t shown = pyr_frame_shown(frame, b) ? b->data - frame->data : -1;
    const PyObject *before = frame->block;
    PyObject *message = detach(frame, size, consumed);
    if (frame->block != before && shown >= 0) {
        Py_ssize_t gone = shown < consumed ? consumed - shown : 0;
        b->size -= gone;
        b->data = frame->data == NULL ? NULL : frame->data + shown + gone - consumed;
    }
    return message;
}

PyObject *
pyr_buffer_cut_long(pyr_buffer *b, Py_ssize_t size, Py_ssize_t consumed)
{
    PyObject *message = pyr_buffer_detach(b, size, consumed);
    if (message == NULL && !PyErr_Occurred()) {
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
    frame->block = b->block;
    frame->lender = b->lender;
    b->block = NULL;
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
    if (frame->block == NULL) {
        return false;
    }
    uintptr_t start = (uintptr_t)pyr_block_start(frame->block);
    return (uintptr_t)frame->data >= start &&
           (uintptr_t)frame->data < start + (size_t)pyr_block_size(frame->block);
}

int
pyr_frame_end(pyr_frame *frame, pyr_buffer *b)
{
    int result = 0;
    if (pyr_frame_shown(frame, b)) {
        if (b->delivered != NULL) {
            result =
                pyr_buffer_join(b); /* a callback has raised: all of it is there again */
            if (result < 0) {
                drop_content(b); /* it must not point at memory that ends here */
            }
        } else if (b->size > 0 && !frame_owns_data(frame)) {
            if (b->block == NULL) {
                b->block = frame->block;
                frame->block = NULL;
            }
            result = pyr_buffer_settle(b);
        } else {
            Py_XSETREF(b->block, frame->block);
            frame->block = NULL;
            b->external = false;
            result = pyr_buffer_settle(b);
        }
    }
    Py_CLEAR(frame->block);
    Py_CLEAR(frame->lender);
    return result;
}

/* ---- the type -------------------------------------------------------------- */

static int
buffer_traverse(PyObject *self, visitproc visit, void *arg)
{
    pyr_buffer *b = (pyr_buffer *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(b->lender);
    Py_VISIT(b->header);
    Py_VISIT(b->view.header_from); /* the rest of the view is bytes, ints and text */
    return 0;
}

static void
clear_view(pyr_view *view)
{
    view->method = NULL;
    Py_CLEAR(view->max_length_from);
    Py_CLEAR(view->delimiter_from);
    Py_CLEAR(view->format_from);
    Py_CLEAR(view->prefix_from);
    Py_CLEAR(view->header_from);
}

static int
buffer_clear(PyObject *self)
{
    pyr_buffer *b = (pyr_buffer *)self;
    Py_CLEAR(b->header);
    clear_view(&b->view);
    return 0;
}

static void
buffer_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    pyr_buffer *b = (pyr_buffer *)self;
    PyObject_GC_UnTrack(self);
    /* At the end of the interpreter the module may be gone before. */
    if (pyr_type_has_module(type) && b->st->framing->recent == b) {
        b->st->framing->recent = NULL;
    }
    (void)buffer_clear(self);
    Py_CLEAR(b->lender);
    Py_CLEAR(b->delivered);
    Py_CLEAR(b->block);
    type->tp_free(self);
    Py_DECREF(type);
}

bool
pyr_is_buffer(PyObject *op)
{
    return Py_TYPE(op)->tp_dealloc == buffer_dealloc;
}

/* ---- what Python code uses of it (pyreactor/_framing/attributes.py) ---------- */

static PyObject *
buffer_content(PyObject *self, void *Py_UNUSED(closure))
{
    return pyr_buffer_bytes((pyr_buffer *)self);
}

static int
buffer_set_content(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    pyr_buffer *b = (pyr_buffer *)self;
    char *data;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(value, &data, &size) < 0) {
        return -1;
    }
    b->netstring_state = NETSTRING_LENGTH; /* the batch form: begin anew */
    b->moved = 0;
    return pyr_buffer_set(b, data, size);
}

static PyObject *
buffer_busy(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((pyr_buffer *)self)->busy);
}

static int
buffer_set_busy(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    pyr_buffer *b = (pyr_buffer *)self;
    int busy = pyr_truth(value);
    b->busy = busy == 1;
    b->quiet = 0;
    return busy < 0 ? -1 : 0;
}

static PyObject *
buffer_belongs_to(PyObject *self, PyObject *protocol)
{
    return PyBool_FromLong(((pyr_buffer *)self)->owner == protocol);
}

static PyObject *
buffer_twin(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    pyr_buffer *b = (pyr_buffer *)self;
    pyr_buffer *twin = pyr_buffer_new(b->st, NULL);
    if (twin != NULL && pyr_buffer_continue(twin, b) < 0) {
        Py_CLEAR(twin);
    }
    return (PyObject *)twin;
}

static PyObject *
buffer_sizeof(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    pyr_buffer *b = (pyr_buffer *)self;
    Py_ssize_t held = b->block == NULL ? 0 : pyr_block_size(b->block);
    return PyLong_FromSsize_t((Py_ssize_t)sizeof(*b) + held);
}

PyDoc_STRVAR(buffer_doc,
             "The receive buffer of a framed protocol.\n"
             "\n"
             "It lives in the protocol's __dict__ where the stock class keeps bytes\n"
             "(_buffer, _unprocessed, _remainingData); read and set those attributes.");

static PyMethodDef buffer_methods[] = {
    {"belongs_to", buffer_belongs_to, METH_O,
     "belongs_to($self, protocol, /)\n--\n\nWhether it was made for this protocol."},
    {"twin", buffer_twin, METH_NOARGS,
     "twin($self, /)\n--\n\nA buffer of no protocol's that goes on where this one "
     "stands."},
    {"__sizeof__", buffer_sizeof, METH_NOARGS,
     "__sizeof__($self, /)\n--\n\nThe bytes of memory held, spare room included."},
    {NULL},
};

static PyGetSetDef buffer_getset[] = {
    {"content", buffer_content, buffer_set_content, "The bytes.", NULL},
    {"busy", buffer_busy, buffer_set_busy, "Whether a callback is at work.", NULL},
    {NULL},
};

static PyMemberDef buffer_members[] = {
    {"offset", T_PYSSIZET, offsetof(pyr_buffer, compatibility_offset), 0,
     "IntNStringReceiver._compatibilityOffset"},
    {"state", T_INT, offsetof(pyr_buffer, netstring_state), READONLY,
     "NetstringReceiver._state"},
    {"expected", T_PYSSIZET, offsetof(pyr_buffer, expected), READONLY,
     "NetstringReceiver._expectedPayloadSize"},
    {"left", T_BOOL, offsetof(pyr_buffer, left), 0,
     "Whether stock's attributes took its place."},
    {"ready", T_BOOL, offsetof(pyr_buffer, ready), READONLY,
     "Whether it stands for more than bytes."},
    {"moved", T_PYSSIZET, offsetof(pyr_buffer, moved), READONLY,
     "How much of the content stock would have in NetstringReceiver._payload."},
    {NULL},
};

static PyType_Slot buffer_slots[] = {
    {Py_tp_doc, (void *)buffer_doc},   {Py_tp_dealloc, buffer_dealloc},
    {Py_tp_traverse, buffer_traverse}, {Py_tp_clear, buffer_clear},
    {Py_tp_methods, buffer_methods},   {Py_tp_getset, buffer_getset},
    {Py_tp_members, buffer_members},   {0, NULL},
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
    return pyr_add_type(module, &buffer_spec, NULL, &st->framing->buffer_type);
}
