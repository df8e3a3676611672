/*
 * What the web room keeps in the module state.
 *
 * Terms.  The *channel* is an HTTPChannel of twisted.web's, the *request* what its
 * requestFactory made.  Both are objects of Python: all of their state is in their
 * attributes, where Twisted's own methods find it.  A class is *plain* in something if it
 * has Twisted's own methods for that.
 */
#ifndef PYREACTOR_WEB_STATE_H
#define PYREACTOR_WEB_STATE_H

#include <Python.h>
#include <stdbool.h>
#include <time.h>

#include "core/class_watch.h"

/* Functions of twisted.web's that C does the work of without calling them, each by the
 * name of its class, one underscore and its own name; None where a release has another.
 */
#define PYR_WEB_FUNCTIONS(X)                   \
    X(Headers_setRawHeaders)                   \
    X(Headers_getRawHeaders)                   \
    X(Headers_addRawHeader)                    \
    X(Headers_hasHeader)                       \
    X(Headers_getAllRawHeaders)                \
    X(Headers___init__)                        \
    X(HTTPChannel_lineReceived)                \
    X(HTTPChannel_headerReceived)              \
    X(HTTPChannel__maybeChooseTransferDecoder) \
    X(HTTPChannel_allHeadersReceived)          \
    X(HTTPChannel_allContentReceived)          \
    X(Server_getPeer)                          \
    X(Server_getHost)                          \
    X(Request___init__)                        \
    X(Componentized___init__)                  \
    X(datetimeToString)                        \
    X(toChunk)                                 \
    X(getContentFile)                          \
    X(HTTPChannel_write)                       \
    X(Chunked_dataReceived)                    \
    X(Chunked_CHUNK_LENGTH)                    \
    X(Chunked_BODY)                            \
    X(Chunked_CRLF)                            \
    X(Chunked_TRAILER)                         \
    X(HTTPChannel_checkPersistence)            \
    X(HTTPChannel_getPeer)                     \
    X(HTTPChannel_getHost)                     \
    X(LineReceiver_setRawMode)                 \
    X(TimeoutMixin_setTimeout)                 \
    X(Request_parseCookies)                    \
    X(Request_gotLength)                       \
    X(Request_requestReceived)                 \
    X(Request_setHeader)                       \
    X(Request_finish)                          \
    X(Request_write)

/* What else configure() must be given. */
#define PYR_WEB_GIVEN(X)                                                   \
    X(encodeName)       /* twisted.web.http_headers._nameEncoder.encode */ \
    X(NonQueuedFactory) /* twisted.web.iweb.INonQueuedRequestFactory */    \
    X(MalformedChunk)   /* twisted.web.http._MalformedChunkedDataError */  \
    X(AlreadyCalled)    /* twisted.internet.error */                       \
    X(AlreadyCancelled)                                                    \
    X(gmtime)  /* of the module time */                                    \
    X(BytesIO) /* of io */                                                 \
    X(BufferedReader)                                                      \
    X(FileIO)                                                              \
    X(identityDecoder)  /* twisted.web.http._IdentityTransferDecoder */    \
    X(chunkedDecoder)   /* twisted.web.http._ChunkedTransferDecoder */     \
    X(parseRequestLine) /* twisted.web.http._parseRequestLine */           \
    X(isToken)          /* twisted.web.http._istoken */                    \
    X(hexint)           /* twisted.web.http._hexint */                     \
    X(nameEncoder)      /* twisted.web.http._nameEncoder */                \
    X(noBodyCodes)      /* twisted.web.http.NO_BODY_CODES */               \
    X(readForm)         /* of pyreactor/_web/forms.py */

/* What it must be given as "web_server", once twisted.web.server is imported. */
#define PYR_WEB_SERVER_GIVEN(X)                                        \
    X(ServerRequest___init__)                                          \
    X(ServerRequest) /* the class */                                   \
    X(ServerRequest_write)                                             \
    X(ServerRequest_gotLength)                                         \
    X(ServerRequest_process)                                           \
    X(EncodingResource)  /* twisted.web.resource._IEncodingResource */ \
    X(UnsupportedMethod) /* twisted.web.error */                       \
    X(unquote)           /* urllib.parse.unquote_to_bytes */           \
    X(resource)          /* the module twisted.web.resource */         \
    X(renderUnsupported) /* of pyreactor/_web/rendering.py */          \
    X(renderUnusual)                                                   \
    X(processingFailed)

/* Bytes that are compared with or sent.  X(name, content) */
#define PYR_WEB_TEXTS(X)                     \
    X(empty, "")                             \
    X(http10, "HTTP/1.0")                    \
    X(http11, "HTTP/1.1")                    \
    X(get_method, "GET")                     \
    X(head_method, "HEAD")                   \
    X(post, "POST")                          \
    X(slash, "/")                            \
    X(star, "*")                             \
    X(space, " ")                            \
    X(colon, ": ")                           \
    X(cr_lf, "\r\n")                         \
    X(zero_text, "0")                        \
    X(ok_text, "200")                        \
    X(close_text, "close")                   \
    X(chunked_text, "chunked")               \
    X(continue_text, "100-continue")         \
    X(last_chunk, "0\r\n\r\n")               \
    X(name_connection, "Connection")         \
    X(name_content_length, "Content-Length") \
    X(name_content_type, "Content-Type")     \
    X(name_cookie, "Cookie")                 \
    X(name_date, "Date")                     \
    X(name_etag, "ETag")                     \
    X(name_expect, "Expect")                 \
    X(name_last_modified, "Last-Modified")   \
    X(name_server, "Server")                 \
    X(name_set_cookie, "Set-Cookie")         \
    X(name_transfer_encoding, "Transfer-Encoding")

/* Ints.  X(name, value) */
#define PYR_WEB_INTS(X) \
    X(zero, 0)          \
    X(one, 1)           \
    X(code_204, 204)    \
    X(code_304, 304)

/* The spellings of header names that came last, and what Twisted makes of each. */
#define PYR_WEB_SPELLINGS 256

typedef struct {
    PyObject *spelled, *canonical; /* bytes, owned; or both NULL */
} pyr_spelling;

/* A class last looked at, and in which bits of the table it asked for it is not plain. */
typedef struct {
    pyr_class_seen seen;
    unsigned int overrides;
} pyr_web_class;

typedef struct pyr_web_state {
#define X(name) PyObject *name;
    PYR_WEB_FUNCTIONS(X)
    PYR_WEB_GIVEN(X)
    PYR_WEB_SERVER_GIVEN(X)
#undef X
#define X(name, value) PyObject *name;
    PYR_WEB_TEXTS(X)
    PYR_WEB_INTS(X)
#undef X
    /* Twisted's classes. */
    PyTypeObject *Headers, *HTTPChannel, *LineReceiver, *Request, *Componentized;
    PyObject *http, *server; /* the dicts of these modules of twisted.web's; or NULL */
    PyObject *no_args;       /* an empty tuple */
    PyObject *date; /* bytes: what is said in the second `date_second`; or NULL */
    time_t date_second;
    PyCFunction gmtime_code; /* what the object gmtime calls */
    pyr_spelling spellings[PYR_WEB_SPELLINGS];
    pyr_web_class headers_class, channel_class, request_class, transport_class,
        whole_class, base_class, whole_channel_class, dict_class, decoder_class,
        site_class;
    bool asked; /* code that may be a program's, while a request was made */
} pyr_web_state;

#endif
