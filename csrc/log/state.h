/*
 * What the log room keeps in the module state.
 *
 * Terms.  A *logger* is twisted.logger's Logger, the *legacy publisher* is
 * twisted.python.log's LogPublisher.  A class is *plain* if it is Twisted's own, with the
 * methods that Twisted gave it: then C reads its instances' attributes in their place.
 */
#ifndef PYREACTOR_LOG_STATE_H
#define PYREACTOR_LOG_STATE_H

#include <Python.h>
#include <stdbool.h>

#include "core/class_watch.h"

/* Objects that configure() must be given.  Of twisted.logger: */
#define PYR_LOG_GIVEN(X)                                           \
    X(logger_emit)    /* Logger's function */                      \
    X(publisher_call) /* LogPublisher's, and the classes' below */ \
    X(filter_call)                                                 \
    X(predicate_call)                                              \
    X(predicate_level) /* its logLevelForNamespace */              \
    X(history_call)                                                \
    X(bitbucket) /* functions of its modules */                    \
    X(should_log_event)                                            \
    X(deque) /* of the standard library */                         \
    X(partial)                                                     \
    X(time) /* time.time */                                        \
    X(time_module)                                                 \
    /* Of twisted.python.log: */                                   \
    X(publish_new) /* its functions */                             \
    X(text_from_event)                                             \
    X(ILogContext)                                                 \
    X(context_get)     /* twisted.python.context's get */          \
    X(context_storage) /* and the thread-local it looks into */

#define PYR_LOG_CLASSES(X)       \
    X(LogPublisher)              \
    X(FilteringLogObserver)      \
    X(LogLevelFilterPredicate)   \
    X(LimitedHistoryLogObserver) \
    X(STDLibLogObserver)         \
    X(LegacyPublisher) /* twisted.python.log's LogPublisher */

/* Namespaces of modules, in which C finds what they name as their functions would. */
#define PYR_LOG_NAMESPACES(X)                     \
    X(logger_names)  /* twisted.logger._logger */ \
    X(log_names)     /* twisted.python.log */     \
    X(time_names)    /* the module time */        \
    X(context_names) /* twisted.python.context */

/* A class last looked at. */
typedef struct {
    pyr_class_seen seen;
    bool is_plain;
} pyr_log_class;

typedef struct pyr_log_state {
#define X(name) PyObject *name;
    PYR_LOG_GIVEN(X)
    PYR_LOG_NAMESPACES(X)
    PyObject *levels; /* tuple: LogLevel's constants, the lowest first */
#undef X
#define X(name) PyTypeObject *name;
    PYR_LOG_CLASSES(X)
#undef X
    PyObject *legacy_namespace; /* "log_legacy" */
    PyObject *legacy_format;    /* "{log_text}" */
    PyObject *space;            /* " " */
    PyObject *prefix;           /* "log_" */
    PyObject *zero;
    PyObject *referer; /* b"referer", and the like */
    PyObject *user_agent;
    PyObject *dash;        /* b"-" */
    PyObject *code_format; /* "%(code)d" */
    pyr_log_class publisher_class, filter_class, predicate_class, history_class;
} pyr_log_state;

#endif
