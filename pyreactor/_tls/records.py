"""
TLS in C: the hot methods of Twisted's ``TLSMemoryBIOProtocol``.

They do what Twisted's and pyOpenSSL's Python does for each record, by the same calls into
OpenSSL, through the functions that cffi made for pyOpenSSL.  Where a name that this needs
is missing, or where Twisted's or pyOpenSSL's methods use others than those known here,
everything stays as it is, and ``pyreactor doctor`` says why.
"""

from __future__ import annotations

import contextlib
from importlib import import_module
from types import FunctionType
from typing import Any

from OpenSSL import SSL
from twisted.protocols import tls
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from zope.interface import directlyProvides, providedBy

from pyreactor import _core
from pyreactor._untouched import defined_by

#: The methods of TLSMemoryBIOProtocol that are in C, and the names that they use.
METHODS = {
    "dataReceived": "_appSendBuffer _checkHandshakeStatus _flushReceiveBIO _handshakeDone"
    " _tlsConnection _unbufferPendingWrites bio_write",
    "_flushReceiveBIO": "Error Failure ProtocolWrapper WantReadError ZeroReturnError _aborted"
    " _flushSendBIO _lostTLSConnection _shutdownTLS _tlsConnection _tlsShutdownFinished"
    " dataReceived recv",
    "_flushSendBIO": "WantReadError _tlsConnection bio_read transport write",
    "write": "_producer _write disconnecting",
    "_write": "Error Failure WantReadError _bufferedWrite _flushSendBIO _lostTLSConnection"
    " _tlsConnection _tlsShutdownFinished len send",
}

#: Those of _AggregateSmallWrites.
AGGREGATE = {
    "write": "_buffer _bufferLeft _clock _scheduled _scheduledFlush append callLater flush len",
    "_scheduledFlush": "_scheduled flush",
    "flush": "MAX_BUFFER_SIZE _buffer _bufferLeft _write join",
}

#: The methods of pyOpenSSL's Connection that C stands in for.
_CONNECTION = {
    "recv": "MSG_PEEK SSL_peek SSL_read _ffi _lib _no_zero_allocator _raise_ssl_error _ssl"
    " buffer socket",
    "send": "SSL_write ValueError _ffi _lib _raise_ssl_error _ssl _text_to_bytes_and_warn"
    " from_buffer len",
    "bio_read": "BIO_read TypeError _ffi _from_ssl _handle_bio_errors _lib _no_zero_allocator"
    " buffer int isinstance",
    "bio_write": "BIO_write TypeError _ffi _handle_bio_errors _into_ssl _lib"
    " _text_to_bytes_and_warn from_buffer len",
}

#: Those whose part without an error C stands in for: what that part uses, and what else.
_ERRORS = {
    "_raise_ssl_error": (
        "SSL_ERROR_WANT_READ SSL_get_error WantReadError _alpn_select_helper _context _lib"
        " _ocsp_helper _verify_helper raise_if_problem",
        "Cryptography_HAS_UNEXPECTED_EOF_WHILE_READING ERR_GET_REASON ERR_clear_error"
        " ERR_peek_error SSL_ERROR_NONE SSL_ERROR_SSL SSL_ERROR_SYSCALL SSL_ERROR_WANT_WRITE"
        " SSL_ERROR_WANT_X509_LOOKUP SSL_ERROR_ZERO_RETURN SSL_R_UNEXPECTED_EOF_WHILE_READING"
        " SysCallError WantWriteError WantX509LookupError ZeroReturnError _ffi _openssl_assert"
        " _raise_current_error errno errorcode get getwinerror platform",
    ),
    "_handle_bio_errors": (
        "BIO_should_read BIO_should_retry WantReadError _lib",
        "BIO_should_io_special BIO_should_write ValueError WantWriteError _raise_current_error",
    ),
}

#: The functions of OpenSSL that C calls, with the C types that they must have.
_FUNCTIONS = {
    "SSL_read": "int(*)(SSL *, void *, int)",
    "SSL_write": "int(*)(SSL *, void *, int)",
    "SSL_get_error": "int(*)(SSL *, int)",
    "BIO_read": "int(*)(BIO *, void *, int)",
    "BIO_write": "int(*)(BIO *, void *, int)",
    "BIO_should_retry": "int(*)(BIO *)",
    "BIO_should_read": "int(*)(BIO *)",
}


class _Unknown(Exception):
    """Something differs from what the C code knows."""


def _method(owner: type, name: str, module: str) -> FunctionType:
    """The Python method that `module` itself gave to its class."""
    found = owner.__dict__.get(name)
    if isinstance(found, _core.StandIn):
        found = found.__wrapped__
    if not defined_by(found, module, name):
        raise _Unknown(f"{owner.__name__}.{name} is not {module}'s own")
    return found


def _known_method(owner: type, name: str, module: str, names: str) -> FunctionType:
    """The same, and it uses no other names than these."""
    found = _method(owner, name, module)
    unknown = set(found.__code__.co_names) - set(names.split())
    if unknown:
        raise _Unknown(f"{owner.__name__}.{name} uses {', '.join(sorted(unknown))}")
    return found


def _error_method(owner: type, name: str, needed: str, others: str) -> FunctionType:
    """The same, and it uses all that are needed."""
    found = _known_method(owner, name, "OpenSSL.SSL", f"{needed} {others}")
    missing = set(needed.split()) - set(found.__code__.co_names)
    if missing:
        raise _Unknown(f"{owner.__name__}.{name} does not use {', '.join(sorted(missing))}")
    return found


def _addresses(lib: Any, ffi: Any) -> dict[str, int]:
    """Where the functions are."""
    found = {}
    for name, declaration in _FUNCTIONS.items():
        # pyOpenSSL's library is a module of the functions of cffi's.
        pointer = ffi.addressof(getattr(lib, name).__self__, name)
        if ffi.typeof(pointer).cname != declaration:
            raise _Unknown(f"{name} is {ffi.typeof(pointer).cname}")
        found[name] = int(ffi.cast("uintptr_t", pointer))
    return found


def _configure() -> None:
    _cffi_backend: Any = import_module("_cffi_backend")  # which has no types
    from OpenSSL._util import ffi, lib

    connection = SSL.Connection
    helper = SSL._CallbackExceptionHelper
    _core.configure(
        "tls",
        **_addresses(lib, ffi),
        **{
            name: _known_method(connection, name, "OpenSSL.SSL", names)
            for name, names in _CONNECTION.items()
        },
        **{name: _error_method(connection, name, *names) for name, names in _ERRORS.items()},
        SSL_ERROR_WANT_READ=lib.SSL_ERROR_WANT_READ,
        cffi=_cffi_backend._C_API,
        ssl_type=ffi.typeof("SSL *"),
        bio_type=ffi.typeof("BIO *"),
        Connection=connection,
        raise_if_problem=_known_method(
            helper, "raise_if_problem", "OpenSSL.SSL", "Error _problems _raise_current_error pop"
        ),
        WantReadError=SSL.WantReadError,
        ProtocolWrapper=ProtocolWrapper,
        wrapper_deliver=_known_method(
            ProtocolWrapper,
            "dataReceived",
            ProtocolWrapper.__module__,
            "dataReceived wrappedProtocol",
        ),
        no=False,
        zero=0,
        receiving_failed=_receivingFailed,
        sending_failed=_sendingFailed,
        send_rest=_sendRest,
    )


# ---- connections that begin ----

#: Declarations' resolution orders, by their ids, each with the last interface of it as a tuple.
_last: dict[int, tuple[Any, tuple[Any, ...]]] = {}

#: How many are remembered.
MOST = 100


def _provided_last(transport: Any) -> tuple[Any, ...]:
    """
    What stands in for ``providedBy`` in ``makeConnection``, which declares one interface of its
    transport's after the other, each in the place of the one before: so all but the last of
    them come to nothing.

    A declaration has a new resolution order whenever what it consists of changes.
    """
    provided = providedBy(transport)
    order = provided.__sro__
    known = _last.get(id(order))
    if known is None:
        if len(_last) >= MOST:
            _last.clear()
        # The order is kept, and so no other comes to have its id.
        known = _last[id(order)] = (order, tuple(provided)[-1:])
    return known[1]


#: The names that makeConnection uses.
_BEGINNING = (
    "Protocol ProtocolWrapper _appSendBuffer _checkHandshakeStatus _connectWrapped"
    " _creatorCallable _tlsConnection directlyProvides factory makeConnection providedBy"
    " registerProtocol"
)


def _shorten_beginning() -> None:
    """Have ``makeConnection`` declare what lasts, if it is the one that is known."""
    if vars(tls).get("providedBy") is providedBy and vars(tls)["directlyProvides"] is (
        directlyProvides
    ):
        _known_method(tls.TLSMemoryBIOProtocol, "makeConnection", tls.__name__, _BEGINNING)
        vars(tls)["providedBy"] = _provided_last


# ---- writes that are collected ----


def _has_aggregate() -> bool:
    return issubclass(tls._AggregateSmallWrites, _core.Aggregate)


def _replace_aggregate() -> None:
    """
    Put a class in the place of ``_AggregateSmallWrites`` that derives from it, whose
    attributes are in a C struct, and whose hot methods are in C.
    """
    stock = tls._AggregateSmallWrites
    methods = {
        name: _core.StandIn(
            getattr(_core, f"tls_aggregate_{name}"),
            _known_method(stock, name, tls.__name__, names),
        )
        for name, names in AGGREGATE.items()
    }
    described = {name: getattr(stock, name) for name in ("__module__", "__qualname__", "__doc__")}
    vars(tls)[stock.__name__] = type(
        stock.__name__, (_core.Aggregate, stock), {**described, **methods}
    )


# ---- what is rare ----


def _receivingFailed(protocol: Any, error: BaseException) -> bool:
    """
    What ``_flushReceiveBIO`` does with an exception from ``recv``.

    :return: whether its loop goes on.
    """
    try:
        try:
            raise error
        finally:
            del error  # or its traceback, which has this frame, would keep it alive
    except SSL.WantReadError:
        return False
    except SSL.ZeroReturnError:
        protocol._shutdownTLS()
        protocol._tlsShutdownFinished(None)
    except SSL.Error:
        protocol._tlsShutdownFinished(Failure())
    return True


def _sendingFailed(protocol: Any, error: BaseException) -> bool:
    """
    What ``_write`` does with an exception from ``send``.

    :return: whether the bytes are to be kept.
    """
    try:
        try:
            raise error
        finally:
            del error  # or its traceback, which has this frame, would keep it alive
    except SSL.WantReadError:
        return True
    except SSL.Error:
        protocol._tlsShutdownFinished(Failure())
    return False


def _sendRest(protocol: Any, data: bytes, alreadySent: int) -> None:
    """
    Go on with ``_write`` where the connection, or its ``send``, became another meanwhile.

    :param protocol: the ``TLSMemoryBIOProtocol``.
    :param data: all that ``_write`` was given.
    :param alreadySent: how many of these bytes OpenSSL has taken.
    """
    while alreadySent < len(data):
        try:
            sent = protocol._tlsConnection.send(data[alreadySent : alreadySent + 2**14])
        except SSL.WantReadError:
            protocol._bufferedWrite(data[alreadySent:])
            break
        except SSL.Error:
            protocol._tlsShutdownFinished(Failure())
            break
        else:
            alreadySent += sent
            protocol._flushSendBIO()


#: Why methods are Twisted's own, one reason for all or one for each.
_reasons: list[str] = []


def install() -> None:
    """Put the C methods into Twisted's class, but for those that differ from what C knows."""
    owner = tls.TLSMemoryBIOProtocol
    _reasons.clear()
    try:
        _configure()
    except Exception as error:
        _reasons.append(f"{error}" if isinstance(error, _Unknown) else repr(error))
        return
    with contextlib.suppress(_Unknown):
        _shorten_beginning()
    for name, names in METHODS.items():
        try:
            stock = _known_method(owner, name, tls.__name__, names)
        except _Unknown as error:
            _reasons.append(str(error))
        else:
            setattr(owner, name, _core.StandIn(getattr(_core, f"tls_{name}"), stock))
    if not _has_aggregate():
        try:
            _replace_aggregate()
        except _Unknown as error:
            _reasons.append(str(error))


def status() -> str:
    """Whether TLS records are handled in C, and why not, for people."""
    methods = vars(tls.TLSMemoryBIOProtocol)
    stock = [name for name in METHODS if not isinstance(methods[name], _core.StandIn)]
    if not _has_aggregate():
        stock.append("_AggregateSmallWrites")
    if not stock:
        return "TLS records in C"
    if len(stock) == len(METHODS) + 1:
        stock = ["all"]
    return f"TLS methods of Twisted's own: {', '.join(stock)} ({'; '.join(_reasons) or 'replaced'})"
