"""Versions of one object, the workers that load it, and time that passes only when told to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from contracts.memory_ledger import MemoryLedger
from contracts.virtual_clock import VirtualClock
from headrace.ledger.entries import Generation, Head, Span, head_key, parsed
from headrace.ledger.identity import generation_id
from headrace.ledger.ledger import Ledger
from headrace.ledger.results import Answer, Begun, Claim, Job, Lease, Progress
from headrace.ledger.states import TRANSITIONS
from headrace.ledger.store import Write
from headrace.ports import ObjectRef

JOB = Job("orders", "orders-table", "c0ffee")
LEASE_S = 60.0
LEASE = Lease("worker", LEASE_S)
OVER_S = 70.0
"""Longer than a lease and its margin."""
DONE = Progress({"read": 10, "written": 9, "rejected": 1, "write_units": 4.5}, bytes=100, rejects="s3://rejects/1")
HALF = Progress({"read": 4, "written": 4, "rejected": 0, "write_units": 2.0}, bytes=40, offset=40, line=5)
SPANS = (Span(0, 100, 1), Span(100, 200, 11), Span(200, None, 21))

FIRST = ("RECEIVED", "LOADING", "SUPERSEDED")
"""States in which a generation may appear."""

BASE = 0x66DA1CBF104C0D51


def version(number: int, *, is_eventbridge: bool = False, **changes: Any) -> ObjectRef:
    """The ``number``-th version of an object, as a classic or an EventBridge event names it."""
    sequencer = f"{BASE + number:x}" if is_eventbridge else f"00{BASE + number:X}"
    return replace(ObjectRef("bucket", "path/key.csv", f"version-{number}", f"etag{number}", 100 * number, sequencer), **changes)


class WatchedLedger(MemoryLedger):
    """A table on which no generation makes a step that the table of transitions does not know."""

    def apply(self, write: Write) -> None:
        before = self.items.get(write.key, {}).get("state")
        super().apply(write)
        after = self.items[write.key].get("state")
        if write.key[1] == "meta":
            assert after == before or after in (TRANSITIONS[before] if before else FIRST), f"{before} became {after}"


class Scene:
    """One table and any number of processes that use it."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.table = WatchedLedger(self.clock)
        self.ledger = Ledger(self.table)

    def begin(self, ref: ObjectRef | None = None, *, lease: Lease = LEASE, job: Job = JOB, answer: Answer | None = None) -> Begun:
        return self.ledger.begin(ref or version(1), job, lease=lease, answer=answer)

    def claimed(self, ref: ObjectRef | None = None) -> Claim:
        claim = self.begin(ref)
        assert isinstance(claim, Claim), claim
        return claim

    def planned(self, ref: ObjectRef | None = None) -> Claim:
        """The claim of chunk 0 of a generation of three chunks."""
        claim = self.ledger.plan(self.claimed(ref), SPANS)
        assert isinstance(claim, Claim), claim
        return claim

    def claim(self, number: int, ref: ObjectRef | None = None) -> Claim:
        claim = self.ledger.claim(id_of(ref), number, LEASE)
        assert isinstance(claim, Claim), claim
        return claim

    def seen(self, ref: ObjectRef | None = None) -> Generation:
        """The generation as it is."""
        generation = self.ledger.generation(id_of(ref))
        assert generation
        return generation

    def head(self) -> Head:
        return parsed(Head, self.table.items[head_key("bucket", "path/key.csv")])

    def generations(self) -> Iterator[Generation]:
        return (parsed(Generation, item) for (_, sk), item in self.table.items.items() if sk == "meta")

    def writes(self) -> int:
        return self.table.calls.count("transact")


def id_of(ref: ObjectRef | None) -> str:
    return generation_id(ref or version(1))
