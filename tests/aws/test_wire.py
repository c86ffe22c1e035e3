"""The connection in front of servers that speak HTTP well, badly, or not at all."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from headrace.aws.wire import Connection, Response
from headrace.errors import HeadraceError, Unavailable

REQUEST = b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n"
Serve = Callable[[socket.socket, int], None]


class Client:
    """Makes a connection when it needs one, as a Table does."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection: Connection | None = None

    def exchange(self, request: bytes) -> Response:
        """Send one request and wait for its response."""
        connection = self.connection = self.connection or Connection("127.0.0.1", self.port, None)
        try:
            connection.begin(request)
            with selectors.DefaultSelector() as selector:
                selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE * connection.is_sending)
                while True:
                    assert selector.select(10), "no answer"
                    if response := connection.advance():
                        break
                    selector.modify(connection, selectors.EVENT_READ | selectors.EVENT_WRITE * connection.is_sending)
        except HeadraceError:
            self.close()
            raise
        if not connection.stays_open:
            self.close()
        return response

    def close(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = None


@contextmanager
def server(serve: Serve) -> Iterator[Client]:
    """A client of a server that calls ``serve`` with each connection and its number."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            for number in range(100):
                accepted, _ = listener.accept()
                with accepted, suppress(OSError):
                    serve(accepted, number)

    thread = threading.Thread(target=accept)
    thread.start()
    connection = Client(listener.getsockname()[1])
    try:
        yield connection
    finally:
        connection.close()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def answering(*answers: bytes, step: int = 1 << 20, stay: bool = True) -> Serve:
    """One answer to each request of a connection, sent in pieces of ``step`` bytes; then the connection is kept or closed."""

    def serve(accepted: socket.socket, number: int) -> None:
        for answer in answers:
            if not received(accepted):
                return
            for start in range(0, len(answer), step):
                accepted.sendall(answer[start : start + step])
        if stay:
            received(accepted)

    return serve


def received(accepted: socket.socket) -> bytes:
    """A whole request without a body, or what came before the client closed."""
    data = b""
    while not data.endswith(b"\r\n\r\n") and (more := accepted.recv(1000)):
        data += more
    return data


def whole(body: bytes = b"{}", head: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nX-Amzn-RequestId: A\r\n\r\n4\r\nabcd\r\n10;x=y\r\n0123456789abcdef\r\n0\r\n\r\n"


@pytest.mark.parametrize("step", [1, 3, 1000])
@pytest.mark.parametrize(("answer", "body"), [(whole(), b"{}"), (whole(b""), b""), (whole(b"x" * 500), b"x" * 500), (CHUNKED, b"abcd0123456789abcdef")])
def test_answers_come_whole_however_they_are_cut_and_the_connection_is_kept(answer: bytes, body: bytes, step: int) -> None:
    """With a length or in chunks, byte by byte or at once, again and again on one connection."""
    with server(answering(answer, answer, step=step)) as connection:
        first = connection.exchange(REQUEST)
        kept = connection.connection
        assert (first.status, first.body, connection.exchange(REQUEST).body) == (200, body, body)
        assert connection.connection is kept
        assert first.header(b"x-amzn-requestid") in (None, b"a")


@pytest.mark.parametrize(
    "answer",
    [
        *[whole()[:at] for at in range(1, len(whole()))],
        *[CHUNKED[:at] for at in range(1, len(CHUNKED), 7)],
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabcde\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000,
    ],
    ids=lambda answer: repr(answer[-20:]),
)
def test_answer_that_is_cut_or_no_http_is_no_answer(answer: bytes) -> None:
    """The request may have been applied: Unavailable, and the connection is not used again."""
    with server(answering(answer, stay=False)) as connection:
        with pytest.raises(Unavailable):
            connection.exchange(REQUEST)
        assert connection.connection is None


def test_kept_connection_that_the_server_closed_is_told_and_made_anew_by_the_next_request() -> None:
    """An idle connection may be closed at any time. Whether the request may still be sent again is for the caller, who knows the time."""
    with server(answering(whole(b"1"), stay=False)) as connection:
        assert connection.exchange(REQUEST).body == b"1"
        for _ in range(3):
            with pytest.raises(Unavailable):
                connection.exchange(REQUEST)
            assert connection.exchange(REQUEST).body == b"1"


def test_connection_close_is_obeyed() -> None:
    """A server that says so gets a new connection for the next request."""
    with server(answering(whole(b"1", b"Connection: close\r\n"), stay=False)) as connection:
        for _ in range(3):
            assert connection.exchange(REQUEST).body == b"1"
            assert connection.connection is None


def test_new_connection_that_is_closed_without_an_answer_is_not_tried_again() -> None:
    """Sent once, perhaps applied: whoever called decides about a repeat."""
    numbers: list[int] = []

    def serve(accepted: socket.socket, number: int) -> None:
        numbers.append(number)
        received(accepted)

    with server(serve) as connection, pytest.raises(Unavailable):
        connection.exchange(REQUEST)
    assert numbers == [0]


def test_request_larger_than_what_the_system_takes_at_once_arrives_whole() -> None:
    """The rest is sent when there is room, while others are answered."""
    size = 30_000_000

    def serve(accepted: socket.socket, number: int) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += accepted.recv(1000)
        count = len(head.partition(b"\r\n\r\n")[2])
        while count < size:
            count += len(accepted.recv(1 << 20))
        accepted.sendall(whole(b"%d" % count))

    with server(serve) as client:
        assert client.exchange(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size).body == b"%d" % size


def test_answer_before_the_request_is_sent_whole_ends_the_connection() -> None:
    """The server would take the next request for the rest of this one, and never answer it."""
    ended = threading.Event()

    def serve(accepted: socket.socket, number: int) -> None:
        accepted.recv(1000)
        accepted.sendall(whole(b"no"))
        ended.wait(10)

    with server(serve) as client:
        assert client.exchange(b"POST / HTTP/1.1\r\ncontent-length: 30000000\r\n\r\n" + b"x" * 30_000_000).body == b"no"
        ended.set()
        assert client.connection is None


def test_server_that_is_absent_is_unavailable() -> None:
    """At once where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for host in ("127.0.0.1", "no-such-host.invalid"):
        with pytest.raises(HeadraceError) as refused:
            Connection(host, port, None)
        assert (refused.value.code, refused.value.retryable) == ("CONNECTION_LOST", True)
