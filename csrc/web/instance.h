/*
 * Attributes of a channel, by way of its dict.
 *
 * An instance whose class has CPython's own access to attributes, and nothing under a
 * name that takes part in it (a property), finds the name in its dict before anything
 * else, and sets it there.  That spares the look at the class for each of them.  For any
 * other object these are PyObject_GetAttr and PyObject_SetAttr.
 */
#ifndef PYREACTOR_INSTANCE_H
#define PYREACTOR_INSTANCE_H

#include "core/core.h"

#include <stdbool.h>

/* Is the channel such an instance?  To read and set these names runs no code then. */
bool pyr_instance_is_plain(core_state *st, PyObject *channel);

/* channel.<name>, one of those in the table of instance.c; a new reference */
PyObject *pyr_instance_get(core_state *st, PyObject *channel, PyObject *name);

/* channel.<name> = value, one of those as well */
int pyr_instance_set(core_state *st, PyObject *channel, PyObject *name, PyObject *value);

/* The same with a value that is a new reference, stolen, or NULL with an exception. */
int pyr_instance_set_new(core_state *st, PyObject *channel, PyObject *name,
                         PyObject *value);

/* Truth of channel.<name>, or -1. */
int pyr_instance_true(core_state *st, PyObject *channel, PyObject *name);

#endif
