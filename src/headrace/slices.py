"""The records of a chunk, loaded slice by slice: each is committed with its counts in one transaction.

So whatever dies loses one slice of work, and counts nothing twice.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import fields, replace

from headrace.account.outcome import Counts, Outcome
from headrace.account.rejects import part_name
from headrace.config.model import Route
from headrace.config.order import is_ordered
from headrace.cutting import part_of
from headrace.errors import HeadraceError
from headrace.ledger.entries import Chunk, Generation
from headrace.ledger.results import Claim, Committed, Progress, Refused
from headrace.load import OpenSink, load_object, table_writer
from headrace.record import Start
from headrace.verdicts import STATES, Again, Deployment, Turn, Verdict, failure_of


def load_slices(at: Deployment, claim: Claim, route: Route, turn: Turn) -> Verdict:
    """Load the records of a chunk as far as time allows."""
    slices = 1
    before = {name: claim.generation.counts.get(name, 0) - claim.chunk.counts.get(name, 0) for name in ("read", "rejected")}  # by the other chunks
    while True:
        if over := over_day(at):
            return at.stopped(claim, "PAUSED", over)
        outcome, hashes = _loaded(at, claim, route, turn, slices=slices, before=before)
        at.log.outcome(outcome)
        if outcome.blocked:
            return at.stopped(claim, "BLOCKED", failure_of(outcome))
        if outcome.state == "FAILED" and not outcome.retryable:
            return _failed(at, claim, outcome, turn, hashes)
        committed = commit_slice(at, claim, outcome, turn, hashes)
        if outcome.state == "FAILED":
            return Again(failure_of(outcome))
        if not isinstance(committed, Committed) or committed.claim is None:
            return at.committed(committed, outcome.object, is_done=outcome.state != "INTERRUPTED")
        claim = committed.claim
        slices *= 2


def _loaded(at: Deployment, claim: Claim, route: Route, turn: Turn, *, slices: int, before: Mapping[str, float]) -> tuple[Outcome, array[int]]:
    """Load one slice; its outcome, and the hashes of its keys where they are needed."""
    hashes = array("Q")
    generation, chunk = claim.generation, claim.chunk
    read, rejected = (int(before[name] + chunk.counts.get(name, 0)) for name in ("read", "rejected"))
    write = table_writer(route, at.config, at.ports, turn.deadline)
    is_noted = _is_noted(generation, route)
    outcome = load_object(
        generation.ref,
        _limited(generation, route),
        at.config,
        at.ports,
        part=replace(part_of(chunk), start=_start_of(chunk), read=read, rejected=rejected, is_last=_is_last(generation, route)),
        deadline=turn.deadline,
        stop_at=at.slice_end(slices),
        open_sink=_noting(write, hashes) if is_noted else write,
        rejects_name=part_name(route.name, generation.ref, generation.id, chunk.number, chunk.changes),
    )
    return outcome, hashes


def _noting(write: OpenSink, hashes: array[int]) -> OpenSink:
    from headrace.repeats import Noting  # noqa: PLC0415 - few objects need it, and every cold start would wait for it

    return lambda counts, refused: Noting(write, hashes, counts, refused)


def _is_last(generation: Generation, route: Route) -> bool:
    """Whether all chunks that load were done but for the one that was claimed."""
    return generation.chunks_done >= generation.chunks - 1 - (generation.chunks > 1 and is_ordered(route))


def _limited(generation: Generation, route: Route) -> Route:
    """``route`` with its limits for a chunk: what was validated as a whole may have a larger share of rejected records in one chunk."""
    if route.on_error.action != "skip_file" or generation.chunks == 1:
        return route
    return replace(route, on_error=replace(route.on_error, max_reject_percent=None))


def commit_slice(at: Deployment, claim: Claim, outcome: Outcome, turn: Turn, hashes: array[int]) -> Committed | Refused:
    """Commit what is safe of ``outcome``; the lease goes on while there is time."""
    if at.config.limits.bytes_per_day is not None or at.config.limits.records_per_day is not None:
        at.spending.add(bytes=outcome.bytes, records=outcome.read)
    if outcome.state == "FAILED" and not outcome.read:
        is_hopeless = outcome.error == "DEADLINE" and not outcome.throttles  # it had all its time and nothing in its way
        return at.ledger.give_back(claim, is_attempt=is_hopeless) or Committed(None, claim.generation.state)
    progress = progress_of(outcome)
    _keep_hashes(at, claim, progress, hashes)
    return at.ledger.commit(claim, progress, extend=at.lease_on(turn) if outcome.state == "INTERRUPTED" else None)


def _keep_hashes(at: Deployment, claim: Claim, progress: Progress, hashes: array[int]) -> None:
    """Before a slice is committed: those of its keys, where they are needed."""
    route = next(route for route in at.config.routes if route.name == claim.generation.route)
    if _is_noted(claim.generation, route):
        from headrace.key_lists import Place, store_hashes  # noqa: PLC0415 - likewise

        place = Place(claim.generation.id, claim.chunk.number, _start_of(claim.chunk).line)
        store_hashes(at.ports.rejects, place, hashes, None if progress.is_done else progress.line)


def _is_noted(generation: Generation, route: Route) -> bool:
    """Whether the hashes of keys are kept, because chunks of ``generation`` may repeat each other's."""
    return generation.chunks > 1 and is_ordered(route)


def over_day(at: Deployment) -> HeadraceError | None:
    """The limit of this day that is reached, if one is."""
    limits = at.config.limits
    if limits.bytes_per_day is None and limits.records_per_day is None:
        return None
    spent = at.spending.today()
    for name, most in (("bytes", limits.bytes_per_day), ("records", limits.records_per_day)):
        if most is not None and spent.get(name, 0) >= most:
            message = f"{spent[name]:,.0f} {name} were loaded today, expected at most {most:,} (limits.{name}_per_day)"
            return HeadraceError("DAY_LIMIT", message, hint="it goes on tomorrow (UTC), or after the limit is raised")
    return None


def _failed(at: Deployment, claim: Claim, outcome: Outcome, turn: Turn, hashes: array[int]) -> Verdict:
    """The object cannot be loaded: count what was, and end its generation."""
    if outcome.read and outcome.go_on:
        progress = progress_of(outcome)
        _keep_hashes(at, claim, progress, hashes)
        match at.ledger.commit(claim, progress, extend=at.lease(turn)):
            case Committed(claim=Claim() as going_on):
                claim = going_on
    return at.stopped(claim, STATES.get(outcome.error, "FAILED"), failure_of(outcome))


def progress_of(outcome: Outcome) -> Progress:
    """What is to be committed of ``outcome``."""
    going_on = outcome.go_on
    return Progress(
        _numbers(outcome),
        outcome.bytes,
        outcome.rejects or None,
        is_partial=outcome.state == "PARTIAL",
        offset=going_on.byte_offset if going_on else None,
        line=going_on.line if going_on else None,
    )


def _numbers(outcome: Outcome) -> dict[str, float]:
    """The counts of ``outcome`` by name; throttles each by what limits."""
    counted = {each.name: getattr(outcome, each.name) for each in fields(Counts) if each.name != "throttles"}
    return counted | {f"throttled_{reason}": calls for reason, calls in outcome.throttles.items()}


def _start_of(chunk: Chunk) -> Start:
    """Where the next slice of ``chunk`` begins."""
    return Start(chunk.start, chunk.first_line) if chunk.offset is None or chunk.line is None else Start(chunk.offset, chunk.line)
