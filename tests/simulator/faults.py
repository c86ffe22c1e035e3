"""Which call fails how. Each decision depends on the seed, the kind and how often the kind was asked about, so any subset of a run's faults can be replayed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection
from hashlib import blake2b
from typing import NamedTuple

KINDS = {
    "function.killed_before": "killed before a call",
    "function.killed_after": "killed after a call took effect",
    "function.stalled": "a call takes long, perhaps longer than the function may run",
    "function.throttled": "received from the queue and not invoked",
    "event.lost": "no event for an object",
    "event.duplicated": "more than one event for an object",
    "event.late": "an event that comes minutes later",
    "s3.throttled": "503 SlowDown",
    "s3.unavailable": "500",
    "s3.cut": "the body breaks off",
    "s3.denied": "403",
    "s3.replaced": "overwritten right after the GET",
    "s3.archived": "archived, restored later",
    "sqs.duplicated": "delivered again although it is invisible",
    "sqs.not_deleted": "comes again although it was done",
    "sqs.visibility_failed": "ChangeMessageVisibility fails",
    "sqs.send_failed": "SendMessage(Batch) fails, nothing sent",
    "sqs.send_lost": "SendMessage(Batch) fails, everything sent",
    "sqs.send_partial": "SendMessageBatch takes some",
    "sqs.expired": "a message is deleted before it is delivered",
    "table.unprocessed": "items handed back",
    "table.throttled": "the whole call throttled",
    "table.unavailable": "500, nothing applied",
    "table.answer_lost": "500 or no answer, but applied",
    "table.silent": "no answer for 20 s",
    "table.denied": "403",
    "ledger.throttled": "throttled for longer than is waited",
    "ledger.unavailable": "no answer, nothing applied",
    "ledger.answer_lost": "no answer, but applied",
    "rejects.unavailable": "500 of the rejects bucket",
    "rejects.answer_lost": "500 of the rejects bucket, but kept",
    "clock.skewed": "a machine's clock is minutes off",
    "message.forged": "a message that nobody here sent",
}
"""Every kind of fault, and what happens."""

RARE = frozenset(("s3.denied", "table.denied", "sqs.expired"))
PER_UPLOAD = frozenset(("event.duplicated", "event.late", "message.forged", "s3.archived"))
"""Asked about a few times in a run only, so they have to happen more often."""
RATES = (0.005, 0.02, 0.08, 0.25)


class Fault(NamedTuple):
    """The ``number``-th decision about ``kind`` (1-based) went against the product."""

    kind: str
    number: int

    def __str__(self) -> str:
        return f"{self.kind}#{self.number}"


class Faults:
    """Decides about each call. ``only`` leaves all other faults out; nothing happens once ``is_calm``."""

    def __init__(self, seed: int, *, rates: dict[str, float] | None = None, only: Collection[Fault] | None = None) -> None:
        self._seed = seed
        self._rates = rates_of(seed) if rates is None else rates
        self._only = None if only is None else frozenset(only)
        self._asked: Counter[str] = Counter()
        self.injected: list[Fault] = []
        self.is_calm = False

    def hit(self, kind: str) -> bool:
        """Whether this call is hit by a fault of ``kind``."""
        rate = self._rates.get(kind)
        if self.is_calm or not rate:
            return False
        self._asked[kind] += 1
        fault = Fault(kind, self._asked[kind])
        if _share(f"{self._seed} {fault}") >= rate or (self._only is not None and fault not in self._only):
            return False
        self.injected.append(fault)
        return True


def rates_of(seed: int) -> dict[str, float]:
    """How often what happens: in each run other kinds together, some often and most never."""
    chance = random.Random(f"rates {seed}")
    share = chance.choice((0.0, 0.1, 0.3, 0.6))
    return {kind: chance.choice(RATES) * (0.3 if kind in RARE else 3.0 if kind in PER_UPLOAD else 1.0) for kind in KINDS if chance.random() < share}


def _share(text: str) -> float:
    """A number from 0 to 1 that looks random, always the same for the same text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big") / 2**48
