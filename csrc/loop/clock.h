/*
 * The reactor's clock.
 *
 * Time is what reactor.seconds() says.  While that is time.time, and time.time is the C
 * function of CPython's, the kernel is asked without a call.  Programs put other clocks
 * in: onto the reactor or into one of its classes (then the lookup finds another object),
 * or into the very function that time.time is made of (then its address is another).
 */
#ifndef PYREACTOR_CLOCK_H
#define PYREACTOR_CLOCK_H

#include "core/core.h"

#include <stdbool.h>

#include "core/class_watch.h"

typedef struct {
    core_state *st;
    PyObject *reactor;   /* borrowed; NULL once it was collected */
    PyObject *builtin;   /* time.time, once reactor.seconds was found to be it */
    pyr_class_seen seen; /* the reactor's class, since when `plain` is known; */
    bool known;          /* and the reactor itself neither got nor lost `seconds` */
    bool plain;          /* reactor.seconds is `builtin` */
    double last;         /* the system's time when it was last read */
} pyr_clock;

/* Whether reactor.seconds is time.time, whatever that does. */
bool pyr_clock_is_plain(pyr_clock *self);

/* Whether the reactor's clock is the system's, so that no code runs when it is read. */
bool pyr_clock_is_systems(pyr_clock *self);

/* Read it: what reactor.seconds() says.  -1: an exception is set. */
int pyr_clock_read(pyr_clock *self, double *seconds);

/* Read a clock of the application's, or `builtin`. */
int pyr_clock_read_other(pyr_clock *self, PyObject *other, double *seconds);

#endif
