"""What people are shown, and how long it is kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from datetime import date
from itertools import islice

import pytest

from headrace.ledger.entries import Chunk, Generation, Head, chunk_key, head_key, meta_key
from headrace.ledger.listings import ENDED_NAMES, OPEN_NAMES
from headrace.ledger.results import Ending
from ledger.scene import DONE, Scene, id_of, version


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_history_and_status_need_no_scan(scene: Scene) -> None:
    """By day for what ended, the last first; what is open, the oldest first; the versions of one object, the last first."""
    for number in range(1, 5):
        scene.ledger.commit(scene.claimed(version(number)), DONE)
        scene.clock.sleep(86_400)
    scene.begin(version(5))
    scene.clock.sleep(60)
    scene.begin(version(9, key="other"))
    days = [each.ref for each in scene.ledger.ended(date(2023, 11, 15), date(2023, 11, 16))]
    assert days == [version(3), version(2)]
    assert [each.ref for each in scene.ledger.open()] == [version(5), version(9, key="other")]
    assert [each.ref for each in scene.ledger.of_object("bucket", "path/key.csv")] == [version(number) for number in (5, 4, 3, 2, 1)]
    assert list(scene.ledger.of_object("bucket", "path/key")) == []
    assert list(scene.ledger.ended(date(2023, 11, 16), date(2023, 11, 15))) == []


def test_listings_are_spread_over_their_keys_and_read_as_one(scene: Scene) -> None:
    """One key takes 1,000 writes a second, whatever the table takes."""
    refs = [version(1, key=f"key{number}") for number in range(400)]
    for ref in refs:
        scene.begin(ref)
        scene.clock.sleep(1)
    assert [each.ref for each in scene.ledger.open()] == refs
    assert shares(scene, "open#", OPEN_NAMES) < 0.2
    for ref in refs:
        scene.ledger.end_unclaimed(id_of(ref), Ending("FAILED"))
        scene.clock.sleep(1)
    assert list(scene.ledger.open()) == []
    assert [each.ref for each in scene.ledger.ended(date(2023, 11, 14), date(2023, 11, 14))] == refs[::-1]
    assert shares(scene, "ended#2023-11-14#", ENDED_NAMES) < 0.35


def shares(scene: Scene, prefix: str, names: int) -> float:
    """The greatest share of the items that one of the ``names`` under ``prefix`` has."""
    found = Counter(item["listing"] for item in scene.table.items.values() if "listing" in item)
    assert set(found) == {f"{prefix}{number}" for number in range(names)}
    return max(found.values()) / found.total()


def test_history_of_an_object_is_read_a_part_at_a_time(scene: Scene) -> None:
    """A caller that wants the last 10 of many versions costs one look."""
    for number in range(1, 121):
        scene.ledger.commit(scene.claimed(version(number)), DONE)
        scene.clock.sleep(1)
    scene.table.calls.clear()
    assert len(list(islice(scene.ledger.of_object("bucket", "path/key.csv"), 10))) == 10
    assert scene.table.calls == ["query", "get"]
    assert len(list(scene.ledger.of_object("bucket", "path/key.csv"))) == 120


def test_items_are_deleted_400_days_after_the_end_and_heads_never(scene: Scene) -> None:
    """The time to live is in whole seconds (DynamoDB developer guide, TTL, 2026-11); open generations have none."""
    claim = scene.claimed()
    assert "expires_at" not in scene.table.items[meta_key(id_of(None))]
    scene.ledger.commit(claim, DONE)
    end = int(scene.clock.now()) + 400 * 86_400
    assert [scene.table.items[key]["expires_at"] for key in (meta_key(id_of(None)), chunk_key(id_of(None), 0))] == [end, end]
    pointers = [item for (pk, sk), item in scene.table.items.items() if pk.startswith("o#") and sk.startswith("g#")]
    assert [item["expires_at"] - end for item in pointers] == [400 * 86_400]
    assert "expires_at" not in scene.table.items[head_key("bucket", "path/key.csv")]


def test_reasons_are_kept_short(scene: Scene) -> None:
    """An item holds 400 KB; a message may be as long as a record."""
    scene.ledger.end(scene.claimed(), Ending("FAILED", "CODE", "x" * 10**6, "y" * 10**6))
    assert (len(scene.seen().message or ""), len(scene.seen().hint or "")) == (2000, 2000)


def test_attributes_do_not_collide_with_the_table_s_own() -> None:
    """Keys, index and time to live are not fields; counts have a prefix that no field has."""
    names = {each.name for kind in (Head, Generation, Chunk) for each in fields(kind)}
    assert not names & {"pk", "sk", "listing", "listed_at", "expires_at"}
    assert not [name for name in names if name.startswith("n_")]
