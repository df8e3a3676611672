"""
All benchmarks, one report: ``python -m benchmarks``.

The numbers also go to ``benchmarks/results/``, unless ``--json`` says where.
"""

from __future__ import annotations

import sys
import time

from benchmarks import (
    accept,
    application,
    asyncio_calls,
    asyncio_programs,
    asyncio_reactor,
    echo,
    harness,
    idle,
    log,
    memory,
    sftp,
    timers,
    tls,
    twisted_own,
    udp_echo,
    unix_echo,
    web,
    web_client,
    web_rivals,
    windowed,
)

ALL = (
    echo.compare,
    unix_echo.compare,
    udp_echo.compare,
    accept.compare,
    windowed.compare,
    sftp.compare,
    timers.compare,
    log.compare,
    web.compare,
    web_client.compare,
    web_rivals.compare,
    asyncio_reactor.compare,
    asyncio_calls.compare,
    asyncio_programs.compare,
    memory.compare,
    idle.compare,
    tls.compare,
    application.compare,
    twisted_own.compare,
)


def main() -> int:
    """The command line."""
    options = harness.parser(__doc__).parse_args()
    if options.json is None:
        results = harness.HERE / "results"
        results.mkdir(exist_ok=True)
        options.json = str(results / time.strftime("%Y%m%d-%H%M%S.json"))
    try:
        return harness.execute(ALL, options)
    except harness.BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
