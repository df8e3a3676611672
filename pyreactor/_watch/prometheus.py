"""What a reactor has done, for prometheus_client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client import REGISTRY, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from pyreactor import _core
from pyreactor._watch import statistics

_COUNTERS = {
    "events": "Events of descriptors that were handled.",
    "timed_calls": "Calls of callLater that were run.",
    "thread_calls": "Calls of callFromThread that were run.",
    "deferred_callbacks": "Callbacks that Deferreds have run.",
}


class Collector:
    """Collects from one loop, in whatever thread it is asked."""

    def __init__(self, loop: _core.Loop) -> None:
        self.loop = loop
        statistics.snapshot(loop)

    def collect(self) -> Iterator[Metric]:
        """The metrics; mirrors prometheus_client.registry.Collector.collect."""
        now = statistics.snapshot(self.loop)
        for key, title in (
            ("working", "Seconds that iterations of the reactor worked."),
            ("late", "Seconds by which timed calls came late."),
        ):
            name = "iteration" if key == "working" else "timed_call_lateness"
            yield _histogram(f"pyreactor_{name}_seconds", title, now[key])
        asleep = now["asleep"]["seconds"]
        yield CounterMetricFamily("pyreactor_asleep_seconds", "Seconds asleep.", value=asleep)
        longest = now["working"]["longest"]
        yield GaugeMetricFamily(
            "pyreactor_longest_iteration_seconds", "The longest iteration so far.", value=longest
        )
        for key, title in _COUNTERS.items():
            yield CounterMetricFamily(f"pyreactor_{key}", title, value=now[key])
        yield from _transports(now["transports"])


def _histogram(name: str, title: str, times: dict[str, Any]) -> Metric:
    buckets, total = [], 0
    for bound, count in times["up_to"].items():
        total += count
        buckets.append(("+Inf" if bound == "more" else bound, total))
    return HistogramMetricFamily(name, title, buckets=buckets, sum_value=times["seconds"])


def _transports(found: dict[str, dict[str, int]]) -> Iterator[Metric]:
    received = CounterMetricFamily("pyreactor_received_bytes", "Bytes received.", labels=["kind"])
    sent = CounterMetricFamily("pyreactor_sent_bytes", "Bytes sent.", labels=["kind"])
    there = GaugeMetricFamily("pyreactor_transports", "Transports that are open.", labels=["kind"])
    for name, values in found.items():
        received.add_metric([name], values["received"])
        sent.add_metric([name], values["sent"])
        there.add_metric([name], values["open"])
    yield from (received, sent, there)


def register(loop: _core.Loop, port: int) -> None:
    """
    Register a collector with prometheus_client's own registry.

    @param port: where to serve that registry, on 127.0.0.1; 0: nowhere.
    """
    REGISTRY.register(Collector(loop))
    if port:
        start_http_server(port, addr="127.0.0.1")
