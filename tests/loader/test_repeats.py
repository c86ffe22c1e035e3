"""Keys that come again in another chunk: with ``order: file`` the table is that of the records one by one."""

from __future__ import annotations

import random
from array import array
from dataclasses import replace
from typing import Any, BinaryIO

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from contracts.memory_table import Item
from headrace import key_lists
from headrace.account.outcome import Counts
from headrace.config.model import Column, OnError
from headrace.errors import Invalid, ObjectError, Unavailable
from headrace.key_lists import ALL, OPENINGS_MAX, READ_BYTES, STREAMS_MAX, KeyLists, Place, store_hashes
from headrace.ports import ObjectRef, OpenedObject
from headrace.record import Block
from headrace.repeats import LOOKED_AT, Noting, key_hash, next_repeated
from headrace.split import plan
from headrace.validation import Nowhere
from loader.world import World


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects of more than 300 bytes are cut."""
    monkeypatch.setattr(plan, "CHUNK_BYTES_MIN", 300)
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", 0)


def model(records: list[tuple[int, str, str]]) -> dict[int, str]:
    """The table after the records one by one: (key, value, operation)."""
    table: dict[int, str] = {}
    for key, value, operation in records:
        if operation == "D":
            table.pop(key, None)
        else:
            table[key] = value
    return table


def loaded(records: list[tuple[int, str, str]], chance: random.Random, seconds: float = 300.0, **route: Any) -> World:
    """The records as a CSV, its chunks worked on in any order, messages delivered twice now and then."""
    content = b"id,v,op\n" + "".join(f"{key},{value},{operation}\n" for key, value, operation in records).encode()
    return handled(World(content, **route), chance, seconds)


def handled(world: World, chance: random.Random, seconds: float = 300.0) -> World:
    """Its object loaded, its messages in any order."""
    verdict = world.arrive(seconds=seconds)
    for _ in range(200):
        if verdict is None and not world.tasks:
            break
        if verdict is not None:
            verdict = world.arrive(seconds=seconds)
            continue
        task = world.tasks.pop(chance.randrange(len(world.tasks)))
        if chance.random() < 0.2:
            world.tasks.append(task)
        if world.loader().task(task, world.turn(seconds)) is not None:
            world.tasks.append(task)
    return world


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.just("x"), st.sampled_from("IIUD")), min_size=60, max_size=300), st.randoms(use_true_random=False))
def test_table_is_that_of_the_records_one_by_one_in_whatever_order_chunks_are_loaded(records: list[tuple[int, str, str]], chance: random.Random) -> None:
    """Puts and deletes, each key many times, in many chunks."""
    records = [(key, f"{value}{line}", operation) for line, (key, value, operation) in enumerate(records)]
    world = loaded(records, chance, operation="op")
    assert world.generation.state == "LOADED"
    assert {key: item["v"]["S"] for key, item in world.items.items()} == model(records)
    assert world.generation.counts["read"] == len(records)


def test_only_what_comes_again_in_another_chunk_is_written_twice() -> None:
    """Three keys of a thousand cost three items more."""
    records = [(number, f"v{number}", "I") for number in range(1000)] + [(number, "again", "I") for number in (3, 500, 998)]
    world = loaded(records, random.Random(1), order="file")
    assert {key: item["v"]["S"] for key, item in world.items.items()} == model(records)
    assert sum(map(len, world.table.calls)) <= 1003 + 3
    assert world.generation.chunks > 10


def test_without_the_order_nothing_is_staged() -> None:
    """What nobody asked for costs nothing."""
    world = loaded([(number, "v", "I") for number in range(300)], random.Random(1))
    assert (world.staged, world.generation.state, len(world.items)) == ({}, "LOADED", 300)


def test_what_was_not_read_of_a_chunk_that_stopped_is_not_settled() -> None:
    """A key stands in the first chunk, and in the last before and after the place where it stopped: what counts is the one that was read."""
    rows = [f"{number},v" for number in range(200)] + ["7,read"] + ["x,bad"] * 3 + ["7,not read", "300,not read"]
    world = World(b"id,v\n" + "".join(f"{row}\n" for row in rows).encode(), order="file", on_error=OnError(max_rejects=2))
    world.arrive()
    for _ in range(20):
        world.work()
    assert (world.generation.state, world.generation.chunks > 3) == ("PARTIAL", True)
    assert (world.items[7]["v"]["S"], 300 in world.items) == ("read", False)


def newest(records: list[tuple[int, str, int, str]]) -> dict[int, str]:
    """The table after the records one by one where a version decides: (key, value, version, operation)."""
    table: dict[int, tuple[str, int]] = {}
    for key, value, version, operation in records:
        if key not in table or table[key][1] <= version:
            if operation == "D":
                table.pop(key, None)
            else:
                table[key] = value, version
    return {key: value for key, (value, _) in table.items()}


VERSIONED = st.tuples(st.integers(0, 12), st.just("x"), st.integers(0, 5), st.sampled_from("IIUD"))


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # to shrink takes minutes
@given(st.lists(VERSIONED, min_size=60, max_size=200), st.randoms(use_true_random=False))
def test_table_is_that_of_the_records_one_by_one_also_where_versions_decide(records: list[tuple[int, str, int, str]], chance: random.Random) -> None:
    """The last record of a key need not win, and a delete forgets the version."""
    records = [(key, f"{value}{line}", version, operation) for line, (key, value, version, operation) in enumerate(records)]
    content = b"id,v,n,op\n" + "".join(f"{key},{value},{version},{operation}\n" for key, value, version, operation in records).encode()
    columns = {"id": Column("number"), "n": Column("number")}
    world = handled(World(content, operation="op", mode="newer_wins", newer_by="n", columns=columns), chance)
    assert (world.generation.state, world.generation.chunks > 2) == ("LOADED", True)
    assert {key: item["v"]["S"] for key, item in world.items.items()} == newest(records)


def test_record_that_the_table_refuses_settles_nothing() -> None:
    """As one whose attribute cannot be the key of an index: the last record of its key that was taken wins."""
    rows = [f"{number},v" for number in range(100)] + ["7,taken"] + [f"{number},v" for number in range(100, 200)] + ["7,refused"]
    world = World(b"id,v\n" + "".join(f"{row}\n" for row in rows).encode(), order="file")
    answer = world.table.answer

    def choosy(requests: list[tuple[str, Item]], keys: list[str]) -> Any:
        if any(item["v"]["S"] == "refused" for _, item in requests):
            raise Invalid("CALL_REFUSED", "Type mismatch for index key")
        return answer(requests, keys)

    world.table.answer = choosy  # type: ignore[method-assign]
    world.arrive_in_vain()
    world.work()
    world.clock.sleep(1000)
    handled(world, random.Random(1))
    assert (world.generation.state, world.generation.counts["rejected"], world.items[7]["v"]["S"]) == ("LOADED", 1, "taken")


def test_keys_that_were_not_waited_for_are_not_noted() -> None:
    """A chunk may stop before the records that it had read but not finished: they would be taken for the last of their keys."""
    hashes, counts = array("Q"), Counts()
    noting = Noting(lambda counts, refused: Nowhere(counts), hashes, counts, lambda entry, error: None)
    noting.write([("read", "", Block(b"", 1, 0), 1, 1)])
    noting.finish()
    noting.write([("read ahead", "", Block(b"", 2, 0), 2, 2)])
    noting.close()
    assert list(hashes) == [key_hash("read")]


def test_chunks_in_slices_are_settled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of hashes go on where the slices do."""
    monkeypatch.setattr(plan, "CHUNK_BYTES_MIN", 6000)
    records = [(number % 1400, f"v{number}", "I") for number in range(1500)]
    content = b"id,v,op\n" + "".join(f"{key},{value},{operation}\n" for key, value, operation in records).encode()
    world = World(content, order="file")
    answer = world.table.answer

    def slow(*arguments: Any) -> Any:
        world.clock.sleep(1.0)
        return answer(*arguments)

    world.table.answer = slow  # type: ignore[method-assign]
    while world.arrive(seconds=20) is not None:
        pass
    for _ in range(100):
        if not world.tasks:
            break
        task = world.tasks.pop()
        if world.loader().task(task, world.turn(20)) is not None:
            world.tasks.append(task)
    assert world.generation.state == "LOADED"
    assert len(world.staged) > world.generation.chunks
    assert {key: item["v"]["S"] for key, item in world.items.items()} == model(records)


def test_chunk_with_more_rejected_records_than_one_part_may_have_is_settled_to_its_end() -> None:
    """It was loaded in slices, each below the limit, which one step of settling passes."""
    rows = [row for number in range(700) for row in (f"{number % 350},v{number}", f"x{number},bad")]
    world = World(b"id,v\n" + "".join(f"{row}\n" for row in rows).encode(), order="file", on_error=OnError(max_rejects=None))
    assert world.arrive() is None
    world.tasks.reverse()
    world.work()
    world.config = replace(world.config, limits=replace(world.config.limits, rejects_bytes_max=300))
    while world.tasks:
        if world.loader().task(world.tasks[-1], world.turn()) is None:
            world.tasks.pop()
    assert (world.generation.state, world.generation.chunks > 10) == ("LOADED", True)
    assert {key: item["v"]["S"] for key, item in world.items.items()} == {key: f"v{key + 350}" for key in range(350)}


def test_staging_that_fails_commits_nothing() -> None:
    """Else a repeated key could be overlooked; the chunk is loaded again."""
    world = World(b"id,v\n" + b"".join(b"%d,x\n" % (number % 50) for number in range(300)), order="file")
    store = world.store

    def fail(name: str, content: BinaryIO) -> str:
        if name.startswith("staging/"):
            raise Unavailable("SERVICE_UNAVAILABLE", "S3 is down")
        return store(name, content)

    world.store = fail  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        world.arrive()
    assert world.generation.counts.get("read", 0) == 0
    world.store = store  # type: ignore[method-assign]
    world.clock.sleep(400)
    assert world.arrive() is None
    while world.tasks:
        world.work()
    assert (world.generation.state, len(world.items)) == ("LOADED", 50)


HASHES = st.integers(0, 2**64 - 1) | st.integers(0, 5) | st.integers(2**64 - 5, 2**64 - 1)


@given(st.lists(st.lists(HASHES, max_size=30), min_size=1, max_size=6), st.integers(1, 3))
def test_repeated_hashes_are_found_with_the_last_chunk_they_are_in(chunks: list[list[int]], most: int) -> None:
    """In portions that bound the memory, each going on where the one before ended."""
    found: dict[int, int] = {}
    first = 0
    while first < ALL:
        lists = [(number, iter(sorted(value for value in hashes if value >= first))) for number, hashes in enumerate(chunks)]
        portion, first = next_repeated(lists, most=most, is_over=lambda: False)
        assert sum(map(len, portion.values())) <= most
        found |= {value: number for number, values in portion.items() for value in values}
    where = {value: {number for number, hashes in enumerate(chunks) if value in hashes} for hashes in chunks for value in hashes}
    assert found == {value: max(numbers) for value, numbers in where.items() if len(numbers) > 1}


def test_repeated_hashes_when_time_is_over_are_looked_for_up_to_a_hash_that_is_told() -> None:
    """And at least LOOKED_AT of them were looked at before, so that each invocation gets further."""
    lists = [(number, iter(range(3 * LOOKED_AT))) for number in (1, 2)]
    portion, end = next_repeated(lists, is_over=lambda: True)
    assert (portion, end) == ({2: set(range(LOOKED_AT))}, LOOKED_AT)
    assert next_repeated([(1, iter(range(9))), (2, iter(range(9)))], end=5, is_over=lambda: True) == ({2: set(range(5))}, 5)


@pytest.mark.parametrize("span", [2**64, 2**60, 10])
def test_lists_of_hashes_are_read_from_a_hash_on(span: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hashes are spread as they should be without their beginning, and rightly in any case."""
    monkeypatch.setattr(key_lists, "MARGIN", 50)
    store, chance = Store(), random.Random(span)
    values = sorted(chance.randrange(span) for _ in range(4000))
    store_hashes(store, Place("g", 4, 0), array("Q", values), None)
    for at_least in (0, 1, span // 3, span // 2, span - 1, 2**64 - 1):
        store.read = 0
        assert list(KeyLists(store, "rejects").hashes_of(Place("g", 4, 0), at_least)) == [value for value in values if value >= at_least]
        if span == 2**64 and at_least > span // 4:
            assert store.read <= 2 * READ_BYTES + 8 * (4000 * (span - at_least) // span + 500)


def test_list_whose_reading_breaks_off_is_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 closes connections that are idle while others are merged."""
    store = Store()
    store_hashes(store, Place("g", 4, 0), array("Q", range(10_000)), None)
    store.breaks = 3
    assert list(KeyLists(store, "rejects").hashes_of(Place("g", 4, 0))) == list(range(10_000))
    store.breaks = OPENINGS_MAX + 1  # the first comes after bytes
    with pytest.raises(Unavailable):
        list(KeyLists(store, "rejects").hashes_of(Place("g", 4, 0)))


def test_list_of_which_no_byte_comes_is_given_up() -> None:
    """An answer that ends before its first byte, again and again, is no reason to ask for ever."""
    store = Store()
    store_hashes(store, Place("g", 4, 0), array("Q", range(10)), None)
    store.is_empty = True
    with pytest.raises(Unavailable):
        list(KeyLists(store, "rejects").hashes_of(Place("g", 4, 0)))


@pytest.mark.parametrize("at_least", [0, 2**62])
def test_slice_without_a_key_has_an_empty_list(at_least: int) -> None:
    """All its records were rejected; from a hash on, S3 has no byte of it to give."""
    store = Store()
    store_hashes(store, Place("g", 4, 0), array("Q"), 70)
    store_hashes(store, Place("g", 4, 70), array("Q", [7, 2**63]), None)
    assert list(KeyLists(store, "rejects").hashes_of(Place("g", 4, 0), at_least)) == [value for value in (7, 2**63) if value >= at_least]


@pytest.mark.parametrize("at_least", [0, 2**63])
def test_thousands_of_lists_are_merged_with_few_open(at_least: int) -> None:
    """Twenty chunks that a slow table made a hundred slices of each: a function may have 1,024 files open."""
    store, chance = Store(), random.Random(1)
    chunks = {number: [[chance.randrange(2**64) for _ in range(30)] for _ in range(100)] for number in range(20)}
    chunks[7][50][3] = chunks[2][99][9] = 2**63 + 1
    for number, slices in chunks.items():
        for line, values in enumerate(slices):
            store_hashes(store, Place("g", number, line), array("Q", values), line + 1 if line < 99 else None)
    lists = KeyLists(store, "rejects")
    found = next_repeated([(number, lists.hashes_of(Place("g", number, 0), at_least)) for number in chunks], is_over=lambda: False)
    assert found == ({7: {2**63 + 1}}, ALL)
    assert (store.open_most <= STREAMS_MAX + 1, store.open_now) == (True, 0)


class Store:
    """Keeps lists; counts the bytes read of them, and breaks off as often as it is told, in the middle of a number."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.read = self.breaks = self.open_now = self.open_most = 0
        self.is_empty = False

    def store(self, name: str, content: BinaryIO) -> str:
        self.kept[name] = content.read()
        return name

    def open(self, ref: ObjectRef, offset: int) -> OpenedObject:
        content = self.kept[ref.key]
        if offset >= len(content):
            raise ObjectError("OBJECT_CHANGED", "S3 has no such range")
        self.open_now += 1
        self.open_most = max(self.open_most, self.open_now)
        return OpenedObject(Body(self, b"" if self.is_empty else content[offset:]), len(content), None, None)


class Body:
    def __init__(self, store: Store, content: bytes) -> None:
        self._store = store
        self._content = content

    def read(self, amount: int, /) -> bytes:
        if self._store.breaks and len(self._content) < 70_000:
            self._store.breaks -= 1
            raise Unavailable("STREAM_CUT", "broke")
        piece, self._content = self._content[: amount - 3], self._content[amount - 3 :]
        self._store.read += len(piece)
        return piece

    def close(self) -> None:
        self._store.open_now -= 1


def test_lists_of_hashes_are_read_back_in_order() -> None:
    """Slice after slice, each naming the next."""
    store = Store()
    chance = random.Random(1)
    hashes = [[chance.randrange(2**64) for _ in range(5000)] for _ in range(3)]
    starts = [0, 700, 2**40]
    for start, values, following in zip(starts, hashes, [*starts[1:], None], strict=True):
        store_hashes(store, Place("g", 4, start), array("Q", values), following)
    assert list(KeyLists(store, "rejects").hashes_of(Place("g", 4, 0))) == sorted(value for values in hashes for value in values)
