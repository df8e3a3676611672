"""
Hands over to C what it uses of Twisted's web server, and puts its methods into Twisted's classes.

Each method in C stands for one function of Twisted's, and only for the releases whose function is
known (``known.py``): any other stays as it is, as does one that somebody has replaced before.
"""

from __future__ import annotations

import io
import sys
import time
from types import FunctionType, ModuleType
from typing import Any

from pyreactor import _core, _versions
from pyreactor._web import files, forms
from pyreactor._web.known import KNOWN, METHODS, NEEDS

#: Functions that C does the work of without calling them: their names there, by module and path.
_FUNCTIONS = {
    "twisted.web.http_headers": {
        f"Headers.{name}": f"Headers_{name}"
        for name in (
            "__init__",
            "setRawHeaders",
            "getRawHeaders",
            "addRawHeader",
            "hasHeader",
            "getAllRawHeaders",
        )
    },
    "twisted.web.http": {
        "HTTPChannel.lineReceived": "HTTPChannel_lineReceived",
        "HTTPChannel.headerReceived": "HTTPChannel_headerReceived",
        "HTTPChannel._maybeChooseTransferDecoder": "HTTPChannel__maybeChooseTransferDecoder",
        "HTTPChannel.allHeadersReceived": "HTTPChannel_allHeadersReceived",
        "HTTPChannel.allContentReceived": "HTTPChannel_allContentReceived",
        "Request.__init__": "Request___init__",
        "datetimeToString": "datetimeToString",
        "toChunk": "toChunk",
        "_getContentFile": "getContentFile",
        "HTTPChannel.write": "HTTPChannel_write",
        "_ChunkedTransferDecoder.dataReceived": "Chunked_dataReceived",
        "_ChunkedTransferDecoder._dataReceived_CHUNK_LENGTH": "Chunked_CHUNK_LENGTH",
        "_ChunkedTransferDecoder._dataReceived_BODY": "Chunked_BODY",
        "_ChunkedTransferDecoder._dataReceived_CRLF": "Chunked_CRLF",
        "_ChunkedTransferDecoder._dataReceived_TRAILER": "Chunked_TRAILER",
        "HTTPChannel.checkPersistence": "HTTPChannel_checkPersistence",
        "HTTPChannel.getPeer": "HTTPChannel_getPeer",
        "HTTPChannel.getHost": "HTTPChannel_getHost",
        "Request.parseCookies": "Request_parseCookies",
        "Request.gotLength": "Request_gotLength",
        "Request.requestReceived": "Request_requestReceived",
        "Request.setHeader": "Request_setHeader",
        "Request.finish": "Request_finish",
        "Request.write": "Request_write",
    },
    "twisted.protocols.basic": {"LineReceiver.setRawMode": "LineReceiver_setRawMode"},
    "twisted.protocols.policies": {"TimeoutMixin.setTimeout": "TimeoutMixin_setTimeout"},
    "twisted.python.components": {"Componentized.__init__": "Componentized___init__"},
    "twisted.internet.tcp": {
        "Server.getPeer": "Server_getPeer",
        "Server.getHost": "Server_getHost",
    },
    "twisted.web.server": {
        "Request.__init__": "ServerRequest___init__",
        "Request.write": "ServerRequest_write",
        "Request.gotLength": "ServerRequest_gotLength",
        "Request.process": "ServerRequest_process",
    },
}

_found: dict[str, dict[str, FunctionType]] = {}
_reasons: dict[str, dict[str, str]] = {}
_configured: set[str] = set()
#: What Twisted's methods call for heads in ``twisted.web.http``, by name, as C was given it.
_called: dict[str, Any] = {}


def _examine(name: str) -> dict[str, FunctionType]:
    """The known functions of a module that is imported, and those of others that it needs."""
    if name not in _found:
        _found[name], _reasons[name] = _versions.examine(sys.modules[name], KNOWN[name])
    return _found[name]


def _is_known(path: str) -> bool:
    return any(path in functions for functions in _found.values())


def _may_stand_in(path: str) -> bool:
    return all(_is_known(needed) for needed in NEEDS.get(path, ()))


def _functions(name: str) -> dict[str, FunctionType | None]:
    """For C: the functions of a module that it does the work of; None for one that is unknown."""
    known = _examine(name)
    return {
        given: known.get(path) if _may_stand_in(path) else None
        for path, given in _FUNCTIONS[name].items()
    }


def _configure_http(http: Any) -> None:
    from twisted.internet import error, tcp
    from twisted.protocols import basic
    from twisted.python import components
    from twisted.web import _abnf, http_headers, iweb

    for module in (_abnf, http_headers, tcp, components, http):
        _examine(module.__name__)
    _called.update(
        _parseRequestLine=http._parseRequestLine,
        _istoken=http._istoken,
        _nameEncoder=http_headers._nameEncoder,
        _IdentityTransferDecoder=http._IdentityTransferDecoder,
        _ChunkedTransferDecoder=http._ChunkedTransferDecoder,
    )
    given: dict[str, Any] = {}
    for name in _FUNCTIONS.keys() - {"twisted.web.server"}:
        given.update(_functions(name))
    _core.configure(
        "web",
        **given,
        encodeName=http_headers._nameEncoder.encode,
        NonQueuedFactory=iweb.INonQueuedRequestFactory,
        MalformedChunk=http._MalformedChunkedDataError,
        AlreadyCalled=error.AlreadyCalled,
        AlreadyCancelled=error.AlreadyCancelled,
        gmtime=time.gmtime,
        BytesIO=io.BytesIO,
        BufferedReader=io.BufferedReader,
        FileIO=io.FileIO,
        identityDecoder=_called["_IdentityTransferDecoder"],
        chunkedDecoder=_called["_ChunkedTransferDecoder"],
        parseRequestLine=_called["_parseRequestLine"],
        isToken=_called["_istoken"],
        hexint=_abnf._hexint,
        nameEncoder=_called["_nameEncoder"],
        noBodyCodes=http.NO_BODY_CODES,
        readForm=forms.Forms(http).read,
        Headers=http_headers.Headers,
        HTTPChannel=http.HTTPChannel,
        LineReceiver=basic.LineReceiver,
        Request=http.Request,
        Componentized=components.Componentized,
        http=vars(http),
    )
    forms.install(http)


def _configure_server(server: Any) -> None:
    from urllib.parse import unquote_to_bytes

    from twisted.web import error, resource

    from pyreactor._web.rendering import Rendering, processing_failed

    rendering = Rendering(_examine("twisted.web.server").get("Request.render"))
    _core.configure(
        "web_server",
        **_functions("twisted.web.server"),
        ServerRequest=server.Request,
        EncodingResource=resource._IEncodingResource,
        UnsupportedMethod=error.UnsupportedMethod,
        unquote=unquote_to_bytes,
        resource=resource,
        renderUnsupported=rendering.unsupported,
        renderUnusual=rendering.unusual,
        processingFailed=processing_failed,
        server=vars(server),
    )


_CONFIGURE = {"twisted.web.http": _configure_http, "twisted.web.server": _configure_server}

#: The modules whose functions C stands in for, by that after which they are put in place.
MODULES = {
    "twisted.web.http": (
        "twisted.python.deprecate",
        "twisted.protocols.policies",
        "twisted.protocols.basic",
        "twisted.web.http_headers",
        "twisted.web.http",
    ),
    "twisted.web.server": ("twisted.web.resource", "twisted.web.server"),
    "twisted.web.static": ("twisted.web.static",),
}


def _owner(module: ModuleType, path: str) -> tuple[Any, str]:
    """The class or module that has the function, and its name there."""
    first, _, name = path.partition(".")
    return (vars(module)[first], name) if name else (module, first)


def _put_in(name: str) -> None:
    module = sys.modules[name]
    for path, method in METHODS[name].items():
        function = _examine(name).get(path)
        if function is None or not _may_stand_in(path):
            continue
        owner, attribute = _owner(module, path)
        if vars(owner)[attribute] is function:
            setattr(owner, attribute, _core.StandIn(getattr(_core, f"web_{method}"), function))


def put_in(module: ModuleType) -> None:
    """
    Put the methods in C into the classes of a module, and of those that it stands on.

    :param module: ``twisted.web.http``, ``twisted.web.server`` or ``twisted.web.static``.
    """
    if module.__name__ in _configured:
        return
    _configured.add(module.__name__)
    if module.__name__ in _CONFIGURE:
        _CONFIGURE[module.__name__](module)
    for name in MODULES[module.__name__]:
        _put_in(name)
    if module.__name__ == "twisted.web.static":
        files.install()


def stock_heads(http: ModuleType) -> list[str]:
    """
    Why heads of requests are not C's to judge, though they are offered to it; empty: they are.

    :param http: the module ``twisted.web.http``, which has been put in.
    """
    known = _examine(http.__name__)
    left = []
    for name in ("lineReceived", "headerReceived", "_maybeChooseTransferDecoder"):
        path = f"HTTPChannel.{name}"
        if path not in known:
            left.append(_reasons[http.__name__].get(path, f"{path} was replaced"))
        elif vars(http.HTTPChannel).get(name) is not known[path]:
            left.append(f"{path} was replaced")
    unknown = [needed for needed in NEEDS["HTTPChannel.lineReceived"] if not _is_known(needed)]
    left += [f"{path}, by which heads are judged, is not known" for path in unknown]
    replaced = [name for name, given in _called.items() if vars(http).get(name) is not given]
    return left + [f"{name} was replaced" for name in replaced]


def offers_heads() -> bool:
    """Whether ``LineReceiver`` is in C, which alone offers the lines of a head together."""
    receiver = vars(sys.modules["twisted.protocols.basic"])["LineReceiver"]
    return isinstance(vars(receiver).get("dataReceived"), _core.StandIn)


def stock(name: str) -> dict[str, str]:
    """
    What of a module is not in C, though it could be: paths of functions, and why.

    :param name: the module's, which has been put in.
    """
    left = {}
    for path in METHODS[name]:
        owner, attribute = _owner(sys.modules[name], path)
        if not isinstance(getattr(owner, "__dict__", {}).get(attribute), _core.StandIn):
            left[path] = _reasons.get(name, {}).get(path, f"{path} was replaced")
    return left
