"""A keep-alive HTTP/1.1 connection for small POST requests that never blocks once it is made, as lean as the wire allows.

One thread drives many of them: measured on one core with 12 KB bodies, that takes two thirds of the processor time of eight threads
with a blocking connection each (ARCHITECTURE.md). TLS uses Python's own verification of chain and host name.
"""

from __future__ import annotations

import socket
import ssl
from typing import NamedTuple

from headrace.errors import ServiceError, Unavailable

CONNECT_TIMEOUT_S = 5.0
HEAD_BYTES_MAX = 65_536
BODY_BYTES_MAX = 64 << 20
PART_BYTES = 65_536
"""Most bytes handed to the system, or taken from it, at once. With 256 KB the memory for each answer would come from the system itself: 20 µs a call."""


class Response(NamedTuple):
    """Status code, raw lower-case header block, and the whole body."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """The value of a header by its lower-case name."""
        return _header(self.head, b"\r\n" + name + b":")


class Connection:
    """A connection to ``host``, made at once: blocks for the name's look-up, at most 5 s for the connection, and TLS's handshake.

    One request at a time: ``begin`` it, then call ``advance`` whenever the socket is ready until the response is whole. Every
    method raises Unavailable when the connection is lost; then the request may or may not have been applied, and the connection is
    of no more use. A request is never sent twice: whether there is still time for that is for the caller to decide.
    """

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._place = f"{host}:{port}"
        self._unsent: bytes | memoryview = b""
        self._received = b""
        self.stays_open = True
        """After a response: whether the server takes another request here."""
        try:
            self._socket = _connected(host, port, tls)
        except (OSError, ValueError) as error:
            raise self._lost(error) from None

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    @property
    def is_sending(self) -> bool:
        """Whether the socket must be watched for room to write as well."""
        return len(self._unsent) > 0

    def begin(self, request: bytes) -> None:
        """Send as much of ``request`` as the system takes."""
        self._received = b""
        self._unsent = memoryview(request) if len(request) > PART_BYTES else request
        try:
            self._send()
        except (OSError, ValueError) as error:
            raise self._lost(error) from None

    def advance(self) -> Response | None:
        """Send and receive what can be sent and received now; None while the response is not whole."""
        try:
            if self._unsent:
                self._send()
            while data := self._taken():
                self._received += data  # until there is no more: TLS may hold bytes that the selector cannot see
                if found := parsed(self._received):
                    response, stays_open = found
                    self.stays_open = stays_open and not self._unsent  # else the next request would be taken for the rest of this one
                    return response
        except (OSError, ValueError) as error:
            raise self._lost(error) from None
        return None

    def close(self) -> None:
        """Close it; can be repeated."""
        self._socket.close()

    def _lost(self, error: Exception) -> ServiceError:
        match error:
            case TimeoutError():
                message = f"no connection to {self._place} within {CONNECT_TIMEOUT_S:.0f} s"
                return Unavailable("CONNECTION_TIMEOUT", message, hint="check the endpoint, the network and the region")
            case ssl.SSLCertVerificationError():
                message = f"{self._place}: {error.verify_message}"
                return ServiceError("TLS_UNVERIFIED", message, hint="set AWS_CA_BUNDLE to the certificates to trust")
            case _:
                return Unavailable("CONNECTION_LOST", f"{self._place}: {error}", hint="check the endpoint, the network and the region")

    def _send(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent[:PART_BYTES]) :]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return

    def _taken(self) -> bytes:
        """Bytes that have arrived; ``b""`` if none have yet."""
        try:
            data = self._socket.recv(PART_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b""
        if not data:
            raise ConnectionResetError("closed before the whole answer came")
        return data


def _connected(host: str, port: int, tls: ssl.SSLContext | None) -> socket.socket:
    connection = socket.create_connection((host, port), CONNECT_TIMEOUT_S)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            connection = tls.wrap_socket(connection, server_hostname=host)
        connection.setblocking(False)
    except BaseException:
        connection.close()
        raise
    return connection


def parsed(data: bytes) -> tuple[Response, bool] | None:
    """The response that ``data`` is, and whether the connection stays open; None while it is not whole. Raises ConnectionResetError, ValueError."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > HEAD_BYTES_MAX:
            raise ConnectionResetError("more than 64 KB of headers")
        return None
    head = data[: end + 2].lower()
    if not head.startswith(b"http/1."):
        raise ConnectionResetError("the answer is not HTTP/1.1")
    if b"chunked" in head and _header(head, b"\r\ntransfer-encoding:") == b"chunked":
        body = _chunked(data, end + 4)
    elif length := _header(head, b"\r\ncontent-length:"):
        body = _counted(data, end + 4, int(length))
    else:
        raise ConnectionResetError("the answer has no length")
    if body is None:
        return None
    return Response(int(head[9:12]), head, body), b"close" not in head or _header(head, b"\r\nconnection:") != b"close"


def _header(head: bytes, start: bytes) -> bytes | None:
    """The value of the header whose line, with the line end before it, begins with ``start``."""
    at = head.find(start)
    if at < 0:
        return None
    at += len(start)
    return head[at : head.index(b"\r\n", at)].strip()


def _counted(data: bytes, start: int, length: int) -> bytes | None:
    if not 0 <= length <= BODY_BYTES_MAX:
        raise ConnectionResetError("an answer larger than 64 MB")
    if len(data) - start > length:
        raise ConnectionResetError("more data than the announced length")
    return data[start:] if len(data) - start == length else None


def _chunked(data: bytes, start: int) -> bytes | None:
    body = b""
    while (end := data.find(b"\r\n", start)) >= 0:
        size = int(data[start:end].partition(b";")[0], 16)
        if not 0 <= size <= BODY_BYTES_MAX - len(body):
            raise ConnectionResetError("an answer larger than 64 MB")
        start = end + 2 + size + 2
        if len(data) < start:
            return None
        if data[start - 2 : start] != b"\r\n":
            raise ConnectionResetError("a chunk that does not end where it should, or a trailer")
        body += data[end + 2 : start - 2]
        if size == 0:
            if len(data) > start:
                raise ConnectionResetError("more data than the last chunk")
            return body
    if len(data) - start > HEAD_BYTES_MAX:
        raise ConnectionResetError("a chunk without a size")
    return None
