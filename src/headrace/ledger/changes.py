"""What the holder of a lease may change, as the writes that do it. Each is told from every other, so that a repeated one is known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from headrace.ledger.arrival import ended
from headrace.ledger.entries import COUNT, Chunk, Span, chunk_key, head_key, meta_key
from headrace.ledger.leases import chunk_put, ends_at, raised
from headrace.ledger.results import Claim, Ending, Lease, Progress
from headrace.ledger.states import FINAL, State, before
from headrace.ledger.store import TRANSACTION_WRITES_MAX, Check, In, Is, Put, Update, Write

CHUNKS_A_TIME = TRANSACTION_WRITES_MAX - 2
REASON_CHARACTERS_MAX = 2000


class Change(NamedTuple):
    """Writes of one transaction, and the claim after it."""

    writes: Sequence[Write]
    after: Claim


def committed(claim: Claim, progress: Progress, extend: Lease | None, now: float) -> Change:
    """Counts on the chunk and on its generation, the lease kept or given back, and the end of a generation of one chunk."""
    until = ends_at(extend, now) if extend and not progress.is_done else None
    is_last = progress.is_done and claim.generation.chunks == 1
    chunk = _with_progress(claim.chunk, progress, until)
    put, chunk = _changed(claim, chunk, ("commit", progress), now)
    values, conditions = raised(claim.generation, until) if until else ({}, [])
    if chunk.is_partial:
        values |= {"is_partial": True}
    state = claim.generation.state
    if is_last:
        state = done_state(chunk.is_partial or claim.generation.is_partial)
        values |= ended(claim.generation.id, state, now)
    add: dict[str, float] = {COUNT + name: value for name, value in progress.counts.items()}
    add |= {"bytes": progress.bytes, "chunks_done": int(progress.is_done), "leases": 0 if until else -1}
    update = Update(meta_key(claim.generation.id), set=values, add=add, conditions=[In("state", before("LOADED")), *conditions])
    return Change([put, update], Claim(replace(claim.generation, state=state), chunk))


def pinned(claim: Claim, table: str, config_hash: str, now: float) -> Change:
    """Other rules for a generation of which nothing was begun."""
    put, chunk = _changed(claim, claim.chunk, ("pin", table, config_hash), now)
    values = {"table": table, "config_hash": config_hash}
    update = Update(meta_key(claim.generation.id), set=values, conditions=[In("state", before("LOADED"))])
    return Change([put, update], Claim(replace(claim.generation, table=table, config_hash=config_hash), chunk))


def planned(claim: Claim, first: Span, chunks: int, now: float) -> Change:
    """The last step of a plan: from now on the generation has ``chunks`` chunks. A generation that was stopped meanwhile stays so."""
    chunk = replace(claim.chunk, **asdict(first), offset=None, line=None, notes=None)
    put, chunk = _changed(claim, chunk, ("plan", first, chunks), now)
    state: State = "PLANNED" if claim.generation.state == "LOADING" else claim.generation.state
    conditions = [Is("state", claim.generation.state)]
    scans = chunks - 1 if first.work == "scan" else 0
    update = Update(meta_key(claim.generation.id), set={"chunks": chunks, "scans": scans, "state": state}, conditions=conditions)
    return Change([put, update], Claim(replace(claim.generation, chunks=chunks, scans=scans, state=state), chunk))


def laid_out(claim: Claim, chunks: Sequence[Chunk], now: float) -> list[Write]:
    """Chunks of a plan that is under way; what an earlier try left of them is replaced."""
    puts = [chunk_put(claim.generation.id, None, chunk, now) for chunk in chunks]
    return [Check(chunk_key(claim.generation.id, claim.chunk.number), [Is("changes", claim.chunk.changes)]), *puts]


def extended(claim: Claim, spans: Sequence[Span], now: float) -> Change:
    """More chunks after those that are there, which whoever has the lease of one has planned."""
    generation, count = claim.generation, claim.generation.chunks
    chunk = replace(claim.chunk, offset=(claim.chunk.offset or 0) + len(spans), line=0, attempt=0)
    put, chunk = _changed(claim, chunk, ("extend", spans), now)
    more = [chunk_put(generation.id, None, Chunk.of(number, span), now) for number, span in enumerate(spans, count)]
    generation = replace(generation, chunks=count + len(spans))
    update = Update(meta_key(generation.id), set={"chunks": generation.chunks}, conditions=[In("state", before("LOADED")), Is("chunks", count)])
    return Change([put, *more, update], Claim(generation, chunk))


def released(claim: Claim, now: float, *, is_attempt: bool) -> Change:
    """The lease given back, whatever became of the generation."""
    chunk = replace(claim.chunk, leased_until=None) if is_attempt else _uncounted(claim.chunk)
    put, chunk = _changed(claim, chunk, ("give back",), now)
    return Change([put, Update(meta_key(claim.generation.id), add={"leases": -1}, conditions=[Is("id", claim.generation.id)])], Claim(claim.generation, chunk))


def stopped(claim: Claim, ending: Ending, now: float) -> Change:
    """The generation ended or stopped, the lease given back. What was gone when it was to be read may be put there again: the head forgets its eTag."""
    chunk = replace(_uncounted(claim.chunk), state="FAILED" if ending.state == "FAILED" else claim.chunk.state)
    put, chunk = _changed(claim, chunk, ("end", ending), now)
    conditions = [In("state", before(ending.state))]
    update = Update(meta_key(claim.generation.id), set=stop_of(claim.generation.id, ending, now), add={"leases": -1}, conditions=conditions)
    writes: list[Write] = [put, update]
    if ending.state in ("SUPERSEDED", "MISSING"):
        at = head_key(claim.generation.bucket, claim.generation.key)
        writes.append(Update(at, remove=("etag",), conditions=[Is("generation", claim.generation.id)]))
    return Change(writes, Claim(replace(claim.generation, state=ending.state), chunk))


def stop_of(generation_id: str, ending: Ending, now: float) -> dict[str, Any]:
    """The attributes of a generation that ends or stops, with its reasons."""
    reasons = {"code": ending.code, "message": ending.message, "hint": ending.hint}
    values = ended(generation_id, ending.state, now) if ending.state in FINAL else {"state": ending.state}
    return values | {name: text[:REASON_CHARACTERS_MAX] for name, text in reasons.items()}


def done_state(is_partial: bool) -> State:
    return "PARTIAL" if is_partial else "LOADED"


def _uncounted(chunk: Chunk) -> Chunk:
    """``chunk`` without its lease, which does not count as an attempt: its holder lived to say why it got nowhere."""
    return replace(chunk, leased_until=None, attempt=max(chunk.attempt - 1, 0))


def _with_progress(chunk: Chunk, progress: Progress, until: int | None) -> Chunk:
    offset, line = (chunk.start, chunk.first_line) if chunk.offset is None else (chunk.offset, chunk.line or 0)
    is_further = progress.offset is not None and (progress.offset > offset or (progress.line or 0) > line)  # rows of a row group have one offset
    is_read = progress.is_done and not progress.is_partial
    counts = dict(chunk.counts)
    for name, value in progress.counts.items():
        counts[name] = counts.get(name, 0) + value
    return replace(
        chunk,
        state="DONE" if progress.is_done else "PENDING",
        leased_until=until,
        attempt=0 if is_further else chunk.attempt,
        offset=chunk.offset if is_read else progress.offset,
        line=chunk.line if is_read else progress.line,
        notes=progress.notes or chunk.notes,
        bytes=chunk.bytes + progress.bytes,
        is_partial=chunk.is_partial or progress.is_partial,
        rejects=(*chunk.rejects, progress.rejects) if progress.rejects else chunk.rejects,
        counts=counts,
    )


def _changed(claim: Claim, chunk: Chunk, change: tuple[object, ...], now: float) -> tuple[Put, Chunk]:
    chunk = replace(chunk, changes=chunk.changes + 1, last_change=hashlib.sha256(repr(change).encode()).hexdigest()[:16])
    return chunk_put(claim.generation.id, claim.chunk, chunk, now), chunk
