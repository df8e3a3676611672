"""Hand over to C what the log's functions use of Twisted, and put them in their places."""

from __future__ import annotations

import _thread
import sys
import time
from collections import deque
from functools import partial
from importlib import import_module
from string import Formatter
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from pyreactor import _code, _core, _versions
from pyreactor._log import texts

#: Functions that get other code: those of each module, what they are called in
#: `pyreactor._log.texts`, and the digests of those that they stand for.
TEXTS: dict[str, dict[str, tuple[str, str]]] = {
    "twisted.logger._format": {
        "formatTime": ("formatTime", "ec73efce2ea6 f0c8e170dd51:25.5"),
        "formatWithCall": ("formatWithCall", "853577ec1ec6"),
        "_formatEvent": ("_formatEvent", "26c2730ac37f"),
        "_formatSystem": ("_formatSystem", "ba0c3e02ca8f cdb7d9e322de:25.5"),
        "eventAsText": ("eventAsText", "72879a0e3d93"),
    },
    "twisted.logger._legacy": {
        "LegacyLogObserverWrapper.__call__": ("callLegacy", "6ae01a18e8ae"),
    },
    "twisted.python.log": {
        "FileLogObserver.emit": ("legacyEmit", "f527cddce6ea"),
        "FileLogObserver.formatTime": ("legacyFormatTime", "decdd99a72e4"),
    },
    "twisted.web.http": {
        "_escape": ("_escape", "86c25fb629c8"),
        "combinedLogFormatter": ("combinedLogFormatter", "ebeb4ed9e868"),
        "datetimeToString": ("datetimeToString", "b351e0537b64"),
    },
}

#: What those functions, or C, leave out: all of it has to be what is known.
LEFT_OUT: dict[str, dict[str, str]] = {
    "twisted.logger._format": {
        "keycall": "56ed971b800e ff667f7a33c5:25.5",
        "CallMapping.__getitem__": "d9ca8dcf02e1",
        "PotentialCallWrapper.__format__": "1f17f2c39a66",
    },
    "twisted.python._tzhelper": {
        "FixedOffsetTimeZone.fromLocalTimeStamp": "045a2e1dc647 5f4d31e18b1f:25.5",
    },
    "twisted.logger._observer": {
        "LogPublisher.__call__": "68c7662899b1 cf13b3a8b819:25.5",
        "bitbucketLogObserver": "e82119bf0871",
    },
    "twisted.logger._filter": {
        "shouldLogEvent": "c530a53f90b0",
        "FilteringLogObserver.__call__": "447de12a7cc7",
        "LogLevelFilterPredicate.__call__": "16a71f00a616",
        "LogLevelFilterPredicate.logLevelForNamespace": "0d7a62c4b05b",
    },
    "twisted.logger._buffer": {"LimitedHistoryLogObserver.__call__": "5e3900651bc5"},
    "twisted.logger._stdlib": {"STDLibLogObserver._findCaller": "f7c6c597f458 903d05d1dde2:25.5"},
    "twisted.logger._legacy": {"publishToNewObserver": "838917e99584 c3b34bf8f259:25.5"},
    "twisted.python.context": {
        "ContextTracker.getContext": "3965e1b8c511",
        "ThreadedContextTracker.currentContext": "f29951336f44",
        "ThreadedContextTracker.getContext": "c97ae2c37fce",
    },
    "twisted.python.threadable": {
        "_sync": "ceff1ee90d74",
        "_synchPre": "67c780fca3e6",
        "_synchPost": "50858848c6da",
    },
    "twisted.python.reflect": {"safe_str": "07ef63980ab5"},
    "twisted.python.util": {"untilConcludes": "6195de5d00a5 b2915795a49d:25.5"},
    "twisted.python.log": {
        "FileLogObserver.getTimezoneOffset": "86ed28c2dedc",
        "_safeFormat": "7a48afad2f22 09f191d8e69d:25.5",
        "textFromEventDict": "43d53fc6a3e2 2cccea0b65a4:25.5",
    },
}

#: Of which of those modules a text leaves out functions.
_TEXTS_LEAVE_OUT: dict[str, tuple[str, ...]] = {
    "FileLogObserver.formatTime": ("twisted.python.log",),
    "FileLogObserver.emit": (
        *("twisted.python.log", "twisted.python.reflect", "twisted.python.util"),
    ),
    "formatTime": ("twisted.python._tzhelper",),
    "formatWithCall": ("twisted.logger._format",),
}
#: Those of which nothing but texts leaves out functions.
_OF_TEXTS = (
    *("twisted.python.log", "twisted.python.util", "twisted.python._tzhelper"),
    "twisted.logger._format",
)

LEVELS = ("debug", "info", "warn", "error", "critical")

#: Logger's methods that are in C, and the digests of those that they stand for.
LOGGER = {
    "Logger.emit": "ed88d061c3f0 ec8780f15788:25.5",
    "Logger.debug": "8b862db574ba 2350803e1ae7:25.5",
    "Logger.info": "3c923e99e06f 1ad9c02f7088:25.5",
    "Logger.warn": "1edb1875b19f 62a6b09e876d:25.5",
    "Logger.error": "8d4586be0835 57d340dcef01:25.5",
    "Logger.critical": "88ca36b79929 b323a797c63f:25.5",
}
#: What LogPublisher.msg of twisted.python.log, which is in C, uses there, and itself.
LEGACY = {
    "LogPublisher.msg.__wrapped__": "d913d539f92b",
    "textFromEventDict": "43d53fc6a3e2 2cccea0b65a4:25.5",
}

#: Why functions are Twisted's own, by their modules' and their own names.
reasons: dict[str, str] = {}


def _examine(name: str, known: dict[str, str]) -> dict[str, FunctionType]:
    """Those of a module's functions that are known; why the others are not is noted."""
    found, unknown = _versions.examine(sys.modules[name], known)
    reasons.update({f"{name}.{path}": why for path, why in unknown.items()})
    return found


def _known_left_out(name: str) -> dict[str, FunctionType] | None:
    """The functions of a module that are left out, or None if one of them is not known."""
    found = _examine(name, LEFT_OUT[name])
    return found if len(found) == len(LEFT_OUT[name]) else None


# ---- texts ----


def install_texts(module: ModuleType) -> None:
    """Give other code to the functions of a module that make texts."""
    entries = {
        path: entry
        for path, entry in TEXTS[module.__name__].items()
        if not _code.is_given(_found(module, path))
    }
    _note_clocks()
    if module.__name__ == "twisted.python.log":
        _note_util(module)
    elif module.__name__ == "twisted.logger._legacy":
        texts.known["errors"] = (module.LogLevel.error, module.LogLevel.critical)
    elif module.__name__ == "twisted.logger._format":
        _note_format(module)
    found = _examine(module.__name__, {path: digests for path, (_, digests) in entries.items()})
    for path, function in found.items():
        left_out = [_known_left_out(name) for name in _TEXTS_LEAVE_OUT.get(path, ())]
        if None not in left_out:
            for functions in left_out:
                texts.known.update(functions or {})
            texts.give_code(function, entries[path][0])
    if module.__name__ == "twisted.web.http":
        escape = _found(module, "_escape")
        texts.known["_escape"] = escape if _code.is_given(escape) else None


def _found(module: ModuleType, path: str) -> object:
    try:
        return _versions.function_of(module, path)
    except _versions.Unknown:
        return None


def _note_clocks() -> None:
    """Note the functions that tell the time, if nobody has replaced them by now."""
    # Who replaces datetime does so in the module datetime, which has it from here.
    texts.known["DateTime"] = import_module("_datetime").datetime
    for name in ("gmtime", "time"):
        function = getattr(time, name)
        if type(function) is BuiltinFunctionType:
            texts.known[name] = function
        else:
            texts.known.setdefault(name, _nothing)


_nothing = object()


def _note_format(module: Any) -> None:
    """Note what makes texts of formats and times, if nobody has replaced it by now."""
    if type(module.aFormatter) is Formatter:
        texts.ownFormatter = module.aFormatter
    texts.ownMapping = module.CallMapping
    texts.ownZone = import_module("twisted.python._tzhelper").FixedOffsetTimeZone


def _note_util(log: Any) -> None:
    """Note what twisted.python.util is behind the object that warns of deprecated names."""
    try:
        module = object.__getattribute__(log.util, "_module")
    except AttributeError:
        module = log.util
    texts.known["util"], texts.known["util_names"] = log.util, vars(module)


# ---- locks ----


def install_lock(threadable: Any) -> None:
    """
    Have what is synchronized from now on use a lock in C, instead of one in Python.

    :param threadable: the module twisted.python.threadable.
    """
    stock = threadable.XLock
    if stock is not None and issubclass(stock, _thread.RLock):
        return
    if (
        stock is None
        or stock.__bases__ != (threadable.threadingmodule._RLock,)
        or stock.__reduce__.__code__.co_names != ("unpickle_lock",)
    ):
        reasons["twisted.python.threadable.XLock"] = "XLock is another in this release of Twisted"
        return

    def new(cls: type, *args: object) -> Any:
        """A lock; where gevent or eventlet have put others into threading, as Twisted makes it."""
        if (getattr(threading, "_allocate_lock", None), threading.get_ident) != own:
            return stock(*args)
        return _thread.RLock.__new__(cls)

    threading = threadable.threadingmodule
    own = (_thread.allocate_lock, _thread.get_ident)
    if not all(type(each) is BuiltinFunctionType for each in own):
        return  # gevent's or eventlet's, which greenlets wait for
    names = {"__new__": new, "__reduce__": stock.__reduce__, "__module__": stock.__module__}
    XLock = type("XLock", (_thread.RLock,), names)  # (which has a subclass all the same)
    XLock.__qualname__, XLock.__doc__ = stock.__qualname__, stock.__doc__
    threadable.XLock = XLock


# ---- C ----


def install_methods(log: Any) -> None:
    """
    Put the C methods into Logger and twisted.python.log's LogPublisher.

    :param log: the module twisted.python.log.
    """
    if isinstance(vars(log.LogPublisher).get("msg"), _core.StandIn):
        return
    left_out = {name: _known_left_out(name) for name in LEFT_OUT if name not in _OF_TEXTS}
    logger = sys.modules["twisted.logger._logger"]
    methods, of_log = _examine(logger.__name__, LOGGER), _examine(log.__name__, LEGACY)
    if type(time.time) is not BuiltinFunctionType:
        reasons["time.time"] = "somebody has replaced time.time"
    elif None not in left_out.values() and "Logger.emit" in methods and len(of_log) == 2:
        functions = {
            path: each for found in left_out.values() for path, each in (found or {}).items()
        }
        _configure(log, {**functions, **methods, **of_log})
        _put_logger_methods(logger, methods)
        _put_msg(log)


def _configure(log: Any, functions: dict[str, FunctionType]) -> None:
    from twisted import logger
    from twisted.python import context

    _core.configure(
        "log",
        logger_emit=functions["Logger.emit"],
        publisher_call=functions["LogPublisher.__call__"],
        filter_call=functions["FilteringLogObserver.__call__"],
        predicate_call=functions["LogLevelFilterPredicate.__call__"],
        predicate_level=functions["LogLevelFilterPredicate.logLevelForNamespace"],
        history_call=functions["LimitedHistoryLogObserver.__call__"],
        bitbucket=functions["bitbucketLogObserver"],
        should_log_event=functions["shouldLogEvent"],
        publish_new=functions["publishToNewObserver"],
        text_from_event=functions["textFromEventDict"],
        deque=deque,
        partial=partial,
        time=time.time,
        time_module=time,
        time_names=vars(time),
        ILogContext=log.ILogContext,
        context_get=context.get,
        context_storage=getattr(context.theContextTracker, "storage", None),
        context_names=vars(context),
        logger_names=vars(sys.modules["twisted.logger._logger"]),
        log_names=vars(log),
        levels=tuple(getattr(logger.LogLevel, name) for name in LEVELS),
        LogPublisher=logger.LogPublisher,
        FilteringLogObserver=logger.FilteringLogObserver,
        LogLevelFilterPredicate=logger.LogLevelFilterPredicate,
        LimitedHistoryLogObserver=logger.LimitedHistoryLogObserver,
        STDLibLogObserver=logger.STDLibLogObserver,
        LegacyPublisher=log.LogPublisher,
    )


def _put_logger_methods(module: Any, functions: dict[str, FunctionType]) -> None:
    for path, function in functions.items():
        name = path.rpartition(".")[2]
        method = getattr(_core, f"logger_{name}")
        setattr(module.Logger, name, _core.StandIn(method, function))


def _put_msg(log: Any) -> None:
    """Replace msg, in the class and wherever the global publisher's has been imported to."""
    function = vars(log.LogPublisher)["msg"]
    if function.__globals__ is not vars(sys.modules["twisted.python.threadable"]):
        reasons[f"{log.__name__}.LogPublisher.msg"] = "LogPublisher.msg was replaced"
        return
    before = log.msg
    log.LogPublisher.msg = _core.StandIn(_core.legacy_msg, function)
    if getattr(before, "__func__", None) is function:
        _rebind(before, before.__self__.msg)


def _rebind(before: object, after: object) -> None:
    """Put `after` under all names that modules have for `before`."""
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType):
            for name in [name for name, value in list(vars(module).items()) if value is before]:
                setattr(module, name, after)


# ---- what doctor tells ----


def stock_functions() -> list[str]:
    """Those of the functions, of modules that are imported, that run Twisted's own code."""
    left = []
    if "twisted.python.threadable.XLock" in reasons:
        left.append("XLock")
    for name, paths in TEXTS.items():
        module = sys.modules.get(name)
        if module is not None:
            left += [path for path in paths if not _code.is_given(_found(module, path))]
    for name, methods in (
        ("twisted.logger._logger", LOGGER),
        ("twisted.python.log", ("LogPublisher.msg",)),
    ):
        for path in methods:
            cls, _, method = path.partition(".")
            found = vars(getattr(sys.modules.get(name), cls, object)).get(method)
            left += [] if isinstance(found, _core.StandIn) else [path]
    return left
