"""Answers Prometheus: each scrape asks every database once, all at the same time, and waits for none too long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from jobdesk_core.metrics.answering import Server
from jobdesk_core.metrics.families import Families
from jobdesk_core.metrics.source import Source

#: Seconds that a scrape waits for an answer, and at most where a database takes its time. Prometheus gives up after
#: ten, unless it is told otherwise.
PATIENCE_S, SCRAPE_S = 0.8, 5.0
#: The same for whoever prints once, which signs in first.
ONCE_S = 30.0


class Exporter(Collector):
    """The databases as one collection of metrics."""

    def __init__(self, sources: Sequence[Source], families: Families, *, patience_s: float = PATIENCE_S) -> None:
        self.sources = sources
        self._families = families
        self._patience_s = patience_s
        self._making = threading.Lock()
        self._server: Server | None = None
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def ask(self) -> None:
        """Have every database asked."""
        for source in self.sources:
            source.ask()

    def describe(self) -> Iterator[Metric]:
        """What there is, for whoever asks for some of it by name."""
        return self._families.of([])

    def collect(self) -> Iterator[Metric]:
        """What the databases say now."""
        began = time.monotonic()
        self.ask()
        seen = [source.seen(began, self._patience_s, max(self._patience_s, SCRAPE_S)) for source in self.sources]
        with self._making:
            found = list(self._families.of(seen))
        yield from found

    def text(self) -> str:
        """All of it once, as Prometheus reads it."""
        return generate_latest(self.registry).decode()

    def listen(self, host: str, port: int) -> int:
        """Answer at this address, in threads of their own; returns the port. Raises OSError, UnicodeError."""
        self._server = Server(self.registry, host, port)
        return self._server.port

    def close(self) -> None:
        """Answer no more, and let go of every connection."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for source in self.sources:
            source.close()
