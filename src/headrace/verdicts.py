"""What is to become of a message, and what all that works for a message shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from headrace.account.outcome import Outcome
from headrace.config.compiled import rules_hash
from headrace.config.model import Config, Route
from headrace.errors import Deadline, HeadraceError, ServiceError
from headrace.ledger.ledger import Ledger
from headrace.ledger.results import Ambiguous, Busy, Claim, Committed, Duplicate, Early, Ended, Ending, Lease, LeaseLost, Superseded, Unknown
from headrace.ledger.spending import Spending
from headrace.ledger.states import Stop
from headrace.load import Ports
from headrace.ports import Task

SLICE_S = 60.0
"""What is done in a slice of time is committed at its end. Of records each slice takes twice as long as the one before: a compressed object is
read from its beginning for each."""
STATES: dict[str, Stop] = {"OBJECT_MISSING": "MISSING", "OBJECT_CHANGED": "SUPERSEDED", "OBJECT_ARCHIVED": "WAITING_RESTORE"}
"""What becomes of a generation whose object cannot be read, by the code of the error; FAILED by any other."""


class Turn(NamedTuple):
    """One invocation: its id, and on the clock's monotonic scale when it is to end by itself and when Lambda ends it."""

    owner: str
    deadline: float
    killed_at: float


@dataclass(frozen=True)
class Again:
    """The message is to come again; in ``seconds``, or after a pause that grows with every receive."""

    failure: HeadraceError
    seconds: int | None = None


@dataclass(frozen=True)
class GivenUp:
    """FAILED in the ledger: the message is to be kept, with its reason, where people look."""

    failure: HeadraceError


Verdict = Again | GivenUp | None
"""What is to become of the message; None: it is done, and may be deleted."""


class Log(Protocol):
    """Where it is told what happened."""

    def outcome(self, outcome: Outcome) -> None: ...

    def note(self, code: str, reason: str) -> None:
        """Something that is as it should be."""
        ...

    def notice(self, code: str, reason: str) -> None:
        """Something that somebody should look at."""
        ...


class Deployment(NamedTuple):
    """What all work of one function shares. ``rules_hashes`` are kept by the name of the route; ``send`` puts one message for each task
    into the queue of chunks, or raises; None: nothing is cut."""

    config: Config
    rules_hashes: dict[str, str]
    ports: Ports
    ledger: Ledger
    spending: Spending
    send: Callable[[Sequence[Task]], None] | None
    log: Log

    def rules(self, route: Route) -> str:
        """The hash of what decides the items of ``route``; a cold start pays for one route."""
        return self.rules_hashes.get(route.name) or self.rules_hashes.setdefault(route.name, rules_hash(self.config, route))

    def lease(self, turn: Turn) -> Lease:
        """A lease until Lambda ends the invocation."""
        return Lease(turn.owner, max(turn.killed_at - self.ports.clock.monotonic(), 0.0))

    def lease_on(self, turn: Turn) -> Lease | None:
        """A lease to go on with, None where the time that is left is not worth it."""
        return self.lease(turn) if self.slice_end(1 / 4) < turn.deadline else None

    def slice_end(self, slices: float = 1.0) -> float:
        """The end of so many slices that begin now, on the clock's monotonic scale."""
        return self.ports.clock.monotonic() + slices * SLICE_S

    def stopped(self, claim: Claim, state: Stop, failure: HeadraceError) -> Verdict:
        """End or stop the generation of ``claim``."""
        ended = self.ledger.end(claim, Ending(state, failure.code, failure.message, failure.hint))
        if isinstance(ended, LeaseLost):
            return Again(failure, 30)
        if state in ("BLOCKED", "PAUSED"):
            return Again(failure)
        return GivenUp(failure) if isinstance(ended, Ended) and ended.state == "FAILED" else None

    def put_off(self, claim: Claim, error: ServiceError) -> Verdict:
        """Nothing can be done now; BLOCKED where it needs somebody. Where its time was over that counts as an attempt: the next may get no further."""
        if not error.retryable:
            return self.stopped(claim, "BLOCKED", error)
        self.ledger.give_back(claim, is_attempt=isinstance(error, Deadline))
        return Again(error)

    def unclaimed(self, found: Ambiguous | Busy | Duplicate | Early | Ended | Superseded | Unknown | LeaseLost, what: str) -> Verdict:
        """Nothing can be done for ``what``, or not now: somebody else does it, or it is done."""
        match found:
            case Busy(seconds=seconds):
                return Again(HeadraceError("BUSY", f"{what}: somebody is at work on it, or on an older version"), seconds)
            case Ambiguous():
                return Again(HeadraceError("BUSY", f"{what}: a newer version came at the same moment"), 1)
            case LeaseLost():
                return Again(HeadraceError("LEASE_LOST", f"{what}: somebody else took over"), 30)
            case Unknown():
                self.log.notice("TASK_UNKNOWN", f"{what}: the ledger does not know it; the message is not from here, or very old")
            case Duplicate(state=state):
                self.log.note("DUPLICATE", f"{what}: {state or 'loaded long ago'} already")
            case Ended(state=state):
                self.log.note("DUPLICATE", f"{what}: {state} already")
            case Early():
                self.log.note("NOT_YET", f"{what}: it is worked on when all others are done")
            case Superseded():
                self.log.note("SUPERSEDED", f"{what}: a newer version counts")
        return None

    def committed(self, done: Committed | Ended | LeaseLost | Superseded, what: str, *, is_done: bool) -> Verdict:
        """The lease is given back, with or without a commit: the message comes again for what is left."""
        if not isinstance(done, Committed):
            return self.unclaimed(done, what)
        if done.is_awaited:
            return Again(HeadraceError("AWAITED", f"{what}: all others are done, so that the one that waited for them follows"), 0)
        return None if is_done else Again(HeadraceError("INTERRUPTED", f"{what}: time is over; it goes on where it was committed"), 0)


def failure_of(outcome: Outcome) -> HeadraceError:
    """What ended a load too early."""
    return HeadraceError(outcome.error, f"{outcome.object}: {outcome.message}", hint=outcome.hint)
