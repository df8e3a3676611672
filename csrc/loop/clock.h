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

#include <stdbool.h>

#include "core/core.h"

struct Loop;

typedef struct {
    PyObject *builtin; /* time.time, once reactor.seconds was found to be it */
    unsigned int
        class_tag; /* of the reactor's class when `plain` was found out; 0: never */
    bool plain;    /* reactor.seconds is `builtin` */
    double last;   /* the system's time when it was last read */
} pyr_clock;

/* Whether reactor.seconds is time.time, whatever that does. */
bool pyr_clock_is_plain(struct Loop *loop);

/* Whether the reactor's clock is the system's, so that no code runs when it is read. */
bool pyr_clock_is_systems(struct Loop *loop);

/* Now, by the reactor's clock, in seconds.  -1.0 with an exception set if it raised. */
double pyr_loop_seconds(struct Loop *loop);

/* The same by time.time, whatever the reactor's clock is now. */
double pyr_clock_builtin_seconds(struct Loop *loop);

/* Seconds as a clock of the application's gives them; errors as above. */
double pyr_clock_call(PyObject *clock);

/* An attribute of the reactor's by the name of seconds came or went. */
void pyr_clock_changed(pyr_clock *self);

#endif
