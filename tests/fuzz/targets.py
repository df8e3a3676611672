"""
What is fuzzed: the differential tests of the rooms, each a function of bytes.

Hypothesis makes the test's program of them, as it does of what it draws itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from hypothesis import settings

import tests.conftest  # noqa: F401  (the profiles, which have to be there before the tests)

settings.load_profile("random")

from tests.deferred import test_differential as deferred  # noqa: E402
from tests.framing import test_banana as banana  # noqa: E402
from tests.framing import test_differential as framing  # noqa: E402
from tests.framing_model import FRAMINGS  # noqa: E402
from tests.log import test_differential as log  # noqa: E402
from tests.loop import test_differential as loop  # noqa: E402
from tests.tls import test_records as tls  # noqa: E402
from tests.transport import test_states as states  # noqa: E402
from tests.web import test_client as client  # noqa: E402
from tests.web import test_differential as web  # noqa: E402
from tests.web.sides import lines_in_c  # noqa: E402


@dataclass(frozen=True)
class Target:
    """A test that hypothesis gives its input."""

    test: Any
    around: Callable[[], AbstractContextManager[None]] = nullcontext

    def function(self) -> Callable[[bytes], bytes | None]:
        """
        The test as a function of bytes.

        It returns those of them that it used, or None where they were not enough or no valid
        program, and raises what the test raises.
        """
        run: Callable[[bytes], bytes | None] = self.test.hypothesis.fuzz_one_input
        return run


TARGETS = {
    **{name: Target(framing.differential(name)) for name in FRAMINGS},
    "Banana": Target(banana.test_random_programs_see_the_same_events),
    "deferred": Target(deferred.test_our_classes_give_the_trace_of_stock),
    "deferred-mixed": Target(deferred.test_mixed_classes_give_the_trace_of_stock),
    "timed-calls": Target(loop.test_timed_calls),
    "states": Target(states.test_random_scripts_show_the_same),
    "tcp": Target(loop.test_streams),
    "unix": Target(loop.test_unix_streams),
    "udp": Target(loop.test_datagrams),
    "tls": Target(tls.test_random_programs_show_the_same),
    "http-server": Target(web.test_same_as_stock, lines_in_c),
    "http-client": Target(client.test_responses, lines_in_c),
    "log": Target(log.test_same_events_and_lines),
}
