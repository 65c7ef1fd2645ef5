"""Answers Prometheus: each scrape asks every database once, all at the same time, and waits for none too long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from jobdesk_core.metrics.families import Families
from jobdesk_core.metrics.source import Source

#: Seconds that a scrape waits for its answers. Prometheus gives up after ten, unless it is told otherwise.
SCRAPE_S = 8.0


class Exporter(Collector):
    """The databases as one collection of metrics."""

    def __init__(self, sources: Sequence[Source], families: Families, *, scrape_s: float = SCRAPE_S) -> None:
        self.sources = sources
        self._families = families
        self._scrape_s = scrape_s
        self._making = threading.Lock()
        self._server: Any = None
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """What the databases say now."""
        ends_at = time.monotonic() + self._scrape_s
        for source in self.sources:
            source.ask()
        seen = [source.seen(ends_at) for source in self.sources]
        with self._making:
            found = list(self._families.of(seen))
        yield from found

    def text(self) -> str:
        """All of it once, as Prometheus reads it."""
        return generate_latest(self.registry).decode()

    def listen(self, host: str, port: int) -> int:
        """Answer at this address, in threads of their own; returns the port. Raises OSError."""
        self._server, _ = start_http_server(port, addr=host, registry=self.registry)
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Answer no more, and let go of every connection."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        for source in self.sources:
            source.close()
