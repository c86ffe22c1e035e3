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

from headrace.errors import HeadraceError
from headrace.local.fault_actions import answered, cut, cut_body, delayed, failed_entries, failing, unprocessed
from headrace.local.fault_answers import THROTTLES
from headrace.local.fault_exchange import Call, Exchange
from headrace.local.fault_proxy import Fault, FaultProxy, Rule
from servers.recorded import RecordedProxy

TARGET = {
    "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem",
    "Authorization": "AWS4-HMAC-SHA256 Credential=key/20261122/eu-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
}
"""The call that rules are for, signed well enough to be told by its service."""


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


@contextmanager
def serving(handler: type[Echo]) -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def upstream() -> Iterator[ThreadingHTTPServer]:
    with serving(Echo) as server:
        yield server


@contextmanager
def proxied(upstream: Any, *rules: Rule) -> Iterator[tuple[RecordedProxy, http.client.HTTPConnection]]:
    with (
        RecordedProxy(f"http://127.0.0.1:{upstream.server_address[1]}", *rules) as proxy,
        closing(http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=60)) as connection,
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
        assert proxy.operations() == ["GET /b/a b", "PUT /b/k", "POST /chunked", "HEAD /b/k", "dynamodb:BatchWriteItem"]
        assert all(call.forwarded and call.status == 200 for call in proxy.calls)


@pytest.mark.parametrize("code", [*THROTTLES, "InternalServerError"])
@pytest.mark.parametrize("after", [False, True])
def test_failing_on_the_second_call_answers_that_one_with_the_error(upstream: Any, code: str, after: bool) -> None:
    """A rule counts its own calls; the server has done the work only if the rule says so."""
    reason = "TableWriteKeyRangeThroughputExceeded"
    rule = Rule("dynamodb:BatchWriteItem", failing(code, reason=reason, after=after), calls={2})
    with proxied(upstream, rule) as (proxy, connection):
        asked(connection, "GET", "/other")
        replies = [asked(connection, body=b'{"RequestItems": {"orders": []}}', headers=TARGET) for _ in range(3)]
        assert [status for status, _ in replies] == [200, 500 if code == "InternalServerError" else 400, 200]
        error = json.loads(replies[1][1])
        assert error["__type"].rpartition("#")[2] == code
        member = "throttlingReasons" if code == "ThrottlingException" else "ThrottlingReasons"
        assert error[member] == [{"reason": reason, "resource": "arn:aws:dynamodb:eu-central-1:111122223333:table/orders"}]
        assert [call.forwarded for call in proxy.calls] == [True, True, after, True]
        assert (rule.matched, rule.injected) == (3, 1)
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
    """Each request is either forwarded or handed back, never both; resending ends."""
    rule = Rule("dynamodb:BatchWriteItem", unprocessed(random.Random(7), share=0.8), containing=b"id")
    pending = {"a": [{"PutRequest": {"Item": {"id": {"N": str(n)}}}} for n in range(20)], "b": [{"DeleteRequest": {"Key": {"id": {"N": "1"}}}}]}
    sent = []
    with proxied(upstream, rule) as (proxy, connection):
        while pending:
            assert len(proxy.calls) < 100
            status, reply = asked(connection, body=json.dumps({"RequestItems": pending, "ReturnConsumedCapacity": "TOTAL"}), headers=TARGET)
            if status == 400:  # nothing was left to forward
                assert "ProvisionedThroughputExceededException" in json.loads(reply)["__type"]
                assert not proxy.calls[-1].forwarded
                continue
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


def test_unprocessed_keeps_what_the_server_handed_back_itself() -> None:
    """Two reasons, one list: nothing is lost, and the rest of the answer stays as it is."""

    class Busy(Echo):
        def do_POST(self) -> None:
            requests = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["RequestItems"]["t"]
            content = json.dumps({"UnprocessedItems": {"t": requests[:2]}, "ConsumedCapacity": [{"CapacityUnits": 1.0}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    puts = [{"PutRequest": {"Item": {"id": {"S": f"{'hot' if number < 5 else 'k'}{number}"}}}} for number in range(20)]
    rule = Rule("dynamodb:BatchWriteItem", unprocessed(random.Random(1), 1.0, containing="hot"))
    with serving(Busy) as server, proxied(server, rule) as (_, connection):
        answer = json.loads(asked(connection, body=json.dumps({"RequestItems": {"t": puts}}), headers=TARGET)[1])
    assert answer == {"UnprocessedItems": {"t": puts[5:7] + puts[:5]}, "ConsumedCapacity": [{"CapacityUnits": 1.0}]}


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
        with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)) as connection:
            statuses.extend(asked(connection, headers=TARGET)[0] for _ in range(10))

    with proxied(upstream, Rule("dynamodb:BatchWriteItem", failing(THROTTLES[0]), calls=range(1, 31))) as (proxy, _):
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
    with RecordedProxy(f"http://127.0.0.1:{upstream.server_address[1]}") as proxy:
        address = ("127.0.0.1", int(proxy.url.rpartition(":")[2]))
        idle, half, chunked = (socket.create_connection(address) for _ in range(3))
        half.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
        chunked.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    for connection in (idle, half, chunked):
        connection.close()
    assert upstream.asked == []


def test_faults_are_told_before_the_call_is_answered(upstream: Any) -> None:
    """Time, operation, rule, number of the call and what was done; calls that pass are not told."""
    told: list[Fault] = []
    rules = [
        Rule("GET /k*", cut_body(2), path="/k2", name="two"),
        Rule("*", delayed(0.01), calls=range(2, 9, 2), name="slow"),
        Rule("*", delayed(0.01, failing("X")), calls={3}, name="both"),
    ]
    with (
        FaultProxy(f"http://127.0.0.1:{upstream.server_address[1]}", *rules, on_fault=told.append) as proxy,
        closing(http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=60)) as connection,
    ):
        for number in range(1, 5):
            asked(connection, "GET", "/k")
            assert len(told) == number - 1
        with pytest.raises(http.client.IncompleteRead):
            asked(connection, "GET", "/k2")
    assert [(fault.operation, fault.rule, fault.number, fault.what) for fault in told] == [
        ("GET /k", "slow", 2, "delayed by 0.01 s"),
        ("GET /k", "both", 3, "X"),
        ("GET /k", "slow", 4, "delayed by 0.01 s"),
        ("GET /k2", "two", 1, "answer cut after 2 bytes"),
    ]
    assert [(rule.matched, rule.injected) for rule in rules] == [(1, 1), (5, 2), (5, 1)]


def test_rule_when_its_time_has_not_come_or_is_over_does_nothing() -> None:
    """``window_s`` counts from when the rules came into force; path, body and chance choose too."""
    call = Call("s3:GetObject", "GET", "/b/a%20b?x=1", [], b"hot", 0.0)
    rule = Rule("s3:*", cut(), window_s=(1.0, 2.0), path="/b/a *", containing=b"ho")
    assert [rule.takes(call, age) for age in (0.9, 1.0, 1.9, 2.0)] == [0, 1, 2, 0]
    odd = Call("s3:GetObject", "GET", "/b/a%5B1%5D%3F", [], b"", 0.0)
    assert (Rule("*", cut(), path="/b/*[1]?").takes(odd, 0), Rule("*", cut(), path="/b/a?1??").takes(odd, 0)) == (1, 0)
    assert Rule("s3:Put*", cut()).takes(call, 0) == Rule("*", cut(), path="/c/*").takes(call, 0) == Rule("*", cut(), containing=b"cold").takes(call, 0) == 0
    sometimes = Rule("*", cut(), chance=0.3, random=random.Random(1))
    taken = [sometimes.takes(call, 0) for _ in range(1000)]
    assert 250 < sum(map(bool, taken)) < 350
    assert max(taken) <= sometimes.matched == 1000


@pytest.mark.parametrize("path", ["/large", "/large-chunked"])
def test_proxy_passes_a_large_answer_on_as_it_comes(path: str) -> None:
    """The first bytes arrive while the server still holds back the last: nothing of the object is kept."""
    go_on = threading.Event()

    class Slow(Echo):
        def do_GET(self) -> None:
            chunked = self.path.endswith("chunked")
            self.send_response(200)
            self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", "2000000")))
            self.end_headers()
            for _ in range(2):
                self.wfile.write(b"f4240\r\n" * chunked + b"x" * 1_000_000 + b"\r\n" * chunked)
                go_on.wait(600)
            self.wfile.write(b"0\r\n\r\n" * chunked)

    with serving(Slow) as upstream, proxied(upstream) as (_, connection):
        connection.request("GET", path)
        with connection.getresponse() as response:
            assert response.read(1_000_000) == b"x" * 1_000_000
            assert not go_on.is_set()
            go_on.set()
            assert response.read() == b"x" * 1_000_000
        connection.request("GET", path)
        with connection.getresponse() as response:
            assert len(response.read()) == 2_000_000


def test_proxy_when_the_server_ends_in_mid_answer_ends_the_connection(upstream: Any) -> None:
    """A cut of the server's own is not mended, and is no error of the proxy."""

    class Broken(Echo):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b"12345")
            self.close_connection = True

    with serving(Broken) as server, proxied(server) as (_, connection):
        with pytest.raises(http.client.IncompleteRead) as caught:
            asked(connection, "GET", "/k")
        assert caught.value.partial == b"12345"


def test_proxy_when_nobody_listens_closes_and_takes_the_next_call(upstream: Any) -> None:
    """As a server that is down: the client sees a lost connection."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with FaultProxy(f"http://127.0.0.1:{port}") as proxy, closing(http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=60)) as connection:
        for _ in range(2):
            with pytest.raises(http.client.RemoteDisconnected):
                asked(connection)
            connection.close()


def test_proxy_on_a_port_that_is_taken_says_so(upstream: Any) -> None:
    """Before anything is started."""
    with pytest.raises(HeadraceError) as caught:
        FaultProxy("http://127.0.0.1:9", port=upstream.server_address[1])
    assert caught.value.code == "PROXY_PORT_TAKEN"


def test_failed_entries_of_a_batch_of_messages_are_not_sent() -> None:
    """Each entry is either sent or named in Failed; where none is left nothing is forwarded."""
    sent: list[str] = []

    class Queue(Echo):
        def do_POST(self) -> None:
            entries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Entries"]
            sent.extend(entry["Id"] for entry in entries)
            content = json.dumps({"Successful": [{"Id": entry["Id"]} for entry in entries]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    headers = {"X-Amz-Target": "AmazonSQS.SendMessageBatch", "Authorization": TARGET["Authorization"].replace("dynamodb", "sqs")}
    body = json.dumps({"QueueUrl": "q", "Entries": [{"Id": str(number), "MessageBody": "x"} for number in range(10)]})
    rules = [Rule("sqs:SendMessageBatch", failed_entries(random.Random(3), share), calls={number}) for number, share in ((1, 0.5), (2, 1.0))]
    with serving(Queue) as server, proxied(server, *rules) as (proxy, connection):
        first, second = (json.loads(asked(connection, body=body, headers=headers)[1]) for _ in range(2))
        failed = [entry["Id"] for entry in first["Failed"]]
        assert 0 < len(failed) < 10
        assert sorted(sent + failed) == sorted(str(number) for number in range(10)) == sorted(entry["Id"] for entry in second["Failed"])
        assert [entry["Id"] for entry in first["Successful"]] == sent
        assert [call.forwarded for call in proxy.calls] == [True, False]


def test_proxy_serves_a_range_that_the_server_ignored(upstream: Any) -> None:
    """As S3 does; the embedded AWS ignores it where a version is named."""
    with proxied(upstream, Rule("*", cut_body(2), calls={2})) as (_, connection):
        whole = asked(connection, "GET", "/k")[1]
        with pytest.raises(http.client.IncompleteRead) as caught:
            asked(connection, "GET", "/k", headers={"Range": "bytes=3-"})
        assert caught.value.partial == whole[3:5]
        connection.close()
        connection.request("GET", "/k", headers={"Range": "bytes=5-"})
        with connection.getresponse() as response:
            assert (response.status, response.read()) == (206, whole[5:])
            assert response.headers["Content-Range"] == f"bytes 5-{len(whole) - 1}/{len(whole)}"
