"""An object that is too large for one scan: its blocks scanned by many functions, then its chunks planned by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from headrace.config.model import Route
from headrace.cutting import composed_spans, notes_of, scan_part
from headrace.errors import HeadraceError, ServiceError
from headrace.ledger.changes import CHUNKS_A_TIME
from headrace.ledger.results import Claim, Committed, Progress
from headrace.ports import Clock, Task
from headrace.records import Opened
from headrace.split.scan import BlockScan
from headrace.verdicts import STATES, Again, Deployment, Turn, Verdict


def scan_block(at: Deployment, claim: Claim, route: Route, turn: Turn) -> Verdict:
    """Look where records begin in a block, as far as time allows."""
    what = f"scan {claim.chunk.number} of {claim.generation.ref}"
    while True:
        chunk = claim.chunk
        block, failure = _scanned(at, claim, route, turn)
        if failure and not (isinstance(failure, ServiceError) and failure.retryable):
            return at.stopped(claim, "BLOCKED" if isinstance(failure, ServiceError) else STATES.get(failure.code, "FAILED"), failure)
        if block.end == (chunk.start if chunk.offset is None else chunk.offset):
            at.ledger.give_back(claim, is_attempt=failure is None or failure.code == "DEADLINE")
            return Again(failure or HeadraceError("INTERRUPTED", f"{what}: time is over"))
        is_done = block.end == chunk.end
        progress = Progress({}, offset=None if is_done else block.end, line=None if is_done else 0, notes=notes_of(block))
        committed = at.ledger.commit(claim, progress, extend=None if failure else at.lease_on(turn))
        if failure and failure.code != "DEADLINE" and isinstance(committed, Committed) and not is_done:
            return Again(failure)
        if not isinstance(committed, Committed) or committed.claim is None:
            return at.committed(committed, what, is_done=is_done)
        claim = committed.claim


def _scanned(at: Deployment, claim: Claim, route: Route, turn: Turn) -> tuple[BlockScan, HeadraceError | None]:
    """The scan of a block up to where time or reading ended, and what ended it too early."""
    chunk, clock = claim.chunk, at.ports.clock
    failures: list[HeadraceError] = []
    opened = Opened(at.ports.objects, claim.generation.ref, clock, limits=at.config.limits, deadline=turn.deadline)
    try:
        pieces = opened.pieces(chunk.start if chunk.offset is None else chunk.offset, chunk.end)
        return scan_part(_as_far(pieces, clock, at.slice_end(), failures), chunk, route, at.config.limits), next(iter(failures), None)
    finally:
        opened.close()


def _as_far(pieces: Iterable[bytes], clock: Clock, until: float, failures: list[HeadraceError]) -> Iterator[bytes]:
    """``pieces`` up to the time ``until``, or to a failure, which is noted."""
    try:
        for piece in pieces:
            yield piece
            if clock.monotonic() >= until:
                return
    except HeadraceError as failure:
        failures.append(failure)


def plan_chunks(at: Deployment, claim: Claim, route: Route, turn: Turn) -> Verdict:
    """All blocks are scanned: add the chunks that are to be loaded, some at a time, and send their messages.

    The last messages of whoever did so before may not have been sent, so they are sent again.
    """
    generation, own = claim.generation, claim.chunk.number
    spans = composed_spans(islice(at.ledger.chunks(generation.id), own), route)
    planned = begun = claim.chunk.offset or 0
    unsent = max(planned - CHUNKS_A_TIME, 0)
    try:
        while True:
            if at.send:
                at.send([Task(generation.id, own + 1 + number) for number in range(unsent, planned) if spans[number].work == "load"])
            unsent = planned
            if planned == len(spans):
                break
            if at.ports.clock.monotonic() >= turn.deadline:
                at.ledger.give_back(claim, is_attempt=planned == begun)
                return Again(HeadraceError("INTERRUPTED", f"{planned} of {len(spans)} chunks of {generation.ref} are planned"), 0)
            extended = at.ledger.extend(claim, spans[planned : planned + CHUNKS_A_TIME])
            if not isinstance(extended, Claim):
                return at.unclaimed(extended, str(generation.ref))
            claim, planned = extended, extended.chunk.offset or 0
    except ServiceError as error:
        return at.put_off(claim, error)
    at.log.note("CUT", f"{generation.ref}: {len(spans)} chunks")
    return at.committed(at.ledger.commit(claim, Progress({})), str(generation.ref), is_done=True)
