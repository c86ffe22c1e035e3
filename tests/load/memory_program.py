"""A program of its own: loads a generated object of KIND and MB into a table that keeps nothing, and prints the peak of memory above the imports in MB."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import BinaryIO

from contracts.virtual_clock import VirtualClock
from headrace.config.model import Column, Config, Limits, OnError, Route, Source, Table
from headrace.errors import Throttled
from headrace.load import Ports, load_object
from headrace.ports import ObjectRef, OpenedObject, Operation, Reply

HEADER = b"id,at,text,amount,more\n"
MB = 1_000_000


def line(number: int, more: bytes, year: bytes = b"2024") -> bytes:
    return b"%09d,%b-02-29T12:00:00Z,some text that is not so short,12.50,%b\n" % (number, year, more)


def lines(kind: str) -> Iterator[bytes]:
    """Endless stretches of whole lines, all of one length."""
    number = 0
    while True:
        match kind:
            case "repeated":
                part = [line(key % 50, b"long " * 150) for key in range(500)]
            case "rejected":
                part = [line(number + at, b"long " * 150, b"year") for at in range(500)]
            case "large":  # items of nearly 400 KB, and records of 1 MB, which are too large for an item
                part = [line(number + at, b"x" * (1_000_000 if at == 2 else 400_000)) for at in range(3)]
            case "wide":  # four bytes of memory for each character
                part = [line(number + at, "🌊".encode() * 20_000) for at in range(10)]
            case _:
                part = [line(number + at, b"long " * (150 if at % 2 else 5)) for at in range(500)]
        number += len(part)
        yield b"".join(part)


class Body:
    def __init__(self, kind: str, size: int) -> None:
        self._lines = lines(kind)
        self._data = HEADER
        self._left = -(-size // len(next(lines(kind))))  # stretches
        self.size = len(HEADER) + self._left * len(next(lines(kind)))

    def read(self, amount: int, /) -> bytes:
        while len(self._data) < amount and self._left > 0:
            self._data += next(self._lines)
            self._left -= 1
        piece, self._data = self._data[:amount], self._data[amount:]
        return piece

    def close(self) -> None:
        """Nothing is open."""


class Objects:
    def __init__(self, kind: str, size: int) -> None:
        self._kind = kind
        self._size = size

    def open(self, ref: ObjectRef, offset: int) -> OpenedObject:
        body = Body(self._kind, self._size)
        return OpenedObject(body, body.size, "e1", None)


class NullTable:
    """Answers when asked to wait, so that as much as possible is in flight; throttles one call in ten where ``throttles``."""

    def __init__(self, *, throttles: bool) -> None:
        self._calls: list[tuple[int, bytes]] = []
        self._number = 0
        refusal = Throttled("TABLE_THROTTLED", "slow down", reason="hot_key")
        self._answers = cycle([refusal] * throttles + [Reply()] * 9)

    def start(self, operation: Operation, body: bytes) -> int:
        self._number += 1
        self._calls.append((self._number, body))
        return self._number

    def answers(self, timeout_s: float) -> list[tuple[int, Reply | Exception]]:
        if not timeout_s:
            return []
        number, _ = self._calls.pop(0)
        return [(number, next(self._answers))]

    def abandon(self) -> None:
        self._calls.clear()

    def close(self) -> None:
        self._calls.clear()


class Rejects:
    def store(self, name: str, content: BinaryIO) -> str:
        return name


def peak_kb() -> int:
    """Not ru_maxrss: that begins with what the parent had when it forked."""
    return next(int(text.split()[1]) for text in Path("/proc/self/status").read_text().splitlines() if text.startswith("VmHWM"))


def main(kind: str, megabytes: int) -> None:
    columns = {"id": Column("number"), "at": Column("timestamp"), "text": Column(), "amount": Column("number"), "more": Column()}
    route = Route("r", "**", "csv", "t", columns=columns, on_error=OnError(max_rejects=None))
    config = Config(Source("b"), {"t": Table({"id": "number"})}, [route], limits=Limits(object_bytes_max=10**12))
    table = NullTable(throttles=kind in ("throttled", "large", "wide"))
    before = peak_kb()
    outcome = load_object(ObjectRef("b", "k"), route, config, Ports(Objects(kind, megabytes * MB), lambda name: table, Rejects(), VirtualClock()))
    assert outcome.state == "LOADED", outcome
    assert outcome.read > 0
    sys.stdout.write(f"{(peak_kb() - before) // 1024}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
