"""Four versions of one object, told of in every order, more than once, in both forms of events."""

from __future__ import annotations

import random
from itertools import permutations

import pytest

from simulator import uploads
from simulator.checks import check_end
from simulator.faults import Faults
from simulator.run import constants, settle
from simulator.sweeps import sweep
from simulator.target_table import TAG
from simulator.world import Scale, World

APART_S = {"one after the other": 500.0, "all at once": 0.0}
KEY = "rows/k"


@pytest.mark.parametrize("is_versioned", [True, False], ids=["versioned", "unversioned"])
@pytest.mark.parametrize("pace", APART_S)
def test_versions_when_told_of_in_any_order_leave_the_last_in_the_table(is_versioned: bool, pace: str) -> None:
    """Rows 1 to 3 of the faults. Where the older ones are loaded at all, the newest comes after them."""
    for order in permutations(range(4)):
        for again in (order, order[::-1], order[2:] + order[:2]):
            world = delivered([*order, *again], is_versioned, APART_S[pace])
            check_end(world)
            assert world.watch.violations == [], (order, again)
            tags = [TAG.search(item["group"]["S"]) for item in world.table.stored.values()]
            assert {tag and tag[1] for tag in tags} == {"3"}, (order, again)
            assert len(tags) == 20


@pytest.mark.parametrize("is_versioned", [True, False], ids=["versioned", "unversioned"])
@pytest.mark.parametrize("is_told", [True, False], ids=["restore told", "restore not told"])
def test_version_that_a_sweep_finds_archived_is_loaded_after_its_restore(is_versioned: bool, is_told: bool) -> None:
    """Row 12 of the faults: it counts from the sweep on, though it cannot be read, and an event without a sequencer wakes it, or a later sweep."""
    scale = Scale(is_versioned=is_versioned, chunk_bytes=300)
    world = World(1, scale, Faults(1, rates={}))
    with constants(scale):
        random.seed(1)
        world.upload(KEY, distinct(0), ["classic"])
        archived = world.upload(KEY, distinct(1), [])
        archived.is_archived = True
        world.timeline.at(1000.0, lambda: sweep(world))
        assert world.timeline.run()
        (waiting,) = (meta for meta in world.ledger.items.values() if meta.get("etag") == archived.etag and "state" in meta)
        assert waiting["state"] == "WAITING_RESTORE"
        if is_told:
            world.restore(archived)
        archived.is_archived = False
        assert settle(world)
    check_end(world)
    assert world.watch.violations == []
    tags = [TAG.search(item["group"]["S"]) for item in world.table.stored.values()]
    assert {tag and tag[1] for tag in tags} == {"1"}


def delivered(order: list[int], is_versioned: bool, apart_s: float) -> World:
    """A world in which four versions, of the same keys, are there at first, and then the events come in ``order``."""
    scale = Scale(is_versioned=is_versioned, chunk_bytes=300)
    world = World(1, scale, Faults(1, rates={}))
    forms = (uploads.FORMS[0], uploads.FORMS[1])
    with constants(scale):
        random.seed(1)
        versions = [world.upload(KEY, distinct(number), []) for number in range(4)]
        for at, number in enumerate(order):
            version = versions[number]
            world.send_event(uploads.event_of(version, forms[(number + at // 4) % 2]), (version,), at * apart_s)
        assert settle(world)
    return world


def distinct(upload: int) -> uploads.Content:
    """20 records of 20 keys, the same in every version."""
    lines = [f"k-{number},T{upload}x{number},{number}\n" for number in range(20)]
    starts = [15 + sum(map(len, lines[:number])) for number in range(20)]
    rows = tuple(uploads.Row(f"k-{number}", f"T{upload}x{number}", True, False, starts[number]) for number in range(20))
    return uploads.Content(("id,group,value\n" + "".join(lines)).encode(), rows, False)
