"""An HTTP proxy between a client and a server that injects faults by rule and keeps a log of the calls.

    with FaultProxy(endpoint, Rule("BatchWriteItem", throttled(), calls={1, 2}), Rule("GET /bucket/*", cut_body(100))) as proxy:
        client = make_client(proxy.url)

Bodies pass whole: a chunked request is forwarded with its length, a chunked reply is answered with its length. The Host header
stays the client's, so signatures remain valid unless an action changes the body (``unprocessed``).
"""

from __future__ import annotations

import http.client
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Container
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}
_UPSTREAM_S = 60


@dataclass(frozen=True)
class Reply:
    """An HTTP response with its whole body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Call:
    """One request, filled in as it goes. ``operation`` is that of X-Amz-Target, or method and path such as ``GET /bucket/a b``."""

    operation: str
    method: str
    path: str
    """As sent: encoded, with the query."""
    headers: list[tuple[str, str]]
    body: bytes
    at: float
    """Monotonic seconds of its arrival."""
    forwarded: bool = False
    status: int | None = None
    """What the client was answered; None after a cut before the answer."""


class Exchange:
    """One call in the hands of an action, which forwards it or not and answers it or cuts it."""

    def __init__(self, call: Call, proxy: FaultProxy, connection: socket.socket) -> None:
        self.call = call
        self.is_open = True
        self._proxy = proxy
        self._connection = connection

    def forward(self, body: bytes | None = None) -> Reply:
        """Send the call to the server, with another body if given, and return the reply. Each call uses a connection of its own."""
        upstream = http.client.HTTPConnection(self._proxy.upstream, timeout=_UPSTREAM_S)
        try:
            content = self.call.body if body is None else body
            upstream.putrequest(self.call.method, self.call.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.call.headers:
                if name.lower() not in _HOP_BY_HOP:
                    upstream.putheader(name, value)
            upstream.putheader("Content-Length", str(len(content)))
            upstream.endheaders(content)
            self.call.forwarded = True
            with upstream.getresponse() as response:
                return Reply(response.status, response.getheaders(), response.read())
        finally:
            upstream.close()

    def answer(self, reply: Reply, *, only: int | None = None) -> None:
        """Answer the client, keeping the connection; with ``only``, send that many bytes of the body and end the connection."""
        headers = [(name, value) for name, value in reply.headers if name.lower() not in _HOP_BY_HOP]
        length = [value for name, value in reply.headers if name.lower() == "content-length"]
        is_bodiless = self.call.method == "HEAD" or reply.status in (204, 304)
        headers += [("Content-Length", value) for value in length[:1]] if is_bodiless else [("Content-Length", str(len(reply.body)))]
        head = f"HTTP/1.1 {reply.status} {http.client.responses.get(reply.status, '')}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
        self.call.status = reply.status
        self._connection.sendall(head.encode("latin-1") + b"\r\n" + reply.body[:only])
        if only is not None:
            self.cut()

    def cut(self, *, reset: bool = False) -> None:
        """End the connection, cleanly (FIN) or with a reset (RST)."""
        self.is_open = False
        if reset:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self._connection.detach())  # close() would wait for the files made of the socket
        else:
            self._connection.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Let time pass, less if the proxy is stopped."""
        self._proxy.stopping.wait(seconds)


Action = Callable[[Exchange], None]


@dataclass
class Rule:
    """``action`` for the calls whose operation matches the pattern (``*`` for any text); counted from 1 by this rule, only ``calls`` of them."""

    operation: str
    action: Action
    calls: Container[int] | None = None
    seen: int = field(default=0, init=False)

    def takes(self, call: Call) -> bool:
        """Count ``call`` if it matches; whether the rule is for it."""
        if not fnmatchcase(call.operation, self.operation):
            return False
        self.seen += 1
        return self.calls is None or self.seen in self.calls


class FaultProxy:
    """A proxy to ``upstream`` (``http://host:port``) for the length of a ``with`` block.

    The first rule that takes a call decides; without one the call passes. ``rules`` may change at any time. An error in an
    action is raised when the block ends.
    """

    def __init__(self, upstream: str, *rules: Rule) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.rules = list(rules)
        self.calls: list[Call] = []
        self.stopping = threading.Event()
        self._errors: list[BaseException] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                _shut(connection)
        self._server.server_close()  # joins the threads of the connections
        if self._errors and error is None:
            raise self._errors[0]

    def operations(self) -> list[str]:
        """The operations called, in the order of arrival."""
        return [call.operation for call in self.calls]

    def opened(self, connection: socket.socket) -> None:
        """Told by the server of each connection."""
        with self._lock:
            self._open.add(connection)
            if self.stopping.is_set():
                _shut(connection)

    def closed(self, connection: socket.socket) -> None:
        """Told by the server when a connection ends."""
        with self._lock:
            self._open.discard(connection)

    def failed(self, error: BaseException) -> None:
        """Told by the server of an error; a client that has gone is none."""
        if not isinstance(error, ConnectionError):
            self._errors.append(error)

    def handle(self, call: Call, connection: socket.socket) -> bool:
        """Log ``call``, let the rules decide about it; whether the connection goes on."""
        with self._lock:
            self.calls.append(call)
            taken = [rule for rule in self.rules if rule.takes(call)]
        exchange = Exchange(call, self, connection)
        if taken:
            taken[0].action(exchange)
        else:
            exchange.answer(exchange.forward())
        return exchange.is_open


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close() waits for them

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if error := sys.exception():
            self.proxy.failed(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.proxy.opened(self.connection)

    def finish(self) -> None:
        self.server.proxy.closed(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the proxy has its own log."""

    def _pass(self) -> None:
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2] or f"{self.command} {unquote(urlsplit(self.path).path)}"
        call = Call(operation, self.command, self.path, self.headers.items(), self._body(), time.monotonic())
        if not self.server.proxy.handle(call, self.connection):
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = _pass

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
            raise ConnectionAbortedError("the client went before its call was whole")
        return content

    def _line(self) -> bytes:
        line = self.rfile.readline()
        if not line.endswith(b"\n"):
            raise ConnectionAbortedError("the client went before its call was whole")
        return line


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # the client was first
        connection.shutdown(socket.SHUT_RDWR)
