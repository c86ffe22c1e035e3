"""Objects too large for one scan: their blocks are scanned by many, and the chunks are those of a read from the beginning."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace import cutting
from headrace.config.model import OnError
from headrace.cutting import BLOCKS_MAX, SCAN_SHARE, scan_spans
from headrace.errors import ObjectError, Throttled, Unavailable
from headrace.ledger.changes import CHUNKS_A_TIME
from headrace.ledger.entries import COUNT
from headrace.ports import ObjectRef, OpenedObject, Task
from headrace.record import Start
from headrace.split import plan
from headrace.split.plan import OBJECT_CHUNKS_MAX, chunk_bytes_for
from headrace.split.scan import CHUNKS_MAX
from headrace.verdicts import Again, GivenUp
from headrace.worker import ATTEMPTS_MAX
from loader.world import World, code_of

LIMIT = 20_000
"""Messages handled in a test at most."""
TB = 10**12


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 300 bytes; a function scans 3 bytes a second, 300 in half of 200 s."""
    monkeypatch.setattr(plan, "CHUNK_BYTES_MIN", 300)
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", 0)
    monkeypatch.setattr(cutting, "SCAN_BYTES_PER_S", 3)


def finished(world: World, chance: random.Random, seconds: float = 200.0) -> World:
    """Handle messages in any order, some of them twice, until none is left."""
    messages: list[Task | None] = [None]
    for _ in range(LIMIT):
        messages += world.tasks
        world.tasks.clear()
        if not messages:
            return world
        message = messages.pop(chance.randrange(len(messages)))
        turn = world.turn(seconds)
        verdict = world.arrive(seconds=seconds) if message is None else world.loader().task(message, turn)
        if verdict is not None or chance.random() < 0.1:
            messages.append(message)
        if isinstance(verdict, Again) and verdict.seconds:
            world.clock.sleep(verdict.seconds)
    raise AssertionError(f"{len(messages)} messages left: {world.said[-5:]}")


def row(number: int, kind: int) -> bytes:
    """A record, some with line ends and quotes in quotes, with CRLF, or without a number as its key."""
    forms = (b"%d,v%d\n", b'%d,"v%d\n\nand ""more"", or less"\r\n', b'%d,"v%d,\r\n"\n', b"%dx,v%d\n", b"%d,v%d\r\n")
    return forms[kind] % (number, number)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(40, 250),
    st.integers(0, 10**6),
    st.sampled_from([{}, {"order": "file"}]),
    st.integers(1, 12),
    st.sampled_from([12, 60, 200]),
)
def test_object_scanned_in_blocks_is_loaded_as_one_read_from_its_beginning(count: int, seed: int, route: dict[str, Any], speed: int, seconds: int) -> None:
    """The same items, counts, rejected records and lines, whatever the blocks, the time and the order; also where keys come again."""
    chance = random.Random(seed)
    keys = [chance.randrange(count) if route and chance.random() < 0.3 else number for number in range(count)]
    content = b"id,v\n" + b"".join(row(key, chance.randrange(5)) for key in keys)
    policy = OnError(max_rejects=None)
    whole = World(content, on_error=policy, **route)
    whole.ref = whole.ref.__class__(**{**whole.ref.__dict__, "size": 1})  # too small to be cut, for whoever believes it
    assert whole.arrive(seconds=10_000) is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "SCAN_BYTES_PER_S", speed)
        world = finished(World(content, on_error=policy, **route), chance, seconds)
    names = ("read", "written", "rejected")
    assert world.generation.state == whole.generation.state == "LOADED"
    assert (world.items, world.kept()) == (whole.items, whole.kept())
    if not route:  # else what comes again is superseded within a chunk, or not
        assert [world.generation.counts[name] for name in names] == [whole.generation.counts[name] for name in names]
    chunks = list(world.ledger.chunks(world.generation.id))
    assert world.generation.chunks_done == len(chunks) == world.generation.chunks
    if len(content) > max(500, SCAN_SHARE * 0.9 * seconds * speed):
        assert world.generation.scans
        assert [chunk.work for chunk in chunks[: world.generation.scans + 1]] == ["scan"] * world.generation.scans + ["plan"]


def test_plan_that_gets_nowhere_is_given_up() -> None:
    """Where one invocation has no time to add a single chunk, neither has the next."""
    world = World(b"id,v\n" + b"".join(row(number, 0) for number in range(400)))
    world.arrive()
    while world.generation.chunks_done < world.generation.scans:
        world.work()
    (task,) = world.tasks
    verdicts = [world.loader().task(task, world.turn(0.0)) for _ in range(ATTEMPTS_MAX + 1)]
    assert [type(verdict) for verdict in verdicts] == [Again] * ATTEMPTS_MAX + [GivenUp]
    assert (world.generation.state, world.generation.code) == ("FAILED", "GIVEN_UP")


def test_scan_that_has_little_time_or_breaks_off_is_gone_on_with() -> None:
    """Each invocation commits what it scanned, and reads it never again."""
    content = b"id,v\n" + b"".join(row(number, number % 5) for number in range(1000))
    world = World(content, on_error=OnError(max_rejects=None))
    opened, starts = world.open, []

    def slow(ref: ObjectRef, offset: int) -> OpenedObject:
        starts.append(offset)
        found = opened(ref, offset)
        if 0 < world.generation.scans <= world.generation.chunks_done:
            return found
        return OpenedObject(SlowBody(world, found.body), found.total_bytes, found.etag, found.version_id)

    world.open = slow  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "SCAN_BYTES_PER_S", 400)
        finished(world, random.Random(1), 40)
    assert (world.generation.state, world.generation.counts["read"]) == ("LOADED", 1000)
    scans = [chunk for chunk in world.ledger.chunks(world.generation.id) if chunk.work == "scan"]
    assert len(scans) >= 2
    begun = [start for start in starts if any(scan.start < start < (scan.end or 0) for scan in scans)]
    assert len(begun) > 10 * len(scans)


class SlowBody:
    """100 bytes a second, and after 150 it breaks off."""

    def __init__(self, world: World, body: Any) -> None:
        self._world, self._body, self._read = world, body, 0

    def read(self, amount: int, /) -> bytes:
        if self._read >= 150:
            raise Unavailable("STREAM_CUT", "broke")
        self._world.clock.sleep(0.1)
        self._read += 10
        return bytes(self._body.read(10))

    def close(self) -> None:
        self._body.close()


@pytest.mark.parametrize(
    ("error", "state"), [(ObjectError("OBJECT_MISSING", "gone"), "MISSING"), (ObjectError("OBJECT_CHANGED", "new"), "SUPERSEDED")], ids=["gone", "replaced"]
)
def test_object_that_is_gone_while_it_is_scanned_ends_as_such(error: ObjectError, state: str) -> None:
    """As it does while it is loaded."""
    world = World(b"id,v\n" + b"".join(row(number, 0) for number in range(300)))
    world.arrive(seconds=200)
    world.objects.refusals = [None] * len(world.objects.asked) + [error]
    assert world.work(200)[0] is None
    assert world.generation.state == state
    assert finished(world, random.Random(1)).generation.state == state


def test_messages_that_cannot_be_sent_while_chunks_are_planned_are_sent_later() -> None:
    """What is planned stays so; nobody waits for a sweep."""
    world = World(b"id,v\n" + b"".join(row(number, 0) for number in range(300)))
    world.arrive(seconds=200)
    task = world.tasks[-1]
    waiting = list(world.work(200))
    assert [code_of(verdict) for verdict in waiting if verdict] == ["AWAITED"]
    send, fails = world.tasks, 2

    class Failing(list[Task]):
        def extend(self, tasks: Any) -> None:
            nonlocal fails
            if fails:
                fails -= 1
                raise Throttled("SQS_THROTTLED", "slow down")
            send.extend(tasks)

    world.tasks = Failing()
    verdicts = [world.loader().task(task, world.turn(200)) for _ in range(3)]
    assert [code_of(verdict) for verdict in verdicts if verdict] == ["SQS_THROTTLED", "SQS_THROTTLED"]
    world.tasks = send
    assert set(world.work(200)) == {None}
    assert (world.generation.state, world.generation.counts["read"]) == ("LOADED", 300)


def test_chunks_are_planned_some_at_a_time_and_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """An invocation without time for all leaves the rest to the next, which sends no message twice but the last ones."""
    monkeypatch.setattr(plan, "CHUNK_BYTES_MIN", 10)
    content = b"id,v\n" + b"".join(row(number, 0) for number in range(1000))
    world = World(content)
    world.ledger_store.around = lambda operation, is_done: world.clock.sleep(8 if operation == "transact" and is_done else 0)
    finished(world, random.Random(1), 200)
    assert (world.generation.state, world.generation.counts["read"]) == ("LOADED", 1000)
    assert world.generation.chunks - world.generation.scans > 5 * CHUNKS_A_TIME


def test_chunk_s_own_counts_are_those_of_its_records_alone() -> None:
    """Scans count nothing."""
    world = finished(World(b"id,v\n" + b"".join(row(number, 0) for number in range(300))), random.Random(3))
    items = [item for (pk, sk), item in world.ledger_store.items.items() if sk.startswith("c#") and item["work"] != "load"]
    assert len(items) > 3
    assert not [name for item in items for name in item if name.startswith(COUNT)]


@pytest.mark.parametrize("size", [10**10, 10**11, TB, 5 * TB, 50 * TB])
@pytest.mark.parametrize("timeout_s", [30, 300, 900])
def test_plan_of_an_object_of_any_size_is_one_that_functions_can_carry_out(size: int, timeout_s: int) -> None:
    """Up to 50 TB, the largest object in S3: numbers only, no byte is read."""
    chunk_bytes = chunk_bytes_for(size, 200.0)
    *blocks, last = scan_spans(Start(30, 2), size, chunk_bytes, int(SCAN_SHARE * timeout_s * 40_000_000))
    assert (blocks[0].start, blocks[0].first_line, blocks[-1].end, last.work) == (30, 2, size, "plan")
    assert all(one.end == other.start for one, other in pairwise(blocks))
    largest = max((block.end or 0) - block.start for block in blocks)
    assert len(blocks) <= BLOCKS_MAX + 1  # laid out and sent by whoever took the event: 11 transactions, 101 calls
    assert largest <= CHUNKS_MAX * chunk_bytes  # the ledger item of a scan holds it
    assert largest / 40_000_000 <= max(SCAN_SHARE * timeout_s, 50 * TB / BLOCKS_MAX / 40_000_000)
    assert len(blocks) + 1 + -(-size // chunk_bytes) + 1 < min(10**8, 2**20)  # digits of a chunk's key, bits of a chunk's number
    assert -(-size // chunk_bytes) <= OBJECT_CHUNKS_MAX


def test_scans_of_the_largest_block_are_kept_in_the_ledger() -> None:
    """An item holds 400 KB (DynamoDB developer guide, Constraints, 2026-11)."""
    rows = b'"12","%s"\r\n' % (b"x" * 90)
    block = rows * (CHUNKS_MAX // 2 * 1000 // len(rows))
    found = cutting.scan([block], 49 * TB, dialect=cutting.dialect_of(World(b"").config.routes[0], World(b"").config.limits), chunk_bytes=1000)
    assert len(json.dumps(cutting.notes_of(found))) < 300_000
