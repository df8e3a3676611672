/*
 * What the framings share.
 *
 * A framing is a C function under the name dataReceived of a Twisted protocol class.  Its
 * state is a `pyr_buffer`, kept in the protocol's own __dict__ under the name that the
 * stock class uses for its buffer, behind a data descriptor which shows it as the bytes
 * that stock would have there.  So a protocol class needs no C base type: it has the
 * layout, the bases and the identity it always had, and any mixture of bases works.
 */
#ifndef PYREACTOR_FRAMING_H
#define PYREACTOR_FRAMING_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/class_watch.h"
#include "core/core.h"

typedef struct pyr_framing_method pyr_framing_method;
typedef struct pyr_framing_kind pyr_framing_kind;
typedef struct pyr_buffer pyr_buffer;

/* ---- module state ---------------------------------------------------------- */

/* Attributes of a protocol which the framings read between two messages. */
typedef enum {
    SLOT_HANDLER, /* lineReceived, stringReceived, ...: the name depends on the framing */
    SLOT_MAX_LENGTH,
    SLOT_TRANSPORT,
    SLOT_PAUSED,
    SLOT_DELIMITER,
    SLOT_LINE_MODE,
    SLOT_PREFIX_LENGTH,
    SLOT_STRUCT_FORMAT,
    SLOT_HEADER,
    SLOT_PREFIX_LIMIT,
    SLOT_DIALECT,
    SLOT_WORDS,
    /* Only what the instance itself has of these. */
    SLOT_RECVD,
    SLOT_LIST_STACK,
    SLOT_GOT_ITEM,
    SLOT_DATA_RECEIVED, /* of all framings: an instance's own takes their place */
    SLOT_COUNT
} pyr_slot;

enum { PYR_MOST_SLOTS = 6 }; /* that one framing reads */

/* Where the slots of each framing that has it have this one. */
enum {
    AT_TRANSPORT = 2,
    AT_RECVD = 5,
    AT_LIST_STACK = 1,
    AT_GOT_ITEM,
    AT_PREFIX_LIMIT,
    AT_DIALECT,
    AT_WORDS
};

/* What the class of the transport seen last has unchanged from StreamConnection. */
typedef struct {
    pyr_class_seen seen;
    bool write;
    bool disconnecting;
} pyr_transport_class;

typedef struct pyr_framing_state {
    PyTypeObject *buffer_type;
    PyTypeObject *method_type;
    /* Of pyreactor/_framing/attributes.py: the type of the descriptors that show the
     * state as stock's attributes, and leave(protocol, key). */
    PyTypeObject *FramingAttribute;
    PyObject *leave;
    PyObject *continue_strings; /* of pyreactor/_framing/strings.py */
    PyObject *banana;           /* the module pyreactor/_framing/banana.py */
    int watcher; /* what CPython knows the module by to tell of changes of dicts; or -1 */
    PyObject *empty_bytes;
    PyObject *banana_pb; /* the dialect that has a vocabulary */
    pyr_transport_class transport_class;
    pyr_buffer *recent; /* borrowed: the buffer that received last */
    /* The class of a protocol that data came for last, and the framing behind its
     * dataReceived (owned), or NULL. */
    pyr_class_seen receiver;
    pyr_framing_method *receiver_method;
} pyr_framing_state;

extern const pyr_room pyr_framing_room;

#endif
