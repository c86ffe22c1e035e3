"""``skip_file``: all of an object is read before the first record is written, by one invocation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.config.model import Column, OnError
from headrace.ledger.spending import Spending
from headrace.split import plan
from headrace.verdicts import Again, GivenUp
from headrace.worker import ATTEMPTS_MAX
from loader.world import World

ROWS = 1_000
TURN_S = 100.0
"""Of which a load takes nine tenths."""


def slow(seconds: float) -> World:
    """A world in which reading the whole object takes ``seconds``."""
    world = World(b"id,v\n" + b"".join(b"%d,%d\n" % (number, number) for number in range(ROWS)), on_error=OnError("skip_file"))
    world.read_slowly(seconds)
    return world


@pytest.mark.parametrize("seconds", [95.0, 10_000.0])
def test_object_that_one_invocation_cannot_validate_fails_after_some_tries(seconds: float) -> None:
    """The next invocation would get no further; more than one try, because S3 is slow at times."""
    world = slow(seconds)
    verdicts = [world.arrive(seconds=TURN_S)]
    while isinstance(verdicts[-1], Again) and len(verdicts) < 2 * ATTEMPTS_MAX:
        verdicts.append(world.arrive(seconds=TURN_S))
    assert [type(verdict) for verdict in verdicts] == [Again] * (ATTEMPTS_MAX - 1) + [GivenUp]
    assert (world.generation.state, world.generation.code, world.items) == ("FAILED", "VALIDATION_UNENDED", {})
    assert "function.timeout_s" in str(world.generation.hint)


def test_object_whose_validation_takes_all_of_the_time_is_loaded_by_the_next() -> None:
    """What was validated is not validated again."""
    world = slow(80.0)
    started = world.clock.monotonic()
    verdicts = [world.arrive(seconds=TURN_S)]
    while isinstance(verdicts[-1], Again) and len(verdicts) < 10:
        verdicts.append(world.arrive(seconds=TURN_S))
    assert (world.generation.state, len(world.items), world.generation.counts["read"]) == ("LOADED", ROWS, ROWS)
    assert world.clock.monotonic() - started < 3 * 80  # once for all of it, and the header line for each slice


def test_object_that_waits_for_the_next_day_is_not_validated_each_time_it_comes() -> None:
    """A paused message comes every quarter of an hour: the object is neither read for that, nor given up for tries that found no time."""
    world = slow(95.0)
    world.config = replace(world.config, limits=replace(world.config.limits, records_per_day=1))
    Spending(world.ledger_store).add(bytes=1, records=1)
    started = world.clock.monotonic()
    verdicts = [world.arrive(seconds=TURN_S) for _ in range(2 * ATTEMPTS_MAX)]
    assert (set(map(type, verdicts)), world.generation.state, world.generation.code) == ({Again}, "PAUSED", "DAY_LIMIT")
    assert world.clock.monotonic() - started < 1


def test_object_that_was_validated_in_all_of_the_time_is_cut_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """The note of the validation stands where a place to go on would: the chunks begin at their own."""
    monkeypatch.setattr(plan, "CHUNK_BYTES_MIN", 300)
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", 0)
    world = slow(40.0)
    world.arrive(seconds=60.0)
    sent = list(world.tasks)
    world.arrive(seconds=600.0)
    assert (sent, len(world.tasks)) == ([], world.generation.chunks - 1)
    while world.tasks:
        world.work(600.0)
    assert (world.generation.state, len(world.items), world.generation.counts["read"]) == ("LOADED", ROWS, ROWS)


def test_chunk_whose_share_of_rejected_records_is_larger_than_that_of_the_object_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The object was validated as a whole: after that, none of its chunks makes it PARTIAL by a share of its own."""
    monkeypatch.setattr(plan, "CHUNK_BYTES_MIN", 12_000)
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", 0)
    world = World(b"id,v\n" + b"".join(b"%d,v\n" % number for number in range(2800)) + b"x,bad\n" * 200, on_error=OnError("skip_file", None, 10))
    world.arrive_in_vain()
    world.work()
    world.clock.sleep(1000)
    assert world.arrive() is None
    assert (world.generation.state, world.generation.chunks, world.generation.counts["rejected"]) == ("LOADED", 2, 200)


def test_object_is_validated_again_by_changed_rules() -> None:
    """What was right by the old ones may be wrong by the new."""
    world = slow(40.0)
    world.arrive(seconds=50.0)
    (route,) = world.config.routes
    changed = replace(route, columns={"id": Column("number"), "v": Column("boolean")}, on_error=OnError("skip_file", 0))
    world.config = replace(world.config, routes=[changed])
    assert isinstance(world.arrive(seconds=TURN_S), GivenUp)
    assert (world.generation.state, world.generation.code, world.items) == ("FAILED", "TOO_MANY_REJECTS", {})
