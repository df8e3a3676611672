/*
 * Interned attribute and method names used by more than one concept or on a hot path.
 * A name is used as st->names.callback.
 */
#ifndef PYREACTOR_NAMES_H
#define PYREACTOR_NAMES_H

#include <Python.h>

/* Keep sorted.  X(identifier, "spelling") */
#define PYR_NAMES(X)                                  \
    X(Uninitialized, "Uninitialized")                 \
    X(_closeWriteConnection, "_closeWriteConnection") \
    X(_continuousPolling, "_continuousPolling")       \
    X(_disconnectSelectable, "_disconnectSelectable") \
    X(_justStopped, "_justStopped")                   \
    X(_loop, "_loop")                                 \
    X(_postLoseConnection, "_postLoseConnection")     \
    X(addReader, "addReader")                         \
    X(addWriter, "addWriter")                         \
    X(bufferSize, "bufferSize")                       \
    X(callable, "callable")                           \
    X(contexts, "contexts")                           \
    X(currentContext, "currentContext")               \
    X(dataReceived, "dataReceived")                   \
    X(debug, "debug")                                 \
    X(delay, "delay")                                 \
    X(doRead, "doRead")                               \
    X(doWrite, "doWrite")                             \
    X(fileno, "fileno")                               \
    X(fireSystemEvent, "fireSystemEvent")             \
    X(hostname, "hostname")                           \
    X(isReading, "isReading")                         \
    X(isWriting, "isWriting")                         \
    X(logPrefix, "logPrefix")                         \
    X(pauseProducing, "pauseProducing")               \
    X(removeReader, "removeReader")                   \
    X(removeWriter, "removeWriter")                   \
    X(connectionLost, "connectionLost")               \
    X(readConnectionLost, "readConnectionLost")       \
    X(resumeProducing, "resumeProducing")             \
    X(seconds, "seconds")                             \
    X(shutdown, "shutdown")                           \
    X(system, "system")                               \
    X(theContextTracker, "theContextTracker")         \
    X(time, "time")                                   \
    X(write, "write")                                 \
    X(writeSequence, "writeSequence")                 \
    X(writeSomeData, "writeSomeData")

typedef struct pyr_names {
#define X(identifier, spelling) PyObject *identifier;
    PYR_NAMES(X)
#undef X
} pyr_names;

int pyr_names_init(pyr_names *names);
int pyr_names_traverse(pyr_names *names, visitproc visit, void *arg);
void pyr_names_clear(pyr_names *names);

#endif
