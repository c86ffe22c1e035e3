"""A table on virtual time: latency, capacities and faults as DynamoDB has them, seeded. Time passes only in ``answers`` and in the clock's sleep."""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.memory_table import Item, MemoryTable
from contracts.virtual_clock import VirtualClock
from headrace.config.model import KeyType
from headrace.encode.limits import item_bytes
from headrace.errors import Throttled, ThrottlingReason, Unavailable
from headrace.ports import Operation, Reply

LATENCY_S = (0.005, 0.010)
"""Of a BatchWriteItem of small items, from its start to its answer."""
INSTANT_S = 1e-9
"""Less than this apart is the same time: sums of floats are not exact."""


class Bucket:
    """Units that come at ``rate`` a second and can be saved up for ``burst_s`` seconds. DynamoDB saves 300 s, where there is room for it."""

    def __init__(self, rate: float, now: float, burst_s: float = 1.0) -> None:
        self.rate = rate
        self.burst_s = burst_s
        self.units = rate * burst_s
        self.filled_at = now

    def has_some(self, now: float) -> bool:
        if self.rate == math.inf:
            return True
        self.units = min(self.units + (now - self.filled_at) * self.rate, self.rate * self.burst_s)
        self.filled_at = now
        return self.units > 0


@dataclass
class Capacity:
    """What the table takes, in write units a second. ``index`` is for each of the indexes."""

    table: float = math.inf
    own_cap: float = math.inf
    index: float = math.inf
    partition: float = math.inf
    partitions: int = 1
    burst_s: float = 1.0


@dataclass
class Faults:
    """Shares of items or calls, 0..1; tests may change them while the table runs."""

    unprocessed: float = 0.0
    """Items handed back at random."""
    lost: float = 0.0
    """Calls answered with HTTP 500 although they were applied."""
    throttled: list[tuple[float, float]] = field(default_factory=list)
    """Stretches of time (from, to) in which nothing is taken."""


class SimulatedTable(MemoryTable):
    """See the module. ``taken`` holds when it took how many units, ``refused`` the calls of which it took nothing."""

    def __init__(
        self,
        clock: VirtualClock,
        key: Mapping[str, KeyType],
        *,
        capacity: Capacity | None = None,
        faults: Faults | None = None,
        indexes: int = 0,
        reports_units: bool = True,
        seed: int = 1,
        name: str = "orders",
    ) -> None:
        super().__init__(name, key, clock)
        self.time = clock
        self.faults = faults or Faults()
        self.indexes = indexes
        self.reports_units = reports_units
        self.taken: list[tuple[float, float]] = []
        self.refused = 0
        self.handed_back = 0
        self.started_at: list[float] = []
        self._chance = random.Random(seed)
        self._due: dict[int, float] = {}  # when each call is answered
        now, limits = clock.monotonic(), capacity or Capacity()
        self._partition_key = next(iter(key))
        self._partitions = [Bucket(limits.partition, now, limits.burst_s) for _ in range(limits.partitions)]
        self._limits: list[tuple[Bucket, ThrottlingReason]] = [
            (Bucket(limits.own_cap, now, limits.burst_s), "own_cap"),
            (Bucket(limits.index, now, limits.burst_s), "index"),
            (Bucket(limits.table, now, limits.burst_s), "table"),
        ]

    def start(self, operation: Operation, body: bytes) -> int:
        number = super().start(operation, body)
        now = self.time.monotonic()
        self.started_at.append(now)
        self._due[number] = now + self._chance.uniform(*LATENCY_S)
        return number

    def answers(self, timeout_s: float) -> list[tuple[int, Reply | Exception]]:
        first_in_s = min(self._due.values()) - self.time.monotonic() if self._due else math.inf
        assert min(first_in_s, timeout_s) < math.inf, "it would wait for ever"
        if timeout_s > 0 and first_in_s > 0:
            self.time.sleep(min(first_in_s, timeout_s))
        now = self.time.monotonic() + INSTANT_S
        due = sorted((call for call in self._waiting if self._due[call[0]] <= now), key=lambda call: self._due[call[0]])
        self._waiting = [call for call in self._waiting if self._due[call[0]] > now]
        for number, _, _ in due:
            del self._due[number]
        return [(number, self._answer(requests, keys)) for number, requests, keys in due]

    def abandon(self) -> None:
        super().abandon()
        self._due.clear()

    def answer(self, requests: list[tuple[str, Item]], keys: list[str]) -> Reply:
        """What it takes is applied; nothing at all is Throttled, as DynamoDB has it."""
        now = self.time.monotonic()
        if any(start <= now < end for start, end in self.faults.throttled):
            raise self._throttled("table")
        back: list[tuple[str, Item]] = []
        consumed = 0.0
        reason: ThrottlingReason = "table"
        for request, key in zip(requests, keys, strict=True):
            units = max(1, math.ceil(item_bytes(request[1]) / 1024))
            limit = self._limit(request[1], now)
            if limit or self._chance.random() < self.faults.unprocessed:
                reason = limit or reason
                back.append(request)
                continue
            self._spend(request[1], units)
            self.apply([request], [key])
            consumed += units * (1 + self.indexes)
        self.taken.append((now, consumed))
        self.handed_back += len(back)
        if len(back) == len(requests):
            raise self._throttled(reason)
        if self._chance.random() < self.faults.lost:
            raise Unavailable("TABLE_UNAVAILABLE", "InternalServerError", service_code="InternalServerError")
        return Reply([_request(kind, content) for kind, content in back], consumed if self.reports_units else 0.0)

    def _partition(self, content: Item) -> Bucket:
        text = str(content[self._partition_key])
        return self._partitions[zlib.crc32(text.encode()) % len(self._partitions)]

    def _limit(self, content: Item, now: float) -> ThrottlingReason | None:
        """What does not let the item in."""
        if not self._partition(content).has_some(now):
            return "hot_key"
        return next((reason for bucket, reason in self._limits if not bucket.has_some(now)), None)

    def _spend(self, content: Item, units: int) -> None:
        self._partition(content).units -= units
        for bucket, _ in self._limits:
            bucket.units -= units

    def _throttled(self, reason: ThrottlingReason) -> Throttled:
        self.refused += 1
        return Throttled("TABLE_THROTTLED", f"throttled: {reason}", reason=reason)


def _request(kind: str, content: Item) -> dict[str, Any]:
    return {kind: {"Item" if kind == "PutRequest" else "Key": content}}
