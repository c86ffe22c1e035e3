"""One call on its way through the fault proxy, and the connections that calls use."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

HOP_BY_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length", "expect"))
UPSTREAM_S = 60.0
PIECE_BYTES = 65_536


@dataclass(frozen=True)
class Reply:
    """An HTTP response with its whole body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Call:
    """One request. ``operation`` is ``service:Operation``, or method and path (``GET /bucket/a b``) where that cannot be told."""

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


@dataclass
class Connections:
    """Everything open to clients and to ``upstream``, host and port of the server; ``stopping`` is set when the proxy ends."""

    upstream: str
    stopping: threading.Event = field(default_factory=threading.Event)
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def opened(self, connection: socket.socket) -> None:
        """Count ``connection`` in; if the proxy is ending, it ends too."""
        with self._lock:
            self._open.add(connection)
            if self.stopping.is_set():
                _shut(connection)

    def closed(self, connection: socket.socket) -> None:
        """Count ``connection`` out."""
        with self._lock:
            self._open.discard(connection)

    def shut(self) -> None:
        """End all of them."""
        with self._lock:
            for connection in self._open:
                _shut(connection)


class Exchange:
    """One call in the hands of an action, which forwards it or not and answers it or cuts it; ``tell`` takes what the action does to it."""

    def __init__(self, call: Call, connections: Connections, client: socket.socket) -> None:
        self.call = call
        self.is_open = True
        self.tell: Callable[[str], None] = lambda _what: None
        self._connections = connections
        self._client = client

    def forward(self, body: bytes | None = None) -> Reply:
        """Send the call to the server, with another body if given, and return the whole reply."""
        with self._sent(self.call.body if body is None else body) as response:
            return Reply(response.status, response.getheaders(), response.read())

    def relay(self, *, only: int | None = None) -> None:
        """Send the call to the server and pass its reply on as it comes; with ``only``, so many bytes of the body, then end the connection."""
        with self._sent(self.call.body) as response:
            status, headers, skip = self._as_asked(response)
            is_bodiless = self._has_no_body(status)
            length = _length(headers)
            self._send_head(status, headers, "Transfer-Encoding: chunked" if length is None and not is_bodiless else length)
            while skip > 0 and (piece := response.read(min(skip, PIECE_BYTES))):
                skip -= len(piece)
            left = only
            while not is_bodiless and left != 0 and (piece := response.read1(PIECE_BYTES if left is None else min(left, PIECE_BYTES))):
                left = None if left is None else left - len(piece)
                self._client.sendall(piece if length is not None else b"%x\r\n%b\r\n" % (len(piece), piece))
            is_cut_short = not is_bodiless and bool(response.length)  # by the server
        if only is not None or is_cut_short:
            self.cut()
        elif length is None and not is_bodiless:
            self._client.sendall(b"0\r\n\r\n")

    def _as_asked(self, response: http.client.HTTPResponse) -> tuple[int, list[tuple[str, str]], int]:
        """Status and headers for the client, and how many bytes of the body to leave out.

        MiniStack 1.5.33 ignores the Range of a GET that names a version, as headrace's do where it goes on after a cut; S3 does not.
        """
        headers, total = response.getheaders(), response.length
        asked = re.fullmatch(r"bytes=(\d+)-", next((value for name, value in self.call.headers if name.lower() == "range"), ""))
        if not asked or not total or response.status != 200 or response.getheader("Content-Range") or not 0 < int(asked[1]) < total:
            return response.status, headers, 0
        start = int(asked[1])
        changed = {"content-length": str(total - start)}
        return 206, [(name, changed.get(name.lower(), value)) for name, value in headers] + [("Content-Range", f"bytes {start}-{total - 1}/{total}")], start

    def answer(self, reply: Reply) -> None:
        """Answer the client, keeping the connection."""
        length = _length(reply.headers)
        is_bodiless = self._has_no_body(reply.status)
        self._send_head(reply.status, reply.headers, length if is_bodiless else str(len(reply.body)))
        self._client.sendall(b"" if is_bodiless else reply.body)

    def cut(self, *, reset: bool = False) -> None:
        """End the connection, cleanly (FIN) or with a reset (RST)."""
        self.is_open = False
        if reset:
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self._client.detach())  # close() would wait for the files made of the socket
        else:
            with suppress(OSError):  # the client may have gone already
                self._client.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Let time pass, less if the proxy is stopped."""
        self._connections.stopping.wait(seconds)

    def _has_no_body(self, status: int) -> bool:
        return self.call.method == "HEAD" or status in (204, 304)

    def _send_head(self, status: int, headers: list[tuple[str, str]], length: str | None) -> None:
        """``length`` is that of the body, or the header to send in its place."""
        lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, '')}"]
        lines += [f"{name}: {value}" for name, value in headers if name.lower() not in HOP_BY_HOP]
        if length is not None:
            lines.append(f"Content-Length: {length}" if length.isdigit() else length)
        self.call.status = status
        self._client.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))

    @contextmanager
    def _sent(self, body: bytes) -> Iterator[http.client.HTTPResponse]:
        """The reply to the call, on a connection of its own: a kept one could end unseen, and then nobody knows whether the call was applied.

        Raises ConnectionError, also for what the server says that is no HTTP.
        """
        upstream = http.client.HTTPConnection(self._connections.upstream, timeout=UPSTREAM_S)
        connection: socket.socket | None = None
        try:
            upstream.connect()
            connection = upstream.sock
            self._connections.opened(connection)
            self._send(upstream, body)
            with upstream.getresponse() as response:
                yield response
        except (TimeoutError, http.client.HTTPException) as error:
            raise ConnectionAbortedError(f"no whole answer from {self._connections.upstream}: {error}") from error
        finally:
            if connection is not None:
                self._connections.closed(connection)
            upstream.close()

    def _send(self, upstream: http.client.HTTPConnection, body: bytes) -> None:
        upstream.putrequest(self.call.method, self.call.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.call.headers:
            if name.lower() not in HOP_BY_HOP:
                upstream.putheader(name, value)
        if body != self.call.body and not any(name.lower() == "x-amz-content-sha256" for name, _ in self.call.headers):
            upstream.putheader("X-Amz-Content-Sha256", hashlib.sha256(self.call.body).hexdigest())  # what was signed; MiniStack goes by it
        upstream.putheader("Content-Length", str(len(body)))
        upstream.endheaders(body)
        self.call.forwarded = True


def _length(headers: list[tuple[str, str]]) -> str | None:
    return next((value for name, value in headers if name.lower() == "content-length"), None)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # the other side was first
        connection.shutdown(socket.SHUT_RDWR)
