"""The address at which scrapes are answered: `/metrics` by Prometheus' own client, and a page that leads there."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import ThreadingWSGIServer, make_wsgi_app

_PAGE = (
    b'<!doctype html><html lang="en"><title>Jobdesk</title><a href="/metrics">Metrics</a> of Procrastinate job queues.'
)
_TEXT, _HTML = ("Content-Type", "text/plain; charset=utf-8"), ("Content-Type", "text/html; charset=utf-8")
#: Seconds for which a client may say nothing.
_SILENT_S = 30.0

Answer = Iterable[bytes]


class Server:
    """Answers at an address until closed. Raises OSError where it cannot, UnicodeError for what is no name."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]

        class OfThisFamily(_Server):
            address_family = family

        # All of the address, for one of IPv6 may have an interface.
        self._server = OfThisFamily(address, _Handler)  # type: ignore[arg-type]
        self._server.set_app(_application(registry))
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingWSGIServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone away is no news."""

    def server_bind(self) -> None:
        """As it is done otherwise, but for asking a name server what this machine is called."""
        if os.name == "posix":  # elsewhere it would share the port with whoever has it
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    timeout = _SILENT_S

    def log_message(self, format: str, *args: Any) -> None:
        """Each scrape would be a line."""


def _application(registry: CollectorRegistry) -> Callable[[dict[str, Any], Any], Answer]:
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: Any) -> Answer:
        path, is_head = environ["PATH_INFO"], environ["REQUEST_METHOD"] == "HEAD"
        found: Answer
        if path == "/metrics":
            found = metrics(environ | {"REQUEST_METHOD": "GET"} if is_head else environ, start_response)
        elif path == "/":
            start_response("200 OK", [_HTML])
            found = [_PAGE]
        else:
            start_response("404 Not Found", [_TEXT])
            found = [b"There is nothing but /metrics.\n"]
        return [] if is_head else found

    return answer
