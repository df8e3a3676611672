/*
 * Interned attribute and method names used by more than one concept or on a hot path.
 * A name is used as st->names.callback.
 */
#ifndef PYREACTOR_NAMES_H
#define PYREACTOR_NAMES_H

#include <Python.h>

/* Keep sorted.  X(identifier, "spelling") */
#define PYR_NAMES(X)                                              \
    X(addBoth, "addBoth")                                         \
    X(addCallback, "addCallback")                                 \
    X(addCallbacks, "addCallbacks")                               \
    X(append, "append")                                           \
    X(callback, "callback")                                       \
    X(callbackArgs, "callbackArgs")                               \
    X(callbackKeywords, "callbackKeywords")                       \
    X(callbacks, "_callbacks")                                    \
    X(cancel, "cancel")                                           \
    X(chainedTo, "_chainedTo")                                    \
    X(connectionLost, "connectionLost")                           \
    X(coro, "coro")                                               \
    X(count, "count")                                             \
    X(dataReceived, "dataReceived")                               \
    X(debug, "debug")                                             \
    X(debugInfo, "_debugInfo")                                    \
    X(dunder_class, "__class__")                                  \
    X(dunder_init, "__init__")                                    \
    X(errback, "errback")                                         \
    X(errbackArgs, "errbackArgs")                                 \
    X(errbackKeywords, "errbackKeywords")                         \
    X(fail, "fail")                                               \
    X(failResult, "failResult")                                   \
    X(h, "h")                                                     \
    X(pause, "pause")                                             \
    X(paused, "paused")                                           \
    X(pop, "pop")                                                 \
    X(raiseException, "raiseException")                           \
    X(result, "result")                                           \
    X(runCallbacks, "_runCallbacks")                              \
    X(send, "send")                                               \
    X(startRunCallbacks, "_startRunCallbacks")                    \
    X(tb, "tb")                                                   \
    X(throw, "throw")                                             \
    X(throwExceptionIntoGenerator, "throwExceptionIntoGenerator") \
    X(type, "type")                                               \
    X(value, "value")

typedef struct pyr_names {
#define X(identifier, spelling) PyObject *identifier;
    PYR_NAMES(X)
#undef X
} pyr_names;

int pyr_names_init(pyr_names *names);
int pyr_names_traverse(pyr_names *names, visitproc visit, void *arg);
void pyr_names_clear(pyr_names *names);

#endif
