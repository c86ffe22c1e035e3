"""The writer alone, as a library: items in, report out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from contracts.memory_table import HANGS, Item, MemoryTable
from contracts.virtual_clock import VirtualClock
from headrace.config.model import KeyType
from headrace.errors import Deadline, Denied, HeadraceError, Invalid, Throttled
from headrace.ports import Reply
from headrace.write import ItemsRejected, RejectedItem, Report, TableWriter

PAIR: dict[str, KeyType] = {"pk": "string", "sk": "number"}


class Orders(MemoryTable):
    """Refuses items with poison; answers with ``error`` while there is one."""

    def __init__(self, key: dict[str, KeyType] | None = None) -> None:
        super().__init__("orders", key or {"pk": "string"}, VirtualClock(1000.0))
        self.error: Exception | None = None

    def answer(self, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
        if self.error:
            raise self.error
        if "poison" in str(requests):
            raise Invalid("CALL_REFUSED", "the table says no")
        return super().answer(requests, keys)

    def writer(self, **settings: Any) -> TableWriter:
        assert self.clock
        return TableWriter(self, "orders", self.key, clock=self.clock, **settings)

    @property
    def values(self) -> list[Any]:
        return [item.get("v", {}).get("S") for item in self.stored.values()]


def written(item: Any, key: dict[str, KeyType] | None = None) -> Any:
    """``item`` as it is in the table, or the rejection."""
    table, rejected = Orders(key), list[RejectedItem]()
    with table.writer(on_rejected=rejected.append) as orders:
        orders.put(item)
    return rejected[0] if rejected else next(iter(table.stored.values()))


def test_values_keep_their_types() -> None:
    """Every type of DynamoDB from its type of Python; nothing is a float on the way."""
    item = {
        "pk": "é",
        "sk": 10**30,
        "text": "5",
        "empty": "",
        "integer": -7,
        "exact": Decimal("0.10000000000000000000000000000000000001"),
        "truth": False,
        "nothing": None,
        "bytes": b"\x00",
        "list": [1, ("a",), {"b": None}],
        "texts": {"b", "a"},
        "numbers": frozenset([1]),
        "blobs": {b"\x01", b""},
    }
    assert written(item, PAIR) == {
        "pk": {"S": "é"},
        "sk": {"N": str(10**30)},
        "text": {"S": "5"},
        "empty": {"S": ""},
        "integer": {"N": "-7"},
        "exact": {"N": "0.10000000000000000000000000000000000001"},
        "truth": {"BOOL": False},
        "nothing": {"NULL": True},
        "bytes": {"B": "AA=="},
        "list": {"L": [{"N": "1"}, {"L": [{"S": "a"}]}, {"M": {"b": {"NULL": True}}}]},
        "texts": {"SS": ["a", "b"]},
        "numbers": {"NS": ["1"]},
        "blobs": {"BS": ["", "AQ=="]},
    }


BAD: list[tuple[Any, str, str]] = [
    ({"pk": "1", "sk": 1, "v": 1.5}, "TYPE_MISMATCH", "v"),
    ({"pk": "1", "sk": 1, "v": {"deep": [1.5]}}, "TYPE_MISMATCH", "v"),
    ({"pk": "1", "sk": 1, "v": object()}, "TYPE_MISMATCH", "v"),
    ({"pk": "1", "sk": 1, "v": set()}, "SET_EMPTY", "v"),
    ({"pk": "1", "sk": 1, "v": {1, "a"}}, "NUMBER_INVALID", "v"),
    ({"pk": "1", "sk": 1, "v": Decimal("NaN")}, "NUMBER_INVALID", "v"),
    ({"pk": "1", "sk": 1, "v": 10**38 + 1}, "NUMBER_PRECISION", "v"),
    ({"pk": "1", "sk": 1, "v": "\ud800"}, "ENCODING_INVALID", "v"),
    ({"pk": "1", "sk": 1, 5: "v"}, "NAME_INVALID", "5"),
    ({"pk": "1", "sk": 1, "": "v"}, "NAME_INVALID", ""),
    ({"pk": "1", "sk": 1, "v": "x" * 409_600}, "ITEM_TOO_LARGE", "v"),
    ({"pk": "1"}, "KEY_EMPTY", "sk"),
    ({"pk": "", "sk": 1}, "KEY_EMPTY", "pk"),
    ({"pk": None, "sk": 1}, "KEY_EMPTY", "pk"),
    ({"pk": 1, "sk": 1}, "TYPE_MISMATCH", "pk"),
    ({"pk": "1", "sk": "1"}, "TYPE_MISMATCH", "sk"),
    ({"pk": "1", "sk": True}, "TYPE_MISMATCH", "sk"),
    ({"pk": "1", "sk": 1.0}, "TYPE_MISMATCH", "sk"),
    ({"pk": "x" * 2049, "sk": 1}, "KEY_TOO_LONG", "pk"),
    ("no item", "TYPE_MISMATCH", ""),
    (None, "TYPE_MISMATCH", ""),
]


@pytest.mark.parametrize(("item", "code", "attribute"), BAD, ids=[f"{code}-{number}" for number, (_, code, _) in enumerate(BAD)])
def test_item_that_cannot_be_written_is_rejected_with_its_reason(item: Any, code: str, attribute: str) -> None:
    """Nothing is rounded, guessed or left out."""
    rejected = written(item, PAIR)
    assert (rejected.code, rejected.attribute, rejected.item) == (code, attribute, item)
    assert "expected" in rejected.message


def test_block_with_rejected_items_writes_all_others_and_ends_with_them() -> None:
    """Who does not look at the report is told all the same; also what only the table refuses."""
    table = Orders()
    with pytest.raises(ItemsRejected) as caught, table.writer() as orders:
        for number in range(60):
            orders.put({"pk": str(number), "v": {7: 1.5, 8: "poison"}.get(number, "x")})
    assert str(caught.value).startswith("2 of 60 items given to table orders were rejected; the first: column v: found a Python float")
    report = caught.value.report
    assert (report.given, report.written, report.rejected, report.unknown) == (60, 58, 2, 0)
    assert [(one.code, one.item["pk"], one.attribute) for one in report.rejections] == [("TYPE_MISMATCH", "7", "v"), ("ITEM_REFUSED", "8", "")]
    assert "the table says no" in report.rejections[1].message
    assert len(table.stored) == 58
    assert report == orders.report


def test_rejected_items_when_they_are_taken_do_not_end_the_block_and_are_not_kept() -> None:
    """For streams without end."""
    table, taken = Orders(), list[RejectedItem]()
    with table.writer(on_rejected=taken.append) as orders:
        for number in range(3000):
            orders.put({"pk": str(number), "v": 1.5 if number % 2 else "poison" if number % 100 == 0 else "x"})
    assert (len(taken), orders.report.rejected, orders.report.rejections) == (1530, 1530, ())
    assert orders.report.written == 1470


def test_rejected_items_that_nobody_takes_are_kept_up_to_a_bound() -> None:
    """All are counted."""
    with pytest.raises(ItemsRejected) as caught, Orders().writer() as orders:
        for _ in range(1500):
            orders.put({})
    assert (caught.value.report.rejected, len(caught.value.report.rejections)) == (1500, 1000)


def test_later_item_of_a_key_wins_over_throttles_and_item_that_is_changed_after_it_was_given() -> None:
    """Where boto3's batch_writer writes older rows after newer ones, and whatever a reused dict holds in the end."""
    table = Orders()
    table.is_slow = True
    item = {"pk": "1", "v": ""}
    with table.writer() as orders:
        for number in range(200):
            item["v"] = f"v{number}"
            orders.put(item)
            if number % 50 == 10:
                table.error = Throttled("TABLE_THROTTLED", "slow down")
            elif number % 50 == 12:
                table.error = None
        item["v"] = "never given"
    assert table.values == ["v199"]
    assert orders.report.written + orders.report.superseded == 200


def test_rejected_item_is_given_back_as_it_was_given() -> None:
    """Also when the table refuses it long after it was changed."""
    rejected: list[RejectedItem] = []
    item = {"pk": "1", "v": "poison"}
    with Orders().writer(on_rejected=rejected.append) as orders:
        orders.put(item)
        item["v"] = "changed"
    assert [one.item["v"] for one in rejected] == ["poison"]


def test_delete_takes_the_key_alone() -> None:
    """Another attribute looks like a condition, which it is not: refused."""
    table, rejected = Orders(PAIR), list[RejectedItem]()
    with table.writer(on_rejected=rejected.append) as orders:
        for number in range(3):
            orders.put({"pk": "1", "sk": number})
        orders.delete({"pk": "1", "sk": 0})
        orders.delete({"pk": "1", "sk": 1, "status": "old"})
        orders.delete({"pk": "1"})
    assert [(one.code, one.attribute) for one in rejected] == [("KEY_INVALID", "status"), ("KEY_EMPTY", "sk")]
    assert sorted(table.stored) == ['["1", "1"]', '["1", "2"]']


def test_exception_in_the_block_passes_on_after_what_was_given_is_written() -> None:
    """The lines before the one that failed have been done."""
    table = Orders()
    with pytest.raises(ZeroDivisionError), table.writer() as orders:
        for number in range(30):
            orders.put({"pk": str(number), "v": str(1 // (29 - number))})
    assert (len(table.stored), orders.report.written, orders.report.unknown) == (29, 29, 0)
    assert table.is_closed


def test_exception_in_the_block_when_the_table_fails_too_says_what_is_unknown() -> None:
    """The exception stays what it was, with a note."""
    table = Orders()
    with pytest.raises(ZeroDivisionError) as caught, table.writer() as orders:
        orders.put({"pk": "1"})
        table.error = Denied("TABLE_DENIED", "no")
        raise ZeroDivisionError
    assert caught.value.__notes__ == ["table orders: 1 items given before that are not known to be written: no"]
    assert orders.report.unknown == 1


def test_interrupt_in_the_block_leaves_at_once() -> None:
    """Nothing is waited for; what is in flight is given up, and counted as unknown."""
    table = Orders()
    with pytest.raises(KeyboardInterrupt), table.writer() as orders:
        orders.put({"pk": "1"})
        raise KeyboardInterrupt
    assert (table.calls, orders.report.unknown, table.is_closed) == ([], 1, True)


@pytest.mark.parametrize("is_caught", [True, False])
def test_failure_of_the_table_is_raised_even_if_it_was_caught_in_the_block(is_caught: bool) -> None:
    """No block ends well whose items are not written, and no item is taken any more."""
    table = Orders()
    table.error = Denied("TABLE_DENIED", "no")
    with pytest.raises(Denied), table.writer() as orders:
        for number in range(1000):
            try:
                orders.put({"pk": str(number)})
            except Denied:
                if not is_caught:
                    raise
    assert orders.report.unknown == orders.report.given < 1000
    assert (table.is_closed, table._waiting) == (True, [])


def test_table_that_takes_nothing_for_two_minutes_ends_the_block() -> None:
    """With its reason, in bounded time."""
    table = Orders()
    table.error = Throttled("TABLE_THROTTLED", "slow down")
    with pytest.raises(Deadline, match="slow down"), table.writer() as orders:
        orders.put({"pk": "1"})
    assert orders.report.throttles["table"] == orders.report.calls > 20


def test_items_waiting_are_bounded() -> None:
    """While nothing is answered, nothing is taken beyond the bounds."""
    table = Orders()
    table.answer = lambda requests, keys: HANGS  # type: ignore[method-assign]
    taken = 0

    def give(orders: TableWriter) -> None:
        nonlocal taken
        for number in range(5000):
            orders.put({"pk": str(number)})
            taken += 1
            if table.clock and table.clock.monotonic() > 1000:
                raise KeyboardInterrupt

    table.clock.sleep = _interrupting  # type: ignore[union-attr,method-assign]
    with pytest.raises(KeyboardInterrupt), table.writer() as orders:
        give(orders)
    assert taken < 1000


def _interrupting(seconds: float) -> None:
    raise KeyboardInterrupt


def test_item_given_outside_of_the_block_is_an_error() -> None:
    """Else it would be lost without a word."""
    orders = Orders().writer()
    for act in (lambda: orders.put({"pk": "1"}), lambda: orders.delete({"pk": "1"})):
        with pytest.raises(HeadraceError, match="outside of the with block"):
            act()
    with orders:
        pass
    with pytest.raises(HeadraceError, match="outside of the with block"):
        orders.put({"pk": "1"})
    assert orders.report == Report(0, 0, 0, 0, 0, 0, 0, 0, 0.0, {}, ())


def test_modes_are_those_of_a_route() -> None:
    """One call for each item, in the order in which they were given; what is there counts as existed."""
    table = Orders()
    results = []
    acts: list[tuple[dict[str, Any], Callable[[TableWriter], None]]] = [
        ({"mode": "insert_only"}, lambda orders: [orders.put({"pk": "1", "n": number, "v": str(number)}) for number in (5, 6)] and None),
        ({"mode": "update"}, lambda orders: orders.put({"pk": "1", "w": "x"})),
        ({"mode": "newer_wins", "newer_by": "n"}, lambda orders: [orders.put({"pk": "1", "n": number}) for number in (4, 7)] and None),
        ({"mode": "newer_wins", "newer_by": "n"}, lambda orders: orders.delete({"pk": "1", "n": 6})),
        ({"mode": "newer_wins", "newer_by": "n"}, lambda orders: orders.delete({"pk": "1", "n": 7})),
    ]
    for settings, act in acts:
        with table.writer(**settings) as orders:
            act(orders)
        results.append((orders.report.written, orders.report.existed, orders.report.calls, list(table.stored.values())))
    first = {"pk": {"S": "1"}, "n": {"N": "5"}, "v": {"S": "5"}}
    last = {"pk": {"S": "1"}, "n": {"N": "7"}}
    assert results == [(1, 1, 2, [first]), (1, 0, 1, [first | {"w": {"S": "x"}}]), (1, 1, 2, [last]), (0, 1, 1, [last]), (1, 0, 1, [])]


def test_delete_with_newer_wins_wants_key_and_version_alone() -> None:
    """As without it, any other attribute would look like a condition."""
    rejected: list[RejectedItem] = []
    with Orders().writer(mode="newer_wins", newer_by="n", on_rejected=rejected.append) as orders:
        orders.delete({"pk": "1"})
        orders.delete({"pk": "1", "n": 1, "v": "x"})
    assert [(one.code, one.attribute) for one in rejected] == [("VERSION_MISSING", "n"), ("KEY_INVALID", "v")]


@pytest.mark.parametrize("settings", [{"mode": "upsert"}, {"mode": "newer_wins"}, {"newer_by": "n"}, {"mode": "newer_wins", "newer_by": "pk"}])
def test_settings_that_make_no_sense_are_refused_at_once(settings: dict[str, Any]) -> None:
    """Before anything is given."""
    with pytest.raises(ValueError, match=r"found (mode|newer_by)="):
        Orders().writer(**settings)


@pytest.mark.parametrize("key", [{}, {"pk": "S"}, {"a": "string", "b": "string", "c": "string"}])
def test_key_that_no_table_has_is_refused_at_once(key: Any) -> None:
    """DynamoDB's letters are not headrace's words."""
    with pytest.raises(ValueError, match="expected one or two attributes with their types: string, number or binary"):
        TableWriter(Orders(), "orders", key, clock=VirtualClock())


@pytest.mark.parametrize("name", ["", "my orders", 'a","b', "orders\n", "é" * 3])
def test_name_that_no_table_has_is_refused_at_once(name: str) -> None:
    """It would be each item that DynamoDB refuses, one by one."""
    with pytest.raises(ValueError, match="found the table name"):
        TableWriter(Orders(), name, {"pk": "string"}, clock=VirtualClock())


def test_table_may_be_named_by_its_arn() -> None:
    """As DynamoDB takes it in its calls (API Reference, BatchWriteItem, 2026-11)."""
    TableWriter(Orders(), "arn:aws:dynamodb:eu-west-1:111122223333:table/orders", {"pk": "string"}, clock=VirtualClock())


def test_budget_of_write_units_is_kept() -> None:
    """On the clock of the table: 300 items at 100 units a second take about three seconds."""
    table = Orders()
    with table.writer(units_per_s=100.0) as orders:
        for number in range(300):
            orders.put({"pk": str(number)})
    assert table.clock is not None
    assert 2.5 < table.clock.monotonic() - 1000.0 < 3.5
