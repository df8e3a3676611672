"""
The functions of Twisted's that the web part knows, and what stands for each.

Digests are those of ``.ci/digests.py``; a second one is of an earlier release whose function
means the same.
"""

from __future__ import annotations

#: By module: paths of functions, and the digests that they may have (see ``_versions.examine``).
KNOWN: dict[str, dict[str, str]] = {
    "twisted.web._abnf": {
        "_istoken": "5b5627a38d98",
        "_hexint": "fb3821d4f7c7 c56e67b88050:25.5",
        "_ishexdigits": "0228a4c52637 cd52a41e2895:25.5",
    },
    "twisted.web.http_headers": {
        "_sanitizeLinearWhitespace": "53a8fbc9bb59",
        "_NameEncoder.encode": "9e42cc32e466 bdc6a8b41750:25.5",
        "Headers.__init__": "ceed4d78a5ba 8b417a6a3ee8:25.5",
        "Headers.setRawHeaders": "430537d84082 9bffeac25e28:25.5",
        "Headers.addRawHeader": "932a5076d00b 5ff00541a9c4:25.5",
        "Headers.getRawHeaders": "8624a162458e ddd08fc108c5:25.5",
        "Headers.hasHeader": "4bd2f09d2beb",
        "Headers.getAllRawHeaders": "fb645c66b775 68e05f0879aa:25.5",
        "Headers.copy": "541aae6a2003",
    },
    "twisted.python.deprecate": {
        "_ModuleProxy.__getattribute__": "c8f23a7dfff0",
        "_InternalState.__init__": "fe23440916fd",
        "_InternalState.__getattribute__": "073d6feca337",
        "_InternalState.__setattr__": "d69e8358c0a3",
    },
    "twisted.protocols.policies": {
        "TimeoutMixin.setTimeout": "e229e8ba2629",
        "TimeoutMixin.resetTimeout": "215273fdd764",
    },
    "twisted.protocols.basic": {
        "LineReceiver.setRawMode": "4ac20cb7b430",
        "FileSender.resumeProducing": "b5e75ff075bb",
        "LineReceiver.setLineMode": "d25776e5e63b",
    },
    "twisted.internet.tcp": {
        "Server.getPeer": "003281a79060",
        "Server.getHost": "409d4918660b",
    },
    "twisted.python.components": {
        "Componentized.__init__": "011d8c849aa2",
    },
    "twisted.web.http": {
        "_parseRequestLine": "4fa41131703c",
        "_getContentFile": "4c6cee02eac8",
        "datetimeToString": "b351e0537b64",
        "toChunk": "b86480545a2f 94b329ac0012:25.5",
        "parse_qs": "ef9c190ee2dc",
        "_GenericHTTPChannelProtocol.dataReceived": "b92e9fdea44d",
        "HTTPChannel.dataReceived": "b7f282ca1604",
        "HTTPChannel.lineReceived": "f37567a12d7b",
        "HTTPChannel.headerReceived": "f776fdd21e20 aa12d7231f12:25.5",
        "HTTPChannel._maybeChooseTransferDecoder": "35a5e34e20c5",
        "HTTPChannel.allHeadersReceived": "e6590531b1df",
        "HTTPChannel.checkPersistence": "d60e85beaaa0",
        "HTTPChannel.allContentReceived": "55dcafce9096",
        "HTTPChannel._finishRequestBody": "c75226021226",
        "HTTPChannel.rawDataReceived": "8fafca9b379b 63d109d3c70d:25.5",
        "HTTPChannel.requestDone": "60f5b5ca4b98",
        "HTTPChannel.writeHeaders": "c037a5dc3e2d",
        "HTTPChannel.write": "7be728768782",
        "HTTPChannel.writeSequence": "ccc859c7c555",
        "HTTPChannel.getPeer": "fb2cbb316e1e",
        "HTTPChannel.getHost": "bb7ca2340f54",
        "_IdentityTransferDecoder.dataReceived": "6d4f85fb3f71",
        "_ChunkedTransferDecoder.dataReceived": "41249e0f6f89",
        "_ChunkedTransferDecoder._dataReceived_CHUNK_LENGTH": "ab22df6b1698",
        "_ChunkedTransferDecoder._dataReceived_BODY": "f161fe1d6c4b",
        "_ChunkedTransferDecoder._dataReceived_CRLF": "3578443094ca",
        "_ChunkedTransferDecoder._dataReceived_TRAILER": "63b7e4fe283e",
        "Request.__init__": "35dd98e67f16 2ba3517a579b:25.5",
        "Request.parseCookies": "714ff08681c8",
        "Request.gotLength": "2700f7f93c51",
        "Request.handleContentChunk": "6d5b758e4832",
        "Request.requestReceived": "7a2249ef46e7",
        "Request.getHeader": "3d1b0f58e450 fe6ded5a144e:25.5",
        "Request.setHeader": "3acd91145e3a",
        "Request.write": "9ef741e5a171",
        "Request.finish": "f22c995c38bb",
        "Request._cleanup": "d7c674b9d635",
    },
    "twisted.web.server": {
        "Request.__init__": "4c22749cab6b",
        "Request.gotLength": "943f96130985",
        "Request.process": "4b52fdbe47c9",
        "Request.render": "3183943df105",
        "Request.write": "835ff3c893a6",
        "Request.finish": "22ae11240af9",
        "Site.getResourceFor": "20e2521a9c78",
    },
    "twisted.web.resource": {
        "getChildForRequest": "399b08469db5",
        "Resource.getChildWithDefault": "f478f641d814",
        "Resource.render": "41fb0a5cee92",
    },
    "twisted.web.static": {
        "NoRangeStaticProducer.resumeProducing": "5249f7849648",
        "SingleRangeStaticProducer.resumeProducing": "e45ce464fe13",
    },
}

#: By module: paths of the functions that C stands in for, and the names of C's functions for
#: them in ``_core``, without the "web_" that each begins with.
METHODS: dict[str, dict[str, str]] = {
    "twisted.web.http_headers": {
        "Headers.setRawHeaders": "Headers_setRawHeaders",
        "Headers.addRawHeader": "Headers_addRawHeader",
        "Headers.getRawHeaders": "Headers_getRawHeaders",
        "Headers.hasHeader": "Headers_hasHeader",
        "Headers.copy": "Headers_copy",
    },
    "twisted.python.deprecate": {
        "_ModuleProxy.__getattribute__": "ModuleProxy_getattribute",
    },
    "twisted.protocols.policies": {
        "TimeoutMixin.setTimeout": "TimeoutMixin_setTimeout",
        "TimeoutMixin.resetTimeout": "TimeoutMixin_resetTimeout",
    },
    "twisted.protocols.basic": {
        "LineReceiver.setRawMode": "LineReceiver_setRawMode",
        "FileSender.resumeProducing": "FileSender_resumeProducing",
        "LineReceiver.setLineMode": "LineReceiver_setLineMode",
    },
    "twisted.web.http": {
        "_GenericHTTPChannelProtocol.dataReceived": "Generic_dataReceived",
        "HTTPChannel.dataReceived": "HTTPChannel_dataReceived",
        "HTTPChannel.allHeadersReceived": "HTTPChannel_allHeadersReceived",
        "HTTPChannel.checkPersistence": "HTTPChannel_checkPersistence",
        "HTTPChannel.allContentReceived": "HTTPChannel_allContentReceived",
        "HTTPChannel._finishRequestBody": "HTTPChannel__finishRequestBody",
        "HTTPChannel.rawDataReceived": "HTTPChannel_rawDataReceived",
        "HTTPChannel.requestDone": "HTTPChannel_requestDone",
        "HTTPChannel.writeHeaders": "HTTPChannel_writeHeaders",
        "HTTPChannel.write": "HTTPChannel_write",
        "HTTPChannel.writeSequence": "HTTPChannel_writeSequence",
        "HTTPChannel.getPeer": "HTTPChannel_getPeer",
        "HTTPChannel.getHost": "HTTPChannel_getHost",
        "_IdentityTransferDecoder.dataReceived": "Identity_dataReceived",
        "_ChunkedTransferDecoder.dataReceived": "Chunked_dataReceived",
        "Request.__init__": "Request___init__",
        "Request.parseCookies": "Request_parseCookies",
        "Request.gotLength": "Request_gotLength",
        "Request.handleContentChunk": "Request_handleContentChunk",
        "Request.requestReceived": "Request_requestReceived",
        "Request.getHeader": "Request_getHeader",
        "Request.setHeader": "Request_setHeader",
        "Request.write": "Request_write",
        "Request.finish": "Request_finish",
        "Request._cleanup": "Request__cleanup",
    },
    "twisted.web.server": {
        "Request.gotLength": "ServerRequest_gotLength",
        "Request.process": "ServerRequest_process",
        "Request.render": "ServerRequest_render",
        "Request.write": "ServerRequest_write",
        "Request.finish": "ServerRequest_finish",
        "Site.getResourceFor": "Site_getResourceFor",
    },
    "twisted.web.resource": {
        "getChildForRequest": "getChildForRequest",
        "Resource.getChildWithDefault": "Resource_getChildWithDefault",
        "Resource.render": "Resource_render",
    },
    "twisted.web.static": {
        "NoRangeStaticProducer.resumeProducing": "NoRangeStaticProducer_resumeProducing",
        "SingleRangeStaticProducer.resumeProducing": "SingleRangeStaticProducer_resumeProducing",
    },
}

#: What else must be known before C may do a function's work, as that calls it by name.
NEEDS: dict[str, tuple[str, ...]] = {
    "HTTPChannel.lineReceived": (
        "_parseRequestLine",
        "_istoken",
        "HTTPChannel.headerReceived",
        "HTTPChannel._maybeChooseTransferDecoder",
        "_NameEncoder.encode",
        "Headers.addRawHeader",
    ),
    "_ModuleProxy.__getattribute__": (
        "_InternalState.__init__",
        "_InternalState.__getattribute__",
        "_InternalState.__setattr__",
    ),
    "_ChunkedTransferDecoder.dataReceived": ("_hexint", "_ishexdigits"),
    "Headers.setRawHeaders": ("_sanitizeLinearWhitespace", "_NameEncoder.encode"),
    "Headers.addRawHeader": ("_sanitizeLinearWhitespace", "_NameEncoder.encode"),
    "Headers.getRawHeaders": ("_NameEncoder.encode",),
    "Headers.hasHeader": ("_NameEncoder.encode",),
    "Headers.copy": (
        "_sanitizeLinearWhitespace",
        "_NameEncoder.encode",
        "Headers.__init__",
        "Headers.setRawHeaders",
    ),
    "Request.__init__": ("Componentized.__init__",),
}
