"""Programs on the protocols that Twisted brings, whose output is the same on both sides."""

from __future__ import annotations

from tests.both import each_of
from tests.support import PROGRAMS, PYREACTOR, STOCK, outcome, python

CASES = {
    "policies_wrapped.py": (
        ("wrapping", "server lost ZeroDivisionError asked for"),
        ("twice", "[b'one', b'and again', b'two', b'and again']"),
        ("throttled", "left 0 []"),
        ("limited", "second ConnectionDone [b'too many']"),
        ("impatient", "timed out"),
        ("logged", "S 1: b'two"),
        ("spewing", "server lost ConnectionDone"),
    ),
    "in_front.py": (
        ("haproxy", "v2 local 1"),
        ("forward", "client lost ConnectionDone"),
        ("flood", "client lost ConnectionDone 20000000 {102}"),
        ("socks4", "Bad version code: 5"),
        ("adopted", "server lost ConnectionDone"),
        ("datagrams", "b'hello' b'HELLO' True"),
        ("systemd", "two: "),
    ),
    "mail_round_trips.py": (
        ("send", "[(103978, 3007, True), (114, 8, False), (103978, 3007, True)]"),
        ("pop", "logged out b'joe'"),
        ("imap", "logged out b'joe'"),
    ),
    "perspective_broker.py": (("broker", "disconnected RemoteReference"),),
    "chat_and_files.py": (
        ("irc", "joe left ann #room"),
        ("ftp", "took 5120000"),
    ),
    "questions.py": (
        ("caching", "True 900000"),
        ("amps", "{'size': 60000}"),
        ("names", "20 1"),
        ("small", "Counted (b'edcbazyx.', 'ConnectionDone')"),
    ),
    "commands_over_ssh.py": (("ssh", "b'flood' ConnectionDone True"),),
    "web_before_and_behind.py": (
        ("wsgis", "X-B: 2"),
        ("reverse", "501 Gateway error"),
        ("forward", "200 b'25000 []'"),
        ("hosts", "http://outer:8080/where"),
    ),
    "wrapped_in_tls.py": (("producers", "twice b'file' ConnectionDone 2999952 True"),),
    "reacting.py": (
        ("number", ""),
        ("already", ""),
        ("leave", ""),
        ("leave_at_once", ""),
        ("fail", "logged ZeroDivisionError"),
        ("fail_at_once", ""),
        ("stopped", ""),
        ("interrupted", "before\nduring"),
        ("terminated", "before\nduring"),
        ("coroutine", "2"),
        ("own_handler", ""),
        ("trigger_fails", "after"),
    ),
    "piped.py": (("", "b'1000\\n' b''"),),
}


@each_of(
    [
        (program, (case,) if case else (), point)
        for program, cases in CASES.items()
        for case, point in cases
    ]
)
def test_the_same_on_both(program: str, arguments: tuple[str, ...], point: str) -> None:
    stock = outcome(python(PROGRAMS / program, *arguments, runner=STOCK))
    here = outcome(python(PROGRAMS / program, *arguments, runner=PYREACTOR))
    # What is on stderr are tracebacks, which have fewer frames here.
    assert here[:2] == stock[:2], here[2]
    assert point in here[1]
    assert "gave up" not in here[1]
    assert "stays stock" not in here[2]
    assert "failed Traceback" not in here[1]
