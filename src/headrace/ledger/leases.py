"""When a lease is over, by the table's clock alone, and what giving one writes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from headrace.ledger.entries import Chunk, Generation, chunk_key, expiry, item_of, meta_key
from headrace.ledger.results import Claim, Lease
from headrace.ledger.store import LAG_S_MAX, Below, Condition, Is, Put, Update, Write

MARGIN_S = math.ceil(LAG_S_MAX) + 1
"""A lease counts as over so much later than it says: two readings of the table's clock differ by at most LAG_S_MAX; 1 s for monotonic clocks."""

_REASONS = ("code", "message", "hint")


def ends_at(lease: Lease, now: float) -> int:
    """The end of a lease given now, in whole seconds since the epoch."""
    return math.ceil(now + lease.seconds)


def left_s(chunk: Chunk, now: float) -> int:
    """For how long nobody else may have ``chunk``; 0 if it is free."""
    return 0 if chunk.leased_until is None else max(0, math.ceil(chunk.leased_until + MARGIN_S - now))


def all_left_s(generation: Generation, now: float) -> int:
    """For how long somebody may be at work on ``generation``; 0 if surely nobody is."""
    return max(0, math.ceil(generation.leased_until + MARGIN_S - now)) if generation.leases else 0


def granted(claim: Claim, lease: Lease, now: float) -> tuple[list[Write], Claim]:
    """The writes that give the chunk of ``claim``, as it was read, to the one who asks, and the claim that they give."""
    generation, chunk = claim.generation, claim.chunk
    until = ends_at(lease, now)
    added = 1 if chunk.leased_until is None else 0
    chunk = replace(chunk, owner=lease.owner, leased_until=until, state="PENDING", attempt=chunk.attempt + 1, changes=chunk.changes + 1, last_change=None)
    values, conditions = raised(generation, until)
    update = Update(
        meta_key(generation.id),
        set={"state": "LOADING"} | values,
        add={"leases": added} if added else {},
        remove=("after", *_REASONS),
        conditions=[Is("state", generation.state), *conditions],
    )
    after = replace(generation, state="LOADING", leases=generation.leases + added, leased_until=max(until, generation.leased_until), after=None)
    return [chunk_put(generation.id, claim.chunk, chunk, now), update], Claim(replace(after, code=None, message=None, hint=None), chunk)


def chunk_put(generation_id: str, before: Chunk | None, chunk: Chunk, now: float) -> Put:
    """Replace a chunk if it still is as it was read; without ``before``, whatever is there."""
    return Put(item_of(chunk, chunk_key(generation_id, chunk.number), expires_at=expiry(now)), [Is("changes", before.changes)] if before else ())


def raised(generation: Generation, until: int) -> tuple[dict[str, Any], list[Condition]]:
    """What keeps ``leased_until`` of a generation the latest of its leases."""
    return ({"leased_until": until}, [Below("leased_until", until)]) if until > generation.leased_until else ({}, [])
