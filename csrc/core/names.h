/*
 * Interned attribute and method names, of all rooms: this is the one table of names.
 * A name is used as st->names.callback; its place in the module state, for tables, is
 * PYR_NAME(callback).
 */
#ifndef PYREACTOR_NAMES_H
#define PYREACTOR_NAMES_H

#include <Python.h>

struct core_state;

/* Keep sorted.  X(identifier, "spelling") */
#define PYR_NAMES(X)                                              \
    X(BananaError, "BananaError")                                 \
    X(MAX_LENGTH, "MAX_LENGTH")                                   \
    X(SIZE_LIMIT, "SIZE_LIMIT")                                   \
    X(Uninitialized, "Uninitialized")                             \
    X(_aborted, "_aborted")                                       \
    X(_alpn_select_helper, "_alpn_select_helper")                 \
    X(_ancillaryReceived, "_ancillaryReceived")                   \
    X(_appSendBuffer, "_appSendBuffer")                           \
    X(_bufferedWrite, "_bufferedWrite")                           \
    X(_checkHandshakeStatus, "_checkHandshakeStatus")             \
    X(_closeWriteConnection, "_closeWriteConnection")             \
    X(_context, "_context")                                       \
    X(_disconnectSelectable, "_disconnectSelectable")             \
    X(_flushReceiveBIO, "_flushReceiveBIO")                       \
    X(_flushSendBIO, "_flushSendBIO")                             \
    X(_from_ssl, "_from_ssl")                                     \
    X(_handle_bio_errors, "_handle_bio_errors")                   \
    X(_handshakeDone, "_handshakeDone")                           \
    X(_into_ssl, "_into_ssl")                                     \
    X(_kind, "_kind")                                             \
    X(_loop, "_loop")                                             \
    X(_lostTLSConnection, "_lostTLSConnection")                   \
    X(_makeLogstr, "_makeLogstr")                                 \
    X(_maybePauseProducer, "_maybePauseProducer")                 \
    X(_ocsp_helper, "_ocsp_helper")                               \
    X(_postLoseConnection, "_postLoseConnection")                 \
    X(_problems, "_problems")                                     \
    X(_producer, "_producer")                                     \
    X(_raise_ssl_error, "_raise_ssl_error")                       \
    X(_ssl, "_ssl")                                               \
    X(_stockWriteSomeData, "_stockWriteSomeData")                 \
    X(_tlsConnection, "_tlsConnection")                           \
    X(_unbufferPendingWrites, "_unbufferPendingWrites")           \
    X(_verify_helper, "_verify_helper")                           \
    X(_write, "_write")                                           \
    X(addBoth, "addBoth")                                         \
    X(addReader, "addReader")                                     \
    X(addWriter, "addWriter")                                     \
    X(addressFamily, "addressFamily")                             \
    X(append, "append")                                           \
    X(bananaBuffer, "buffer")                                     \
    X(bananaEncode, "_encode")                                    \
    X(bio_read, "bio_read")                                       \
    X(bio_write, "bio_write")                                     \
    X(buffer, "_buffer")                                          \
    X(bufferSize, "bufferSize")                                   \
    X(busy, "_busyReceiving")                                     \
    X(callExpressionReceived, "callExpressionReceived")           \
    X(callback, "callback")                                       \
    X(cancellableInlineCallbacks, "_cancellableInlineCallbacks")  \
    X(canceller, "canceller")                                     \
    X(childDataReceived, "childDataReceived")                     \
    X(connectionLost, "connectionLost")                           \
    X(connectionRefused, "connectionRefused")                     \
    X(count, "count")                                             \
    X(compatibilityOffset, "_compatibilityOffset")                \
    X(currentDialect, "currentDialect")                           \
    X(dash, "-")                                                  \
    X(dataReceived, "dataReceived")                               \
    X(datagramReceived, "datagramReceived")                       \
    X(debug, "debug")                                             \
    X(delimiter, "delimiter")                                     \
    X(disconnecting, "disconnecting")                             \
    X(doRead, "doRead")                                           \
    X(doWrite, "doWrite")                                         \
    X(dunder_doc, "__doc__")                                      \
    X(dunder_init, "__init__")                                    \
    X(dunder_module, "__module__")                                \
    X(errback, "errback")                                         \
    X(f, "f")                                                     \
    X(failResult, "failResult")                                   \
    X(fileno, "fileno")                                           \
    X(fromCoroutine, "fromCoroutine")                             \
    X(getattribute, "__getattribute__")                           \
    X(gotItem, "gotItem")                                         \
    X(h, "h")                                                     \
    X(handleParseError, "_handleParseError")                      \
    X(header, "_header")                                          \
    X(headerInvalid, "headerInvalid")                             \
    X(incomingVocabulary, "incomingVocabulary")                   \
    X(largestInt, "_largestInt")                                  \
    X(largestLongInt, "_largestLongInt")                          \
    X(lengthLimitExceeded, "lengthLimitExceeded")                 \
    X(lineLengthExceeded, "lineLengthExceeded")                   \
    X(lineReceived, "lineReceived")                               \
    X(line_mode, "line_mode")                                     \
    X(linesReceived, "linesReceived")                             \
    X(listStack, "listStack")                                     \
    X(logPrefix, "logPrefix")                                     \
    X(logstr, "logstr")                                           \
    X(makeConnection, "makeConnection")                           \
    X(maxPacketSize, "maxPacketSize")                             \
    X(maxThroughput, "maxThroughput")                             \
    X(name, "name")                                               \
    X(outgoingSymbols, "outgoingSymbols")                         \
    X(packetReceived, "packetReceived")                           \
    X(paused, "paused")                                           \
    X(popitem, "popitem")                                         \
    X(prefixLength, "prefixLength")                               \
    X(prefixLimit, "prefixLimit")                                 \
    X(proc, "proc")                                               \
    X(proto, "proto")                                             \
    X(protocol, "protocol")                                       \
    X(raise_if_problem, "raise_if_problem")                       \
    X(rawDataReceived, "rawDataReceived")                         \
    X(readConnectionLost, "readConnectionLost")                   \
    X(recv, "recv")                                               \
    X(recvd, "recvd")                                             \
    X(remaining, "_remainingData")                                \
    X(removeReader, "removeReader")                               \
    X(removeWriter, "removeWriter")                               \
    X(resetter, "resetter")                                       \
    X(result, "result")                                           \
    X(resumeProducing, "resumeProducing")                         \
    X(runCallbacks, "_runCallbacks")                              \
    X(seconds, "seconds")                                         \
    X(send, "send")                                               \
    X(smallestInt, "_smallestInt")                                \
    X(smallestLongInt, "_smallestLongInt")                        \
    X(startReading, "startReading")                               \
    X(startWriting, "startWriting")                               \
    X(stopReading, "stopReading")                                 \
    X(stopWriting, "stopWriting")                                 \
    X(stringReceived, "stringReceived")                           \
    X(stringsReceived, "stringsReceived")                         \
    X(structFormat, "structFormat")                               \
    X(system, "system")                                           \
    X(tb, "tb")                                                   \
    X(throw, "throw")                                             \
    X(throwExceptionIntoGenerator, "throwExceptionIntoGenerator") \
    X(time, "time")                                               \
    X(transport, "transport")                                     \
    X(type, "type")                                               \
    X(unpack, "unpack")                                           \
    X(unprocessed, "_unprocessed")                                \
    X(value, "value")                                             \
    X(wrappedProtocol, "wrappedProtocol")                         \
    X(write, "write")                                             \
    X(writeSequence, "writeSequence")                             \
    X(writeSomeData, "writeSomeData")

#define X(identifier, spelling) +1
enum { PYR_NAME_COUNT = PYR_NAMES(X) };
#undef X

typedef union {
    PyObject *all[PYR_NAME_COUNT];
    struct {
#define X(identifier, spelling) PyObject *identifier;
        PYR_NAMES(X)
#undef X
    };
} pyr_names;

int pyr_names_exec(PyObject *module, struct core_state *st);
int pyr_names_traverse(struct core_state *st, visitproc visit, void *arg);
void pyr_names_clear(struct core_state *st);

#endif
