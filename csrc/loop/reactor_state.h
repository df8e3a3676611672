/*
 * What the reactor concepts keep in the module state: their types, and the objects of
 * Twisted's that they need.  pyreactor/reactor.py hands the latter over once, by name,
 * through _core.configure_reactor, so that importing _core imports nothing of Twisted.
 */
#ifndef PYREACTOR_REACTOR_STATE_H
#define PYREACTOR_REACTOR_STATE_H

#include <Python.h>
#include <stdbool.h>

/* Objects that configure_reactor must be given. */
#define PYR_REACTOR_GIVEN(X)                                         \
    X(AlreadyCalled) /* twisted.internet.error */                    \
    X(AlreadyCancelled)                                              \
    X(CONNECTION_DONE) /* twisted.internet.main */                   \
    X(CONNECTION_LOST)                                               \
    X(ILogContext)    /* twisted.python.log */                       \
    X(context_module) /* twisted.python.context */                   \
    X(done_failure)   /* posixbase's own Failures for those two */   \
    X(lost_failure)                                                  \
    X(no_descriptor)      /* posixbase._NO_FILEDESC */               \
    X(stock_delayed_call) /* base.DelayedCall */                     \
    X(format_stack)       /* traceback.format_stack */               \
    X(buggy_prefix)       /* and from pyreactor/_loop/reports.py: */ \
    X(event_error)                                                   \
    X(iterate_by_methods)                                            \
    X(main_loop_error)                                               \
    X(repr_delayed_call)                                             \
    X(thread_call_error)                                             \
    X(timed_call_error)

typedef struct pyr_reactor_state {
    PyTypeObject *loop_type;
    PyTypeObject *selectable_type;
    PyObject
        *unread; /* the reader that has received more than it has handed over, or NULL;
                  * borrowed.  An iteration inside its handler lets it go on. */
    PyTypeObject *delayed_call_base; /* all of a timed call but Twisted's class */
    PyTypeObject *delayed_call_type; /* from that and Twisted's; NULL until configured */
    PyTypeObject *stream_type;
    PyCFunction time_function;  /* CPython's own time.time; NULL until it was seen */
    unsigned int debug_off_tag; /* base.DelayedCall's while its debug is False; or 0 */
#define X(name) PyObject *name;
    PYR_REACTOR_GIVEN(X)
#undef X
} pyr_reactor_state;

#endif
