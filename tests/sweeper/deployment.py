"""A deployment in memory: bucket, queues, a function that loads nothing but says so in the ledger, and its sweeper. Time passes when told to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from contracts.memory_ledger import MemoryLedger
from contracts.virtual_clock import VirtualClock
from headrace.account.sweep_report import Swept
from headrace.config.model import Config, Route, Source, Table
from headrace.errors import HeadraceError
from headrace.events.parse import parse
from headrace.ledger.ledger import Ledger
from headrace.ledger.results import Ambiguous, Answer, Begun, Claim, Job, Lease, Progress
from headrace.ledger.upkeep import Upkeep
from headrace.ports import ObjectRef, Task
from headrace.sweeper import Sources, Sweeper
from sweeper.memory_bucket import MemoryBucket

JOB = Job("orders", "orders", "hash")
LEASE = Lease("worker", 300)
ROUTES = [Route("orders", "in/**", "csv", "orders"), Route("more", "more/*.csv", "csv", "orders")]


class Deployment:
    def __init__(self) -> None:
        self.config = Config(Source("landing"), {"orders": Table({"id": "string"})}, ROUTES)
        self.clock = VirtualClock(1_790_000_000.0)
        self.bucket = MemoryBucket(self.clock)
        self.store = MemoryLedger(self.clock)
        self.ledger = Ledger(self.store)
        self.found: list[ObjectRef] = []
        self.tasks: list[Task] = []
        self.refusals: list[HeadraceError] = []
        """Raised by the queues, one for each call, after the messages were taken."""

    def sweep(self, seconds: float = 200.0) -> Swept:
        """One run, as after a cold start."""
        told: list[Swept] = []
        sources = Sources(self.bucket, Ledger(self.store), Upkeep(self.store), self, self.clock)
        try:
            Sweeper(self.config, sources).run(self.clock.monotonic() + seconds, told.append)
        finally:
            (self.swept,) = told
        return self.swept

    def send_found(self, bodies: Sequence[str]) -> None:
        for body in bodies:
            (message,) = parse(json.loads(body), bucket="landing")
            assert message.found_by == "sweep"
            self.found += message.created
        self._refuse()

    def send_tasks(self, bodies: Sequence[str]) -> None:
        for body in bodies:
            (message,) = parse(json.loads(body), bucket="landing")
            self.tasks += message.tasks
        self._refuse()

    def received(self, ref: ObjectRef) -> Claim:
        """The event of ``ref`` came, and its load began."""
        claim = self.ledger.begin(ref, JOB, lease=LEASE)
        assert isinstance(claim, Claim), claim
        return claim

    def loaded(self, ref: ObjectRef) -> None:
        self.ledger.commit(self.received(ref), Progress({"read": 1}))

    def load_found(self) -> int:
        """Load everything that the sweeper told of; how many were no duplicates."""
        begun = [self._begun(ref) for ref in self.found]
        claims = [claim for claim in begun if isinstance(claim, Claim)]
        for claim in claims:
            self.ledger.commit(claim, Progress({"read": 1}))
        self.found.clear()
        return len(claims)

    def _begun(self, ref: ObjectRef) -> Begun:
        """As the loader does: where only S3 can tell which version is newer, it is asked."""
        job = replace(JOB, found_by="sweep")
        begun = self.ledger.begin(ref, job, lease=LEASE)
        if not isinstance(begun, Ambiguous):
            return begun
        answer = Answer(begun.head, self.bucket.state(ref.key).ref == replace(ref, sequencer=None))
        return self.ledger.begin(ref, job, lease=LEASE, answer=answer)

    def _refuse(self) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
