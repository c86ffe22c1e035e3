"""A part of an object that cannot be ended: what is told of it is what is safe, and nothing is left behind."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from headrace.account.outcome import Counts, Outcome
from headrace.errors import Deadline, Denied, Throttled
from headrace.load import Ports, load_object
from headrace.record import Start
from headrace.records import Part
from headrace.write.batch import LAST, Entry
from load.samples import REF, World
from read.memory_objects import MemoryBody

ROWS = b"id,v\nx,1\n" + b"".join(b"%d,v\n" % number for number in range(3000))
"""The first record is rejected, and so known before anything is written."""


def load(world: World, part: Part, **others: Any) -> Outcome:
    ports = Ports(world.objects, lambda name: world.table, world.rejects, world.clock)
    return load_object(REF, world.config.routes[0], world.config, ports, part=part, **others)


@pytest.mark.parametrize("error", [Denied("ACCESS_DENIED", "no permission"), Throttled("TABLE_THROTTLED", "slow down")])
@pytest.mark.parametrize("start", [None, Start(len(b"id,v\n"), 2), Start(len(b"id,v\nx,1\n"), 3)])
def test_part_that_fails_before_anything_is_safe_counts_nothing_and_goes_on_where_it_began(error: Exception, start: Start | None) -> None:
    """First safe counts: none. Records that were read, and one that was rejected, are read once more by whoever comes next."""
    world = World(ROWS)

    def refused(*_: object) -> Any:
        raise error

    world.table.answer = refused
    outcome = load(world, Part(start), deadline=world.clock.monotonic() + 600)
    assert (outcome.state, outcome.blocked) == ("FAILED", isinstance(error, Denied))
    assert (outcome.read, outcome.written, outcome.rejected, outcome.superseded, outcome.unknown) == (0, 0, 0, 0, 0)
    assert (outcome.go_on, outcome.rejects, world.rejects.lines) == (start or Start(0, 1), "", [])


class Stalling:
    """A Sink that gives up when the record in ``line`` comes, as where a table took nothing for two minutes, and then takes everything."""

    def __init__(self, counts: Counts, line: int) -> None:
        self.counts = counts
        self.line = line

    def write(self, entries: Sequence[Entry]) -> None:
        if entries and entries[-1][LAST] == self.line:
            raise Deadline("DEADLINE", "the table took nothing for 120 s")
        self.counts.written += len(entries)

    def finish(self) -> None:
        """Whatever was taken is written."""

    def close(self) -> None:
        """Nothing is in flight."""


def test_part_whose_last_records_are_given_up_goes_on_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time for reading is over within a group, and its records are not taken: that the table takes what comes after that makes them no safer."""
    rows = b"id,v\n" + b"".join(b"%d,%040d\n" % (number, number) for number in range(1000))
    world, read = World(rows), MemoryBody.read
    monkeypatch.setattr(MemoryBody, "read", lambda body, amount: (world.clock.sleep(5.0), read(body, amount))[1])
    last = rows[: 10 * world.objects.largest].count(b"\n")  # of what comes in 48 of 60 s, and in the read of 5 s begun before their end
    outcome = load(world, Part(), deadline=world.clock.monotonic() + 60.0, open_sink=lambda counts, refused: Stalling(counts, last))
    assert outcome.go_on
    assert (outcome.state, outcome.error, outcome.read) == ("FAILED", "DEADLINE", outcome.go_on.line - 2)
    assert last - 200 < outcome.read == outcome.written + outcome.rejected < last


def test_part_whose_decoder_is_collected_while_the_object_is_closed_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector may run at any moment: it must not close what reads from a generator that is being closed."""
    world, told = World(ROWS), list[object]()
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    monkeypatch.setattr(MemoryBody, "close", lambda body: (setattr(body, "is_closed", True), gc.collect()))
    outcome = load(world, Part(), stop_at=world.clock.monotonic())
    assert outcome.state == "INTERRUPTED"
    assert told == []
