"""What the holder of a lease does: prepare a generation, or do the work of one of its chunks, as far as time allows.

What cannot be ended in time comes again with the same message, and goes on where it was committed: no message begets a chain of others.
Only whoever cuts an object, or plans its chunks, sends messages, one for each chunk.
"""

from __future__ import annotations

from headrace.config.model import Route
from headrace.config.order import is_ordered
from headrace.cutting import spans_of
from headrace.errors import HeadraceError, ObjectError, ServiceError
from headrace.ledger.results import Claim, Committed, Progress
from headrace.ports import Task
from headrace.records import Opened
from headrace.slices import load_slices, over_day
from headrace.split.plan import chunk_bytes_for
from headrace.validation import validate_object
from headrace.verdicts import STATES, Again, Deployment, Turn, Verdict, failure_of

ATTEMPTS_MAX = 20
"""Leases of a chunk without progress in between; then it is given up."""


def work(at: Deployment, claim: Claim, turn: Turn) -> Verdict:
    """Do the work of a claim as far as time allows."""
    generation = claim.generation
    route = next((route for route in at.config.routes if route.name == generation.route), None)
    chunk = claim.chunk
    is_begun = generation.chunks > 1 or (chunk.offset, chunk.line) not in ((None, None), (chunk.start, chunk.first_line))
    if route is None or (is_begun and generation.config_hash != at.rules(route)):
        failure = HeadraceError("CONFIG_CHANGED", "the route changed while the object was being loaded", hint="headrace replay loads it anew")
        return at.stopped(claim, "FAILED", failure)
    if chunk.attempt > ATTEMPTS_MAX:
        message = f"{ATTEMPTS_MAX} attempts ended without progress: the function may run out of memory or time"
        return at.stopped(claim, "FAILED", HeadraceError("GIVEN_UP", message, hint="see the function's log, then headrace replay"))
    if not is_begun:
        if over := over_day(at):
            return at.stopped(claim, "PAUSED", over)
        prepared = _prepared(at, claim, route, turn)
        if not isinstance(prepared, Claim):
            return prepared
        claim = prepared
    if claim.generation.chunks > 1 and claim.chunk.number == 0 and claim.chunk.offset is None:
        sent = _sent_all(at, claim, route, turn)  # whoever cut it may have died before all were sent
        if not isinstance(sent, Claim):
            return sent
        claim = sent
    match claim.chunk.work:
        case "load":
            return load_slices(at, claim, route, turn)
        case "settle":
            from headrace.settling import settle_repeats  # noqa: PLC0415 - few objects need it, and every cold start would wait for it

            return settle_repeats(at, claim, route, turn)
        case "scan" | "plan":
            from headrace.scanning import plan_chunks, scan_block  # noqa: PLC0415 - likewise

            return (scan_block if claim.chunk.work == "scan" else plan_chunks)(at, claim, route, turn)


def _prepared(at: Deployment, claim: Claim, route: Route, turn: Turn) -> Claim | Verdict:
    """Before the first record is written: validate the object where the route wants that, and cut it if it is large."""
    if claim.generation.config_hash != at.rules(route):  # it changed before anything was begun
        pinned = at.ledger.pin(claim, at.config.table_name(route.table), at.rules(route))
        if not isinstance(pinned, Claim):
            return at.unclaimed(pinned, str(claim.generation.ref))
        claim = pinned
    if route.on_error.action == "skip_file" and claim.chunk.notes != _validated_by(at, route):
        validated = _validated(at, claim, route, turn)
        if not isinstance(validated, Claim):
            return validated
        claim = validated
    is_large = (claim.generation.size or 0) > chunk_bytes_for(0, 0)
    if at.send is None or not is_large or claim.chunk.attempt > 2:
        return claim
    try:
        return _cut(at, claim, route, turn)
    except ObjectError:
        return claim  # what is wrong with it is told by loading it
    except ServiceError as error:
        return at.put_off(claim, error)


def _validated_by(at: Deployment, route: Route) -> str:
    """The note of a chunk whose object was validated by the rules as they are."""
    return f"validated {at.rules(route)}"


def _validated(at: Deployment, claim: Claim, route: Route, turn: Turn) -> Claim | Verdict:
    """Validate the object; where that takes more than half of the time it is noted, so that it need not be done again."""
    clock, chunk = at.ports.clock, claim.chunk
    started = clock.monotonic()
    outcome = validate_object(claim.generation.ref, route, at.config, at.ports, deadline=turn.deadline)
    if outcome.state == "LOADED":
        if 2 * clock.monotonic() < started + turn.deadline:
            return claim
        noted = Progress({}, offset=chunk.start, line=chunk.first_line, notes=_validated_by(at, route))
        committed = at.ledger.commit(claim, noted, extend=at.lease_on(turn))
        if isinstance(committed, Committed) and committed.claim:
            return committed.claim
        return at.committed(committed, outcome.object, is_done=False)
    at.log.outcome(outcome)
    is_over = outcome.error == "DEADLINE"
    if is_over and chunk.attempt >= ATTEMPTS_MAX:
        message = f"{outcome.object}: {chunk.attempt} times there was no time to read all of it, as on_error `skip_file` wants before it writes"
        hint = "raise function.timeout_s or memory_mb, divide the file, or take on_error `continue` or `abort`; then headrace replay"
        return at.stopped(claim, "FAILED", HeadraceError("VALIDATION_UNENDED", message, hint=hint))
    if outcome.retryable and not outcome.blocked:
        at.ledger.give_back(claim, is_attempt=is_over)
        return Again(failure_of(outcome))
    return at.stopped(claim, "BLOCKED" if outcome.blocked else STATES.get(outcome.error, "FAILED"), failure_of(outcome))


def _cut(at: Deployment, claim: Claim, route: Route, turn: Turn) -> Claim | Verdict:
    generation = claim.generation
    opened = Opened(at.ports.objects, generation.ref, at.ports.clock, limits=at.config.limits, deadline=turn.deadline)
    try:
        spans = spans_of(opened, route, at.config, turn.deadline - at.ports.clock.monotonic())
    finally:
        opened.close()
    if isinstance(spans, str) or len(spans) < 2:
        at.log.note("NOT_CUT", f"{generation.ref}: read as one: {spans}")
        return claim
    planned = at.ledger.plan(claim, spans)
    if not isinstance(planned, Claim):
        return at.unclaimed(planned, str(generation.ref))
    at.log.note("CUT", f"{generation.ref}: {planned.generation.chunks} chunks{' to be scanned' if planned.chunk.work == 'scan' else ''}")
    return planned


def _sent_all(at: Deployment, claim: Claim, route: Route, turn: Turn) -> Claim | Verdict:
    """Send the messages of the other chunks, and note that, so that a chunk that has to wait does not send them each time it comes again."""
    try:
        send_all(at, claim, route)
    except ServiceError as error:
        return at.put_off(claim, error)
    committed = at.ledger.commit(claim, Progress({}, offset=claim.chunk.start, line=claim.chunk.first_line), extend=at.lease(turn))
    if isinstance(committed, Committed) and committed.claim:
        return committed.claim
    return at.committed(committed, str(claim.generation.ref), is_done=False)


def send_all(at: Deployment, claim: Claim, route: Route) -> None:
    """Send the messages of all chunks but the first, which is claimed, and one that waits for the others."""
    is_last_awaiting = claim.chunk.work == "scan" or is_ordered(route)
    if at.send:
        at.send([Task(claim.generation.id, number) for number in range(1, claim.generation.chunks - is_last_awaiting)])
