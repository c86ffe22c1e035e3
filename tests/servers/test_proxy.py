"""The fault proxy does to a call exactly what its rules say, and nothing else."""

from __future__ import annotations

import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from servers.faults import THROTTLES, answered, cut, cut_body, delayed, throttled, unprocessed
from servers.proxy import Exchange, FaultProxy, Rule

TARGET = {"X-Amz-Target": "DynamoDB_20120810.BatchWriteItem"}


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked; remembers it in the server's ``asked``."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(body)  # type: ignore[attr-defined]
        if self.command == "HEAD":
            content = b""
        elif self.headers.get("X-Amz-Target"):
            content = b'{"UnprocessedItems": {}}'
        else:
            content = f"{self.command} {self.path} {self.headers['Host']} ".encode() + body
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            content = b"".join(b"1\r\n%c\r\n" % byte for byte in content) + b"0\r\n\r\n"
        else:
            self.send_header("Content-Length", "12345" if self.command == "HEAD" else str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_HEAD = do_POST

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.asked = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def proxied(upstream: Any, *rules: Rule) -> Iterator[tuple[FaultProxy, http.client.HTTPConnection]]:
    with (
        FaultProxy(f"http://127.0.0.1:{upstream.server_address[1]}", *rules) as proxy,
        closing(http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=10)) as connection,
    ):
        yield proxy, connection


def asked(connection: http.client.HTTPConnection, method: str = "POST", path: str = "/", body: Any = b"", **options: Any) -> tuple[int, bytes]:
    connection.request(method, path, body, **options)
    with connection.getresponse() as response:
        return response.status, response.read()


def test_proxy_without_rules_passes_calls_unchanged_over_one_connection(upstream: Any) -> None:
    """Path, Host, body and reply pass as they are, chunked or not; the client's connection stays open."""
    with proxied(upstream) as (proxy, connection):
        host = urlsplit(proxy.url).netloc
        connection.connect()
        first = connection.sock
        assert asked(connection, "GET", "/b/a%20b?x=%2F") == (200, f"GET /b/a%20b?x=%2F {host} ".encode())
        assert asked(connection, "PUT", "/b/k", iter([b"ab", b"c" * 70_000]), encode_chunked=True) == (200, f"PUT /b/k {host} ab".encode() + b"c" * 70_000)
        assert asked(connection, "POST", "/chunked", b"xyz") == (200, f"POST /chunked {host} xyz".encode())
        connection.request("HEAD", "/b/k")
        with connection.getresponse() as response:
            assert (response.headers["Content-Length"], response.read()) == ("12345", b"")
        assert asked(connection, headers=TARGET)[0] == 200
        assert connection.sock is first
        assert proxy.operations() == ["GET /b/a b", "PUT /b/k", "POST /chunked", "HEAD /b/k", "BatchWriteItem"]
        assert all(call.forwarded and call.status == 200 for call in proxy.calls)


@pytest.mark.parametrize("code", THROTTLES)
@pytest.mark.parametrize("after", [False, True])
def test_throttled_on_the_second_call_answers_that_one_with_the_exception(upstream: Any, code: str, after: bool) -> None:
    """A rule counts its own calls; the server has done the work only if the rule says so."""
    reasons = [{"reason": "TableWriteKeyRangeThroughputExceeded", "resource": "arn:aws:dynamodb:eu-central-1:111122223333:table/orders"}]
    rule = Rule("BatchWriteItem", throttled(code, reasons=reasons, after=after), calls={2})
    with proxied(upstream, rule) as (proxy, connection):
        asked(connection, "GET", "/other")
        replies = [asked(connection, headers=TARGET) for _ in range(3)]
        assert [status for status, _ in replies] == [200, 500 if code == "InternalServerError" else 400, 200]
        error = json.loads(replies[1][1])
        assert (error["__type"].rpartition("#")[2], error["ThrottlingReasons"]) == (code, reasons)
        assert [call.forwarded for call in proxy.calls] == [True, True, after, True]
    assert len(upstream.asked) == 3 + after


@pytest.mark.parametrize(
    ("after", "reset", "error"),
    [
        (False, False, http.client.RemoteDisconnected),
        (False, True, ConnectionResetError),
        (True, False, http.client.RemoteDisconnected),
        (True, True, ConnectionResetError),
    ],
)
def test_cut_ends_the_connection_before_or_after_the_work(upstream: Any, after: bool, reset: bool, error: type[Exception]) -> None:
    """The client cannot tell whether the call was applied; the next connection works."""
    with proxied(upstream, Rule("*", cut(after=after, reset=reset), calls={1})) as (proxy, connection):
        with pytest.raises(ConnectionResetError) as caught:
            asked(connection)
        assert type(caught.value) is error
        connection.close()
        assert len(upstream.asked) == after
        assert asked(connection)[0] == 200
        assert [call.status for call in proxy.calls] == [None, 200]


@pytest.mark.parametrize("at", [0, 1, 9])
def test_cut_body_sends_exactly_so_many_bytes(upstream: Any, at: int) -> None:
    """The head promises the whole body, the connection ends at byte ``at``."""
    with proxied(upstream, Rule("GET /k", cut_body(at), calls={1})) as (_, connection):
        with pytest.raises(http.client.IncompleteRead) as caught:
            asked(connection, "GET", "/k")
        assert (caught.value.partial, caught.value.expected) == (b"GET /k 127.0.0.1"[:at], len(f"GET /k {connection.host}:{connection.port} ") - at)
        connection.close()
        assert asked(connection, "GET", "/k")[0] == 200


def test_delayed_lets_the_call_pass_later_unless_the_proxy_stops(upstream: Any) -> None:
    """A slow server is slow, but never holds up the end of a test."""
    with proxied(upstream, Rule("*", delayed(0.05), calls={1}), Rule("*", delayed(60))) as (_, connection):
        began = time.monotonic()
        assert asked(connection)[0] == 200
        assert time.monotonic() - began >= 0.05
        connection.request("GET", "/never")
    assert time.monotonic() - began < 20


def test_unprocessed_forwards_some_and_names_the_others(upstream: Any) -> None:
    """Each request is either forwarded or handed back, never both, and at least one is forwarded; resending ends."""
    rule = Rule("BatchWriteItem", unprocessed(random.Random(7), share=0.8))
    pending = {"a": [{"PutRequest": {"Item": {"id": {"N": str(n)}}}} for n in range(20)], "b": [{"DeleteRequest": {"Key": {"id": {"N": "1"}}}}]}
    sent = []
    with proxied(upstream, rule) as (proxy, connection):
        while pending:
            assert len(proxy.calls) < 21
            status, reply = asked(connection, body=json.dumps({"RequestItems": pending, "ReturnConsumedCapacity": "TOTAL"}), headers=TARGET)
            assert status == 200
            forwarded = json.loads(upstream.asked[-1])
            assert forwarded["ReturnConsumedCapacity"] == "TOTAL"
            before, pending = pending, json.loads(reply)["UnprocessedItems"]
            now = [(table, json.dumps(request)) for table, requests in forwarded["RequestItems"].items() for request in requests]
            left = [(table, json.dumps(request)) for table, requests in pending.items() for request in requests]
            assert sorted(now + left) == sorted((table, json.dumps(request)) for table, requests in before.items() for request in requests)
            assert now
            sent += now
    assert len(sent) == len(set(sent)) == 21
    assert len(proxy.calls) > 1


def test_answered_stands_in_for_any_reply(upstream: Any) -> None:
    """S3's errors are plain HTTP: a status, a body, headers."""
    slow_down = b"<Error><Code>SlowDown</Code></Error>"
    with proxied(upstream, Rule("GET /b/*", answered(503, slow_down, {"Retry-After": "1"}), calls=range(1, 3))) as (_, connection):
        assert [asked(connection, "GET", f"/b/{n}") for n in range(2)] == [(503, slow_down)] * 2
        assert asked(connection, "GET", "/b/3")[0] == 200
    assert len(upstream.asked) == 1


def test_proxy_when_calls_come_at_once_counts_each(upstream: Any) -> None:
    """Rules and log are exact when many threads call."""
    statuses: list[int] = []

    def call(url: str) -> None:
        with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)) as connection:
            statuses.extend(asked(connection, headers=TARGET)[0] for _ in range(10))

    with proxied(upstream, Rule("BatchWriteItem", throttled(), calls=range(1, 31))) as (proxy, _):
        threads = [threading.Thread(target=call, args=(proxy.url,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (statuses.count(400), statuses.count(200), len(proxy.calls)) == (30, 30, 60)


def test_proxy_when_an_action_fails_raises_at_the_end(upstream: Any) -> None:
    """A mistake in a rule is not taken for a fault."""

    def broken(exchange: Exchange) -> None:
        raise LookupError("a mistake in a rule")

    with pytest.raises(LookupError, match="a mistake"), proxied(upstream, Rule("*", broken)) as (_, connection), pytest.raises(http.client.RemoteDisconnected):
        asked(connection)


def test_proxy_when_clients_leave_connections_open_stops(upstream: Any) -> None:
    """Idle and half-sent calls do not hold up the end of a test; what was not sent whole is not forwarded."""
    with FaultProxy(f"http://127.0.0.1:{upstream.server_address[1]}") as proxy:
        address = ("127.0.0.1", int(proxy.url.rpartition(":")[2]))
        idle, half, chunked = (socket.create_connection(address) for _ in range(3))
        half.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
        chunked.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    for connection in (idle, half, chunked):
        connection.close()
    assert upstream.asked == []
