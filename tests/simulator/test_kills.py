"""Kill everywhere: a load in three chunks, killed before and after each of its calls, ends as if nothing had happened."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from headrace.ledger.entries import Generation, meta_key, parsed
from simulator import uploads
from simulator.checks import COUNTED, check_end
from simulator.faults import Faults
from simulator.function import KillPoint
from simulator.run import constants, settle
from simulator.uploads import Content
from simulator.world import Scale, World

SCALE = Scale(chunk_bytes=200, piece_bytes=300)
SCANNED = SCALE._replace(scan_bytes_per_s=60)
"""Too slow for one scan: blocks of some 500 bytes are scanned each by itself."""


class End(NamedTuple):
    """What is left of a load."""

    items: dict[str, Any]
    counts: dict[str, float]
    rejects: list[str]
    chunks: int


def content_of(key: str) -> Content:
    """Some records, some dirty, some of one key; these are near each other, and mostly in one chunk."""
    for seed in range(100_000):
        content = uploads.content_of(key, 0, 40, random.Random(seed))
        places: dict[str, list[int]] = {}
        for number, row in enumerate(content.rows):
            places.setdefault(row.id, []).append(number)
        if not content.is_gzip and content.rejected and len(places) < 40 and all(at[-1] - at[0] < 15 for at in places.values()):
            return content
    raise AssertionError("no such content")


def loaded(key: str, content: Content, scale: Scale, kill: KillPoint | None = None) -> tuple[End, World]:
    """Load one object, killed once."""
    world = World(1, scale, Faults(1, rates={}), kill=kill, has_trace=True)
    with constants(scale):
        random.seed(1)
        version = world.upload(key, content, ["classic"])
        assert settle(world)
    states = check_end(world)
    assert (world.watch.violations, dict(states)) == ([], {"LOADED": 1})
    assert not [line for line in world.trace or () if "swept" in line and "revived=0" not in line], "the queue alone has to do"
    (generation,) = [each for each, known in world.by_generation.items() if known is version and meta_key(each) in world.ledger.items]
    meta = parsed(Generation, world.ledger.items[meta_key(generation)])
    names = [name for (pk, sk), item in world.ledger.items.items() if pk == f"g#{generation}" and sk != "meta" for name in item.get("rejects", ())]
    lines = sorted(json.dumps(json.loads(line)["raw"]) for name in names for line in world.rejects[name].splitlines())
    return End(world.table.stored, {name: meta.counts.get(name, 0) for name in COUNTED}, lines, meta.chunks), world


@pytest.mark.parametrize(("key", "scale"), [("rows/k", SCALE), ("ordered/k", SCALE), ("skip/k", SCALE), ("rows/k", SCANNED), ("ordered/k", SCANNED)])
def test_load_when_killed_before_or_after_any_call_ends_the_same(key: str, scale: Scale) -> None:
    """Rows 27, 28, 33, 34, 35 of the faults: every kill point, redelivered by the queue alone."""
    content = content_of("rows/k")
    if key == "skip/k":
        content = replace(content, rows=tuple(row for row in content.rows), stored=content.stored.replace(b",many", b",1"))
        content = replace(content, rows=tuple(row._replace(is_good=True) for row in content.rows))
    expected, world = loaded(key, content, scale)
    assert expected.chunks >= 3
    assert len(world.calls) > 60
    for number in range(len(world.calls)):
        for is_after in (False, True):
            end, _ = loaded(key, content, scale, KillPoint(number, is_after))
            assert end == expected, f"killed {'after' if is_after else 'before'} call {number}, {world.calls[number]}"
