/* Shared by the files of the framings; nobody else includes this. */
#ifndef PYREACTOR_FRAMING_INTERNAL_H
#define PYREACTOR_FRAMING_INTERNAL_H

#include "core/core.h"
#include "framing/framing.h"
#include "framing/inline_values.h"
#include "core/objects.h"
#include "core/standin.h"

/*
 * CPython 3.10 to 3.12 stamp every dict with a version that changes with its content.
 * 3.13 still has the field but writes to inline values without touching it, and later
 * ones have no such stamp.
 */
#define PYR_DICT_VERSIONS (PY_VERSION_HEX < 0x030D0000)

/* ---- the view: what a framing knows of its protocol's attributes ----------- */

typedef struct {
    /* What this view was made from.  Equal values prove that it still holds. */
    const pyr_framing_method *method;
    unsigned int tag;
    uint64_t version;  /* of its __dict__; 0: none */
    Py_ssize_t shared; /* names that its class's instances shared, if it had no __dict__;
                          else -1 */
    bool class_usual;  /* the class leaves attribute access and our descriptors alone */
    bool attached;     /* the protocol's __dict__ still holds this buffer */
    bool usual;        /* all attributes have a kind of value that C handles */
    /* Borrowed from the class; valid while the tag is. */
    PyObject *class_value[SLOT_COUNT];
    /* Borrowed from the class or the dict; valid while tag and version are. */
    PyObject *handler;
    PyObject *transport;
    bool
        handler_direct; /* call handler(self, message) instead of self.handler(message) */
    /* Parsed values, each with the object it was parsed from (owned). */
    PyObject *max_length_from;
    Py_ssize_t max_length;
    bool max_length_huge;  /* more than max_length, which is the most there is */
    int max_length_digits; /* what netstring's length may have at most; 0: not computed */
    PyObject *delimiter_from;
    Py_ssize_t delimiter_size;
    bool delimiter_overlaps; /* two matches of it can overlap */
    PyObject *format_from;
    PyObject *prefix_from;
    int prefix_size; /* 0: nothing that C can decode */
    bool prefix_little;
    bool paused;
    bool line_mode;
    bool has_recvd;
    /* Of an instance without a __dict__: which of its values were looked at (compared
     * only), where they are, and where the buffer is. */
    int key_place;
    int own_count;
    uint8_t own_place[SLOT_COUNT];
    const PyObject *own[SLOT_COUNT];
    PyObject *header_from; /* (format size, length index, counts header, unpack) */
} pyr_view;

/* ---- the buffer ------------------------------------------------------------ */

#define PYR_MOST_SIZE                                                 \
    (PY_SSIZE_T_MAX / 128)  /* of a content: there is not more memory \
                             */
enum { PYR_MOST_LEAD = 8 }; /* bytes of a length prefix */
enum { NETSTRING_LENGTH = 0, NETSTRING_PAYLOAD = 1 };
enum { ESCAPE_COUNT = 5 };

struct pyr_buffer {
    PyObject_HEAD core_state *st;
    const void
        *owner; /* the protocol, for comparison only: copies share a __dict__ value */
    /* The content: in `memory`, or (external) in memory that a caller on the stack lends.
     */
    const char *data;
    Py_ssize_t size;
    /* So many more bytes, if no delimiter is in them, only lengthen what waits here: all
     * that was looked at when this was set is still so if the view is.  0: unknown. */
    Py_ssize_t quiet;
    bool external;
    bool busy;
    bool broken;      /* batch and header forms: nonsense was received, ignore the rest */
    PyObject *lender; /* the bytes object that `data` begins, or NULL; owned */
    char *memory;     /* a block, see below */
    Py_ssize_t capacity;
    Py_ssize_t
        awaited; /* the size of the content when its message is whole; 0: unknown */
    Py_ssize_t arrived; /* the size of the data that came last */
    int lead;           /* of a content, what comes before the message */
    /* IntNStringReceiver, during a callback: what stands before `data` and was handed
     * out, or NULL; owned */
    PyObject *delivered;
    char delivered_lead[PYR_MOST_LEAD];
    int delivered_lead_size;
    Py_ssize_t scanned; /* no delimiter begins in the first `scanned` bytes */
    PyObject *foreign;  /* what Python code set instead of bytes, else NULL */
    Py_ssize_t compatibility_offset; /* IntNStringReceiver */
    /* NetstringReceiver */
    bool ready; /* makeConnection was called */
    int netstring_state;
    Py_ssize_t expected; /* payload and comma */
    Py_ssize_t moved;    /* of `data`, what stock would have moved to its payload */
    PyObject *escaped[ESCAPE_COUNT]; /* [0] != NULL: the stock code has taken over */
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
/* A buffer with the same content, and a framing's state, that nobody owns yet. */
pyr_buffer *pyr_buffer_copy(const pyr_buffer *from);
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
 * A block is memory for `capacity` bytes which can become a bytes object as it is: the
 * object's header fits before it, the closing zero behind it.  A message that is long
 * enough is received in one place and never copied again.  What comes before the message
 * (`lead` bytes of prefix) lies where the header will be.
 */

/* The first `size` bytes of the content after `lead` more, as a message, by giving it
 * the block.  `consumed` bytes of content are gone then.  NULL without an exception: copy
 * them, there is nothing to gain or another message in the same memory. */
PyObject *pyr_buffer_detach(pyr_buffer *b, Py_ssize_t lead, Py_ssize_t size,
                            Py_ssize_t consumed);
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
        b->memory + b->capacity - (b->data + b->size) >= size) {
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
    if (b->size > 0 && !b->external && b->capacity <= PYR_IDLE_CAPACITY) {
        return 0;
    }
    return pyr_buffer_settle_slow(b);
}

/* The content is at rest.  Up to `most` bytes of it would only wait for more. */
static inline void
pyr_buffer_wait(pyr_buffer *b, Py_ssize_t most)
{
    if (b->size > 0 && !b->external) {
        Py_ssize_t room = b->memory + b->capacity - (b->data + b->size);
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
    char *memory;
    Py_ssize_t capacity;
    PyObject *lender;
} pyr_frame;

/* pyr_buffer_detach() for a frame; the buffer goes on showing what is left of it. */
PyObject *pyr_frame_detach(pyr_frame *frame, pyr_buffer *b, Py_ssize_t lead,
                           Py_ssize_t size, Py_ssize_t consumed);
void pyr_frame_begin(pyr_frame *frame, pyr_buffer *b);
/* The frame is over.  What the buffer still shows of its memory becomes its own. */
int pyr_frame_end(pyr_frame *frame, pyr_buffer *b);
/* Whether the buffer still shows the frame's memory. */
bool pyr_frame_shown(const pyr_frame *frame, const pyr_buffer *b);

/* ---- kinds of framing ------------------------------------------------------ */

typedef PyObject *(*pyr_feed_func)(pyr_framing_method *method, PyObject *self,
                                   pyr_buffer *b, const char *data, Py_ssize_t size,
                                   PyObject *lender);

typedef struct {
    const char *name;
    pyr_feed_func feed;
    size_t key;     /* offset in pyr_framing_state of the buffer's name */
    size_t handler; /* offset in pyr_framing_state of the callback's name */
    int slot_count;
    pyr_slot slots[SLOT_COUNT];
    const char *const
        *fixed; /* class attributes that must be the stock ones; may be NULL */
    const char *const *plain; /* attributes that must be no properties; may be NULL */
    const char *const *state; /* further attributes that must be ours; may be NULL */
    bool needs_busy;          /* _busyReceiving must be ours */
    bool delimited;           /* what ends a message is found by searching */
    bool needs_ready;         /* the buffer is made by makeConnection only */
    bool ours;                /* Twisted has no such framing, and so no code for it */
} pyr_framing_kind;

extern const pyr_framing_kind pyr_line_kind;
extern const pyr_framing_kind pyr_line_only_kind;
extern const pyr_framing_kind pyr_intn_kind;
extern const pyr_framing_kind pyr_netstring_kind;
extern const pyr_framing_kind pyr_batch_line_kind;
extern const pyr_framing_kind pyr_batch_intn_kind;
extern const pyr_framing_kind pyr_batch_netstring_kind;
extern const pyr_framing_kind pyr_header_kind;
extern const pyr_framing_kind pyr_banana_kind;

struct pyr_framing_method {
    PYR_STANDIN_HEAD;             /* with the Python function that says what is right */
    const pyr_framing_kind *kind; /* NULL: another method than dataReceived */
    pyr_buffer_hint recent; /* the one used last, so that it need not be looked for */
    PyObject *fixed; /* tuple of (name, stock's value) that a class must have, or NULL */
    /* What a view takes from a class: that of the class last looked at.  Borrowed from
     * it, and valid for who finds its own class and its tag here. */
    unsigned int class_tag;
    const PyTypeObject *class_type; /* for comparison only, as CPython 3.10 may begin
                                       tags anew */
    bool class_usual;
    PyObject *class_value[SLOT_COUNT];
    /* Where instances without a __dict__ have their own: places, -1 for none. */
    Py_ssize_t class_shared;
    int class_key_place;
    int class_place[SLOT_COUNT];
};

#define PYR_FRAMING_NAME(identifier) offsetof(pyr_framing_state, names.identifier)

static inline PyObject *
pyr_framing_name(const pyr_framing_method *method, size_t offset)
{
    return *(PyObject **)((char *)method->st->framing + offset);
}

static inline PyObject *
pyr_key(const pyr_framing_method *method)
{
    return pyr_framing_name(method, method->kind->key);
}

/* ---- attributes ------------------------------------------------------------ */

#if PYR_DICT_VERSIONS
static inline uint64_t
pyr_dict_version(PyObject *dict)
{
    PYR_IGNORE_DEPRECATED_BEGIN
    return ((PyDictObject *)dict)->ma_version_tag;
    PYR_IGNORE_DEPRECATED_END
}
#endif

int pyr_view_refresh(pyr_framing_method *method, pyr_buffer *b, PyObject *self);
/* Whether this class lets C do the work. */
bool pyr_class_is_usual(pyr_framing_method *method, PyTypeObject *type);
/* Whether the class has stock's own methods where C does their work. */
bool pyr_fixed_unchanged(pyr_framing_method *method, PyTypeObject *type);
/* Whether attributes of its instances are where they are for most classes. */
bool pyr_ordinary_access(core_state *st, PyTypeObject *type);
/* Whether no subclass has put its own attributes before ours over a framing's state. */
bool pyr_state_is_ours(core_state *st, const pyr_framing_kind *kind, PyTypeObject *type);
/* Whether the class has one of our FramingAttributes under this name. */
bool pyr_is_framing_attribute(core_state *st, PyTypeObject *type, PyObject *name);
void pyr_view_clear(pyr_view *view);
int pyr_view_traverse(pyr_view *view, visitproc visit, void *arg);

#if PYR_DICT_VERSIONS
/* Whether nothing has changed since the view was made. */
static inline bool
pyr_view_holds(const pyr_framing_method *method, const pyr_view *view, PyTypeObject *type,
               uint64_t version)
{
    unsigned int tag = pyr_type_tag(type);
    return version == view->version && tag != 0 && tag == view->tag &&
           view->method == method;
}
#endif

static inline PyObject *
pyr_value_at(PyObject **values, int place)
{
    return place < 0 ? NULL : values[place];
}

/* The same for an instance without a __dict__, with these values. */
static inline bool
pyr_view_holds_values(const pyr_framing_method *method, const pyr_buffer *b,
                      PyTypeObject *type, PyObject **values)
{
    const pyr_view *view = &b->view;
    unsigned int tag = pyr_type_tag(type);
    if (tag == 0 || tag != view->tag || view->method != method ||
        view->shared != pyr_shared_count(type) ||
        pyr_value_at(values, view->key_place) != (const PyObject *)b) {
        return false;
    }
    for (int i = 0; i < view->own_count; i++) {
        if (values[view->own_place[i]] != view->own[i]) {
            return false;
        }
    }
    return true;
}

/* Whether the class last looked at is this one, and where its instances have their own
 * attributes is known. */
static inline bool
pyr_places_known(const pyr_framing_method *method, PyTypeObject *type)
{
    unsigned int tag = pyr_type_tag(type);
    return tag != 0 && tag == method->class_tag && type == method->class_type &&
           method->class_shared == pyr_shared_count(type);
}

/* Where such an instance has its buffer, or -1. */
int pyr_key_place(pyr_framing_method *method, PyObject *self);

/*
 * Bring b->view up to date.  1: it can be used; 0: the protocol is unusual, go through
 * ordinary attribute access; -1: exception.
 */
static inline int
pyr_view_ready(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    PyObject **values = pyr_inline_values(self);
    if (values != NULL) {
        return pyr_view_holds_values(method, b, Py_TYPE(self), values)
                   ? b->view.usual
                   : pyr_view_refresh(method, b, self);
    }
#if PYR_DICT_VERSIONS
    PyObject *dict = pyr_instance_dict(self);
    if (dict != NULL &&
        pyr_view_holds(method, &b->view, Py_TYPE(self), pyr_dict_version(dict))) {
        return b->view.usual;
    }
#endif
    return pyr_view_refresh(method, b, self);
}

/* self.handler(message).  The view must be ready. */
PyObject *pyr_call_handler(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                           PyObject *message);
/* The same after code that may have run a garbage collection, and so anything. */
PyObject *pyr_call_handler_now(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                               PyObject *message);
/* Truth of transport.disconnecting, or -1. */
int pyr_disconnecting(core_state *st, PyObject *transport);
/* Truth of "transport and transport.disconnecting", or -1. */
int pyr_true_and_disconnecting(core_state *st, PyObject *transport);
/* The call of LineReceiver.sendLine. */
PyObject *pyr_send_line_vectorcall(PyObject *callable, PyObject *const *args,
                                   size_t nargsf, PyObject *kwnames);
/* The call of Banana.sendEncoded, and what it needs unchanged. */
PyObject *pyr_banana_send_vectorcall(PyObject *callable, PyObject *const *args,
                                     size_t nargsf, PyObject *kwnames);
extern const char *const pyr_banana_send_fixed[];
/* self.stock(data) with what the memory holds. */
PyObject *pyr_call_stock(pyr_framing_method *method, PyObject *self, const char *data,
                         Py_ssize_t size, PyObject *lender);
/* TypeError for the forms that have no stock code behind them. */
void pyr_unusual_error(pyr_framing_method *method, PyObject *self);

/* ---- batches --------------------------------------------------------------- */

/* A list in the making: with room for as many messages as are likely to come. */
typedef struct {
    PyObject *list;
    Py_ssize_t count;
    Py_ssize_t room;
} pyr_batch;

/* Add a message (stolen; NULL: an exception is set). */
static inline int
pyr_batch_add(pyr_batch *batch, PyObject *message)
{
    if (message != NULL && batch->count < batch->room) {
        PyList_SET_ITEM(batch->list, batch->count++, message);
        return 0;
    }
    int result = message == NULL ? -1 : PyList_Append(batch->list, message);
    Py_XDECREF(message);
    return result;
}

int pyr_batch_begin(pyr_batch *batch, Py_ssize_t room);
/* The list (new reference) or, after a failure, NULL. */
PyObject *pyr_batch_end(pyr_batch *batch, int result);

/* First position >= from of the view's delimiter, or -1. */
Py_ssize_t pyr_find_delimiter(const pyr_view *view, const char *data, Py_ssize_t size,
                              Py_ssize_t from);

/* netstring.c: what the attribute descriptors and makeConnection need. */
PyObject *pyr_netstring_attribute(pyr_buffer *b, int which);
int pyr_netstring_set_attribute(pyr_buffer *b, int which, PyObject *value);
/* The stock makeConnection has set its parser's attributes: start from them in C. */
int pyr_netstring_begin(core_state *st, PyObject *self, PyObject *dict);

extern PyType_Spec pyr_framing_attribute_spec; /* framing_attribute.c */

#endif
