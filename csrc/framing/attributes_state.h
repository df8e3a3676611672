/*
 * The view: what a framing knows of its protocol's attributes.
 *
 * Stock reads half a dozen attributes for each message, and a callback may have set any
 * of them.  Here they are read once, and then it is only asked whether anything has
 * changed: the class, by core/class_watch.h; what the instance has itself, by own_dict.h.
 *
 * A view *fits* if the class and the values of all attributes are of the kinds that C
 * handles.  If it does not, attributes are read by Python, or stock's code does the work.
 */
#ifndef PYREACTOR_ATTRIBUTES_STATE_H
#define PYREACTOR_ATTRIBUTES_STATE_H

#include "core/class_watch.h"
#include "framing/framing.h"
#include "framing/own_dict.h"

typedef struct {
    /* What this view was made from.  The same proves that it still holds. */
    const pyr_framing_method *method; /* compared only */
    const pyr_framing_kind *kind;
    pyr_class_seen class_seen;
    pyr_own_seen own_seen;
    /* In the order of the slots; borrowed, and valid as long as all is as seen. */
    PyObject *class_value[PYR_MOST_SLOTS];
    PyObject *value[PYR_MOST_SLOTS]; /* the same with those of the instance */
    PyObject *handler; /* to call with (self, message); NULL: self.<its name>(message) */
    /* Parsed values, each with the object it was parsed from (owned). */
    PyObject *max_length_from;
    Py_ssize_t max_length;
    int prefix_size; /* 0: nothing that C can decode */
    PyObject *delimiter_from;
    Py_ssize_t delimiter_size;
    PyObject *format_from;
    PyObject *prefix_from;
    bool max_length_huge;    /* max_length, which is the most there is, or more */
    bool delimiter_overlaps; /* two matches of it can overlap */
    bool prefix_little;
    bool paused;
    bool line_mode;
    bool class_fits; /* the class leaves attribute access and FramingAttributes alone */
    bool attached;   /* the protocol's __dict__ still holds this buffer */
    bool fits;       /* and all attributes have a kind of value that C handles */
    bool replaced;   /* the instance has a dataReceived of its own */
    PyObject *header_from; /* (format size, length index, counts header, unpack) */
} pyr_view;

#endif
