"""The fault proxy's side to its clients: reads whole requests from connections that stay open."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from headrace.aws.operations import operation_of
from headrace.errors import HeadraceError
from headrace.local.fault_exchange import Call, Connections, Exchange

CLIENTS_WAITING_MAX = 128
CLIENT_GONE = "the client went before its call was whole"


class FaultServer(ThreadingHTTPServer):
    """Hands each call to ``handle``, and to ``failed`` what that raises. Raises HeadraceError PROXY_PORT_TAKEN."""

    daemon_threads = False  # so that server_close() waits for them
    request_queue_size = CLIENTS_WAITING_MAX

    def __init__(self, port: int, connections: Connections, handle: Callable[[Exchange], None], failed: Callable[[BaseException], None]) -> None:
        self.connections = connections
        self.handle = handle
        self._failed = failed
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise HeadraceError("PROXY_PORT_TAKEN", f"port {port} of 127.0.0.1 cannot be used: {error.strerror}", hint="choose another port") from error

    def handle_error(self, request: Any, client_address: Any) -> None:
        if error := sys.exception():
            self._failed(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FaultServer
    connection: socket.socket

    def setup(self) -> None:
        super().setup()
        self.server.connections.opened(self.connection)

    def finish(self) -> None:
        self.server.connections.closed(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the proxy tells of faults only."""

    def _pass(self) -> None:
        body = self._body()
        operation = operation_of(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        exchange = Exchange(Call(operation, self.command, self.path, self.headers.items(), body, time.monotonic()), self.server.connections, self.connection)
        self.server.handle(exchange)
        if not exchange.is_open:
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_PATCH = _pass

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self._read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self._line().split(b";")[0], 16):
            chunks.append(self._read(size))
            self._line()
        while self._line().strip():
            pass  # trailers
        return b"".join(chunks)

    def _read(self, size: int) -> bytes:
        content = self.rfile.read(size)
        if len(content) < size:
            raise ConnectionAbortedError(CLIENT_GONE)
        return content

    def _line(self) -> bytes:
        line = self.rfile.readline()
        if not line.endswith(b"\n"):
            raise ConnectionAbortedError(CLIENT_GONE)
        return line
