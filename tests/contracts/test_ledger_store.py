"""What every LedgerStore does: in memory, and headrace's own on the embedded AWS (dynalite has no transactions)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from contracts.ledger_tables import ledger_store
from headrace.ledger.entries import chunk_key, head_key
from headrace.ledger.store import Below, Check, Condition, ConditionFailed, In, Is, LedgerStore, Put, Update

ONE = ("g#1", "meta")
TWO = ("g#2", "meta")


@pytest.fixture(params=["memory", "ministack"])
def store(request: pytest.FixtureRequest) -> LedgerStore:
    return ledger_store(request.param, None if request.param == "memory" else request.getfixturevalue("ministack"))


def put(key: tuple[str, str], **values: Any) -> Put:
    return Put({"pk": key[0], "sk": key[1], **values})


def got(store: LedgerStore, key: tuple[str, str] = ONE) -> Any:
    """The item without its key, or None."""
    item = store.get([key]).get(key)
    return None if item is None else {name: value for name, value in item.items() if name not in ("pk", "sk")}


VALUES: dict[str, Any] = {
    "text": 'é€𝄞\u2028"\\\x00\x7f',
    "empty": "",
    "zero": 0,
    "minus": -5,
    "huge": int("f" * 30, 16),
    "half": 2.5,
    "truth": True,
    "lie": False,
    "several": ["a", "", "b" * 5000],
    "none of them": [],
    "#size": "a reserved word and a placeholder",
}


def test_item_when_put_comes_back_with_the_same_types(store: LedgerStore) -> None:
    """Whole numbers are int, truth values bool, None is left out; a later put replaces all of it."""
    store.transact([put(ONE, **VALUES, nothing=None)])
    assert got(store) == VALUES
    assert {name: type(value) for name, value in got(store).items()} == {name: type(value) for name, value in VALUES.items()}
    store.transact([put(ONE, other=1)])
    assert got(store) == {"other": 1}


def test_get_gives_what_is_there_and_only_that(store: LedgerStore) -> None:
    """A missing item is no error."""
    store.transact([put(ONE, a=1)])
    assert store.get([ONE, TWO]) == {ONE: {"pk": ONE[0], "sk": ONE[1], "a": 1}}


def test_update_sets_adds_and_removes(store: LedgerStore) -> None:
    """Numbers that are not there count as 0, fractions add exactly, None removes, the rest stays."""
    store.transact([put(ONE, stays="x", counted=1, units=0.5, gone=1, cleared="y")])
    store.transact([Update(ONE, set={"new": True, "cleared": None}, add={"counted": 2, "units": 0.5, "fresh": -1}, remove=("gone", "never there"))])
    assert got(store) == {"stays": "x", "counted": 3, "units": 1, "fresh": -1, "new": True}


HOLD: list[Condition] = [
    Is("state", "OPEN"),
    Is("number", 5),
    Is("truth", True),
    Is("absent", None),
    In("state", ("DONE", "OPEN")),
    Below("number", 6),
    Below("number", 5.5),
    Below("absent", -100),
]
FAIL: list[Condition] = [
    Is("state", None),
    Is("state", "open"),
    Is("number", "5"),
    Is("number", 6),
    Is("absent", "OPEN"),
    In("state", ("DONE",)),
    In("absent", ("DONE",)),
    Below("number", 5),
    Below("number", -1),
]


@pytest.mark.parametrize("condition", HOLD, ids=repr)
def test_write_when_its_condition_holds_is_applied(store: LedgerStore, condition: Condition) -> None:
    """Also together with others."""
    store.transact([put(ONE, state="OPEN", number=5, truth=True)])
    store.transact([Update(ONE, set={"seen": 1}, conditions=[condition, *HOLD])])
    assert got(store)["seen"] == 1


@pytest.mark.parametrize("condition", FAIL, ids=repr)
@pytest.mark.parametrize("kind", ["put", "update", "check"])
def test_write_when_its_condition_fails_changes_nothing_anywhere(store: LedgerStore, kind: str, condition: Condition) -> None:
    """The error tells which write it was and what was there instead; the writes beside it are not applied either."""
    store.transact([put(ONE, state="OPEN", number=5)])
    writes = {
        "put": Put({"pk": ONE[0], "sk": ONE[1]}, [HOLD[0], condition]),
        "update": Update(ONE, set={"seen": 1}, conditions=[HOLD[0], condition]),
        "check": Check(ONE, [HOLD[0], condition]),
    }
    with pytest.raises(ConditionFailed) as caught:
        store.transact([put(TWO, a=1), writes[kind]])
    assert (caught.value.index, caught.value.key) == (1, ONE)
    assert caught.value.item == {"pk": ONE[0], "sk": ONE[1], "state": "OPEN", "number": 5}
    assert (got(store), got(store, TWO)) == ({"state": "OPEN", "number": 5}, None)


def test_condition_on_an_item_that_is_not_there_sees_only_absences(store: LedgerStore) -> None:
    """And the error says that nothing was there."""
    with pytest.raises(ConditionFailed) as caught:
        store.transact([Update(ONE, set={"a": 1}, conditions=[Is("state", "OPEN")])])
    assert caught.value.item is None
    assert got(store) is None
    store.transact([Put({"pk": ONE[0], "sk": ONE[1], "a": 1}, [Is("pk", None), Below("a", 0)])])
    with pytest.raises(ConditionFailed):
        store.transact([Put({"pk": ONE[0], "sk": ONE[1], "a": 2}, [Is("pk", None)])])
    assert got(store) == {"a": 1}


def test_transaction_takes_100_writes(store: LedgerStore) -> None:
    """That many chunks are planned at a time."""
    store.transact([put(chunk_key("x", number), n=number) for number in range(100)])
    assert [item["n"] for item in store.query("g#x", "c#")] == list(range(100))


def test_query_gives_one_prefix_in_order_over_many_pages(store: LedgerStore) -> None:
    """Both ways, and only as much as is asked for is read."""
    for start in range(0, 250, 50):
        store.transact([put(chunk_key("x", number), n=number, filler="x" * 100) for number in range(start, start + 50)])
    store.transact([put(("g#x", "meta")), put(("g#x", "d")), put(("g#y", "c#00000001"))])
    assert [item["n"] for item in store.query("g#x", "c#")] == list(range(250))
    assert [item["n"] for item in store.query("g#x", "c#", is_descending=True)] == list(range(249, -1, -1))
    assert next(store.query("g#x", "c#"))["n"] == 0
    assert list(store.query("g#none", "c")) == []


def test_listing_holds_an_item_while_it_carries_the_name(store: LedgerStore) -> None:
    """By listed_at, whatever the key; an item moves with its attribute, others are not listed."""
    for number, moment in enumerate(["2026-11-22T10:00:00Z", "2026-11-22T09:00:00Z", "2026-11-23T00:00:00Z"]):
        store.transact([put((f"g#{number}", "meta"), listing="open", listed_at=moment, n=number), put((f"o#{number}", "head"))])
    assert [item["n"] for item in store.listing("open")] == [1, 0, 2]
    assert [item["n"] for item in store.listing("open", is_descending=True)] == [2, 0, 1]
    store.transact([Update(("g#0", "meta"), set={"listing": "ended#2026-11-22"})])
    assert ([item["n"] for item in store.listing("open")], [item["n"] for item in store.listing("ended#2026-11-22")]) == ([1, 2], [0])


KEYS = [
    "x" * 1024,
    "é" * 512,
    "€" * 341 + "x",
    "𝄞" * 256,
    "".join(map(chr, range(1, 128))) * 8 + "\x7f" * 8,
    "a b+c%20/../?&=#\\'\"`:{}\u2028\ufeff\ud7ff\uffff",
    "o#x/y#head",
    "/",
]


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_object_key_of_any_characters_and_length_is_a_ledger_key(store: LedgerStore, key: str) -> None:
    """1,024 bytes of UTF-8 are the most that S3 takes (user guide, object-keys, 2026-11)."""
    assert len(key.encode()) <= 1024
    name = head_key("b" * 63, key)
    store.transact([put(name, object=key)])
    assert store.get([name])[name]["object"] == key
    assert [item["sk"] for item in store.query(name[0], "he")] == ["head"]


def test_now_is_the_time_of_the_table(request: pytest.FixtureRequest, store: LedgerStore) -> None:
    """In seconds since the epoch, never ahead of it, and known before anything else was asked."""
    first = store.now()
    if "ministack" in request.node.name:
        assert -4.0 <= first - time.time() <= 0.0
    assert store.now() >= first
