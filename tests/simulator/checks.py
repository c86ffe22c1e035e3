"""What must hold in the end, when all faults are over and nothing is left to be done."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from headrace.config.match import route_for
from headrace.config.order import is_ordered
from headrace.ledger.entries import Chunk, Generation, Head, chunk_key, head_key, meta_key, parsed
from headrace.ledger.states import FINAL, State
from simulator.bucket import BUCKET, Version
from simulator.target_table import TAG
from simulator.uploads import ROUTES, Content, Row, generations_of
from simulator.world import World

LOSSES = ("event.lost", "sqs.expired")
"""Of an older version nobody hears then: the sweeper looks at current ones."""
BYTES_MANY = 100_000
"""More than what is kept of all rejected records of an upload."""
COUNTED = ("read", "written", "rejected", "filtered", "superseded")


ORDERED = frozenset(route.name for route in ROUTES if is_ordered(route))
TRIED_IN_VAIN = ("GIVEN_UP", "VALIDATION_UNENDED")
"""A slow world may leave an object no time, however often it is tried."""


class Load(NamedTuple):
    """One upload, what was in it, and what the ledger says of it."""

    version: Version
    content: Content
    generation: Generation
    chunks: Sequence[Chunk]


def check_end(world: World) -> Counter[str]:
    """Tell the watch of everything that is not as it must be; returns how many uploads ended in which state."""
    loads: dict[str, list[Load]] = defaultdict(list)
    is_lossy = any(fault.kind in LOSSES for fault in world.faults.injected)
    for version in world.bucket.uploads:
        load = _load(world, version)
        if load is None:
            is_told = not is_lossy and version.version_id is not None
            if is_told or (not _is_loaded_before(world, version) and (not is_lossy or version is world.bucket.current.get(version.key))):
                world.watch.violated("I3", f"upload {version.number} of {version.key} is not in the ledger")
            continue
        loads[version.key].append(load)
        _check_counts(world, load)
        _check_rejects(world, load)
    for each in loads.values():
        _check_state(world, each[-1])
        _check_items(world, each)
    return Counter(load.generation.state for each in loads.values() for load in each)


def _is_loaded_before(world: World, version: Version) -> bool:
    """Whether its content is known already, that of the version that counts if it came last: a listing tells no version, so it is left at that."""
    if version is world.bucket.current.get(version.key):
        head = world.ledger.items.get(head_key(BUCKET, version.key))
        return head is not None and parsed(Head, head).etag == version.etag
    return any(other.etag == version.etag for other in world.bucket.uploads if other.key == version.key and other is not version and _load(world, other))


def _load(world: World, version: Version) -> Load | None:
    items = world.ledger.items
    known = [each for each in generations_of(version) if meta_key(each) in items and world.by_generation[each] is version]
    if not known:
        return None
    # Of event, restore and sweep, the later may find a newer version.
    generation = max(known, key=lambda each: (items[meta_key(each)].get("n_read", 0), items.get(chunk_key(each, 0), {}).get("attempt", 0)))
    meta = parsed(Generation, items[meta_key(generation)])
    chunks = [parsed(Chunk, items[chunk_key(generation, number)]) for number in range(meta.chunks) if chunk_key(generation, number) in items]
    return Load(version, world.contents[version.number], meta, chunks)


def _check_counts(world: World, load: Load) -> None:
    """I1: the sums over the chunks are those of the generation, and of what is in the file where all of it was loaded."""
    counts, about = load.generation.counts, _name(load)
    for name in COUNTED:
        if (total := sum(chunk.counts.get(name, 0) for chunk in load.chunks)) != counts.get(name, 0):
            world.watch.violated("I1", f"{about}: {total} {name} in its chunks, {counts.get(name, 0)} in all")
    if load.generation.state == "LOADED":
        expected = {"read": len(load.content.rows), "rejected": load.content.rejected}
        if found := {name: counts.get(name, 0) for name, count in expected.items() if counts.get(name, 0) != count}:
            world.watch.violated("I1", f"{about}: found {found}, expected {expected}")
        if unfinished := [chunk.number for chunk in load.chunks if chunk.state != "DONE"]:
            world.watch.violated("I1", f"{about}: chunks {unfinished} are not done")


def _check_rejects(world: World, load: Load) -> None:
    """I7: what was counted as rejected is in the files that the chunks name, once."""
    dirty = Counter(row.tag for row in load.content.rows if not row.is_good)
    kept: Counter[str] = Counter()
    for address in (address for chunk in load.chunks for address in chunk.rejects):
        for line in world.rejects.get(address, b"{}\n").splitlines():
            found = TAG.search(json.loads(line).get("raw", ""))
            kept[found[0] if found else f"nothing in {address}"] += 1
    count = load.generation.counts.get("rejected", 0)
    if kept - dirty or sum(kept.values()) != count or (load.generation.state == "LOADED" and kept != dirty):
        world.watch.violated("I7", f"{_name(load)}: {count} counted, kept {dict(kept)}, expected {dict(dirty)}")


def _check_state(world: World, newest: Load) -> None:
    """Of the last upload of a key, whose content is still there, the state follows from what is in it; of the others some end must be known."""
    state = newest.generation.state
    if state not in FINAL:
        world.watch.violated("ends", f"{_name(newest)}: nothing is left to do, and it has not ended")
        return
    expected = _expected_states(world, newest)
    if (
        newest.version is world.bucket.current.get(newest.version.key)
        and state not in expected
        and newest.generation.code not in ("GIVEN_UP", "VALIDATION_UNENDED")
    ):
        world.watch.violated("ends", f"{_name(newest)}: expected {' or '.join(expected)}; {newest.generation.code}: {newest.generation.message}")


def _expected_states(world: World, load: Load) -> tuple[State, ...]:
    route = route_for(world.config.routes, load.version.key)
    assert route
    rejected, limit = load.content.rejected, route.on_error.max_rejects
    if rejected and world.scale.rejects_bytes_max < BYTES_MANY:  # each slice of a load has the limit for itself
        return ("LOADED", "FAILED") if route.on_error.action == "skip_file" else ("FAILED",) if route.on_error.action == "abort" else ("LOADED", "PARTIAL")
    match route.on_error.action:
        case "abort" if rejected:
            return ("FAILED",)
        case "skip_file" if limit is not None and rejected > limit:
            return ("FAILED",)
        case "continue" if limit is not None and rejected > limit:
            return ("PARTIAL",) if load.generation.chunks == 1 else ("PARTIAL", "LOADED")  # chunks under way do not see each other's rejects
    return ("LOADED",)


def _check_items(world: World, loads: Sequence[Load]) -> None:
    """I2: each key of the object's versions has the item of the last accepted record, of the newest version that was loaded."""
    found: dict[str, str] = {}
    for item in world.table.stored.values():
        tag = TAG.search(item["group"]["S"])
        assert tag
        if world.bucket.uploads[int(tag[1])].key == loads[0].version.key:
            found[item["id"]["S"]] = tag[0]
    for id in {row.id for load in loads for row in load.content.rows} | set(found):
        allowed, tag_there = _allowed(loads, id), found.get(id, "")
        if tag_there not in allowed:
            world.watch.violated("I2", f"{loads[0].version.key}: item {id} is of record {tag_there or None}, expected {sorted(allowed)}")


def _allowed(loads: Sequence[Load], id: str) -> set[str]:
    """The tags of the records that may be the item ``id``; ``""`` where there may be none."""
    allowed: set[str] = set()
    for load in reversed(loads):
        rows = [row for row in load.content.rows if row.id == id and row.is_good]
        if load.generation.state == "LOADED" and rows:
            return allowed | ({rows[-1].left} if load.generation.route in ORDERED else _last_of_chunks(rows, load))
        if any(chunk.owner for chunk in load.chunks):
            allowed |= {row.left for row in rows}
    return allowed | {""}


def _last_of_chunks(rows: list[Row], load: Load) -> set[str]:
    """Across chunks any order is right, within one the last record wins."""
    ends = [chunk.end for chunk in load.chunks if chunk.work == "load"]
    return {row.left for row in {next((at for at, end in enumerate(ends) if end is None or row.start < end), 0): row for row in rows}.values()}


def _name(load: Load) -> str:
    return f"upload {load.version.number} of {load.version.key} ({load.generation.state}, {load.generation.id})"
