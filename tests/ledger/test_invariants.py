"""Workers that do anything at any time, die, hear no answer, and read the table's clock late: what must hold all the same.

I5 no lease of an older version is given after a newer one began, I6 one live lease for each chunk, and no count is ever doubled or lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from headrace.ledger.entries import Span
from headrace.ledger.ledger import Ledger
from headrace.ledger.reopen import reopen
from headrace.ledger.results import Claim, Committed, Ending, Lease, Progress
from headrace.ledger.store import LAG_S_MAX
from headrace.ports import ObjectRef
from ledger.kills import At, Kill, Killed
from ledger.scene import JOB, Scene, WatchedLedger, id_of, version

VERSIONS = tuple(version(number) for number in range(1, 4))
PROCESSES = 4


class Trouble(NamedTuple):
    """Which process does it, and what befalls it at its ``at``-th moment: it is killed, or a version arrives elsewhere."""

    process: int = 0
    kind: Literal["", "kill", "race"] = ""
    at: int = 0
    number: int = 0


NO_TROUBLE = Trouble()


@dataclass
class Worker:
    """One who was given a lease, and how long the machine lets it live, by the true time."""

    claim: Claim
    dies_at: float
    pending: tuple[Progress, Lease | None] | None = None
    """A commit whose answer it did not hear: until it hears one it writes nothing."""


class Workers(RuleBasedStateMachine):
    """Each rule is one operation of one process, which may be cut; the checks are on the true time and on what workers hold."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene()
        self.tables = [WatchedLedger(self.scene.clock, lag_s=at % LAG_S_MAX, sharing=self.scene.table) for at in range(PROCESSES)]
        self.workers: list[Worker] = []
        self.begun: set[int] = set()  # versions that were ever given a lease
        self.noted: set[int] = set()  # versions that were ever begun with an answer
        self.sent: list[str] = []  # the generations of all commits, in their order: the n-th counts 4**n records
        self.acknowledged: set[int] = set()

    def call(self, trouble: Trouble, operation: Any) -> Any:
        """What ``operation`` returns, or None where the process is killed."""
        table = self.tables[trouble.process]
        table.around = lambda operation, is_done: None
        if trouble.kind == "kill":
            table.around = Kill(trouble.at)
        elif trouble.kind == "race":
            table.around = At(trouble.at, lambda: self.begin(NO_TROUBLE, trouble.number, Lease("racer", 30.0)))
        try:
            return operation(Ledger(table))
        except Killed:
            return None

    def given(self, claim: Any, lease: Lease, asked_at: float) -> None:
        """Check a lease that was given, and let its worker live for as long as it was asked for."""
        if not isinstance(claim, Claim):
            return
        number = VERSIONS.index(claim.generation.ref)
        assert not [newer for newer in self.begun if newer > number], "I5: a newer version was begun"
        for other in self.alive():
            if other.pending:
                continue
            assert VERSIONS.index(other.claim.generation.ref) >= number, "I5: an older version is being written"
            assert (other.claim.generation.id, other.claim.chunk.number) != (claim.generation.id, claim.chunk.number), "I6: two leases of a chunk"
        self.begun.add(number)
        self.workers.append(Worker(claim, asked_at + lease.seconds))

    def alive(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.dies_at > self.scene.clock.now()]

    def worker(self, at: int) -> Worker:
        """One of the last, dead or alive: what it sent may arrive late."""
        return self.workers[-1 - at % min(len(self.workers), 4)]

    TROUBLE = st.builds(
        Trouble,
        st.integers(0, PROCESSES - 1),
        st.sampled_from(["", "", "", "kill", "race"]),
        st.integers(0, 4),
        st.sampled_from([1, 1, 2]),
    )
    LEASES = st.sampled_from([Lease("a", 5.0), Lease("b", 30.0)])
    NUMBER = st.sampled_from([0, 1, 1, 2])
    WORKER = st.integers(0, 3)

    @initialize(is_cut=st.booleans())
    def first(self, is_cut: bool) -> None:
        """One version is there, whole or in three chunks that nobody has."""
        self.begin(Trouble(PROCESSES - 1), 0, Lease("a", 5.0))
        if is_cut:
            self.change(NO_TROUBLE, 0, "plan")
            self.change(NO_TROUBLE, 0, "give back")

    @rule(trouble=TROUBLE, number=NUMBER, lease=LEASES)
    def begin(self, trouble: Trouble, number: int, lease: Lease) -> None:
        asked_at = self.scene.clock.now()
        begun = self.call(trouble, lambda ledger: ledger.begin(VERSIONS[number], JOB, lease=lease))
        if begun is not None:
            self.noted.add(number)
        self.given(begun, lease, asked_at)

    @rule(trouble=TROUBLE, number=NUMBER, chunk=st.integers(0, 2), lease=LEASES)
    def claim(self, trouble: Trouble, number: int, chunk: int, lease: Lease) -> None:
        asked_at = self.scene.clock.now()
        self.given(self.call(trouble, lambda ledger: ledger.claim(id_of(VERSIONS[number]), chunk, lease)), lease, asked_at)

    @precondition(lambda self: self.workers)
    @rule(trouble=TROUBLE, at=WORKER, is_done=st.booleans(), extend=st.one_of(st.none(), LEASES))
    def commit(self, trouble: Trouble, at: int, is_done: bool, extend: Lease | None) -> None:
        worker = self.worker(at)
        progress, lease = worker.pending or (self.progress(worker, is_done), extend)
        worker.pending = progress, lease
        is_alive = worker in self.alive()
        asked_at = self.scene.clock.now()
        done = self.call(trouble, lambda ledger: ledger.commit(worker.claim, progress, extend=lease))
        if isinstance(done, Committed):
            worker.dies_at = 0.0
            self.acknowledged.add(progress.bytes)
            if done.claim and lease and is_alive:
                self.workers.append(Worker(done.claim, asked_at + lease.seconds))

    def progress(self, worker: Worker, is_done: bool) -> Progress:
        number = len(self.sent)
        self.sent.append(worker.claim.generation.id)
        is_partial = number % 5 == 4
        return Progress({"read": 4**number}, bytes=number, offset=None if is_done else number + 1, line=None if is_done else 1, is_partial=is_partial)

    @precondition(lambda self: self.workers)
    @rule(trouble=TROUBLE, at=WORKER, what=st.sampled_from(["give back", "plan", "finish", "pause", "fail", "block", "miss"]))
    def change(self, trouble: Trouble, at: int, what: str) -> None:
        worker = self.worker(at)
        generation = worker.claim.generation.id
        match what:
            case "finish":
                self.call(trouble, lambda ledger: ledger.finish(generation))
            case "pause":
                self.call(trouble, lambda ledger: ledger.end_unclaimed(generation, Ending("PAUSED")))
            case "plan":
                self.plan(trouble, worker)
            case _:
                worker.dies_at = 0.0
                endings = {"fail": Ending("FAILED"), "block": Ending("BLOCKED"), "miss": Ending("MISSING")}
                self.call(trouble, lambda ledger: ledger.end(worker.claim, endings[what]) if what in endings else ledger.give_back(worker.claim))

    def plan(self, trouble: Trouble, worker: Worker) -> None:
        if worker.claim.chunk.number == 0 and not worker.pending:
            planned = self.call(trouble, lambda ledger: ledger.plan(worker.claim, [Span(0, 10), Span(10, 20), Span(20)]))
            if isinstance(planned, Claim):
                worker.claim = planned
            else:
                worker.dies_at = 0.0

    @rule(trouble=TROUBLE, number=NUMBER)
    def reopen(self, trouble: Trouble, number: int) -> None:
        """Somebody wants an ended version to go on."""
        self.call(trouble, lambda ledger: reopen(self.tables[trouble.process], id_of(VERSIONS[number])))

    @rule(seconds=st.sampled_from([0.4, 3.0, 9.0, 36.0]))
    def time_passes(self, seconds: float) -> None:
        self.scene.clock.sleep(seconds)

    @invariant()
    def no_count_is_doubled_or_lost(self) -> None:
        """Each commit is a digit to the base of 4: 1 where it counts, 0 where it does not, never more."""
        counted = {each.id: int(each.counts.get("read", 0)) for each in self.scene.generations()}
        for number, generation in enumerate(self.sent):
            digit = counted.get(generation, 0) // 4**number % 4
            assert digit <= 1
            assert digit == 1 or number not in self.acknowledged
        assert sum(counted.values()) < 4 ** len(self.sent)

    @invariant()
    def generation_is_the_sum_of_its_chunks(self) -> None:
        for each in self.scene.generations():
            chunks = list(self.scene.ledger.chunks(each.id))
            assert each.counts.get("read", 0) == sum(chunk.counts.get("read", 0) for chunk in chunks)
            assert each.leases == sum(chunk.leased_until is not None for chunk in chunks)
            assert each.leased_until >= max([chunk.leased_until or 0 for chunk in chunks], default=0)
            assert each.chunks_done == sum(chunk.state == "DONE" for chunk in chunks)
            assert each.state not in ("LOADED", "PARTIAL") or each.chunks_done == each.chunks

    @invariant()
    def newest_noted_version_counts_and_older_ones_have_ended(self) -> None:
        if self.noted:
            newest = VERSIONS.index(self.scene.seen(self.head_ref()).ref)
            assert newest >= max(self.noted)
            for each in self.scene.generations():
                assert each.is_final or VERSIONS.index(each.ref) == newest

    def head_ref(self) -> ObjectRef:
        head = self.scene.head().generation
        return next(ref for ref in VERSIONS if id_of(ref) == head)

    @invariant()
    def ended_generation_has_its_time_and_no_other_has(self) -> None:
        for each in self.scene.generations():
            assert bool(each.ended_at) == each.is_final


Workers.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=25,
    report_multiple_bugs=False,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestWorkers = Workers.TestCase
