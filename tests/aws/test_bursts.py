"""When calls to a table leave: alone, or together with those that come at the same moment."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from contracts.virtual_clock import VirtualClock
from headrace.aws.signing import Credentials
from headrace.aws.table import BURST, BURST_S, READ_TIMEOUT_S, Table
from headrace.errors import Unavailable
from headrace.ports import Reply

TAKEN = b'HTTP/1.1 200 OK\r\ncontent-length: 23\r\n\r\n{"UnprocessedItems":{}}'


class Server:
    """Takes every call on every connection; ``bodies`` are those that came."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.accepted: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            for _ in range(100):
                self.accepted.append(self.listener.accept()[0])
                self._threads.append(threading.Thread(target=self._serve, args=[self.accepted[-1]]))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while request := connection.recv(65_536):
                self.bodies.append(request.partition(b"\r\n\r\n")[2])
                connection.sendall(TAKEN)

    def came(self, expected: int) -> list[bytes]:
        """The bodies, once there are ``expected``, and none more a moment later."""
        give_up_at = time.monotonic() + 10
        while len(self.bodies) < expected and time.monotonic() < give_up_at:
            time.sleep(0.001)
        time.sleep(0.02)
        return sorted(self.bodies)

    def close(self) -> None:
        for each in (self.listener, *self.accepted):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()


@contextmanager
def served(**options: int) -> Iterator[tuple[Server, Table, VirtualClock]]:
    server, clock = Server(), VirtualClock()
    table = Table("orders", server.url, region="eu-west-1", credentials=lambda: Credentials("a", "b", ""), clock=clock, **options)
    try:
        yield server, table, clock
    finally:
        table.close()
        server.close()


def start(table: Table, *numbers: int) -> list[int]:
    return [table.start("BatchWriteItem", b"%04d" % number) for number in numbers]


def answered(table: Table, count: int) -> dict[int, Reply | Exception]:
    """The answers to ``count`` calls by their numbers."""
    found: dict[int, Reply | Exception] = {}
    while len(found) < count:
        answers = table.answers(10)
        assert answers
        found |= answers
    return found


def bodies(*numbers: int) -> list[bytes]:
    return [b"%04d" % number for number in numbers]


def test_call_that_comes_alone_is_sent_at_once() -> None:
    """The first, and each that comes some time after the one before it, also together with those that had waited for it."""
    with served() as (server, table, clock):
        start(table, 1)
        assert server.came(1) == bodies(1)
        clock.sleep(2 * BURST_S)
        start(table, 2)
        assert server.came(2) == bodies(1, 2)
        start(table, 3)
        assert server.came(2) == bodies(1, 2)
        clock.sleep(2 * BURST_S)
        start(table, 4)
        assert server.came(4) == bodies(1, 2, 3, 4)


def test_calls_that_come_together_are_sent_when_they_are_many_or_answers_are_wanted() -> None:
    """Every one is answered."""
    with served() as (server, table, _):
        numbers = start(table, *range(BURST))
        assert server.came(1) == bodies(0)
        numbers += start(table, BURST)
        assert server.came(BURST + 1) == bodies(*range(BURST + 1))
        numbers += start(table, BURST + 1)
        answers = answered(table, BURST + 2)
        assert sorted(answers) == numbers
        assert all(isinstance(answer, Reply) for answer in answers.values())


def test_every_call_is_sent_at_once_where_a_burst_is_one() -> None:
    """As the writer for items of a program does, which may wait a long time for the next."""
    with served(burst=1) as (server, table, _):
        start(table, 1, 2, 3)
        assert server.came(3) == bodies(1, 2, 3)


def test_call_that_waits_is_not_sent_any_more_when_it_is_given_up() -> None:
    """Nothing is written after the end of a load that failed."""
    with served() as (server, table, _):
        start(table, 1, 2, 3)
        table.abandon()
        (number,) = start(table, 4)
        assert list(answered(table, 1)) == [number]
        assert server.came(2) == bodies(1, 4)


def test_call_that_waited_for_long_has_all_the_time_for_its_answer_once_it_is_sent() -> None:
    """Where reading stalls for longer than a call may take; it would be taken for lost at the moment when it is sent."""
    with served() as (server, table, clock):
        numbers = start(table, 1, 2, 3)
        assert server.came(1) == bodies(1)
        assert list(answered(table, 3)) == numbers
        start(table, 4, 5)
        clock.sleep(2 * READ_TIMEOUT_S)
        assert all(isinstance(answer, Reply) for answer in answered(table, 2).values())
        assert server.came(5) == bodies(1, 2, 3, 4, 5)


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_connection_that_breaks_within_a_burst_fails_its_call_alone(broken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its neighbours are sent and answered."""
    with served() as (server, table, _):
        numbers = start(table, 0, 1, 2, 3)
        connection, *_ = table._unsent[broken]

        def begin(request: bytes) -> None:
            raise Unavailable("CONNECTION_LOST", "reset")

        monkeypatch.setattr(connection, "begin", begin)
        assert [number for number, answer in answered(table, 4).items() if isinstance(answer, Unavailable)] == [numbers[broken + 1]]
        assert server.came(3) == [body for body in bodies(0, 1, 2, 3) if body != b"%04d" % (broken + 1)]
