"""A keep-alive HTTP/1.1 connection for small POST requests, as lean as the wire allows.

Of the clients measured on one core with 12 KB bodies (awscrt, urllib3, pycurl, plain sockets), plain sockets in eight threads
were the fastest for the whole path; ARCHITECTURE.md has the figures. TLS uses Python's own verification of chain and host name.
"""

from __future__ import annotations

import socket
import ssl
from typing import NamedTuple

from headrace.errors import ServiceError, Unavailable

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 20.0
HEAD_BYTES_MAX = 65_536
BODY_BYTES_MAX = 64 << 20


class Response(NamedTuple):
    """Status code, raw lower-case header block, and the whole body."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """The value of a header by its lower-case name."""
        start = self.head.find(b"\r\n" + name + b":")
        if start < 0:
            return None
        return self.head[start + len(name) + 3 : self.head.index(b"\r\n", start + 2)].strip()


class Connection:
    """One connection to ``host``; made when first needed, made again after the server closed it. Not for several threads at once."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._socket: socket.socket | None = None

    def exchange(self, request: bytes) -> Response:
        """Send ``request`` once and return the whole answer. Raises Unavailable; then the request may or may not have been applied.

        Also where a kept connection turns out to be closed: whether there is still time to send again is for the caller to decide.
        """
        try:
            connection = self._socket or self._connect()
            connection.sendall(request)
            response, stays = self._read(connection, connection.recv(65_536))
        except TimeoutError:
            self.close()
            message = f"no connection to {self._host}:{self._port} within {CONNECT_TIMEOUT_S:.0f} s or no answer within {READ_TIMEOUT_S:.0f} s"
            raise Unavailable("CONNECTION_TIMEOUT", message) from None
        except ssl.SSLCertVerificationError as error:
            self.close()
            message = f"{self._host}:{self._port}: {error.verify_message}"
            raise ServiceError("TLS_UNVERIFIED", message, hint="set AWS_CA_BUNDLE to the certificates to trust") from None
        except (OSError, ValueError) as error:
            self.close()
            raise Unavailable("CONNECTION_LOST", f"{self._host}:{self._port}: {error}", hint="check the endpoint, the network and the region") from None
        if not stays:
            self.close()
        return response

    def close(self) -> None:
        """Close the connection; a later exchange makes a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket:
        connection = socket.create_connection((self._host, self._port), CONNECT_TIMEOUT_S)
        connection.settimeout(READ_TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_hostname=self._host)
        self._socket = connection
        return connection

    def _read(self, connection: socket.socket, data: bytes) -> tuple[Response, bool]:
        """The answer that begins with ``data``, and whether the connection stays open."""
        while (end := data.find(b"\r\n\r\n")) < 0:
            if not data or len(data) > HEAD_BYTES_MAX:
                raise ConnectionResetError("closed before the whole answer came" if not data else "more than 64 KB of headers")
            data = _more(connection, data)
        head, body = data[: end + 2].lower(), data[end + 4 :]
        if not head.startswith(b"http/1."):
            raise ConnectionResetError("the answer is not HTTP/1.1")
        response = Response(int(head[9:12]), head, b"")
        length = response.header(b"content-length")
        if response.header(b"transfer-encoding") == b"chunked":
            body = self._chunked(connection, body)
        elif length is None:
            raise ConnectionResetError("the answer has no length")
        else:
            body = _exactly(connection, body, int(length))
        return response._replace(body=body), response.header(b"connection") != b"close"

    def _chunked(self, connection: socket.socket, data: bytes) -> bytes:
        body = b""
        while True:
            while (end := data.find(b"\r\n")) < 0:
                if len(data) > HEAD_BYTES_MAX:
                    raise ConnectionResetError("a chunk without a size")
                data = _more(connection, data)
            size = int(data[:end].partition(b";")[0], 16)
            if not 0 <= size <= BODY_BYTES_MAX - len(body):
                raise ConnectionResetError("an answer larger than 64 MB")
            data = data[end + 2 :]
            while len(data) < size + 2:
                data = _more(connection, data)
            if data[size : size + 2] != b"\r\n":
                raise ConnectionResetError("a chunk that does not end where it should, or a trailer")
            body, data = body + data[:size], data[size + 2 :]
            if size == 0:
                if data:
                    raise ConnectionResetError("more data than the last chunk")
                return body


def _more(connection: socket.socket, data: bytes) -> bytes:
    more = connection.recv(65_536)
    if not more:
        raise ConnectionResetError("closed in the middle of an answer")
    return data + more


def _exactly(connection: socket.socket, data: bytes, length: int) -> bytes:
    if length > BODY_BYTES_MAX:
        raise ConnectionResetError("an answer larger than 64 MB")
    while len(data) < length:
        data = _more(connection, data)
    if len(data) > length:
        raise ConnectionResetError("more data than the announced length")
    return data
