/*
 * Interned attribute and method names, of all rooms: this is the one table of names.
 * A name is used as st->names.callback; its place in the module state, for tables, is
 * PYR_NAME(callback).
 */
#ifndef PYREACTOR_NAMES_H
#define PYREACTOR_NAMES_H

#include "core/room.h"

/* Keep sorted.  X(name), or Y(identifier, "name") where these differ. */
/* clang-format off */
#define PYR_NAMES(X, Y) \
    X(BODY) X(BytesIO) X(CHUNK_LENGTH) X(CHUNK_SIZE) X(CRLF) X(CancelledError) \
    X(FINISHED) X(Headers) X(MAX_BUFFER_SIZE) X(MAX_LENGTH) X(NOT_DONE_YET) \
    X(NO_BODY_CODES) X(SIZE_LIMIT) \
    X(TLS) X(Uninitialized) X(_ChunkedTransferDecoder) X(_IdentityTransferDecoder) \
    X(_QUEUED_SENTINEL) \
    X(_aborted) X(_adapterCache) X(_alpn_select_helper) X(_ancillaryReceived) \
    X(_appSendBuffer) X(_bufferedWrite) X(_channel) X(_checkHandshakeStatus) X(_cleanup) \
    X(_closeWriteConnection) X(_command) X(_context) X(_dataBuffer) \
    X(_deprecatedAttributes) X(_disconnectSelectable) X(_disconnected) X(_encoder) X(_finishRequestBody) \
    X(_flushReceiveBIO) X(_flushSendBIO) X(_from_ssl) X(_getContentFile) X(_handleStar) \
    X(_handle_bio_errors) X(_handlingRequest) X(_handshakeDone) X(_hexint) \
    X(_inFakeHead) X(_into_ssl) X(_isSendBufferFull) X(_istoken) X(_keptHost) \
    X(_keptPeer) X(_kind) X(_lastWasPath) X(_logLevelsByNamespace) X(_loop) X(_lostTLSConnection) \
    X(_makeLogstr) X(_maybePauseProducer) X(_module) X(_nameEncoder) X(_negativeObserver) \
    X(_negotiatedProtocol) X(_networkProducer) X(_observer) X(_observers) \
    X(_ocsp_helper) X(_optimisticEagerReadSize) X(_parsePOSTFormSubmission) \
    X(_parseRequestLine) X(_path) X(_postLoseConnection) X(_problems) X(_producer) \
    X(_publishNew) X(_publishPublisher) X(_raise_ssl_error) X(_rawHeaders) \
    X(_receivedHeaderCount) X(_receivedHeaderSize) X(_savedTimeOut) \
    X(_scheduledFlush) X(_send100Continue) \
    X(_shouldLogEvent) X(_ssl) X(_stockDoRead) X(_stockWriteSomeData) X(_tempDataLen) \
    X(_threadable_lock) X(_tlsConnection) X(_transferDecoder) X(_unbufferPendingWrites) \
    X(_verify_helper) X(_version) X(_waitingForTransport) X(_write) \
    X(_writeDisconnecting) X(acquire) X(addBoth) X(addRawHeader) X(addReader) \
    X(addWriter) X(addressFamily) X(allContentReceived) X(allHeadersReceived) X(append) \
    X(args) Y(bananaBuffer, "buffer") Y(bananaEncode, "_encode") X(bio_read) \
    X(bio_write) Y(buffer, "_buffer") X(bufferSize) X(bytesWritten) Y(busy, "_busyReceiving") \
    X(callExpressionReceived) X(callLater) X(callback) X(cancel) \
    Y(cancellableInlineCallbacks, "_cancellableInlineCallbacks") X(canceller) X(channel) \
    X(checkPersistence) X(childDataReceived) X(children) X(chunked) X(client) \
    X(clientproto) X(close) X(code) X(code_message) X(connected) X(connectionLost) \
    X(connectionRefused) X(consumer) X(content) X(contentLength) X(contexts) X(cookies) \
    X(count) X(ct) X(currentDialect) Y(dash, "-") X(dataBuffer) X(dataCallback) \
    X(dataReceived) X(datagramReceived) X(datetimeToString) X(debug) \
    X(defaultContentType) X(delimiter) X(disconnecting) X(doRead) X(doWrite) \
    Y(dunder_call, "__call__") Y(dunder_class, "__class__") Y(dunder_doc, "__doc__") \
    Y(dunder_init, "__init__") Y(dunder_module, "__module__") X(emit) Y(empty, "") \
    X(encode) X(errback) X(etag) X(f) X(factory) X(failResult) X(failure) X(file) \
    X(fileObject) X(fileno) X(finish) X(finishCallback) X(finished) X(flush) \
    Y(firstLine, "_HTTPChannel__first_line") X(format) X(fromCoroutine) X(func) X(get) \
    X(getAllRawHeaders) X(getChild) X(getChildForRequest) X(getChildWithDefault) \
    X(getContentFile) X(getEncoder) X(getHeader) X(getHost) X(getPeer) X(getRawHeaders) \
    X(getResourceFor) Y(getattribute, "__getattribute__") X(gmtime) X(gotItem) \
    X(gotLength) X(h) X(handleContentChunk) Y(handleParseError, "_handleParseError") \
    X(hasHeader) Y(header, "_header") X(headerInvalid) X(headerReceived) X(host) \
    Y(identifier, "spelling") X(incomingVocabulary) X(isError) X(isLeaf) X(join) \
    X(keywords) Y(largestInt, "_largestInt") Y(largestLongInt, "_largestLongInt") \
    X(lastModified) X(length) X(lengthLimitExceeded) X(level) X(lineLengthExceeded) \
    X(lineReceived) X(line_mode) X(linesReceived) X(listStack) X(log) X(logLevel) \
    X(logLevelForNamespace) X(logPrefix) X(log_format) X(log_level) X(log_logger) \
    X(log_namespace) X(log_source) X(log_system) X(log_text) X(log_time) X(log_trace) \
    X(logstr) X(loseConnection) X(lower) X(maxChunkSizeLineLength) X(maxHeaders) \
    X(maxPacketSize) X(maxThroughput) \
    Y(maybeChooseDecoder, "_maybeChooseTransferDecoder") X(message) X(method) X(name) \
    Y(name_space, "namespace") X(notifications) X(observer) X(outgoingSymbols) \
    X(packetReceived) X(parseCookies) X(parse_qs) X(path) X(pauseProducing) X(paused) \
    Y(pendingHeader, "_HTTPChannel__header") X(persistent) X(poll) X(pop) X(popitem) \
    X(postpath) X(prefixLength) X(prefixLimit) X(prepath) X(proc) X(process) X(producer) \
    X(proto) X(protocol) X(providedBy) X(queued) X(raise_if_problem) X(raw) \
    X(rawDataReceived) X(read) X(readConnectionLost) Y(received_body, "_dataReceived_BODY") \
    Y(received_chunk_length, "_dataReceived_CHUNK_LENGTH") X(received_cookies) \
    Y(received_crlf, "_dataReceived_CRLF") Y(received_trailer, "_dataReceived_TRAILER") \
    X(recv) X(recvd) X(release) Y(remaining, "_remainingData") X(removeReader) \
    X(removeWriter) X(render) X(render_GET) X(render_POST) X(request) X(requestDone) \
    X(requestFactory) X(requestHeaders) X(requestReceived) X(requests) X(reset) \
    X(resetTimeout) X(resetter) X(run_forever) X(resource) \
    Y(respondToBadRequest, "_respondToBadRequestAndDisconnect") X(responseHeaders) \
    X(result) X(resumeProducing) Y(runCallbacks, "_runCallbacks") X(seconds) X(seek) \
    X(self) X(send) X(sentLength) X(setHeader) X(setLineMode) X(setRawHeaders) \
    X(setRawMode) X(setTimeout) X(site) X(sitepath) X(size) Y(smallestInt, "_smallestInt") \
    Y(smallestLongInt, "_smallestLongInt") X(source) X(split) X(stackDepth) \
    X(startReading) X(startWriting) X(startedWriting) X(state) X(stopReading) \
    X(stopWriting) X(stringReceived) X(stringsReceived) X(structFormat) X(system) X(tb) \
    X(tell) X(textFromEventDict) X(throw) X(throwExceptionIntoGenerator) X(time) \
    X(timeOut) Y(timedOut, "_TimeoutMixin__timedOut") \
    Y(timeoutCall, "_TimeoutMixin__timeoutCall") X(toChunk) X(totalHeadersSize) \
    X(transform) X(transport) X(type) X(unpack) Y(unprocessed, "_unprocessed") \
    X(unquote) X(uri) X(value) X(version) X(wakeUp) X(why) X(wrappedProtocol) \
    X(write) X(writeHeaders) X(writeSequence) X(writeSomeData)
/* clang-format on */

#define X(name) +1
#define Y(identifier, spelling) +1
enum { PYR_NAME_COUNT = PYR_NAMES(X, Y) };
#undef X
#undef Y

typedef union {
    PyObject *all[PYR_NAME_COUNT];
    struct {
#define X(name) PyObject *name;
#define Y(identifier, spelling) PyObject *identifier;
        PYR_NAMES(X, Y)
#undef X
#undef Y
    };
} pyr_names;

extern const pyr_room pyr_names_room;

#endif
