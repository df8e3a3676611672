"""The log part: whose functions are replaced, however late, and what doctor says."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.support import PYREACTOR, STOCK, check

STATUS = "from pyreactor._activation import hook; print(*hook.statuses()['log'])"
IN_C = "True events that nobody hears, times, and lines of access logs are made in C\n"
TELL = """
    from pyreactor._core import StandIn
    import log_users
    from twisted.logger import Logger
    from twisted.python import log
    print(log_users.msg is log.msg, log_users.Users.say.__func__ is log_users.msg.__func__)
    methods = vars(Logger)["info"], vars(type(log.theLogPublisher))["msg"]
    print(*(type(method) is StandIn for method in methods))
    seen = []
    log.addObserver(seen.append)
    log_users.msg("text")
    log_users.Users.say("another")
    print([event["log_text"] for event in seen], list(seen[0]))
"""
USERS = """
    from twisted.python.log import msg
    from twisted.python import log

    class Users:
        say = log.msg
"""


def run(code: str, **options: object) -> str:
    """What a program prints."""
    return check(dedent(code), **options)


@pytest.mark.parametrize("late", [False, True])
def test_whoever_imported_a_function_has_it_in_c(late: bool) -> None:
    """Before the part is activated or after."""
    users = f"""
    import sys, types
    log_users = sys.modules["log_users"] = types.ModuleType("log_users")
    exec({dedent(USERS)!r}, vars(log_users))
    """
    before, after = (users, "") if late else ("", users)
    output = run(
        dedent(before) + "import pyreactor; pyreactor.install()\n" + dedent(after) + dedent(TELL)
    )
    assert output.splitlines()[:2] == [f"True {not late}", "True True"]
    keys = ["system", "message", "time", "isError", "log_time", "log_text", "log_format"]
    keys += ["log_level", "log_namespace", "log_system", "format", "log_legacy"]
    assert output.splitlines()[2] == f"['text', 'another'] {keys}"


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ("", IN_C),
        (
            "from twisted.logger import Logger\nLogger.info = lambda *args, **kwargs: None",
            "False Twisted's own: Logger.info (Logger.info is not twisted.logger._logger's own)\n",
        ),
        (
            "from twisted.logger import _format\n_format.formatTime = len",
            "False Twisted's own: formatTime (formatTime is no function)\n",
        ),
        (
            "from twisted.python import log\nlog.LogPublisher.msg = print",
            "False Twisted's own: Logger.emit, Logger.debug, Logger.info, Logger.warn,"
            " Logger.error, Logger.critical, LogPublisher.msg"
            " (LogPublisher.msg.__wrapped__ is no function)\n",
        ),
        ("import time\ntime.time = lambda: 5", "somebody has replaced time.time"),
    ],
)
def test_what_somebody_replaced_before_stays(patch: str, words: str) -> None:
    """And doctor says of which functions it does, and why."""
    output = run(
        f"import twisted.python.log, twisted.web.http\n{patch}\n"
        f"import pyreactor; pyreactor.install()\n{STATUS}"
    )
    assert words in output
    assert output.startswith(words[:5]) or "time.time" in words


def test_activation_twice_changes_nothing() -> None:
    """As where a module's functions were replaced before another part asks again."""
    output = run(
        f"""
        import pyreactor; pyreactor.install()
        import sys
        from twisted.python import log, threadable
        from twisted.logger import Logger
        from twisted.web import http
        before = log.msg, vars(Logger)["info"], threadable.XLock, http._escape.__code__
        from pyreactor._activation import log as part
        for name in part.TARGETS:
            part.activate(sys.modules[name])
        after = log.msg, vars(Logger)["info"], threadable.XLock, http._escape.__code__
        print(*map(lambda a, b: a is b, before, after))
        {STATUS}
        """
    )
    assert output == "True True True True\n" + IN_C


def test_other_release_of_twisted() -> None:
    """A function with another source keeps its code."""
    output = run(
        f"""
        import pyreactor
        from pyreactor._log import setup
        setup.LOGGER["Logger.debug"] = "000000000000"
        setup.TEXTS["twisted.web.http"]["_escape"] = ("_escape", "000000000000")
        pyreactor.install()
        import twisted.web.http
        {STATUS}
        """
    )
    assert output.startswith("False Twisted's own: _escape, Logger.debug (")
    assert "Logger.debug is another in this release of Twisted" in output


def test_switched_off() -> None:
    """Nothing of the log is changed then."""
    output = run(
        f"""
        from twisted.web import http
        from twisted.python import log, threadable
        print("_pyreactor" in vars(http), type(vars(log.LogPublisher)["msg"]).__name__)
        print(threadable.XLock.__bases__[0].__name__)
        {STATUS}
        """,
        runner=PYREACTOR,
        env={"PYREACTOR_DISABLE": "log"},
    )
    assert output == "False function\n_RLock\nFalse switched off by PYREACTOR_DISABLE\n"


def test_only_what_is_imported_counts() -> None:
    """A program without twisted.web has the log in C."""
    assert run(f"import twisted.internet.reactor\n{STATUS}", runner=PYREACTOR) == IN_C
    assert run(f"import twisted\n{STATUS}", runner=PYREACTOR) == (
        "False twisted.python.log is not imported\n"
    )


def test_a_legacy_observer_where_only_twisted_logger_is_imported() -> None:
    """It is told whether an event is an error, without twisted.python.log, too."""
    program = """
        import sys
        from twisted.logger import LegacyLogObserverWrapper, Logger, LogPublisher
        told = []
        def observe(event):
            told.append((event["isError"], event["system"], event["format"] % event))
        logger = Logger("a", observer=LogPublisher(LegacyLogObserverWrapper(observe)))
        for level in "debug", "info", "warn", "error", "critical":
            getattr(logger, level)("text")
        logger.failure("failed", ValueError("v"))
        print(told, "twisted.python.log" in sys.modules)
    """
    stock = run(program, runner=STOCK)
    assert run(program, runner=PYREACTOR) == stock
    assert stock.count("'-'") == 6
    assert stock.endswith(" False\n")
