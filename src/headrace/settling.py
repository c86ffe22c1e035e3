"""Which record of a key wins in an object that was cut, settled when all its chunks are loaded (see ``repeats.py``).

It goes hash by hash: a portion of them that come again is looked for, then the records of each chunk that has any of these as the last
are read once more. How far it came is committed after each step, so that the next invocation goes on there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO, NamedTuple

from headrace.account.outcome import Outcome
from headrace.config.model import OnError, Route
from headrace.cutting import part_of
from headrace.errors import Deadline, HeadraceError, ObjectError, ServiceError
from headrace.key_lists import ALL, KeyLists, Place
from headrace.ledger.entries import Chunk, Generation
from headrace.ledger.results import Claim, Committed, Progress
from headrace.load import load_object, table_writer
from headrace.record import Start
from headrace.repeats import Picking, next_repeated
from headrace.verdicts import STATES, Again, Deployment, Turn, Verdict, failure_of


class Mark(NamedTuple):
    """How far it came: all hashes below ``first`` are settled, and of those below ``end`` (None: not looked for yet) all records before
    ``line`` of chunk ``chunk``, which begins at byte ``offset``."""

    first: int = 0
    end: int | None = None
    chunk: int = 0
    offset: int | None = None
    line: int = 0


class Step(NamedTuple):
    """How far it came, and what was loaded for it."""

    mark: Mark
    outcome: Outcome | None = None


def settle_repeats(at: Deployment, claim: Claim, route: Route, turn: Turn) -> Verdict:
    """Write once more what came again in a later chunk, as far as time allows."""
    what = f"repeated keys of {claim.generation.ref}"
    try:
        for step in _steps(at, claim, route, turn.deadline):
            outcome = step.outcome
            is_failed = outcome is not None and outcome.state == "FAILED"
            if outcome:
                at.log.outcome(outcome)
            if outcome and is_failed and not outcome.retryable:
                return at.stopped(claim, STATES.get(outcome.error, "FAILED"), failure_of(outcome))
            if outcome and outcome.blocked:
                return at.stopped(claim, "BLOCKED", failure_of(outcome))
            if outcome and is_failed and not outcome.read:
                at.ledger.give_back(claim, is_attempt=outcome.error == "DEADLINE" and not outcome.throttles)
                return Again(failure_of(outcome))
            progress = Progress({}, offset=(claim.chunk.offset or 0) + 1, line=0, notes=json.dumps(step.mark))
            committed = at.ledger.commit(claim, progress, extend=None if is_failed else at.lease_on(turn))
            if is_failed and outcome and isinstance(committed, Committed):
                return Again(failure_of(outcome))
            if not isinstance(committed, Committed) or committed.claim is None:
                return at.committed(committed, what, is_done=False)
            claim = committed.claim
    except ObjectError as error:
        gone = HeadraceError("STAGED_GONE", f"{what}: {error.message}", hint="they are kept for rejects.retention_days; headrace replay loads the object anew")
        return at.stopped(claim, "FAILED", gone)
    except ServiceError as error:
        return at.put_off(claim, error)
    return at.committed(at.ledger.commit(claim, Progress({})), what, is_done=True)


def _steps(at: Deployment, claim: Claim, route: Route, deadline: float) -> Iterator[Step]:
    """What is left to be settled, step by step."""
    generation = claim.generation
    chunks = {chunk.number: chunk for chunk in at.ledger.chunks(generation.id) if chunk.work == "load"}
    mark = Mark(*json.loads(claim.chunk.notes)) if claim.chunk.notes else Mark()
    while True:
        portion, end = _portion(at, generation, chunks.values(), mark=mark, deadline=deadline, are_all=route.mode == "newer_wins")
        mark = mark._replace(end=end)
        for number in sorted(number for number in portion if number >= mark.chunk):
            for step in _rewritten(at, generation, chunks[number], portion[number], mark, route=route, deadline=deadline):
                mark = step.mark
                yield step
        if end == ALL:
            return
        mark = Mark(end)
        yield Step(mark)


def _portion(at: Deployment, generation: Generation, chunks: Iterable[Chunk], *, mark: Mark, deadline: float, are_all: bool) -> tuple[dict[int, set[int]], int]:
    """Hashes that come again, from ``mark`` on, by the chunks they are to be written of; and the hash before which they end. See ``next_repeated``."""
    clock = at.ports.clock
    until = deadline if mark.end else (clock.monotonic() + deadline) / 2

    def is_over() -> bool:
        is_late = clock.monotonic() >= until
        if is_late and mark.end:
            raise Deadline("DEADLINE", "time ran out before the repeated keys were found that are known to be there", hint="give the function more time")
        return is_late

    lists = KeyLists(at.ports.objects, at.config.rejects_bucket)
    hashes = ((chunk.number, lists.hashes_of(Place(generation.id, chunk.number, chunk.first_line), mark.first)) for chunk in chunks)
    return next_repeated(hashes, end=mark.end or ALL, is_over=is_over, are_all=are_all)


def _rewritten(at: Deployment, generation: Generation, chunk: Chunk, wanted: set[int], mark: Mark, *, route: Route, deadline: float) -> Iterator[Step]:
    """Write the records of ``chunk`` with the hashes ``wanted``. It may be repeated, as all that follow are then."""
    everything = replace(route, on_error=OnError(max_rejects=None))
    ports = replace(at.ports, rejects=_Nowhere())
    write = table_writer(route, at.config, ports, deadline)
    read_to = chunk.line if chunk.is_partial and chunk.line is not None else math.inf  # it stopped there: what follows was never read
    is_begun = mark.chunk == chunk.number and mark.offset is not None
    mark = mark if is_begun else mark._replace(chunk=chunk.number, offset=chunk.start, line=chunk.first_line)
    while mark.chunk == chunk.number:
        outcome = load_object(
            generation.ref,
            everything,
            at.config,
            ports,
            part=replace(part_of(chunk), start=Start(mark.offset or 0, mark.line)),
            deadline=deadline,
            stop_at=at.slice_end(),
            open_sink=lambda counts, refused: Picking(write(counts, refused), wanted, counts, end=read_to),
        )
        if outcome.go_on and outcome.state != "LOADED":  # PARTIAL: one slice of the load kept fewer rejected records
            mark = mark._replace(offset=outcome.go_on.byte_offset, line=outcome.go_on.line)
        else:
            mark = mark._replace(chunk=chunk.number + 1, offset=None, line=0)
        yield Step(mark, outcome)


class _Nowhere:
    """A RejectSink for records that were rejected, and kept, before."""

    def store(self, name: str, content: BinaryIO) -> str:
        return ""
