"""The writer in front of a table that does everything tables do."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.memory_table import HANGS, Item, MemoryTable
from contracts.virtual_clock import VirtualClock
from headrace.account.outcome import Counts
from headrace.encode.key import identity_of
from headrace.errors import Deadline, Denied, HeadraceError, Invalid, ObjectError, RecordError, ServiceError, Throttled, Unavailable
from headrace.ports import Reply
from headrace.record import Block
from headrace.write import pace
from headrace.write.batch import FIRST, ITEMS_MAX, KEPT_MAX, REQUEST, Entry
from headrace.write.calls import BatchCalls
from headrace.write.pace import PAUSE_MAX_S, WINDOW_FIRST
from headrace.write.writer import GRACE_S, STALL_S, Writer

KEY: Mapping[str, Any] = {"pk": "number"}
BLOCK = Block(b"x\n", 1, 0)


def entry(line: int, key: int, value: str | None = "v", size: int = 0) -> Entry:
    """A put of ``value``, or a delete where it is None."""
    item = {"pk": {"N": str(key)}, **({"v": {"S": value + "x" * size}} if value is not None else {})}
    request = {"PutRequest": {"Item": item}} if value is not None else {"DeleteRequest": {"Key": item}}
    return (identity_of(KEY, item), json.dumps(request), BLOCK, line, line)


class Table(MemoryTable):
    """Its answers are what ``script`` says for each call: a function, an error to raise, or None for a good answer."""

    def __init__(self, script: Sequence[Any] = (), poison: str = "poison") -> None:
        super().__init__("orders", KEY)
        self.script = list(script)
        self.poison = poison
        self.forever: Any = None

    def answer(self, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
        if any(content.get("v", {}).get("S", "").startswith(self.poison) for _, content in requests):
            raise Invalid("CALL_REFUSED", "One or more parameter values were invalid")
        act = self.script.pop(0) if self.script else self.forever
        if isinstance(act, BaseException):
            raise act
        return act(self, requests, keys) if act else super().answer(requests, keys)


def unprocessed(chance: random.Random, share: float = 0.5) -> Any:
    """Takes some of the requests and hands the others back."""

    def act(table: Table, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
        back = []
        for (kind, content), key in zip(requests, keys, strict=True):
            if chance.random() < share:
                back.append({kind: {"Item" if kind == "PutRequest" else "Key": content}})
            else:
                table.apply([(kind, content)], [key])
        return Reply(back, 1.0)

    return act


def applied_then(error: HeadraceError) -> Any:
    def act(table: Table, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
        table.apply(requests, keys)
        raise error

    return act


LOST = Unavailable("CONNECTION_LOST", "reset")
SLOW = Throttled("TABLE_THROTTLED", "slow down")


class Run:
    """A writer, what it counted and rejected."""

    def __init__(self, table: Table, deadline: float = float("inf"), clock: Any = None, reject: Any = None) -> None:
        self.table = table
        self.counts = Counts()
        self.clock = table.clock = clock or VirtualClock(1000.0)
        self.rejected: list[int] = []
        self.writer = Writer(table, "orders", KEY, counts=self.counts, clock=self.clock, deadline=deadline, reject=reject or self._reject)

    def _reject(self, refused: Entry, error: RecordError) -> None:
        assert error.code == "ITEM_REFUSED"
        self.counts.rejected += 1
        self.rejected.append(refused[FIRST])

    def write(self, entries: Sequence[Entry]) -> None:
        for one in entries:
            self.counts.read += 1
            self.writer.write([one])
        self.writer.finish()


@contextmanager
def running(table: Table, **settings_: Any) -> Iterator[Run]:
    """A writer whose table must not have seen what it must never see, and has nothing in flight at the end."""
    run = Run(table, **settings_)
    try:
        yield run
    finally:
        run.writer.close()
        assert table.violations == []
        assert table._waiting == []


def model(entries: Sequence[Entry], poison: str = "poison") -> dict[str, Item]:
    """The table after the accepted entries one by one."""
    table = MemoryTable("orders", KEY)
    for one in entries:
        ((kind, content),) = json.loads(one[REQUEST]).items()
        ((_, item),) = content.items()
        if not item.get("v", {}).get("S", "").startswith(poison):
            table.apply([(kind, item)], [table.key_of(item)])
    return table.stored


events = st.sampled_from(["good", "good", "unprocessed", "all unprocessed", "throttled", "lost before", "lost after", "some lost after"])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12) | st.integers(0, 400), st.sampled_from(["v", "v", "v", "w", None, "poison"])), max_size=300),
    st.lists(events, max_size=30),
    st.randoms(use_true_random=False),
)
def test_table_is_that_of_the_records_one_by_one_whatever_the_table_answers(
    records: list[tuple[int, str | None]], faults: list[str], chance: random.Random
) -> None:
    """Repeats, throttles, lost answers, refused items, keys that come again: the last accepted record of each key is in the table, and counts balance."""

    def some_lost(table: Table, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
        half = len(requests) // 2
        table.apply(requests[:half], keys[:half])
        raise LOST

    acts = {"good": None, "unprocessed": unprocessed(chance), "all unprocessed": unprocessed(chance, 1.1), "throttled": SLOW, "lost before": LOST}
    acts |= {"lost after": applied_then(LOST), "some lost after": some_lost}
    table = Table([acts[fault] for fault in faults])
    table.pick = chance.randrange
    table.is_slow = chance.random() < 0.5
    entries = [entry(line, key, value if value is None else f"{value}{line}") for line, (key, value) in enumerate(records)]
    with running(table) as run:
        run.write(entries)
    run.counts.require_balance()
    assert table.stored == model(entries)
    assert len(set(run.rejected)) == len(run.rejected)
    assert all(str(records[line][1]) == "poison" for line in run.rejected)
    assert run.counts.calls == len(table.calls)


def test_poison_in_a_batch_is_found_in_ten_extra_calls_and_its_neighbours_are_written() -> None:
    """Halving finds one of 25; it is rejected once with the service's words."""
    for at in range(25):
        table = Table()
        with running(table) as run:
            run.write([entry(line, line, "poison" if line == at else "v") for line in range(25)])
        assert run.rejected == [at]
        assert (run.counts.written, len(table.stored)) == (24, 24)
        assert run.counts.calls <= 11


def test_poison_alone_is_rejected_without_any_extra_call_and_all_poison_ends() -> None:
    """The two ends: a batch of one, and a batch of nothing else."""
    for count, calls in ((1, 1), (25, 49)):
        with running(Table()) as run:
            run.write([entry(line, line, "poison") for line in range(count)])
        assert (sorted(run.rejected), run.counts.calls) == (list(range(count)), calls)


def test_refused_record_does_not_take_the_earlier_one_of_its_key_with_it() -> None:
    """A record is superseded only by one that is accepted: else the last accepted one is in the table."""
    with running(table := Table()) as run:
        run.write([entry(1, 7, "a"), entry(2, 7, "b"), entry(3, 7, "poison"), entry(4, 7, "poison")])
    assert [item["v"]["S"] for item in table.stored.values()] == ["b"]
    assert (run.counts.written, run.counts.superseded, sorted(run.rejected)) == (1, 1, [3, 4])


def test_key_that_comes_a_hundred_thousand_times_costs_little_and_the_last_one_wins() -> None:
    """Duplicates are not written one by one, and not kept without bound."""
    with running(table := Table()) as run:
        for line in range(100_000):
            run.counts.read += 1
            run.writer.write([entry(line, line % 2, f"v{line}")])
            assert run.writer._batcher.kept <= KEPT_MAX + 1
        run.writer.finish()
    run.counts.require_balance()
    assert {item["v"]["S"] for item in table.stored.values()} == {"v99998", "v99999"}
    assert run.counts.calls < 2500


@pytest.mark.parametrize("error", [Denied("TABLE_DENIED", "no"), ServiceError("TABLE_MISSING", "no"), ZeroDivisionError("a defect")])
def test_error_that_cannot_pass_is_raised_at_once_and_ends_everything(error: BaseException) -> None:
    """No repeat, no waiting for the calls that were not sent, no thread left."""
    table = Table()
    table.forever = error
    with running(table) as run, pytest.raises(type(error)):
        run.write([entry(line, line) for line in range(10_000)])
    assert len(table.calls) <= WINDOW_FIRST
    assert run.counts.written == 0


def test_calls_in_flight_when_a_load_fails_are_abandoned() -> None:
    """Nothing is written after the end of a load that failed, but what was already on its way."""
    table = Table([Denied("TABLE_DENIED", "no")])
    table.forever = lambda *_: HANGS
    table.is_slow = True
    with running(table) as run, pytest.raises(Denied):
        run.write([entry(line, line) for line in range(10_000)])
    assert table.abandoned == len(table.calls) - 1 > 0
    assert run.counts.calls == len(table.calls) <= WINDOW_FIRST


def test_throttling_is_waited_out_with_growing_random_pauses() -> None:
    """Each pause is between nothing and a bound that doubles up to 5 s; there is no tight loop."""
    table = Table([SLOW] * 12)
    with running(table) as run:
        run.write([entry(1, 1)])
    assert (run.counts.calls, run.counts.written) == (13, 1)
    assert len(run.clock.slept) <= 12
    assert all(pause <= min(0.05 * 2**attempt, PAUSE_MAX_S) for attempt, pause in enumerate(run.clock.slept))
    assert sum(run.clock.slept) > 1


def test_unprocessed_items_are_sent_again_with_pauses_until_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress begins the pauses anew; calls do not exceed what the answers ask for."""
    monkeypatch.setattr(pace.random, "uniform", lambda low, high: high)
    table = Table([unprocessed(random.Random(1))] * 8)
    with running(table) as run:
        run.write([entry(line, line) for line in range(25)])
    assert len(table.stored) == 25
    assert run.counts.unprocessed == sum(len(keys) for keys in table.calls[1:])
    shares = [1 - len(again) / len(sent) for sent, again in itertools.pairwise(table.calls)]
    assert run.clock.slept == pytest.approx([0.05 * (1 - taken) for taken in shares])


def test_deadline_is_kept_and_what_was_acknowledged_is_counted() -> None:
    """A table that throttles for ever ends the load before the deadline; counts say what is known."""
    table = Table([None] * 3)
    table.forever = SLOW
    clock = VirtualClock(1000.0)
    with running(table, deadline=1060.0, clock=clock) as run, pytest.raises(Deadline, match="slow down"):
        run.write([entry(line, line) for line in range(1000)])
    assert clock.monotonic() <= 1060.0 + PAUSE_MAX_S
    assert run.counts.written == 75 == len(table.stored)


def test_deadline_that_has_passed_sends_nothing_more() -> None:
    """Before a batch is sent, time is looked at."""
    clock = VirtualClock(1000.0)
    with running(Table(), deadline=1001.0, clock=clock) as run:
        run.writer.write([entry(1, 1)])
        clock.sleep(1.0)
        with pytest.raises(Deadline):
            run.writer.finish()
    assert run.table.calls == []


def test_calls_sent_before_the_deadline_may_be_answered_shortly_after_it() -> None:
    """Waiting a moment for the last answers is cheaper than loading everything again."""
    clock = VirtualClock(1000.0)

    def late(table: Table, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
        clock.sleep(2.0)
        table.apply(requests, keys)
        return Reply()

    with running(Table([late]), deadline=1001.0, clock=clock) as run:
        run.write([entry(1, 1)])
    assert run.counts.written == 1


def test_call_that_hangs_does_not_hold_up_the_end() -> None:
    """After the deadline and a short grace the load ends, and the call is abandoned."""
    clock = VirtualClock(1000.0)
    table = Table([lambda *_: HANGS])
    table.forever = lambda *_: HANGS
    with running(table, deadline=1010.0, clock=clock) as run, pytest.raises(Deadline):
        run.write([entry(1, 1)])
    assert clock.monotonic() == 1010.0 + GRACE_S
    assert table.abandoned == 1


def test_table_that_fails_for_two_minutes_is_given_up_also_without_a_deadline() -> None:
    """From the command line there is no deadline; a table that takes nothing ends the load all the same."""
    table = Table()
    table.forever = LOST
    clock = VirtualClock(1000.0)
    with running(table, clock=clock) as run, pytest.raises(Deadline, match="reset"):
        run.write([entry(1, 1)])
    assert STALL_S <= clock.monotonic() - 1000.0 <= STALL_S + PAUSE_MAX_S


def test_long_pause_of_the_reader_is_not_taken_for_a_table_that_fails() -> None:
    """Minutes without a record, then one throttled call: that is no reason to give up."""
    clock = VirtualClock(1000.0)
    with running(Table([None, SLOW]), clock=clock) as run:
        for line in range(25):
            run.writer.write([entry(line, line)])
        run.writer.finish()
        clock.sleep(600)
        run.counts.read += 26
        run.writer.write([entry(30, 30)])
        run.writer.finish()
    assert run.counts.written == 26


@pytest.mark.parametrize(
    "back",
    [
        [{"PutRequest": {"Item": {"pk": {"N": "99"}}}}],
        [{"PutRequest": {"Item": {"pk": {"S": "1"}}}}],
        [{"PutRequest": {"Item": {}}}],
        [{"PutRequest": None}],
        ["x"],
        [{"PutRequest": {"Item": {"pk": {"N": "x"}}}}],
    ],
)
def test_items_handed_back_that_were_not_in_the_call_end_the_load(back: list[Any]) -> None:
    """Then nothing is known about the call: it is not counted as written."""
    with running(Table([lambda *_: Reply(back)])) as run, pytest.raises(ServiceError) as caught:
        run.write([entry(1, 1)])
    assert (caught.value.code, run.counts.written) == ("ANSWER_UNKNOWN", 0)


def test_error_raised_by_reject_ends_the_writer_cleanly() -> None:
    """Too many rejects stop a load from inside the callback."""

    def refuse(refused: Entry, error: RecordError) -> None:
        raise ObjectError("TOO_MANY_REJECTS", "enough")

    with running(Table(), reject=refuse) as run, pytest.raises(ObjectError):
        run.write([entry(line, line, "poison" if line % 7 == 0 else "v") for line in range(2000)])


def test_writer_that_is_closed_at_any_moment_leaves_nothing_behind() -> None:
    """Also without finish, and twice."""
    for count in (0, 1, 25, 26, 500):
        with running(Table()) as run:
            for line in range(count):
                run.writer.write([entry(line, line)])
            run.writer.close()


def test_items_waiting_are_bounded_in_number_and_size() -> None:
    """While the table takes nothing, nothing is taken from the reader beyond the bounds."""
    for size, most in ((0, ITEMS_MAX * (WINDOW_FIRST + 1)), (300_000, 40)):
        table = Table()
        table.forever = SLOW
        run = Run(table, deadline=1030.0, clock=VirtualClock(1000.0))
        taken = 0
        with pytest.raises(Deadline):
            for line in range(5000):
                run.writer.write([entry(line, line, "v", size)])
                taken += 1
        run.writer.close()
        assert taken <= most, size


def test_nothing_is_looked_at_twice_while_all_calls_are_under_way() -> None:
    """Waiting is waiting: what is to be sent again but has no room does not burn the processor."""
    clock = VirtualClock(1000.0)
    table = Table([SLOW] * 4)
    table.forever = lambda *_: HANGS
    with running(table, deadline=1100.0, clock=clock) as run, pytest.raises(Deadline):
        run.write([entry(line, line) for line in range(500)])
    assert len(clock.slept) < 20


def test_calls_in_flight_grow_while_the_table_takes_everything_and_shrink_when_it_does_not() -> None:
    """AIMD: one more for each round trip, half as many after a refusal."""
    table, seen = Table(), []
    table.is_slow = True
    with running(table) as run:
        for line in range(40_000):
            run.counts.read += 1
            run.writer.write([entry(line, line)])
            seen.append(run.writer._pace.window)
            if line == 30_000:
                table.script = [SLOW]
        run.writer.finish()
    assert seen[0] == WINDOW_FIRST
    assert max(seen) == BatchCalls.window_max
    assert min(seen[30_000:]) <= BatchCalls.window_max // 2 + 1
    assert seen[-1] > BatchCalls.window_max // 2
    run.counts.require_balance()
