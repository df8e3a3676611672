/*
 * What the loop keeps in the module state: its types, and the objects of Twisted's that
 * pyreactor/reactor.py hands over once, by name, through _core.configure.
 */
#ifndef PYREACTOR_LOOP_STATE_H
#define PYREACTOR_LOOP_STATE_H

#include "core/class_watch.h"
#include "core/core.h"
#include "loop/traffic.h"

/* Objects that configure() must be given. */
#define PYR_LOOP_GIVEN(X)                                            \
    X(AlreadyCalled) /* twisted.internet.error */                    \
    X(AlreadyCancelled)                                              \
    X(CONNECTION_DONE) /* twisted.internet.main */                   \
    X(CONNECTION_LOST)                                               \
    X(ILogContext)  /* twisted.python.log */                         \
    X(done_failure) /* posixbase's own Failures for those two */     \
    X(lost_failure)                                                  \
    X(no_descriptor)      /* posixbase._NO_FILEDESC */               \
    X(stock_delayed_call) /* base.DelayedCall */                     \
    X(format_stack)       /* traceback.format_stack */               \
    X(buggy_prefix)       /* and from pyreactor/_loop/reports.py: */ \
    X(event_error)                                                   \
    X(context_stack)                                                 \
    X(due_time)                                                      \
    X(fire_shutdown)                                                 \
    X(host_event_error)                                              \
    X(iterate_by_methods)                                            \
    X(lose_later)                                                    \
    X(main_loop_error)                                               \
    X(poll_continuously)                                             \
    X(stop_polling)                                                  \
    X(thread_call_error)                                             \
    X(timed_call_error)                                              \
    X(turn_by_methods)

typedef struct pyr_loop_state {
    PyTypeObject *loop_type;
    PyTypeObject *selectable_type;
    PyTypeObject *delayed_call_base; /* all of a timed call but Twisted's class */
    PyTypeObject *delayed_call_type; /* from that and Twisted's; NULL until configured */
    PyCFunction time_function;       /* CPython's own time.time; NULL until it was seen */
    pyr_class_seen debug_class; /* stock's DelayedCall, since when `debug` is known: */
    int debug;                  /* the truth of its `debug` */
    /* The reader that has received more than it has handed over, which an iteration
     * inside its handler lets go on.  Borrowed: it is in its doRead, whose caller has a
     * reference.  NULL if there is none. */
    PyObject *unread;
    pyr_traffic traffic[PYR_TRAFFIC_KINDS];
#define X(name) PyObject *name;
    PYR_LOOP_GIVEN(X)
#undef X
} pyr_loop_state;

extern const pyr_room pyr_loop_room;

#endif
