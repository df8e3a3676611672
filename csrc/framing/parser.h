/* What a framing is, the method that it is behind, and what its files offer. */
#ifndef PYREACTOR_PARSER_H
#define PYREACTOR_PARSER_H

#include "core/standin.h"
#include "framing/buffer.h"

/* What comes after one step of a framing's loop. */
typedef enum {
    STEP_FAILED = -1, /* an exception is set */
    STEP_ON,
    STEP_WAIT, /* until more comes */
    STEP_STOP, /* the loop ends, whatever is left */
} pyr_step;

/* ---- kinds of framing ------------------------------------------------------ */

/* `fits` is what pyr_attributes_ready() gives at the beginning. */
typedef PyObject *(*pyr_feed_func)(pyr_framing_method *method, PyObject *self,
                                   pyr_buffer *b, int fits, const char *data,
                                   Py_ssize_t size, PyObject *lender);

struct pyr_framing_kind {
    const char *name;
    pyr_feed_func feed;
    const struct pyr_batch_ops *batch; /* of those that Twisted has not; else NULL */
    size_t key;                        /* PYR_NAME() of the buffer's name */
    size_t handler;                    /* PYR_NAME() of the callback's name */
    int slot_count;
    pyr_slot slots[PYR_MOST_SLOTS]; /* the size of a prefix right before its format */
    bool declared;                  /* the class has a declaration of a header */
    bool needs_busy;                /* it has _busyReceiving */
    bool delimited;                 /* what ends a message is found by searching */
    bool needs_ready;               /* the buffer is made by makeConnection only */
};

extern const pyr_framing_kind pyr_line_kind;
extern const pyr_framing_kind pyr_line_only_kind;
extern const pyr_framing_kind pyr_intn_kind;
extern const pyr_framing_kind pyr_netstring_kind;
extern const pyr_framing_kind pyr_batch_line_kind;
extern const pyr_framing_kind pyr_batch_intn_kind;
extern const pyr_framing_kind pyr_batch_netstring_kind;
extern const pyr_framing_kind pyr_header_kind;
extern const pyr_framing_kind pyr_banana_kind;

/* A key that an instance's __dict__ has had, and what it is to the view. */
typedef struct {
    PyObject *key;  /* owned, or NULL */
    signed char is; /* the place of a slot, or OWN_* */
} pyr_known_key;

enum { PYR_KNOWN_KEYS = 8 };

struct pyr_framing_method {
    PyObject_HEAD core_state *st;
    PyObject *stock; /* the Python function that says what is right */
    const pyr_framing_kind *kind;
    PyObject *needed; /* dict: what a class must have under these names */
    /* What a view takes from a class: that of the class last looked at.  Borrowed from
     * it, and valid as long as that is as seen. */
    pyr_class_seen class_seen;
    bool class_fits;
    PyObject *class_value[PYR_MOST_SLOTS];    /* in the order of kind->slots, as names */
    PyObject *slot_names[PYR_MOST_SLOTS];     /* borrowed from the state */
    pyr_known_key known_keys[PYR_KNOWN_KEYS]; /* most instances have the same, in order */
};

static inline PyObject *
pyr_key(const pyr_framing_method *method)
{
    return pyr_name_at(method->st, method->kind->key);
}

/*
 * The truth of self.transport.disconnecting or, if `checked`, of "self.transport and
 * self.transport.disconnecting"; -1: exception.  *fits is set as by
 * pyr_attributes_ready(), for afterwards.
 */
int pyr_closing(pyr_framing_method *method, pyr_buffer *b, PyObject *self, bool checked,
                int *fits);
/* LineReceiver.sendLine(self, line) */
PyObject *pyr_send_line(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
/* Banana.sendEncoded(self, obj), a method of a FramingMethod. */
PyObject *pyr_banana_send(PyObject *op, PyObject *const *args, Py_ssize_t nargs);

/* First position >= from of the view's delimiter, or -1. */
Py_ssize_t pyr_find_delimiter(const pyr_view *view, const char *data, Py_ssize_t size,
                              Py_ssize_t from);

/* NetstringReceiver.makeConnection(self, transport), a method of a FramingMethod. */
PyObject *pyr_netstring_connect(PyObject *op, PyObject *const *args, Py_ssize_t nargs);

#endif
