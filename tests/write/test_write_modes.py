"""Every mode against a model that applies the records one by one, whatever the table answers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.memory_table import HANGS, Item, MemoryTable
from contracts.virtual_clock import VirtualClock
from headrace.account.outcome import Counts
from headrace.config.model import SINGLE_MODES, Column, Mode, Route, Table
from headrace.encode.mode import compile_members
from headrace.errors import Deadline, HeadraceError, Invalid, RecordError, Throttled, Unavailable
from headrace.ports import Reply
from headrace.record import Block
from headrace.write.batch import FIRST, KEPT_MAX, Entry
from headrace.write.calls import SingleCalls
from headrace.write.pace import WINDOW_FIRST
from headrace.write.single import is_item_of
from headrace.write.writer import Writer

BLOCK = Block(b"x\n", 1, 0)
LOST = Unavailable("CONNECTION_LOST", "reset")
SLOW = Throttled("TABLE_THROTTLED", "slow down")
COLUMNS = {"pk": Column("number"), "version": Column("number"), "a": Column(), "b": Column()}


class Change(NamedTuple):
    """A record: what is to be done to ``pk``, with values made from its line where ``a`` and ``b`` say so."""

    operation: str
    pk: int
    version: int
    has_a: bool
    has_b: bool
    is_poison: bool

    def record(self, line: int) -> dict[str, Any]:
        values = {"a": f"poison{line}" if self.is_poison else f"a{line}"} if self.has_a or self.is_poison else {}
        return {"op": self.operation, "pk": self.pk, "version": self.version, **values, **({"b": f"b{line}"} if self.has_b else {})}


class FaultyTable(MemoryTable):
    """Answers as ``faults`` say, one for each call, then well. Refuses items with poison."""

    def __init__(self, faults: Sequence[str] = (), chance: random.Random | None = None) -> None:
        super().__init__("orders", {"pk": "number"})
        self.faults = list(faults)
        self.chance = chance or random.Random(1)

    def answer(self, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
        if "poison" in str(requests):
            raise Invalid("CALL_REFUSED", "One or more parameter values were invalid")
        fault = self.faults.pop(0) if self.faults else "good"
        if fault in ("throttled", "lost before"):
            raise SLOW if fault == "throttled" else LOST
        if fault == "unprocessed" and requests[0][0] in ("PutRequest", "DeleteRequest"):
            return self._some(requests, keys)
        reply = super().answer(requests, keys)
        if fault == "lost after":
            raise LOST
        return reply

    def _some(self, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
        back = []
        for (kind, content), key in zip(requests, keys, strict=True):
            if self.chance.random() < 0.5:
                back.append({kind: {"Item" if kind == "PutRequest" else "Key": content}})
            else:
                self.apply([(kind, content)], [key])
        return Reply(back, 1.0)


class Run:
    """Records written in one mode, and what came of them."""

    def __init__(self, mode: Mode, table: MemoryTable, *, deadline: float = float("inf")) -> None:
        self.table = table
        self.clock = table.clock = VirtualClock(1000.0)
        self.counts = Counts()
        self.rejected: list[int] = []
        route = Route("r", "**", "jsonl", "orders", columns=COLUMNS, mode=mode, newer_by="version" if mode == "newer_wins" else "", operation="op")
        self.encode = compile_members(route, Table({"pk": "number"}))
        is_single = mode in SINGLE_MODES
        self.writer = Writer(
            table, "orders", table.key, counts=self.counts, clock=self.clock, deadline=deadline, reject=self._reject, units_per_s=None, is_single=is_single
        )

    def _reject(self, entry: Entry, error: RecordError) -> None:
        assert error.code == "ITEM_REFUSED"
        self.counts.rejected += 1
        self.rejected.append(entry[FIRST])

    def add(self, line: int, record: dict[str, Any]) -> None:
        self.counts.read += 1
        self.writer.write([(*self.encode(record), BLOCK, line, line)])

    def write(self, records: Sequence[dict[str, Any]]) -> None:
        for line, record in enumerate(records):
            self.add(line, record)
        self.writer.finish()
        self.counts.require_balance()


@contextmanager
def running(mode: Mode, table: MemoryTable, **settings_: Any) -> Iterator[Run]:
    run = Run(mode, table, **settings_)
    try:
        yield run
    finally:
        run.writer.close()
        assert table.violations == []


def modelled(mode: Mode, changes: Sequence[Change], stored: dict[int, dict[str, Any]]) -> tuple[dict[int, dict[str, Any]], int, list[int]]:
    """The table after the changes one by one, how many of them an item kept out, and the lines that it refused."""
    existed, refused = 0, []
    for line, change in enumerate(changes):
        record = {name: value for name, value in change.record(line).items() if name != "op"}
        there = stored.get(change.pk)
        is_delete = change.operation == "D"
        is_older = mode == "newer_wins" and there is not None and not ("version" in there and there["version"] <= change.version)
        if change.is_poison and not is_delete:
            refused.append(line)
        elif is_older or (mode == "insert_only" and there is not None and not is_delete):
            existed += 1
        elif is_delete:
            stored.pop(change.pk, None)
        else:
            stored[change.pk] = {**there, **record} if mode == "update" and there else record
    return stored, existed, refused


def wire(record: dict[str, Any]) -> Item:
    return {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in record.items()}


changes = st.builds(
    Change,
    st.sampled_from(["I", "I", "U", "D"]),
    st.integers(0, 4) | st.integers(0, 60),
    st.integers(0, 5),
    st.booleans(),
    st.booleans(),
    st.sampled_from([False, False, False, False, True]),
)
before = st.dictionaries(st.integers(0, 4), st.sampled_from([{}, {"version": 0}, {"version": 3, "a": "x"}, {"version": 9}]))


@pytest.mark.parametrize("mode", ["put", "insert_only", "update", "newer_wins"])
@settings(max_examples=100, deadline=None)
@given(
    st.lists(changes, max_size=60),
    before,
    st.lists(st.sampled_from(["good", "good", "throttled", "lost before", "lost after", "unprocessed"]), max_size=40),
    st.randoms(use_true_random=False),
)
def test_table_and_counts_are_those_of_the_records_one_by_one(
    mode: Mode, drawn: list[Change], stored: dict[int, dict[str, Any]], faults: list[str], chance: random.Random
) -> None:
    """Repeats, throttles, answers lost before and after the write, items handed back or refused, keys that come again, items there before."""
    if mode == "insert_only":  # an item equal to the one that a lost answer was for cannot be told from it: the records are to differ
        drawn = [change._replace(has_b=True) for change in drawn]
    table = FaultyTable(faults, chance)
    table.pick = chance.randrange
    table.is_slow = chance.random() < 0.5
    at_first = {pk: {"pk": pk, **values} for pk, values in stored.items()}
    table.stored = {table.key_of(wire(item)): wire(item) for item in at_first.values()}
    with running(mode, table) as run:
        run.write([change.record(line) for line, change in enumerate(drawn)])
    expected, existed, refused = modelled(mode, drawn, at_first)
    assert table.stored == {table.key_of(wire(item)): wire(item) for item in expected.values()}
    assert run.counts.existed == existed
    assert run.counts.calls == len(table.calls)
    if mode == "put":  # of which records that others of their key supersede are not sent at all
        assert set(run.rejected) <= set(refused)
    else:
        assert sorted(run.rejected) == refused
        assert (run.counts.superseded, run.counts.written) == (existed, len(drawn) - existed - len(refused))


RICH = {"a": "x", "b": "y", "version": 10}


def test_insert_whose_answer_is_lost_finds_its_own_item_and_counts_as_written() -> None:
    """The item comes back in the table's notation: numbers written otherwise."""
    with running("insert_only", FaultyTable(["lost after", "lost before", "throttled"])) as run:
        run.write([{"op": "I", "pk": "1e1", "version": "1e1", "a": "x"}])
    assert (run.counts.written, run.counts.existed, run.counts.calls) == (1, 0, 4)


@pytest.mark.parametrize(
    ("existing", "is_own"),
    [
        ({"pk": {"N": "10"}, "s": {"SS": ["b", "a"]}, "m": {"M": {"l": {"L": [{"NS": ["2", "1"]}, {"NULL": True}]}}}, "b": {"B": "AA=="}}, True),
        ({"pk": {"N": "10"}, "s": {"SS": ["b", "a"]}, "m": {"M": {"l": {"L": [{"NULL": True}, {"NS": ["2", "1"]}]}}}, "b": {"B": "AA=="}}, False),
        ({"pk": {"N": "10"}, "s": {"SS": ["b"]}, "m": {"M": {"l": {"L": [{"NS": ["2", "1"]}, {"NULL": True}]}}}, "b": {"B": "AA=="}}, False),
        ({"pk": {"N": "10"}}, False),
        (None, False),
    ],
)
def test_item_is_known_again_in_whatever_notation_it_comes_back(existing: Any, *, is_own: bool) -> None:
    """Numbers by value, sets in any order; lists in theirs."""
    item = '{"pk":{"N":"1E1"},"b":{"B":"AA=="},"s":{"SS":["a","b"]},"m":{"M":{"l":{"L":[{"NS":["1.0","2"]},{"NULL":true}]}}}}'
    assert is_item_of(("k", f'PutItem "Item":{item},"ConditionExpression":"x"', BLOCK, 1, 1), existing) == is_own


def test_insert_whose_answer_is_lost_and_that_finds_another_item_existed() -> None:
    """The first attempt was not applied either."""
    table = FaultyTable(["lost after"])
    table.stored = {'["1"]': {"pk": {"N": "1"}}}
    with running("insert_only", table) as run:
        run.write([{"op": "I", "pk": 1, **RICH}])
    assert (run.counts.written, run.counts.superseded, run.counts.existed) == (0, 1, 1)


def test_insert_that_finds_an_equal_item_at_its_first_attempt_existed() -> None:
    """As when an object is loaded again."""
    table = FaultyTable()
    for written in (1, 0):
        with running("insert_only", table) as run:
            run.write([{"op": "I", "pk": 1, **RICH}])
        assert (run.counts.written, run.counts.existed) == (written, 1 - written)


def test_repeat_of_an_insert_is_no_excuse_for_the_next_record_of_its_key() -> None:
    """What is known about a lost answer ends with its own record."""
    with running("insert_only", FaultyTable(["lost after"])) as run:
        run.write([{"op": "I", "pk": 1, **RICH}] * 2)
    assert (run.counts.written, run.counts.existed) == (1, 1)


def test_single_writes_of_different_keys_are_in_flight_together_up_to_the_window() -> None:
    """One call for each item is bearable only if they do not wait for each other."""
    table, most = FaultyTable(), 0
    table.is_slow = True
    with running("update", table) as run:
        for line in range(3000):
            run.add(line, {"op": "U", "pk": line, **RICH})
            most = max(most, len(table._waiting))
        run.writer.finish()
    assert most == SingleCalls.window_max
    assert (run.counts.calls, run.counts.written) == (3000, 3000)


def test_records_of_one_key_that_wait_are_bounded_in_number_and_size() -> None:
    """A key that comes for ever waits for its own answers and keeps nothing else."""
    for size, most in ((1, KEPT_MAX), (300_000, 30)):
        table = FaultyTable()
        table.answer = lambda requests, keys: HANGS  # type: ignore[method-assign]
        with running("update", table, deadline=1010.0) as run, pytest.raises(Deadline):
            for line in range(1000):
                run.add(line, {"op": "U", "pk": 1, "version": 1, "a": "x" * size})
        assert WINDOW_FIRST < run.counts.read <= most + 2
        assert run.counts.calls == 1


def test_condition_that_fails_is_counted_with_the_units_of_the_larger_item() -> None:
    """It is billed, and the answer does not say so."""
    table = FaultyTable()
    with running("insert_only", table) as run:
        run.write([{"op": "I", "pk": 1, "version": 1, "a": "x" * 3000}])
    units = run.counts.write_units
    with running("insert_only", table) as run:
        run.write([{"op": "I", "pk": 1, "version": 1}])
    assert (units, run.counts.write_units) == (1.0, 3.0)


def test_error_that_cannot_pass_ends_single_writes_at_once() -> None:
    """As it ends batches."""
    table = FaultyTable()
    table.answer = lambda requests, keys: (_ for _ in ()).throw(HeadraceError("DEFECT", "no"))  # type: ignore[method-assign]
    with running("update", table) as run, pytest.raises(HeadraceError):
        run.write([{"op": "U", "pk": line, **RICH} for line in range(1000)])
    assert len(table.calls) <= WINDOW_FIRST
