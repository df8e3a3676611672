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
    X(_logLevelsByNamespace, "_logLevelsByNamespace")             \
    X(_loop, "_loop")                                             \
    X(_lostTLSConnection, "_lostTLSConnection")                   \
    X(_makeLogstr, "_makeLogstr")                                 \
    X(_maybePauseProducer, "_maybePauseProducer")                 \
    X(_negativeObserver, "_negativeObserver")                     \
    X(_observer, "_observer")                                     \
    X(_observers, "_observers")                                   \
    X(_ocsp_helper, "_ocsp_helper")                               \
    X(_postLoseConnection, "_postLoseConnection")                 \
    X(_problems, "_problems")                                     \
    X(_producer, "_producer")                                     \
    X(_publishNew, "_publishNew")                                 \
    X(_publishPublisher, "_publishPublisher")                     \
    X(_raise_ssl_error, "_raise_ssl_error")                       \
    X(_shouldLogEvent, "_shouldLogEvent")                         \
    X(_ssl, "_ssl")                                               \
    X(_stockWriteSomeData, "_stockWriteSomeData")                 \
    X(_threadable_lock, "_threadable_lock")                       \
    X(_tlsConnection, "_tlsConnection")                           \
    X(_unbufferPendingWrites, "_unbufferPendingWrites")           \
    X(_verify_helper, "_verify_helper")                           \
    X(_write, "_write")                                           \
    X(acquire, "acquire")                                         \
    X(addBoth, "addBoth")                                         \
    X(addReader, "addReader")                                     \
    X(addWriter, "addWriter")                                     \
    X(addressFamily, "addressFamily")                             \
    X(append, "append")                                           \
    X(args, "args")                                               \
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
    X(compatibilityOffset, "_compatibilityOffset")                \
    X(connectionLost, "connectionLost")                           \
    X(connectionRefused, "connectionRefused")                     \
    X(contexts, "contexts")                                       \
    X(count, "count")                                             \
    X(ct, "ct")                                                   \
    X(currentDialect, "currentDialect")                           \
    X(dash, "-")                                                  \
    X(dataReceived, "dataReceived")                               \
    X(datagramReceived, "datagramReceived")                       \
    X(debug, "debug")                                             \
    X(delimiter, "delimiter")                                     \
    X(disconnecting, "disconnecting")                             \
    X(doRead, "doRead")                                           \
    X(doWrite, "doWrite")                                         \
    X(dunder_call, "__call__")                                    \
    X(dunder_doc, "__doc__")                                      \
    X(dunder_init, "__init__")                                    \
    X(dunder_module, "__module__")                                \
    X(emit, "emit")                                               \
    X(empty, "")                                                  \
    X(errback, "errback")                                         \
    X(f, "f")                                                     \
    X(failResult, "failResult")                                   \
    X(failure, "failure")                                         \
    X(fileno, "fileno")                                           \
    X(format, "format")                                           \
    X(fromCoroutine, "fromCoroutine")                             \
    X(func, "func")                                               \
    X(get, "get")                                                 \
    X(getattribute, "__getattribute__")                           \
    X(gotItem, "gotItem")                                         \
    X(h, "h")                                                     \
    X(handleParseError, "_handleParseError")                      \
    X(header, "_header")                                          \
    X(headerInvalid, "headerInvalid")                             \
    X(incomingVocabulary, "incomingVocabulary")                   \
    X(isError, "isError")                                         \
    X(keywords, "keywords")                                       \
    X(largestInt, "_largestInt")                                  \
    X(largestLongInt, "_largestLongInt")                          \
    X(lengthLimitExceeded, "lengthLimitExceeded")                 \
    X(level, "level")                                             \
    X(lineLengthExceeded, "lineLengthExceeded")                   \
    X(lineReceived, "lineReceived")                               \
    X(line_mode, "line_mode")                                     \
    X(linesReceived, "linesReceived")                             \
    X(listStack, "listStack")                                     \
    X(logLevel, "logLevel")                                       \
    X(logLevelForNamespace, "logLevelForNamespace")               \
    X(logPrefix, "logPrefix")                                     \
    X(log_format, "log_format")                                   \
    X(log_level, "log_level")                                     \
    X(log_logger, "log_logger")                                   \
    X(log_namespace, "log_namespace")                             \
    X(log_source, "log_source")                                   \
    X(log_system, "log_system")                                   \
    X(log_text, "log_text")                                       \
    X(log_time, "log_time")                                       \
    X(log_trace, "log_trace")                                     \
    X(logstr, "logstr")                                           \
    X(makeConnection, "makeConnection")                           \
    X(maxPacketSize, "maxPacketSize")                             \
    X(maxThroughput, "maxThroughput")                             \
    X(message, "message")                                         \
    X(name, "name")                                               \
    X(name_space, "namespace")                                    \
    X(observer, "observer")                                       \
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
    X(release, "release")                                         \
    X(remaining, "_remainingData")                                \
    X(removeReader, "removeReader")                               \
    X(removeWriter, "removeWriter")                               \
    X(resetter, "resetter")                                       \
    X(result, "result")                                           \
    X(resumeProducing, "resumeProducing")                         \
    X(runCallbacks, "_runCallbacks")                              \
    X(seconds, "seconds")                                         \
    X(self, "self")                                               \
    X(send, "send")                                               \
    X(smallestInt, "_smallestInt")                                \
    X(smallestLongInt, "_smallestLongInt")                        \
    X(source, "source")                                           \
    X(stackDepth, "stackDepth")                                   \
    X(startReading, "startReading")                               \
    X(startWriting, "startWriting")                               \
    X(stopReading, "stopReading")                                 \
    X(stopWriting, "stopWriting")                                 \
    X(stringReceived, "stringReceived")                           \
    X(stringsReceived, "stringsReceived")                         \
    X(structFormat, "structFormat")                               \
    X(system, "system")                                           \
    X(tb, "tb")                                                   \
    X(textFromEventDict, "textFromEventDict")                     \
    X(throw, "throw")                                             \
    X(throwExceptionIntoGenerator, "throwExceptionIntoGenerator") \
    X(time, "time")                                               \
    X(transport, "transport")                                     \
    X(type, "type")                                               \
    X(unpack, "unpack")                                           \
    X(unprocessed, "_unprocessed")                                \
    X(value, "value")                                             \
    X(why, "why")                                                 \
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
