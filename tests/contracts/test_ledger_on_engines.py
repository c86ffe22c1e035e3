"""The ledger itself on every LedgerStore: what unit tests show on memory holds on the embedded AWS."""

from __future__ import annotations

import itertools
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from contracts.engines import Engine
from contracts.ledger_tables import dynamo_store, ledger_store, ledger_table
from headrace.ledger.entries import Span
from headrace.ledger.identity import generation_id
from headrace.ledger.ledger import Ledger
from headrace.ledger.results import Ambiguous, Busy, Claim, Committed, Duplicate, Ended, Ending, Job, Lease, LeaseLost, Progress, Superseded, Unknown
from headrace.ports import ObjectRef, SystemClock

JOB = Job("orders", "orders-table", "c0ffee")
LEASE = Lease("worker", 60.0)
DEAD = Lease("dead worker", -60.0)
"""A lease that is over when it is given."""
DONE = Progress({"read": 10, "written": 9, "rejected": 1, "write_units": 4.5}, bytes=100, rejects="s3://rejects/1")
numbers = itertools.count(0x66DA1CBF104C0D51)


@pytest.fixture(params=["memory", "ministack"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    return Ledger(ledger_store(request.param, None if request.param == "memory" else request.getfixturevalue("ministack")))


def version(key: str = "path/key.csv") -> ObjectRef:
    """A version newer than all before."""
    number = next(numbers)
    return ObjectRef("bucket", key, f"version-{number}", "etag", 100, f"00{number:X}")


def begun(ledger: Ledger, ref: ObjectRef, lease: Lease = LEASE) -> Claim:
    claim = ledger.begin(ref, JOB, lease=lease)
    assert isinstance(claim, Claim), claim
    return claim


def test_object_is_loaded_once(ledger: Ledger) -> None:
    """Begin, a checkpoint, a crash, the rest, and events that come too late."""
    ref = version("𝄞" * 256)
    half = Progress({"read": 4, "written": 4, "rejected": 0, "write_units": 2.0}, bytes=40, offset=40, line=5)
    kept = ledger.commit(begun(ledger, ref), half, extend=DEAD)
    assert isinstance(kept, Committed)
    assert kept.claim
    claim = begun(ledger, ref)
    assert (claim.chunk.offset, claim.chunk.attempt, claim.chunk.counts) == (40, 1, half.counts)
    assert isinstance(ledger.begin(ref, JOB, lease=LEASE), Busy)
    assert ledger.commit(kept.claim, DONE) == LeaseLost()
    assert ledger.commit(claim, DONE) == Committed(None, "LOADED")
    assert ledger.commit(claim, DONE) == Committed(None, "LOADED")
    assert ledger.begin(ref, JOB, lease=LEASE) == Duplicate(generation_id(ref), "LOADED")
    seen = ledger.generation(generation_id(ref))
    assert seen
    assert (seen.counts, seen.bytes, seen.duplicates, seen.leases) == ({"read": 14, "written": 13, "rejected": 1, "write_units": 6.5}, 140, 1, 0)
    assert seen.ref == ref
    assert next(ledger.chunks(seen.id)).rejects == ("s3://rejects/1",)


def test_newer_version_waits_for_the_older_one_s_worker(ledger: Ledger) -> None:
    first, second, third = version(), version(), version()
    old = begun(ledger, first)
    assert isinstance(ledger.begin(second, JOB, lease=LEASE), Busy)
    assert isinstance(ledger.begin(third, JOB, lease=LEASE), Busy)
    assert ledger.commit(old, DONE) == Superseded(generation_id(first))
    begun(ledger, third)
    assert ledger.begin(second, JOB, lease=LEASE) == Duplicate(generation_id(second), "SUPERSEDED")
    assert [each.state for each in ledger.of_object("bucket", "path/key.csv")].count("SUPERSEDED") == 2
    older = ObjectRef("bucket", "path/key.csv", "version-old", "etag", 1, "0000000000000000FF")
    assert ledger.begin(older, JOB, lease=LEASE) == Superseded(generation_id(older))
    unknown = ObjectRef("bucket", "path/key.csv", "version-x", "etag", 1)
    assert ledger.begin(unknown, JOB, lease=LEASE) == Ambiguous(generation_id(third))


def test_plan_makes_chunks_that_are_loaded_one_by_one(ledger: Ledger) -> None:
    """120 of them: two transactions."""
    ref = version()
    planned = ledger.plan(begun(ledger, ref), (Span(at, at + 10, at + 1) for at in range(0, 1200, 10)))
    assert isinstance(planned, Claim)
    ledger.give_back(planned)
    assert ledger.claim(planned.generation.id, 120, LEASE) == Unknown()
    for number in range(120):
        claim = ledger.claim(planned.generation.id, number, LEASE)
        assert isinstance(claim, Claim)
        assert (claim.chunk.start, claim.chunk.end, claim.chunk.first_line) == (number * 10, number * 10 + 10, number * 10 + 1)
        done = ledger.commit(claim, DONE)
    assert done == Committed(None, "LOADED")
    seen = ledger.generation(planned.generation.id)
    assert seen
    assert (seen.counts["read"], seen.counts["write_units"], seen.chunks_done) == (1200, 540, 120)


def test_status_and_history_are_listed(ledger: Ledger) -> None:
    refs = [version("a"), version("b"), version("c")]
    ledger.commit(begun(ledger, refs[0]), DONE)
    assert ledger.end(begun(ledger, refs[1]), Ending("FAILED", "CODE", "message", "hint")) == Ended(generation_id(refs[1]), "FAILED")
    ledger.end(begun(ledger, refs[2]), Ending("BLOCKED", "DENIED"))
    assert [(each.ref, each.state, each.code) for each in ledger.open()] == [(refs[2], "BLOCKED", "DENIED")]
    ended_at = [str(each.ended_at) for each in ledger.of_object("bucket", "a")]
    day = datetime.fromisoformat(ended_at[0]).astimezone(UTC).date()
    found = {each.key: each.state for each in ledger.ended(day - timedelta(days=1), day + timedelta(days=1))}
    assert found == {"a": "LOADED", "b": "FAILED"}


class Skewed(SystemClock):
    """The clock of a machine that is wrong, whatever it is asked."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self) -> float:  # type: ignore[override]  # a function there
        return time.time() + self._seconds

    def monotonic(self) -> float:  # type: ignore[override]
        return time.monotonic() + self._seconds


def test_clocks_that_are_wrong_by_five_minutes_change_nothing(ministack: Engine) -> None:
    """Fault 31: a lease given by one machine is as long for every other."""
    table = ledger_table(ministack)
    ledgers = [Ledger(dynamo_store(ministack.aws, table, Skewed(seconds))) for seconds in (-300.0, 0.0, 300.0)]
    for giver, asker in itertools.permutations(ledgers, 2):
        ref = version(f"key-{next(numbers)}")
        claim = begun(giver, ref)
        assert abs((claim.chunk.leased_until or 0) - 60 - time.time()) < 5
        busy = asker.begin(ref, JOB, lease=LEASE)
        assert isinstance(busy, Busy)
        assert 60 <= busy.seconds <= 67
        over = version(f"key-{next(numbers)}")
        begun(giver, over, DEAD)
        begun(asker, over)


def test_many_workers_at_once_count_each_chunk_once(ministack: Engine) -> None:
    """Real threads and real conflicts: every chunk is claimed by all and loaded by one."""
    table = ledger_table(ministack)
    ref = version()
    first = Ledger(dynamo_store(ministack.aws, table))
    planned = first.plan(begun(first, ref), [Span(at) for at in range(8)])
    assert isinstance(planned, Claim)
    first.give_back(planned)
    loaded: list[int] = []

    def work() -> None:
        ledger = Ledger(dynamo_store(ministack.aws, table))
        for number in range(8):
            claim = ledger.claim(planned.generation.id, number, LEASE)
            if isinstance(claim, Claim):
                loaded.append(number)
                assert isinstance(ledger.commit(claim, DONE), Committed)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = first.generation(planned.generation.id)
    assert seen
    assert (sorted(loaded), seen.state, seen.counts["read"], seen.leases) == (list(range(8)), "LOADED", 80, 0)
