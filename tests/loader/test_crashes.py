"""Deaths and failures between two steps that are not one: each was found by the simulator (``tests/simulator``)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, BinaryIO

import pytest

from headrace.config.model import OnError
from headrace.errors import Invalid, ObjectError, Unavailable
from headrace.ledger.spending import Spending
from headrace.ports import ObjectRef, OpenedObject, Task
from headrace.split import plan
from headrace.verdicts import Again
from loader.world import World, code_of

ROWS = b"id,v\n" + b"".join(b"%d,x\n" % number for number in range(100))


class Killed(BaseException):
    """The function dies."""


def test_rejects_that_cannot_be_kept_are_not_counted() -> None:
    """The part is loaded again from its beginning, so nothing of it may be in the ledger yet."""
    world = World(b"id,v\n1,x\nno number,x\n2,x\n")
    store = world.store

    def refuse(name: str, content: BinaryIO) -> str:
        raise Unavailable("S3_UNAVAILABLE", "InternalError")

    world.store = refuse  # type: ignore[method-assign]
    verdict = world.arrive()
    assert isinstance(verdict, Again)
    assert code_of(verdict) == "S3_UNAVAILABLE"
    world.store = store  # type: ignore[method-assign]
    assert world.arrive() is None
    counts = world.generation.counts
    assert (counts["read"], counts["written"], counts["rejected"], world.kept()) == (3, 2, 1, [3])


def test_abort_whose_function_dies_before_it_says_so_is_failed_all_the_same() -> None:
    """What was counted is committed first, then the generation ends: whoever comes in between must not go on after the rejected record."""
    world = World(b"id,v\n1,x\nno number,x\n2,x\n", on_error=OnError("abort"))
    transacts = []

    def die(operation: str, is_done: bool) -> None:
        transacts.extend([operation] if operation == "transact" and not is_done else [])
        if len(transacts) == 3:
            raise Killed

    world.ledger_store.around = die
    with pytest.raises(Killed):
        world.arrive()
    world.ledger_store.around = lambda operation, is_done: None
    world.clock.sleep(1000)
    world.arrive()
    assert (world.generation.state, world.generation.code) == ("FAILED", "TOO_MANY_REJECTS")
    assert 2 not in world.items


def test_cut_whose_function_dies_before_the_messages_sends_them_when_it_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chunks are in the ledger and nobody was told of them."""
    monkeypatch.setattr(plan, "CHUNK_BYTES_MIN", 100)
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", 0)
    world = World(ROWS)

    class Dying(list[Task]):
        def extend(self, tasks: object) -> None:
            raise Killed

    world.tasks = Dying()
    with pytest.raises(Killed):
        world.arrive()
    world.tasks = []
    world.clock.sleep(1000)
    assert world.arrive() is None
    assert len(world.tasks) == world.generation.chunks - 1 > 2
    assert set(world.work()) == {None}
    assert (world.generation.state, len(world.items)) == ("LOADED", 100)


def test_object_that_is_gone_before_its_repeated_keys_are_settled_ends_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be looked for again for ever."""
    monkeypatch.setattr(plan, "CHUNK_BYTES_MIN", 100)
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", 0)
    world = World(b"id,v\n" + b"".join(b"%d,x\n" % (number % 10) for number in range(100)), order="file")
    assert world.arrive() is None
    task = world.tasks[-1]
    assert [code_of(verdict) for verdict in world.work() if verdict] == ["AWAITED"]
    world.tasks = [task]
    opened = world.open

    def gone(ref: ObjectRef, offset: int) -> OpenedObject:
        if ref.bucket == "landing":
            raise ObjectError("OBJECT_MISSING", "not there")
        return opened(ref, offset)

    world.open = gone  # type: ignore[method-assign]
    assert set(world.work()) == {None}
    assert world.generation.state == "MISSING"


def test_repeated_keys_whose_settling_runs_out_of_time_are_settled_when_it_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Being interrupted is no failure of the object."""
    monkeypatch.setattr(plan, "CHUNK_BYTES_MIN", 100)
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", 0)
    world = World(b"id,v\n" + b"".join(b"%d,%d\n" % (number % 10, number) for number in range(100)), order="file")
    world.arrive()
    task = world.tasks[-1]
    world.work()
    opened = world.open

    def slow(ref: ObjectRef, offset: int) -> OpenedObject:
        world.clock.sleep(10 if ref.bucket == "landing" else 0)
        return opened(ref, offset)

    world.open = slow  # type: ignore[method-assign]
    verdicts = [world.loader().task(task, world.turn(30)) for _ in range(world.generation.chunks)]
    assert {code_of(verdict) for verdict in verdicts if verdict} == {"INTERRUPTED"}
    assert (verdicts[-1], world.generation.state) == (None, "LOADED")
    assert {int(item["v"]["S"]) for item in world.items.values()} == set(range(90, 100))


def test_chunks_of_an_object_that_has_to_wait_are_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a limit of the day its first chunk comes again every quarter of an hour: with all messages each time the queue would be full of them."""
    monkeypatch.setattr(plan, "CHUNK_BYTES_MIN", 100)
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", 0)
    world = World(ROWS)
    world.config = replace(world.config, limits=replace(world.config.limits, records_per_day=1))
    Spending(world.ledger_store).add(bytes=1, records=1)
    for _ in range(5):
        assert code_of(world.arrive()) == "DAY_LIMIT"
        world.clock.sleep(900)
    assert (world.generation.state, len(world.tasks)) == ("PAUSED", world.generation.chunks - 1)
    world.clock.sleep(86_400)
    world.config = replace(world.config, limits=replace(world.config.limits, records_per_day=None))
    assert world.arrive() is None
    world.work()
    assert (world.generation.state, len(world.items)) == ("LOADED", 100)


def test_abort_for_what_the_table_refuses_last_keeps_the_record_and_its_count() -> None:
    """The table says so when all is read already; the rejected record is why the object is FAILED, so it must be found."""
    world = World(ROWS, on_error=OnError("abort"))
    answer = world.table.answer

    def refuse(requests: Any, keys: Any) -> Any:
        if any(item["id"]["N"] == "97" for _, item in requests):
            return Invalid("CALL_REFUSED", "too large for an index")
        return answer(requests, keys)

    world.table.answer = refuse  # type: ignore[method-assign]
    assert code_of(world.arrive()) == "TOO_MANY_REJECTS"
    counts = world.generation.counts
    assert (world.generation.state, counts["read"], counts["written"], counts["rejected"], world.kept()) == ("FAILED", 100, 99, 1, [99])
