"""Objects of many frames and row groups through the whole loader: cut, loaded in chunks, and the same as a read from the beginning."""

from __future__ import annotations

import io
import random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd

from decode.tables import readers_here
from headrace.split import plan
from loader.world import World

RECORDS = 600


def frames(content: bytes, size: int) -> bytes:
    return b"".join(zstd.compress(content[at : at + size]) for at in range(0, len(content), size))


def parquet(keys: list[int], group: int) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"id": keys, "v": [str(line) for line in range(len(keys))]}), out, row_group_size=group)
    return out.getvalue()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects of more than 300 bytes are cut."""
    monkeypatch.setattr(plan, "CHUNK_BYTES_MIN", 300)
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", 0)


def worked(world: World, seconds: float) -> None:
    """All messages in any order, until none is left; what comes again does so at once."""
    chance, waiting = random.Random(1), [None]
    for _ in range(500):
        if not waiting and not world.tasks:
            return
        waiting += world.tasks
        world.tasks.clear()
        task: Any = waiting.pop(chance.randrange(len(waiting)))
        if (world.arrive(seconds=seconds) if task is None else world.loader().task(task, world.turn(seconds))) is not None:
            waiting.append(task)


def slow(world: World, seconds: float) -> None:
    """Each call takes so long."""
    answer = world.table.answer

    def late(*arguments: Any) -> Any:
        world.clock.sleep(seconds)
        return answer(*arguments)

    world.table.answer = late  # type: ignore[method-assign]


@pytest.mark.parametrize("seconds", [300.0, 12.0])
def test_object_of_many_frames_is_loaded_in_chunks(seconds: float) -> None:
    """Items, counts and the lines of rejected records; also where no chunk is ended in one invocation."""
    bad = range(0, RECORDS, 50)
    content = b"id,v\n" + b"".join(b"%s,%d\n" % (b"x" if number in bad else b"%d" % number, number) for number in range(RECORDS))
    world = World(frames(content, 211))
    slow(world, 1.0)
    worked(world, seconds)
    assert (world.generation.state, world.generation.chunks > 10) == ("LOADED", True)
    assert {name: world.generation.counts[name] for name in ("read", "written", "rejected")} == {"read": RECORDS, "written": RECORDS - 12, "rejected": 12}
    assert world.kept() == [number + 2 for number in bad]
    assert {key: item["v"]["S"] for key, item in world.items.items()} == {number: str(number) for number in range(RECORDS) if number not in bad}


def test_parquet_is_loaded_in_chunks() -> None:
    """Read by processes of their own, as the function does it."""
    world = World(parquet(list(range(RECORDS)), 250), format="parquet")
    worked(world, 300.0)
    assert (world.generation.state, world.generation.chunks, world.generation.counts["read"]) == ("LOADED", 3, RECORDS)
    assert {key: item["v"]["S"] for key, item in world.items.items()} == {number: str(number) for number in range(RECORDS)}


def test_rows_of_one_group_go_on_where_they_were_and_keep_their_order() -> None:
    """They have one byte offset: the number of the row tells the slices apart, whose keys are settled, and that there was progress."""
    keys = [number % 1_980 for number in range(2_000)]
    with readers_here():
        world = World(parquet(keys, 1_000), format="parquet", order="file")
        slow(world, 1.0)
        worked(world, 9.0)
    assert (world.generation.state, world.generation.chunks) == ("LOADED", 3)
    assert len(world.staged) > world.generation.chunks
    assert world.generation.counts["read"] == len(keys)
    assert {key: item["v"]["S"] for key, item in world.items.items()} == {key: str(line) for line, key in enumerate(keys)}
