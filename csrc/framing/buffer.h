/* Bytes received and not yet consumed: the buffer, what messages are cut of it, frames.
 */
#ifndef PYREACTOR_BUFFER_H
#define PYREACTOR_BUFFER_H

#include "core/core.h"
#include "framing/framing.h"
#include "framing/attributes_state.h"

/* ---- the buffer ------------------------------------------------------------ */

#define PYR_MOST_SIZE                                                 \
    (PY_SSIZE_T_MAX / 128)  /* of a content: there is not more memory \
                             */
enum { PYR_MOST_LEAD = 8 }; /* bytes of a length prefix */
enum { NETSTRING_LENGTH = 0, NETSTRING_PAYLOAD = 1 };

struct pyr_buffer {
    PyObject_HEAD core_state *st;
    const void
        *owner; /* the protocol, for comparison only: copies share a __dict__ value */
    /* The content: in `block`, or (external) in memory that a caller on the stack lends.
     */
    const char *data;
    Py_ssize_t size;
    /* So many more bytes, if no delimiter is in them, only lengthen what waits here: all
     * that was looked at when this was set is still so if the view is.  0: unknown. */
    Py_ssize_t quiet;
    int lead_size;
    int netstring_state;
    bool external;
    bool busy;
    bool ready;       /* it stands for more than bytes: makeConnection was called */
    bool left;        /* stock's attributes took its place: nothing sees it any more */
    bool broken;      /* batch and header forms: nonsense was received, ignore the rest */
    char calls;       /* so many, until it has keys */
    bool has_keys;    /* the __dict__ that it is in was given keys of its own */
    PyObject *lender; /* the bytes object that `data` begins, or NULL; owned */
    PyObject *block;  /* memory of its own, see below; or NULL */
    Py_ssize_t
        awaited; /* the size of the content when its message is whole; 0: unknown */
    Py_ssize_t arrived; /* the size of the data that came last */
    /* What of the content stands before `data`, held apart: the prefix of a long string
     * of IntNStringReceiver, so that the string has a block for itself; and, during a
     * callback, the string that was handed out, or NULL (owned). */
    char lead[PYR_MOST_LEAD];
    PyObject *delivered;
    Py_ssize_t scanned; /* no delimiter begins in the first `scanned` bytes */
    Py_ssize_t compatibility_offset; /* IntNStringReceiver */
    /* NetstringReceiver */
    Py_ssize_t expected; /* payload and comma */
    Py_ssize_t moved;    /* of `data`, what stock would have moved to its payload */
    /* HeaderReceiver: the header whose payload is awaited */
    PyObject *header;
    pyr_view view;
};

/* The garbage collector does not know it: mostly a buffer refers to no more than bytes
 * and ints, and looking at all of them took longer than the rest of what they cost. */
pyr_buffer *pyr_buffer_new(core_state *st, const void *owner);
/* Call this after giving it a reference to anything else. */
static inline void
pyr_buffer_track(pyr_buffer *b)
{
    if (!PyObject_GC_IsTracked((PyObject *)b)) {
        PyObject_GC_Track(b);
    }
}
bool pyr_is_buffer(PyObject *op);
/* Continue in `b`, which is new, where another buffer stands.  -1: exception. */
int pyr_buffer_continue(pyr_buffer *b, pyr_buffer *from);
int pyr_buffer_exec(PyObject *module, core_state *st);

PyObject *pyr_new_large_message(const char *data, Py_ssize_t size);

/* A message: bytes with a copy of the data. */
static inline PyObject *
pyr_new_message(const char *data, Py_ssize_t size)
{
    return size < (1 << 20) ? PyBytes_FromStringAndSize(data, size)
                            : pyr_new_large_message(data, size);
}

/*
 * A block is memory for received bytes, and a bytes object that nobody else knows yet: a
 * message that is long enough, and has a block for itself, becomes that object, and is
 * never copied again.
 */
static inline char *
pyr_block_start(PyObject *block)
{
    return PyBytes_AS_STRING(block);
}

static inline Py_ssize_t
pyr_block_size(PyObject *block)
{
    return PyBytes_GET_SIZE(block);
}

/* The first `size` bytes of the content as a message, by giving it the block.  `consumed`
 * bytes of content are gone then.  NULL without an exception: copy them, there is nothing
 * to gain or another message in the same memory. */
PyObject *pyr_buffer_detach(pyr_buffer *b, Py_ssize_t size, Py_ssize_t consumed);
/* Put what is held apart back before the rest, as one content.  -1: exception. */
int pyr_buffer_join(pyr_buffer *b);
/* The content as bytes (new reference). */
PyObject *pyr_buffer_bytes(pyr_buffer *b);
/* The content as bytes; the buffer is empty afterwards. */
PyObject *pyr_buffer_take(pyr_buffer *b);
int pyr_buffer_attach_slow(pyr_buffer *b, const char *data, Py_ssize_t size,
                           PyObject *lender);
int pyr_buffer_settle_slow(pyr_buffer *b);
/* Replace the content by a copy of `size` bytes. */
int pyr_buffer_set(pyr_buffer *b, const char *data, Py_ssize_t size);
void pyr_buffer_reset(pyr_buffer *b);

/* Add `size` bytes that the caller lends until pyr_buffer_settle(). */
static inline int
pyr_buffer_attach(pyr_buffer *b, const char *data, Py_ssize_t size, PyObject *lender)
{
    b->arrived = size;
    if (b->size > 0 && !b->external &&
        pyr_block_start(b->block) + pyr_block_size(b->block) - (b->data + b->size) >=
            size) {
        memcpy((char *)b->data + b->size, data, (size_t)size);
        b->size += size;
        return 0;
    }
    return pyr_buffer_attach_slow(b, data, size, lender);
}

/* A buffer at rest keeps no more than this much memory that it does not need. */
#define PYR_IDLE_CAPACITY 4096

/* Give up lent memory: copy what is left.  Called when a framing returns.  After a
 * failure the buffer is empty, or has memory of its own. */
static inline int
pyr_buffer_settle(pyr_buffer *b)
{
    if (b->size > 0 && !b->external && pyr_block_size(b->block) <= PYR_IDLE_CAPACITY) {
        return 0;
    }
    return pyr_buffer_settle_slow(b);
}

/* The content is at rest.  Up to `most` bytes of it would only wait for more. */
static inline void
pyr_buffer_wait(pyr_buffer *b, Py_ssize_t most)
{
    if (b->size > 0 && !b->external) {
        Py_ssize_t room =
            pyr_block_start(b->block) + pyr_block_size(b->block) - (b->data + b->size);
        Py_ssize_t quiet = most > b->size ? most - b->size : 0;
        b->quiet = quiet < room ? quiet : room;
    }
}

static inline void
pyr_buffer_consume(pyr_buffer *b, Py_ssize_t size)
{
    b->data += size;
    b->size -= size;
    b->scanned = 0;
    b->quiet = 0;
}

PyObject *pyr_buffer_cut_long(pyr_buffer *b, Py_ssize_t size, Py_ssize_t consumed);

/* The first `size` bytes of the content as a message; `consumed` bytes are gone then. */
static inline PyObject *
pyr_buffer_cut(pyr_buffer *b, Py_ssize_t size, Py_ssize_t consumed)
{
    if (size >= PYR_IDLE_CAPACITY) {
        return pyr_buffer_cut_long(b, size, consumed);
    }
    PyObject *message = PyBytes_FromStringAndSize(b->data, size);
    if (message != NULL) {
        pyr_buffer_consume(b, consumed);
    }
    return message;
}

/* The message that the content begins with is whole at `size` bytes. */
static inline void
pyr_buffer_await(pyr_buffer *b, Py_ssize_t size)
{
    b->awaited = size < PYR_MOST_SIZE ? size : PYR_MOST_SIZE;
}

/*
 * A frame keeps the memory of the messages that a loop walks over, apart from the buffer,
 * which callbacks may change meanwhile.  Until then the buffer shows the frame's memory.
 */
typedef struct {
    const char *data;
    Py_ssize_t size;
    PyObject *block; /* owned, or NULL */
    PyObject *lender;
} pyr_frame;

/* pyr_buffer_detach() for a frame; the buffer goes on showing what is left of it. */
PyObject *pyr_frame_detach(pyr_frame *frame, pyr_buffer *b, Py_ssize_t size,
                           Py_ssize_t consumed);
void pyr_frame_begin(pyr_frame *frame, pyr_buffer *b);
/* The frame is over.  What the buffer still shows of its memory becomes its own. */
int pyr_frame_end(pyr_frame *frame, pyr_buffer *b);
/* Whether the buffer still shows the frame's memory. */
bool pyr_frame_shown(const pyr_frame *frame, const pyr_buffer *b);

#endif
