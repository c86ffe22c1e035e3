"""A whole deployment in one process: everything that is outside of headrace, and what was done to it."""

from __future__ import annotations

import functools
import random
from collections import Counter
from typing import NamedTuple

from contracts.memory_ledger import MemoryLedger
from headrace.aws.session import Aws
from headrace.config.model import Config, Function, Limits
from headrace.ports import Clock
from simulator import uploads
from simulator.bucket import BUCKET, REJECTS, Bucket, SimulatedListing, SimulatedObjects, SimulatedRejects, Version
from simulator.faults import Faults
from simulator.function import Gate, KillPoint, Lambda, Sandbox
from simulator.ledger_table import SimulatedLedger, TrueClock
from simulator.queues import Queue, SqsClient
from simulator.target_table import Connection, SimulatedTable
from simulator.timeline import EPOCH, Timeline
from simulator.uploads import Content, EventForm
from simulator.watch import Watch

STEPS_MAX = 60_000
REPLACEMENTS_MAX = 3


class Scale(NamedTuple):
    """How large and how slow the world is. ``slice_s`` and the like replace constants of the product, so that small files pass through all its parts."""

    latency_s: tuple[float, float] = (0.005, 0.02)
    piece_bytes: int = 1000
    chunk_bytes: int = 600
    slice_s: float = 6.0
    snapshot_s: float = 2.0
    scan_bytes_per_s: int = 40_000_000
    concurrency: int = 3
    timeout_s: int = 20
    is_versioned: bool = True
    budget: int | None = None
    """Write units a second for the whole table."""
    rejects_bytes_max: int = 100_000_000
    records_per_day: int | None = None


class World:
    """See the module. ``chance`` decides what no fault decides."""

    def __init__(self, seed: int, scale: Scale, faults: Faults, *, kill: KillPoint | None = None, has_trace: bool = False) -> None:
        self.chance = random.Random(f"world {seed}")
        self.scale = scale
        self.faults = faults
        self.kill = kill
        self.config = _config(scale)
        self.timeline = Timeline(STEPS_MAX * (10 if scale.records_per_day else 1))  # loads that wait for the next day ask every quarter of an hour
        self.trace: list[str] | None = [] if has_trace else None
        self.calls: list[str] = []
        self.watch = Watch(self)
        self.bucket = Bucket(scale.is_versioned)
        self.rejects: dict[str, bytes] = {}
        self.clock: Clock = TrueClock(lambda: EPOCH + self.timeline.now)
        self.ledger = MemoryLedger(self.clock)
        self.table = SimulatedTable("records", {"id": "string"})
        self.functions = Lambda(self)
        self.sandboxes: list[Sandbox] = []
        self.queues = {name: Queue(name, self) for name in (self.config.events_queue, self.config.chunks_queue)}
        self.events = self.queues[self.config.events_queue]
        self.given_up: list[tuple[str, str]] = []
        self.contents: dict[int, Content] = {}
        self.same_content: dict[int, list[int]] = {}
        """The uploads with the content that the first of them brought, by that one's number: records name it in their tags."""
        self.by_generation: dict[str, Version] = {}
        self.named: dict[str, tuple[Version, ...]] = {}
        """The uploads that a message tells of, by its body."""
        self._ids: Counter[str] = Counter()
        self._replacements = 0

    def aws(self, gate: Gate) -> SimulatedAws:
        return SimulatedAws(self, gate)

    def latency_s(self) -> float:
        return self.chance.uniform(*self.scale.latency_s)

    def new_id(self, kind: str) -> str:
        self._ids[kind] += 1
        return f"{kind}-{self._ids[kind]}"

    def count_call(self, operation: str) -> int:
        """The number of this call, 0-based."""
        self.calls.append(operation)
        return len(self.calls) - 1

    def tell(self, who: str, what: str) -> None:
        if self.trace is not None:
            self.trace.append(f"{self.timeline.now:12.3f}  {who:20} {what}")

    def logged(self, line: str) -> None:
        """A line of the function's log."""
        self.tell("", line[:300])
        if '"DEFECT"' in line or "COUNTS_UNBALANCED" in line:
            self.watch.violated("defect", line)

    def upload(self, key: str, content: Content, forms: list[EventForm]) -> Version:
        """Put an object and have S3 tell of it."""
        number = len(self.bucket.uploads)
        same = next((other for other in self.bucket.uploads if (other.key, other.content) == (key, content.stored)), None)
        self.same_content[number] = self.same_content[same.number] if same else []
        self.same_content[number].append(number)
        version = self.bucket.put(key, content.stored, self.timeline.now)
        self.contents[number] = content
        for generation in uploads.generations_of(version):
            self.by_generation[generation] = version
        self.tell("user", f"puts {key} as upload {number}: {len(content.stored)} bytes, {len(content.rows)} records{' in gzip' if content.is_gzip else ''}")
        if self.faults.hit("s3.archived"):
            version.is_archived = True
            self.timeline.at(self.timeline.now + self.chance.uniform(1, 2000), functools.partial(self.restore, version))
        for form in forms:
            self._tell_of(version, form)
        return version

    def delete(self, key: str) -> None:
        version = self.bucket.current.get(key)
        if version:
            self.bucket.delete(key)
            self.tell("user", f"deletes {key}")
            self.events.send(uploads.removed_event(version), depth=1)

    def replace(self, key: str) -> None:
        """Overwrite an object while somebody reads it."""
        if self._replacements < REPLACEMENTS_MAX:
            self._replacements += 1
            content = uploads.content_of(key, len(self.bucket.uploads), self.chance.choice((1, 5, 30)), self.chance)
            self.upload(key, content, [self.chance.choice(uploads.FORMS)])

    def restore(self, version: Version) -> None:
        """Make an archived upload readable, and tell of it."""
        version.is_archived = False
        self.send_event(uploads.restored_event(version), (version,))

    def send_event(self, body: str, named: tuple[Version, ...], delay_s: float = 0.0) -> None:
        """A message about uploads in the queue of events."""
        self.named[body] = named
        self.events.send(body, depth=1, delay_s=delay_s)

    def _tell_of(self, version: Version, form: EventForm) -> None:
        faults, chance = self.faults, self.chance
        if faults.hit("event.lost"):
            self.tell("S3", f"loses the event of upload {version.number}")
            return
        delay_s = chance.uniform(60, 3000) if faults.hit("event.late") else chance.uniform(0, 3)
        other = chance.choice(self.bucket.uploads) if form == "pair" else None
        body = uploads.event_of(version, form, other)
        named = (version, other) if other else (version,)
        self.send_event(body, named, delay_s)
        if faults.hit("event.duplicated"):
            for _ in range(chance.choice((1, 1, 4))):
                self.send_event(uploads.event_of(version, chance.choice(("classic", "eventbridge", "sns"))), (version,), chance.choice((0.0, delay_s, 400.0)))


class SimulatedAws(Aws):
    """Stands in for the clients of one sandbox; what the product does with SQS's client is its own."""

    def __init__(self, world: World, gate: Gate) -> None:
        self._world = world
        self._gate = gate
        self._sqs = SqsClient(gate)

    def client(self, service: str, *, attempts: int = 4) -> SqsClient:
        assert service == "sqs"
        return self._sqs

    def objects(self) -> SimulatedObjects:  # type: ignore[override]  # the port, not AWS's class
        return SimulatedObjects(self._world.bucket, self._gate)

    def listing(self, bucket: str) -> SimulatedListing:  # type: ignore[override]
        if bucket != BUCKET:
            self._world.watch.violated("I10", f"listing of bucket {bucket}")
        return SimulatedListing(self._gate)

    def rejects(self, bucket: str) -> SimulatedRejects:  # type: ignore[override]
        if bucket != REJECTS:
            self._world.watch.violated("I10", f"rejects into bucket {bucket}")
        return SimulatedRejects(self._world.rejects, self._gate)

    def ledger(self, table: str, clock: Clock) -> SimulatedLedger:  # type: ignore[override]
        return SimulatedLedger(self._world.clock, self._gate, self._world.ledger)

    def table(self, name: str, clock: Clock) -> Connection:  # type: ignore[override]
        if name != self._world.table.name:
            self._world.watch.violated("I10", f"write to table {name}")
        return Connection(self._world.table, self._gate)


@functools.cache
def _config(scale: Scale) -> Config:
    function = Function(timeout_s=scale.timeout_s, maximum_concurrency=scale.concurrency)
    return uploads.config(function, Limits(rejects_bytes_max=scale.rejects_bytes_max, records_per_day=scale.records_per_day), scale.budget)
