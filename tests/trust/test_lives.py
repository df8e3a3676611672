"""Random lives of connections to a web server end, and what they leave is found."""

from __future__ import annotations

import pytest

from tests.support import PYREACTOR, python

LEAVING = """
import os, socket, sys
from tests.trust import lives

kept = []
stocks = lives.Page.render

def render(self, request):
    {statement}
    return stocks(self, request)

lives.Page.render = render
sys.argv = ["lives", "--rounds", "8", "--seed", "1"]
sys.exit(lives.main())
"""

STATEMENTS = {
    "descriptors are left": "os.open('/', os.O_RDONLY)",
    "connections are left": "kept.append(request.channel)",
    "lost twice": "self.life.channels and self.life.lost.add(self.life.channels[-1]())",
    "left over": "kept.extend(socket.socketpair()); lives.reactor.addReader(kept[-1])",
}


def test_nothing_is_left() -> None:
    result = python("-m", "tests.trust.lives", "--rounds", "40", "--seed", "1", runner=PYREACTOR)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    assert result.stdout.startswith("40 rounds, ")


@pytest.mark.parametrize("what", STATEMENTS)
def test_what_is_left_is_found(what: str) -> None:
    result = python("-c", LEAVING.format(statement=STATEMENTS[what]), runner=PYREACTOR)
    assert result.returncode == 1, result.stdout + result.stderr
    assert what in result.stderr
    assert result.stdout.startswith("failed: --rounds 1 --seed ")
