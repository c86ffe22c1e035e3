"""How the writer paces itself in front of a table with latency and limits, on virtual time."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import accumulate

import pytest

from contracts.virtual_clock import VirtualClock
from headrace.account.outcome import Counts
from headrace.errors import Deadline
from headrace.record import Block
from headrace.write.batch import ITEMS_MAX, Entry
from headrace.write.pace import PAUSE_MAX_S
from headrace.write.writer import GRACE_S, Writer
from write.simulated_table import Capacity, Faults, SimulatedTable

BEGIN = 1000.0
BLOCK = Block(b"x\n", 1, 0)


def put(number: int, size: int = 20, key: object = None) -> Entry:
    """The item ``number`` with about ``size`` bytes, by default with a partition key of its own."""
    identity = f'"pk":{{"S":"k{number if key is None else key}"}},"sk":{{"N":"{number}"}}'
    return (identity, f'{{"PutRequest":{{"Item":{{{identity},"v":{{"S":"{"x" * size}"}}}}}}}}', BLOCK, number, number)


def puts(size: int = 20) -> Iterator[Entry]:
    return (put(number, size) for number in range(10**9))


class Load:
    """A writer before ``table``, and what it counted."""

    def __init__(self, table: SimulatedTable, deadline: float = float("inf"), units_per_s: float | None = None) -> None:
        self.table = table
        self.counts = Counts()
        self.rejected: list[Entry] = []
        self.writer = Writer(
            table,
            "orders",
            table.key,
            counts=self.counts,
            clock=table.time,
            deadline=deadline,
            reject=lambda entry, error: self.rejected.append(entry),
            units_per_s=units_per_s,
        )

    def write(self, entries: Iterable[Entry], until: float = float("inf")) -> None:
        """All of ``entries``, or those that are taken ``until`` a time; then without ``finish``."""
        for entry in entries:
            if self.table.time.monotonic() >= until:
                self.writer.close()
                return
            self.counts.read += 1
            self.writer.write([entry])
        self.writer.finish()
        self.counts.require_balance()
        assert (self.table.violations, self.rejected) == ([], [])


def table_of(**settings: object) -> SimulatedTable:
    return SimulatedTable(VirtualClock(BEGIN), {"pk": "string", "sk": "number"}, **settings)  # type: ignore[arg-type]


def units_between(table: SimulatedTable, start: float, end: float) -> float:
    """Units a second that the table took in this time, counted from the beginning of the load."""
    return sum(units for at, units in table.taken if start <= at - BEGIN < end) / (end - start)


def windows(table: SimulatedTable, seconds: float, end: float) -> tuple[float, float]:
    """The least and the most units a second in any stretch of ``seconds`` before ``end``, counted from the beginning of the load."""
    times, totals = [BEGIN], [0.0]
    for (at, _), total in zip(table.taken, accumulate(units for _, units in table.taken), strict=True):
        times.append(at)
        totals.append(total)
    rates, first = [], 0
    for last, at in enumerate(times):
        while times[first] < at - seconds:
            first += 1
        if at - BEGIN >= seconds and at - BEGIN < end:
            before = totals[first - 1] if first else 0.0
            rates += [totals[last] - before, totals[last - 1] - before]  # to just after, and to just before this call
    return min(rates) / seconds, max(rates) / seconds


def test_thirty_per_cent_unprocessed_and_five_lost_when_repeated_give_the_exact_table_in_twice_the_ideal_calls() -> None:
    """Whatever is handed back or lost is sent again, in full calls."""
    for seed in range(3):
        load = Load(table_of(faults=Faults(unprocessed=0.3, lost=0.05), seed=seed))
        load.write(put(number) for number in range(5000))
        assert len(load.table.stored) == 5000 == load.counts.written
        assert load.counts.calls <= 2 * 5000 / ITEMS_MAX


def test_table_without_limit_takes_40_000_items_a_second_by_the_window_alone() -> None:
    """No rate is learned where nothing is refused; the first second is the slowest."""
    load = Load(table_of())
    load.write(puts(), until=BEGIN + 0.5)
    assert load.counts.written >= 20_000
    assert not load.writer._pace.has_rate


@pytest.mark.parametrize("throttle_s", [60, 600])
def test_table_when_it_takes_again_is_as_fast_as_before_within_ten_seconds(throttle_s: int) -> None:
    """Also after ten minutes, as long as something gets through every 120 s. Meanwhile it is asked ever less often."""
    stretches = [(BEGIN + 5 + start, BEGIN + 5 + min(start + 94, throttle_s)) for start in range(0, throttle_s, 100)]  # a glimmer each 100 s
    table = table_of(capacity=Capacity(table=2000), faults=Faults(throttled=stretches))
    end = 5 + throttle_s
    Load(table).write(puts(1500), until=BEGIN + end + 15)
    assert units_between(table, end + 8, end + 10) >= 0.9 * units_between(table, 3, 5)
    in_vain = [at for at in table.started_at if BEGIN + 15 <= at < BEGIN + 60]
    assert 45 / PAUSE_MAX_S <= len(in_vain) <= 2 * 45 / (PAUSE_MAX_S / 2)


def test_table_that_takes_nothing_when_the_deadline_comes_ends_the_load_and_says_how_far_it_came() -> None:
    """No later than the grace after it, with all that is acknowledged counted, the reason, and few calls in vain."""
    table = table_of(faults=Faults(throttled=[(BEGIN + 0.3, float("inf"))]))
    load = Load(table, deadline=BEGIN + 60)
    with pytest.raises(Deadline, match="throttled: table"):
        load.write(puts())
    load.writer.close()
    assert table.time.monotonic() <= BEGIN + 60 + GRACE_S
    assert len(table.stored) == load.counts.written >= 10_000
    assert set(load.counts.throttles) == {"table"}
    assert sum(at >= BEGIN + 0.3 for at in table.started_at) <= 100


@pytest.mark.parametrize(("capacity", "burst_s"), [(1500, 0.1), (4000, 0.1), (4000, 1.0), (10_000, 0.1)])
def test_table_with_a_limit_is_used_up_and_not_hammered(capacity: int, burst_s: float) -> None:
    """At least 90 % of what it takes is used, and no more than a quarter of what is sent comes back, the search for the limit included.

    Pauses are random: with 60 seeds 0.4 to 2.3 % of the calls were refused as a whole.
    """
    table = table_of(capacity=Capacity(table=capacity, burst_s=burst_s))
    load = Load(table)
    load.write(puts(), until=BEGIN + 8)
    assert units_between(table, 2, 8) >= 0.9 * capacity
    assert table.handed_back <= 0.25 * sum(map(len, table.calls))
    assert table.refused <= 0.04 * load.counts.calls


def sizes(kind: str) -> Iterator[Entry]:
    """Endless items: small ones, ones of 10 KB, or of all sizes from 0.2 to 300 KB."""
    chance = random.Random(7)
    for number in range(10**9):
        yield put(number, {"small": 200, "10 KB": 10_000}.get(kind) or int(200 * 1500 ** chance.random()))


CASES: list[tuple[float, str, dict[str, object]]] = [
    (10, "small", {}),
    (100, "small", {"reports_units": False}),
    (100, "10 KB", {"indexes": 2}),
    (1000, "small", {"indexes": 2}),
    (1000, "small", {"faults": Faults(unprocessed=0.01)}),
    (1000, "all sizes", {}),
    (1000, "small", {"reports_units": False, "faults": Faults(unprocessed=0.01)}),
    (10_000, "all sizes", {"indexes": 2}),
    (10_000, "10 KB", {"faults": Faults(unprocessed=0.005)}),
    (10_000, "10 KB", {"reports_units": False}),
]


@pytest.mark.parametrize(("budget", "kind", "settings"), CASES, ids=[f"{budget} {kind} {number}" for number, (budget, kind, _) in enumerate(CASES)])
def test_budget_is_kept_within_five_per_cent_over_any_ten_seconds(budget: float, kind: str, settings: dict[str, object]) -> None:
    """Both ways, as long as there is input. An item is written whole, so that one item more or less does not count."""
    table = table_of(**settings)
    Load(table, units_per_s=budget).write(sizes(kind), until=BEGIN + 22)
    largest = {"small": 1, "10 KB": 10, "all sizes": 294}[kind] * (1 + table.indexes)
    least, most = windows(table, 10, 22)
    assert most <= 1.05 * budget + largest / 10
    assert least >= 0.95 * budget - largest / 10


def test_item_of_thirty_seconds_of_the_budget_is_followed_by_thirty_seconds_of_pause() -> None:
    """What an item takes beyond the budget is saved afterwards."""
    table = table_of()
    Load(table, units_per_s=10).write(puts(300_000), until=BEGIN + 300)
    assert units_between(table, 0, 290) == pytest.approx(10, rel=0.1)


@pytest.mark.parametrize(("partitions", "gain"), [(4, 2.0), (16, 4.0)])
def test_file_sorted_by_partition_key_when_one_is_hot_is_spread_over_the_others(partitions: int, gain: float) -> None:
    """Runs of 5,000 records with one key go to one partition of 1,000 units a second at a time; spread, to all that are within the window."""
    table = table_of(capacity=Capacity(partition=1000, partitions=partitions))
    load = Load(table)
    load.write((put(number, 200, key=number // 5000) for number in range(10**9)), until=BEGIN + 8)
    assert units_between(table, 2, 8) >= gain * 1000
    assert (load.counts.throttles.keys() <= {"hot_key", "table"}, table.violations) == (True, [])


def test_entries_waiting_to_be_spread_are_written_within_the_time_that_a_stop_leaves() -> None:
    """One partition gains nothing, and the end of a part has to wait for all that was taken."""
    table = table_of(capacity=Capacity(partition=1000))
    load = Load(table)
    for number in range(25_000):
        load.writer.write([put(number, 200, key=0)])
    before = table.time.monotonic()
    load.writer.finish()
    assert load.counts.written == 25_000
    assert 5 <= table.time.monotonic() - before <= 12
