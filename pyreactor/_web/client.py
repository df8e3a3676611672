"""
Shorter ways for functions of Twisted's web client, which is Python.

How their code comes to run is told in `pyreactor._code`.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from pyreactor import _code, _core, _versions
from pyreactor._web import urls

if TYPE_CHECKING:
    # What the functions below find in Twisted's modules.
    HostnameEndpoint: Any = None
    HTTPParser: Any = None
    HTTPClientParser: Any = None
    BadHeaders: type[Exception] = Exception
    http: Any = None
    isIPv6Address: Any = None
    urlunparse: Any = None
    _idnaBytes: Any = None
    _idnaText: Any = None
    normalize: Any = None
    _istoken: Callable[[Any], bool] = bool
    reflect: Any = None
    inspect: Any = None
    _ensureValidURI: Callable[[bytes], bytes] = bytes
    Headers: Any = None
    networkString: Callable[[str], bytes] = str.encode
    _FakeStdlibRequest: Any = None
    _FakeStdlibResponse: Any = None
    _FakeUrllibResponseInfo: Any = None
    _pyreactor: Any = None

#: What a function of Twisted's was before it was given other code, by the name here.
stock: dict[str, Callable[..., Any]] = {}

#: Functions and classes of Twisted's that are left out below, where nobody has put others.
known: dict[str, Any] = {}

#: How many addresses and hosts are remembered, each, and the longest of them.
MOST = 500
LONGEST = 1000

# ---- addresses ----

#: What addresses consist of.
_addresses: dict[tuple[bytes, Any], tuple[Any, ...]] = {}


def remember(uri: bytes, defaultPort: Any, made: Any) -> None:
    """
    Note what an address consists of.

    :param made: a ``URI``, made of it just now.
    """
    if len(_addresses) >= MOST:
        _addresses.clear()
    _addresses[uri, defaultPort] = (
        *(made.scheme, made.netloc, made.host, made.port),
        *(made.path, made.params, made.query, made.fragment),
    )


def fromBytes(cls: Any, uri: bytes, defaultPort: Any = None) -> Any:
    """Mirrors twisted.web.client.URI.fromBytes."""
    # Attributes of http cost microseconds: it is an object that warns of some.
    if (
        cls is not _pyreactor.known["URI"]
        or cls.__init__ is not _pyreactor.known["URI.__init__"]
        or type(uri) is not bytes
        or len(uri) > _pyreactor.LONGEST
        or type(defaultPort) not in (int, type(None))
        or http is not _pyreactor.known["http"]
        or _pyreactor.known["http_names"]["urlparse"] is not _pyreactor.known["urlparse"]
    ):
        return _pyreactor.stock["fromBytes"](cls, uri, defaultPort)
    parts = _pyreactor._addresses.get((uri, defaultPort))
    if parts is not None:
        return cls(*parts)
    made = _pyreactor.stock["fromBytes"](cls, uri, defaultPort)
    _pyreactor.remember(uri, defaultPort, made)
    return made


def originForm(self: Any) -> Any:
    """Mirrors twisted.web.client.URI.originForm."""
    path, query = self.path, self.query
    if (
        type(path) is type(query) is type(self.params) is bytes
        and not self.params
        and path[:1] == b"/"
        and path[:2] != b"//"
        and path.isascii()
        and query.isascii()
        and urlunparse is _pyreactor.known["urlunparse"]
    ):
        return path + b"?" + query if query else path
    return _pyreactor.stock["originForm"](self)


def _computeHostValue(self: Any, scheme: bytes, host: bytes, port: int) -> Any:
    """Mirrors twisted.web.client._AgentBase._computeHostValue."""
    if (
        type(host) is bytes
        and host.isascii()
        and b":" not in host
        and isIPv6Address is _pyreactor.known["isIPv6Address"]
    ):
        if (scheme, port) in ((b"http", 80), (b"https", 443)):
            return host
        return b"%b:%d" % (host, port)
    return _pyreactor.stock["_computeHostValue"](self, scheme, host, port)


# ---- endpoints ----

#: Names of hosts as bytes and as text, by how they were given, and the module idna.
_hosts: dict[tuple[Any, ...], Any] = {}


def host_as_bytes_and_text(host: str | bytes) -> Any:
    """What Twisted's function makes of the name of a host, made once."""
    key = type(host), host, sys.modules.get("idna")
    found = _hosts.get(key)
    if found is None:
        if len(_hosts) >= MOST:
            _hosts.clear()
        found = _hosts[key] = stock["_hostAsBytesAndText"](host)
    return found


def _hostAsBytesAndText(host: Any) -> Any:
    """Mirrors twisted.internet.endpoints.HostnameEndpoint._hostAsBytesAndText."""
    known = _pyreactor.known
    if (
        type(host) in (str, bytes)
        and len(host) < _pyreactor.LONGEST
        and _idnaBytes is known["_idnaBytes"]
        and _idnaText is known["_idnaText"]
        and isIPv6Address is known["isIPv6Address"]
        and normalize is known["normalize"]
    ):
        return _pyreactor.host_as_bytes_and_text(host)
    return _pyreactor.stock["_hostAsBytesAndText"](host)


def endpoint(factory: Any, uri: Any) -> Any:
    """
    The endpoint for a host, which is made once for as long as nothing changes.

    It is noted at the reactor: treq makes an ``Agent`` for each request.

    :param factory: a ``_StandardEndpointFactory``.
    :param uri: a ``URI`` of the scheme http.
    """
    cls = known["HostnameEndpoint"]
    reactor = factory._reactor
    kept = getattr(reactor, "__dict__", _no_names).get("_pyreactor_endpoints", _no_names)
    found = kept.get((uri.host, uri.port))
    if (
        found is not None
        and found[1] is factory._connectTimeout
        and found[2] is factory._bindAddress
        # A program may replace these, and import idna, at any time.
        and found[3] is cls.__init__
        and found[4] is cls._hostAsBytesAndText
        and found[5] is sys.modules.get("idna")
        and found[6] == cls._DEFAULT_ATTEMPT_DELAY
        and found[7] is reactor
    ):
        return found[0]
    made = stock["endpointForURI"](factory, uri)
    if type(made) is cls:
        note_endpoint(factory, uri, made)
    return made


#: What an object has that is noted nothing of.
_no_names: dict[Any, Any] = {}


def note_endpoint(factory: Any, uri: Any, made: Any) -> None:
    """Note an endpoint that was made just now, if another would be made as that was."""
    cls, reactor = known["HostnameEndpoint"], factory._reactor
    means = cls.__init__, cls._hostAsBytesAndText
    names = getattr(reactor, "__dict__", None)
    if type(names) is not dict or means != known["means of endpoints"]:
        return
    if not provides_resolver(reactor):
        return
    kept = names.setdefault("_pyreactor_endpoints", {})
    if len(kept) >= MOST:
        kept.clear()
    settings = factory._connectTimeout, factory._bindAddress
    more = sys.modules.get("idna"), cls._DEFAULT_ATTEMPT_DELAY, reactor
    kept[uri.host, uri.port] = made, *settings, *means, *more


def provides_resolver(reactor: Any) -> bool:
    """Whether an endpoint on this reactor is made without a warning."""
    from twisted.internet.interfaces import IReactorPluggableNameResolver

    return bool(IReactorPluggableNameResolver.providedBy(reactor))


def endpointForURI(self: Any, uri: Any) -> Any:
    """Mirrors twisted.web.client._StandardEndpointFactory.endpointForURI."""
    if (
        type(self) is _pyreactor.known["_StandardEndpointFactory"]
        and uri.scheme == b"http"
        and type(uri.host) is bytes
        and type(uri.port) is int
        and HostnameEndpoint is _pyreactor.known["HostnameEndpoint"]
    ):
        return _pyreactor.endpoint(self, uri)
    return _pyreactor.stock["endpointForURI"](self, uri)


# ---- requests ----


def _ensureValidMethod(method: Any) -> Any:
    """Mirrors twisted.web._newclient._ensureValidMethod."""
    if (
        type(method) is bytes
        and method in (b"GET", b"POST", b"HEAD", b"PUT", b"DELETE")
        and _istoken is _pyreactor.known["_istoken"]
    ):
        return method
    if _istoken(method):
        return method
    raise ValueError(f"Invalid method {method!r}")


def _writeHeaders(self: Any, transport: Any, TEorCL: bytes | None) -> None:
    """Mirrors twisted.web._newclient.Request._writeHeaders."""
    headers = self.headers
    if len(headers.getRawHeaders(b"Host", ())) != 1:
        raise BadHeaders("Exactly one Host header required")

    method, uri = _ensureValidMethod(self.method), _ensureValidURI(self.uri)
    lines = [b" ".join([method, uri, b"HTTP/1.1\r\n"])]
    if not self.persistent:
        lines.append(b"Connection: close\r\n")
    if TEorCL is not None:
        lines.append(TEorCL)
    for name, values in headers.getAllRawHeaders():
        for value in values:
            lines.append(name + b": " + value + b"\r\n")
    lines.append(b"\r\n")
    transport.writeSequence(lines)


# ---- responses ----


#: Methods that `parse_head` does the work of, and the one that it calls when all lines are cut.
_PARSER_METHODS = (
    *("lineReceived", "headerReceived", "isConnectionControlHeader"),
    "statusReceived",
)
_methods_of_parser = attrgetter(*_PARSER_METHODS)


def parse_head(parser: Any, data: bytes) -> bytes:
    """
    Take the status and all header fields out of what came first.

    :param parser: an ``HTTPClientParser``, of just that class, that has received nothing.
    :return: what is left for the parser, beginning with an empty line; or all, if the head is
        not whole, or is a strange one.
    """
    found = _core.web_split_response(data, parser.MAX_LENGTH)
    if found is None:
        return data
    end, parts = found
    parser.statusReceived(parts[0])
    parser.state = "HEADER"
    control = parser.CONNECTION_CONTROL_HEADERS  # as HTTPClientParser.headerReceived does
    if parser.request.method == b"HEAD":
        control = [name for name in control if name != b"content-length"]
    _core.web_add_fields(parts, control, parser.headers, parser.connHeaders)
    return data[end:]


def dataReceived(self: Any, data: bytes) -> None:
    """Mirrors twisted.web._newclient.HTTPClientParser.dataReceived."""
    if (
        not self._everReceivedData
        and type(self) is _pyreactor.known["HTTPClientParser"]
        and type(data) is bytes
        and self.delimiter == b"\n"
        and not self.paused
        and _pyreactor.has_own_methods(self)
    ):
        self._everReceivedData = True
        data = _pyreactor.parse_head(self, data)
    self._everReceivedData = True
    HTTPParser.dataReceived(self, data)


def has_own_methods(parser: Any) -> bool:
    """Whether the methods that `parse_head` leaves out, and its own, are Twisted's."""
    cls, base = known["HTTPClientParser"], known["HTTPParser"]
    # The last is called by HTTPClientParser's.
    found = (*_methods_of_parser(cls), base.isConnectionControlHeader)
    return bool(
        found == known["methods of parsers"] and vars(parser).keys().isdisjoint(_PARSER_METHODS)
    )


# ---- failures ----


def check(self: Any, *errorTypes: Any) -> Any:
    """Mirrors twisted.python.failure.Failure.check."""
    if (
        errorTypes
        and errorTypes[0] is self.type
        and type(self) is _pyreactor.known["Failure"]
        and self._parents is None
        and _pyreactor.known["Failure"].__dict__["parents"] is _pyreactor.known["parents"]
    ):
        return errorTypes[0]
    for error in errorTypes:
        err = error
        if inspect.isclass(error) and issubclass(error, Exception):
            err = reflect.qual(error)
        if err in self.parents:
            return error
    return None


# ---- cookies ----

#: What http.cookiejar is told of the addresses of requests.
_cookie_requests: dict[bytes, tuple[str, str, str, str]] = {}


def cookieRequest(self: Any, uri: Any) -> Any:
    """Mirrors twisted.web.client._FakeStdlibRequest.__init__."""
    if (
        type(uri) is not bytes
        or type(self) is not _pyreactor.known["_FakeStdlibRequest"]
        or not _pyreactor.reads_addresses()
    ):
        return _pyreactor.stock["cookieRequest"](self, uri)
    names = _pyreactor._cookie_requests.get(uri)
    if names is None:
        _pyreactor.stock["cookieRequest"](self, uri)
        return _pyreactor.note_cookie_request(self, uri)
    self.uri, self._twistedHeaders = names[0], Headers()
    self.type, self.host, self.origin_req_host = names[1:]
    self.unverifiable = False
    return None


def note_cookie_request(request: Any, uri: bytes) -> None:
    """Note what a ``_FakeStdlibRequest`` consists of, which was made just now."""
    if len(uri) > LONGEST:
        return
    if len(_cookie_requests) >= MOST:
        _cookie_requests.clear()
    names = request.uri, request.type, request.host, request.origin_req_host
    _cookie_requests[uri] = names


def reads_addresses() -> bool:
    """Whether nobody has replaced what finds the parts of an address."""
    names, cls = known["client names"], known["URI"]
    return (
        names["URI"] is cls
        and cls.__init__ is known["URI.__init__"]
        and vars(cls)["fromBytes"] is known["URI.fromBytes"]
        and names["nativeString"] is known["nativeString"]
        and names["http"] is known["http"]
        and known["http_names"]["urlparse"] is known["urlparse"]
    )


def requestWithCookies(
    self: Any, method: Any, uri: Any, headers: Any = None, bodyProducer: Any = None
) -> Any:
    """Mirrors twisted.web.client.CookieAgent.request."""
    actualHeaders = headers if headers is not None else Headers()
    lastRequest = _FakeStdlibRequest(uri)
    if not actualHeaders.hasHeader(b"Cookie"):
        jar = self.cookieJar
        if (
            _pyreactor.is_plain(jar)
            and not jar._cookies
            and type(lastRequest) is _pyreactor.known["_FakeStdlibRequest"]
        ):
            _pyreactor.note_time(jar)
        else:
            jar.add_cookie_header(lastRequest)
            cookieHeader = lastRequest.get_header("Cookie", None)
            if cookieHeader is not None:
                actualHeaders = actualHeaders.copy()
                actualHeaders.addRawHeader(b"Cookie", networkString(cookieHeader))

    return self._agent.request(method, uri, actualHeaders, bodyProducer).addCallback(
        self._extractCookies, lastRequest
    )


def _extractCookies(self: Any, response: Any, request: Any) -> Any:
    """Mirrors twisted.web.client.CookieAgent._extractCookies."""
    jar = self.cookieJar
    headers: Any = getattr(response, "headers", None)
    if (
        type(headers) is _pyreactor.known["Headers"]
        and _FakeStdlibResponse is _pyreactor.known["_FakeStdlibResponse"]
        and _FakeUrllibResponseInfo is _pyreactor.known["_FakeUrllibResponseInfo"]
        and _pyreactor.is_plain(jar)
        and not headers.hasHeader(b"Set-Cookie")
        and not headers.hasHeader(b"Set-Cookie2")
    ):
        _pyreactor.note_time(jar)
    else:
        jar.extract_cookies(_FakeStdlibResponse(response), request)
    return response


#: What a jar does that has no cookies, or is told of none.
_JAR_METHODS = (
    *("add_cookie_header", "extract_cookies", "make_cookies", "_cookies_for_request"),
    *("_cookie_attrs", "clear_expired_cookies", "__iter__"),
)
_methods_of_jar = attrgetter(*_JAR_METHODS)


def is_plain(jar: Any) -> bool:
    """Whether a jar does with no cookies what the standard library's does, which is nothing."""
    return (
        issubclass(type(jar), known["CookieJar"])  # a mock is an instance of what it stands for
        and _methods_of_jar(type(jar)) == known["methods of jars"]
        and type(jar._policy) is known["DefaultCookiePolicy"]
        and vars(jar).keys().isdisjoint(_JAR_METHODS)
        and not known["cookiejar"].debug
    )


def note_time(jar: Any) -> None:
    """Have a jar and its policy note the time, as they do for each request and response."""
    jar._policy._now = jar._now = int(known["cookiejar"].time.time())


# ---- putting them in place ----

#: Functions that get other code: those of each module, what they are called here, and the
#: digests of those that they stand for.
FUNCTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "twisted.internet.endpoints": {
        "HostnameEndpoint._hostAsBytesAndText": ("_hostAsBytesAndText", "16e32ef7dc52"),
    },
    "twisted.web.client": {
        "URI.fromBytes": ("fromBytes", "b583d6c690c9"),
        "URI.originForm": ("originForm", "684c6e736b85"),
        "_AgentBase._computeHostValue": ("_computeHostValue", "9f767871997e"),
        "_FakeStdlibRequest.__init__": ("cookieRequest", "f56829f78f74"),
        "CookieAgent.request": ("requestWithCookies", "4413aba20252 845d3898a8df:25.5"),
        "CookieAgent._extractCookies": ("_extractCookies", "dc2c85e3f181"),
        "_StandardEndpointFactory.endpointForURI": ("endpointForURI", "dc7880a4058d"),
    },
    "twisted.web._newclient": {
        "_ensureValidMethod": ("_ensureValidMethod", "ee5e62a2bc07"),
        "HTTPClientParser.dataReceived": ("dataReceived", "cc4d635cd07b"),
        "Request._writeHeaders": ("_writeHeaders", "ee75122fc7b6"),
    },
    "twisted.python.failure": {
        "Failure.check": ("check", "575e01ddb0b2"),
    },
    "hyperlink._url": {
        "URL.from_text": ("from_text", "5de24ea0e487"),
        "URL.to_text": ("to_text", "b7781978ea2e"),
        "URL.to_uri": ("to_uri", "9a4985009c48"),
    },
}

#: The modules of the functions that are not in this one, by the modules that get them.
OWNERS: dict[str, ModuleType] = {"hyperlink._url": urls}

#: Those of the modules that many programs import, by the one of twisted.web's after which they are
#: changed: what is asked at a body's end, and the addresses that treq takes.
BELOW = {
    "twisted.python.failure": "twisted.web._newclient",
    "hyperlink._url": "twisted.web.client",
}

#: What they leave out, or keep the result of: by the function that does.
_LEAVES_OUT: dict[str, dict[str, dict[str, str]]] = {
    "HostnameEndpoint._hostAsBytesAndText": {
        "twisted.internet._idna": {"_idnaBytes": "ca96ccd5fe3a", "_idnaText": "d5952d3f987a"},
        "twisted.internet.abstract": {"isIPv6Address": "c327882bdbf6"},
    },
    "URI.fromBytes": {
        "twisted.web.client": {"URI.__init__": "809c89402259"},
        "twisted.web.http": {"urlparse": "bad98bf52546"},
    },
    "_AgentBase._computeHostValue": {
        "twisted.internet.abstract": {"isIPv6Address": "c327882bdbf6"},
    },
    "_StandardEndpointFactory.endpointForURI": {
        "twisted.internet.endpoints": {
            "HostnameEndpoint.__init__": "463f119019d4 bc22f7830dad:25.5",
            "HostnameEndpoint._hostAsBytesAndText": "16e32ef7dc52",
        },
    },
    "Failure.check": {"twisted.python.failure": {"Failure.parents": "6e43f8173d12"}},
    "_ensureValidMethod": {"twisted.web._abnf": {"_istoken": "5b5627a38d98"}},
    "_FakeStdlibRequest.__init__": {
        "twisted.web.client": {"URI.__init__": "809c89402259", "URI.fromBytes": "b583d6c690c9"},
        "twisted.web.http": {"urlparse": "bad98bf52546"},
        "twisted.python.compat": {"nativeString": "2641ad46c07d"},
    },
    "CookieAgent.request": {
        "twisted.web.client": {"_FakeStdlibRequest.get_header": "d9538f565857"},
    },
    "CookieAgent._extractCookies": {
        "twisted.web.client": {
            "_FakeStdlibResponse.__init__": "86caee2189c8",
            "_FakeStdlibResponse.info": "366b3255244a",
            "_FakeUrllibResponseInfo.get_all": "8136091ed37c",
        },
    },
    "URL.from_text": {
        "hyperlink._url": {
            "URL.__init__": "46d243e42701",
            "parse_host": "cba659d3731b",
            "iter_pairs": "6bb2be7bfc7d",
            "_textcheck": "b46ebf5ecc39",
            "_typecheck": "09e9f343e1f4",
        },
    },
    "URL.to_uri": {
        "hyperlink._url": {
            "URL.__init__": "46d243e42701",
            "URL.replace": "57e5dd754377",
            "parse_host": "cba659d3731b",
            "iter_pairs": "6bb2be7bfc7d",
            "_textcheck": "b46ebf5ecc39",
            "_typecheck": "09e9f343e1f4",
            "_optional": "f1332157d56f",
            "_encode_userinfo_part": "4b7396fdc7f5",
            "_encode_path_parts": "4a0bf262cdb0",
            "_encode_path_part": "000405895ae8",
            "_encode_query_key": "75e3a4052b18",
            "_encode_query_value": "ad29931c237c",
            "_encode_fragment_part": "efff359bcbbf",
        },
    },
    "URL.to_text": {
        "hyperlink._url": {
            "URL.authority": "21687cc51a13",
            "_encode_path_parts": "4a0bf262cdb0",
            "_encode_path_part": "000405895ae8",
            "_encode_query_key": "75e3a4052b18",
            "_encode_query_value": "ad29931c237c",
        },
    },
    "HTTPClientParser.dataReceived": {
        "twisted.web._newclient": {
            "HTTPParser.lineReceived": "07997e1ec67b",
            "HTTPParser.headerReceived": "80ba8991f173",
            "HTTPParser.isConnectionControlHeader": "a9b38b69301d",
            "HTTPClientParser.isConnectionControlHeader": "af65078d31bc",
        },
    },
}

#: Why functions are Twisted's own, by their names.
reasons: dict[str, str] = {}


def install(module: ModuleType) -> None:
    """
    Give other code to functions of one of the client's modules.

    :param module: one of those in `FUNCTIONS`.
    """
    install_below(module)
    entries = {
        path: entry
        for path, entry in FUNCTIONS[module.__name__].items()
        if not _code.is_given(_found(module, path))
    }
    found, unknown = _versions.examine(module, {path: each for path, (_, each) in entries.items()})
    reasons.update(unknown)
    _note(module)
    for path, function in found.items():
        if _knows_what_is_left_out(path):
            name, owner = entries[path][0], OWNERS.get(module.__name__, sys.modules[__name__])
            own: FunctionType = vars(owner)[name]
            vars(owner)["stock"][name] = _code.give(function, own, owner)


def install_below(module: ModuleType) -> None:
    """Give other code to functions of the modules that are changed after a module."""
    for name, after in BELOW.items():
        if after == module.__name__:
            install(import_module(name))


def _found(module: ModuleType, path: str) -> object:
    try:
        return _versions.function_of(module, path)
    except _versions.Unknown:
        return None


def _knows_what_is_left_out(path: str) -> bool:
    unknown: dict[str, str] = {}
    for name, functions in _LEAVES_OUT.get(path, {}).items():
        unknown.update(_versions.examine(sys.modules[name], functions)[1])
    if unknown:
        reasons[path] = "; ".join(unknown.values())
    return not unknown


def _note(module: Any) -> None:
    """Note what a module has now."""
    if module.__name__ == "hyperlink._url":
        urls.note_module(module)
    elif module.__name__ == "twisted.python.failure":
        known.update(Failure=module.Failure, parents=vars(module.Failure)["parents"])
    elif module.__name__ == "twisted.web._newclient":
        cls, base = module.HTTPClientParser, module.HTTPParser
        known.update(HTTPClientParser=cls, HTTPParser=base, _istoken=module._istoken)
        known["methods of parsers"] = (*_methods_of_parser(cls), base.isConnectionControlHeader)
    elif module.__name__ == "twisted.internet.endpoints":
        from twisted.internet import _idna, abstract

        known.update(
            _idnaBytes=_idna._idnaBytes,
            _idnaText=_idna._idnaText,
            isIPv6Address=abstract.isIPv6Address,
            normalize=unicodedata.normalize,
        )
    else:
        from http import cookiejar

        from twisted.internet import abstract, endpoints
        from twisted.web import http

        cls = endpoints.HostnameEndpoint
        known["client names"] = vars(module)
        known["methods of jars"] = _methods_of_jar(cookiejar.CookieJar)
        known["means of endpoints"] = cls.__init__, cls._hostAsBytesAndText
        known.update(
            {"URI.__init__": module.URI.__init__, "URI.fromBytes": vars(module.URI)["fromBytes"]},
            URI=module.URI,
            nativeString=module.nativeString,
            Headers=module.Headers,
            _FakeStdlibRequest=module._FakeStdlibRequest,
            _FakeStdlibResponse=module._FakeStdlibResponse,
            _FakeUrllibResponseInfo=module._FakeUrllibResponseInfo,
            cookiejar=cookiejar,
            CookieJar=cookiejar.CookieJar,
            DefaultCookiePolicy=cookiejar.DefaultCookiePolicy,
            urlparse=http.urlparse,
            http=module.http,
            http_names=http.urlparse.__globals__,
            urlunparse=module.urlunparse,
            isIPv6Address=abstract.isIPv6Address,
            HostnameEndpoint=endpoints.HostnameEndpoint,
            _StandardEndpointFactory=module._StandardEndpointFactory,
        )


def stock_functions() -> dict[str, str]:
    """Those of the functions, of modules that are imported, that are Twisted's own, and why."""
    return {
        path: reasons.get(path, f"{path} was replaced")
        for name, paths in FUNCTIONS.items()
        if BELOW.get(name, name) in sys.modules
        for path in paths
        if not _code.is_given(_found(sys.modules[name], path))
    }
