"""What blocks the reactor is reported: what it was, the function, and its stack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import CHECKOUT, PYREACTOR, python

BLOCKING = CHECKOUT / "tests" / "watch" / "blocking.py"
SLOW = "0.02"


@pytest.mark.parametrize(
    ("kind", "function", "what"),
    [
        ("resource", "Slow.render_GET", r"event for twisted\.web\.http\S*, from 127\.0\.0\.1:\d+"),
        (
            "lines",
            "SlowLines.lineReceived",
            r"event for __main__\.SlowLines, from 127\.0\.0\.1:\d+",
        ),
        ("loop", "in_a_loop", r"timed call of "),
        ("generator", "the generator in_a_generator", r"timed call of .*Deferred\.callback"),
        ("coroutine", "the coroutine in_a_coroutine", r"timed call of .*Deferred\.callback"),
        ("thread", "from_a_thread", r"call from a thread of __main__\.from_a_thread"),
        ("deferred", "in_a_callback", r"call from a thread of .*Deferred\.callback"),
        ("shutdown", "at_shutdown", r"shutdown of the reactor"),
        ("raises", "raises", r"timed call of __main__\.raises"),
        ("iterate", "in_a_loop", r"timed call of __main__\.in_a_loop"),
    ],
)
def test_the_function_that_blocks_is_named(kind: str, function: str, what: str) -> None:
    """With what the loop was at, and the line at which it was then."""
    ran = python(BLOCKING, kind, runner=(*PYREACTOR, "--slow", SLOW))
    assert ran.returncode == 0, ran.stderr
    report = rf"{re.escape(function)} blocked the reactor for [\d.]+ s: {what}"
    assert re.search(
        rf"^{report}.*\n(?:  .*\n)*  File .*, in {function.split()[-1]}\n    taken.wait\(60\)$",
        ran.stdout,
        re.MULTILINE,
    ), ran.stdout


def test_a_reactor_on_asyncio_is_watched_and_counted() -> None:
    """The stack begins where asyncio has called the reactor."""
    text = f"""
import sys
from twisted.internet import asyncioreactor
asyncioreactor.install()
sys.argv[1:] = ["thread"]
sys.path.insert(0, {str(BLOCKING.parent)!r})
exec(open({str(BLOCKING)!r}).read())
"""
    ran = python("-c", text, runner=(*PYREACTOR, "--slow", SLOW, "--stats"))
    assert ran.returncode == 0, ran.stderr
    assert re.search(
        r"^from_a_thread blocked the reactor for [\d.]+ s: call from a thread of "
        r"__main__\.from_a_thread.*\n  File .*, in from_a_thread\n",
        ran.stdout,
        re.MULTILINE,
    ), ran.stdout
    assert re.search(r"^thread calls +1 ", ran.stderr, re.MULTILINE), ran.stderr


def program(text: str, **variables: str) -> str:
    """Run a program, which has to succeed, and give back what it prints."""
    ran = python("-c", text, runner=PYREACTOR, env=variables)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


BY_HAND = """
import time
from twisted.internet import reactor
from twisted.logger import formatEvent, globalLogPublisher
import pyreactor

def block(seconds=0.1):
    time.sleep(seconds)

seen = []
def note(event):
    if event["log_namespace"] == "pyreactor.watch":
        seen.append(formatEvent(event).splitlines()[0])

globalLogPublisher.addObserver(note)
def finish():
    print(len(seen))
    print(*seen, sep="\\n")
    reactor.stop()
"""


def test_nothing_is_watched_unless_asked() -> None:
    """No thread is there, and nothing is logged."""
    text = f"""{BY_HAND}
import threading
reactor.callLater(0, block)
reactor.callLater(0.01, lambda: print(threading.active_count()))
reactor.callLater(0.02, finish)
reactor.run()
"""
    assert program(text) == "1\n0\n\n"


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_program_asks_for_it(when: str) -> None:
    """By a call, before the reactor runs or in it; and for no more of it."""
    ask = "pyreactor.watch(slow=0.02)"
    text = f"""{BY_HAND}
reactor.callLater(0, lambda: {ask if when == "while" else "None"})
reactor.callLater(0.001, block)
reactor.callLater(0.002, lambda: pyreactor.watch(None))
reactor.callLater(0.003, block)
reactor.callLater(0.004, finish)
{ask if when == "before" else ""}
reactor.run()
"""
    count, *reports = program(text).splitlines()
    assert [
        report
        for report in reports
        if "block" in report and "timed call of __main__.block" in report
    ]
    assert sum("timed call of __main__.block" in report for report in reports) == 1


def test_the_environment_asks_for_it() -> None:
    """As the command line does, of whatever program."""
    text = f"{BY_HAND}\nreactor.callLater(0, block)\nreactor.callLater(0.01, finish)\nreactor.run()"
    assert "timed call of __main__.block" in program(text, PYREACTOR_SLOW="0.02")


def test_reports_have_a_limit() -> None:
    """So many a minute; those that are left out are counted."""
    text = f"""{BY_HAND}
pyreactor.watch(slow=0.001, per_minute=2)
for _ in range(6):
    reactor.callLater(0, block, 0.01)
def again():
    from pyreactor._watch import watchdog
    [dog] = watchdog._watchdogs.values()
    dog.allowance.times.clear()
    reactor.callLater(0, block, 0.02)
    reactor.callLater(0.01, finish)
reactor.callLater(0.01, again)
reactor.run()
"""
    lines = [line for line in program(text).splitlines() if "timed call of __main__.block" in line]
    assert len(lines) == 3
    assert re.search(r"\((?:[4-9]|\d\d) more since the last report\)", lines[2])


def test_what_never_ends_is_reported_while_it_goes_on() -> None:
    """And its end, without the stack again."""
    text = f"""{BY_HAND}
from pyreactor._watch import watchdog
watchdog.HANGS = 0.05
pyreactor.watch(slow=0.01)
def hang():
    deadline = time.monotonic() + 60
    while not seen and time.monotonic() < deadline:
        time.sleep(0.01)
reactor.callLater(0, hang)
reactor.callLater(0.001, finish)
reactor.run()
"""
    _, *reports = program(text).splitlines()
    assert re.match(
        r"hang has blocked the reactor for [\d.]+ s, and goes on: timed call of", reports[0]
    )
    assert re.match(r"it ended after [\d.]+ s: timed call of __main__.hang", reports[1])


def test_what_keeps_the_interpreter_has_no_stack() -> None:
    """A single long call into C lets no other thread look."""
    text = f"""{BY_HAND}
pyreactor.watch(slow=0.01)
def one_call():
    sum(range(3_000_000))
reactor.callLater(0, one_call)
reactor.callLater(0.001, finish)
reactor.run()
"""
    assert re.search(
        r"blocked the reactor for [\d.]+ s: timed call of __main__.one_call", program(text)
    )


def test_a_limit_too_short_for_the_clock_is_a_nanosecond() -> None:
    """Then all is reported, and the thread finds nothing where there is nothing."""
    text = f"""{BY_HAND}
pyreactor.watch(slow=1e-12)
reactor.callLater(0, block, 0.01)
reactor.callLater(0.1, finish)
reactor.run()
"""
    _, *reports = program(text).splitlines()
    assert any("timed call of __main__.block" in report for report in reports)
    assert all(re.search(r"blocked the reactor for [\d.]+ s: \S", report) for report in reports)


def test_the_thread_sleeps_while_there_is_nothing_to_tell() -> None:
    """In an idle reactor, and beside what blocks it and was seen; it wakes up once in `slow`."""
    text = f"""{BY_HAND}
from pathlib import Path
from pyreactor._watch import watchdog
def wakeups():
    [dog] = watchdog._watchdogs.values()
    status = Path(f"/proc/self/task/{{dog.thread.native_id}}/status").read_text()
    return int(status.partition("\\nvoluntary_ctxt_switches:")[2].split()[0])
def begin():
    begin.at, begin.count = time.monotonic(), wakeups()
    reactor.callLater(0.3, block, 0.3)
    reactor.callLater(0.4, end)
def end():
    looks = (time.monotonic() - begin.at) / 0.05
    # Some more for the thread's wait for the lock, while it takes a stack and reports.
    print("slept" if wakeups() - begin.count < 3 * looks + 50 else "was busy")
    reactor.callLater(0, finish)
pyreactor.watch(slow=0.05)
reactor.callLater(0.1, begin)
reactor.run()
"""
    found, *reports = program(text).splitlines()
    assert found == "slept"
    assert any("timed call of __main__.block" in report for report in reports)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--slow"], "option --slow needs a number of seconds"),
        (["--slow", "soon", "x.py"], "option --slow: 'soon' is not a positive number of seconds"),
        (["--slow=0", "x.py"], "option --slow: '0' is not a positive number of seconds"),
    ],
)
def test_mistakes_on_the_command_line(arguments: list[str], words: str) -> None:
    """One line, and exit code 2."""
    ran = python(*arguments, runner=PYREACTOR)
    assert (ran.returncode, ran.stderr) == (2, f"pyreactor: {words}\n")


def test_mistakes_of_a_call() -> None:
    """Exceptions that say what is wrong."""
    text = """
import pyreactor
for arguments in ({"slow": -1}, {"per_minute": 0}):
    try:
        pyreactor.watch(**arguments)
    except ValueError as error:
        print(error)
"""
    assert program(text) == (
        "-1 is not a positive number of seconds\nper_minute is 0, and has to be 1 at least\n"
    )


def test_another_reactor_cannot_be_watched() -> None:
    """It says so, and does not keep silent about it."""
    text = """
from twisted.internet import reactor
import pyreactor
try:
    pyreactor.watch()
except RuntimeError as error:
    print(error)
"""
    assert program(text, PYREACTOR_DISABLE="reactor") == (
        "the reactor is a twisted.internet.epollreactor.EPollReactor,"
        " which pyreactor cannot watch\n"
    )


@pytest.mark.parametrize("name", ["parked_greenlet.py", "nested_iterate.py", "timers.py"])
def test_programs_behave_the_same_while_they_are_watched(name: str, tmp_path: Path) -> None:
    """Whatever they do to the loop."""
    script = CHECKOUT / "tests" / "programs" / name
    plain = python(script, runner=PYREACTOR, cwd=tmp_path)
    watched = python(script, runner=PYREACTOR, cwd=tmp_path, env={"PYREACTOR_SLOW": "60"})
    assert (watched.returncode, watched.stdout) == (plain.returncode, plain.stdout)
    assert plain.returncode == 0


def test_on_stock_it_is_told_that_nothing_is_watched() -> None:
    """In one line; the program runs."""
    ran = python("--slow", "1", "-c", "print(1)", runner=PYREACTOR, env={"PYREACTOR": "0"})
    assert (ran.returncode, ran.stdout) == (0, "1\n")
    words = "nothing is watched or counted, as PYREACTOR=0 leaves all to stock"
    assert ran.stderr == f"pyreactor: {words}\n"
