"""A version that the ledger has not seen before: which place it takes beside those it knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from headrace.ledger.entries import Chunk, Generation, Head, chunk_key, expiry, head_key, iso, item_of, meta_key, pointer_key
from headrace.ledger.identity import generation_id, order, sequencer_of
from headrace.ledger.leases import all_left_s, ends_at
from headrace.ledger.listings import ended_listing, open_listing
from headrace.ledger.results import Ambiguous, Answer, Busy, Claim, Job, Lease
from headrace.ledger.states import State
from headrace.ledger.store import Check, Condition, Is, Put, Update, Write
from headrace.ports import ObjectRef


@dataclass(frozen=True)
class Older:
    """The generation that counted until now, and the only one that may have workers alive: itself, or the one it waits for."""

    generation: Generation
    blocker: Generation | None


def is_same_upload(ref: ObjectRef, head: Head) -> bool:
    """Whether ``ref`` names the version that counts although its id differs: same content without version ids, one named without a sequencer."""
    is_size_equal = None in (ref.size, head.size) or ref.size == head.size
    is_content_equal = ref.version_id is None and head.version_id is None and ref.etag == head.etag and is_size_equal
    return is_content_equal and (head.position is None or sequencer_of(ref) is None)


def is_newer(ref: ObjectRef, head: Head | None, answer: Answer | None, *, is_replay: bool = False) -> bool | Ambiguous:
    """Whether ``ref`` takes the head's place; a replay does so if the head is of the same version."""
    if head is None:
        return True
    place = order(sequencer_of(ref), head.position)
    if place:
        return place > 0
    if is_replay and (ref.version_id, ref.etag) == (head.version_id, head.etag):
        return True
    return answer.is_current if answer and answer.head == head.generation else Ambiguous(head.generation)


def received(ref: ObjectRef, job: Job, now: float) -> Generation:
    """A generation as it is at first."""
    return Generation(
        id=generation_id(ref, job.replay),
        state="RECEIVED",
        bucket=ref.bucket,
        key=ref.key,
        route=job.route,
        table=job.table,
        config_hash=job.config_hash,
        found_by=job.found_by,
        received_at=iso(now),
        version_id=ref.version_id,
        etag=ref.etag,
        size=ref.size,
        sequencer=ref.sequencer,
        replay_of=job.replay.generation if job.replay else None,
        replay_number=job.replay.number if job.replay else 0,
        records=job.replay.records if job.replay else "all",
    )


def kept_as_superseded(generation: Generation, now: float) -> list[Write]:
    """An older version is kept for its history. What was older once stays so, whatever the head is by now."""
    return [Put(item_of(generation, meta_key(generation.id)) | ended(generation.id, "SUPERSEDED", now), [Is("pk", None)]), _pointer(generation, now)]


def advanced(new: Generation, head: Head | None, older: Older | None, *, lease: Lease, now: float) -> tuple[list[Write], Claim | Busy]:
    """The newest version takes the head's place, ends the one before, and begins at once unless that one may have workers alive."""
    blocker = older.blocker if older else None
    wait_s = all_left_s(blocker, now) if blocker else 0
    chunk = Chunk(0)
    if blocker and wait_s:
        new = replace(new, after=blocker.id)
    else:
        until = ends_at(lease, now)
        new = replace(new, state="LOADING", leases=1, leased_until=until)
        chunk = replace(chunk, owner=lease.owner, leased_until=until, attempt=1, changes=1)
    writes: list[Write] = [
        Put(_head_item(new), [Is("generation", head.generation if head else None)]),
        Put(item_of(new, meta_key(new.id), listing=open_listing(new.id), listed_at=new.received_at), [Is("pk", None)]),
        _pointer(new, now),
        Put(item_of(chunk, chunk_key(new.id, 0), expires_at=expiry(now))),
    ]
    if older:
        writes.append(_overtaken(older, wait_s == 0, now))
    return writes, Busy(wait_s) if wait_s else Claim(new, chunk)


def ended(generation_id: str, state: State, now: float) -> dict[str, Any]:
    """The attributes of a generation that ended now."""
    moment = iso(now)
    return {"state": state, "ended_at": moment, "listing": ended_listing(generation_id, moment[:10]), "listed_at": moment, "expires_at": expiry(now)}


def _overtaken(older: Older, is_free: bool, now: float) -> Write:
    """End the older generation, if it still is as it was read. From then on it is given no lease, so what was free stays free."""
    generation = older.generation
    names: Sequence[str] = ("state", "after")
    if is_free and older.blocker is generation:
        names = ("state", "after", "leases", "leased_until")
    conditions: list[Condition] = [Is(name, getattr(generation, name)) for name in names]
    key = meta_key(generation.id)
    return Check(key, conditions) if generation.is_final else Update(key, set=ended(generation.id, "SUPERSEDED", now), conditions=conditions)


def _head_item(generation: Generation) -> dict[str, Any]:
    sequencer = sequencer_of(generation.ref)
    head = Head(
        generation.id,
        sequencer.value if sequencer else None,
        sequencer.digits if sequencer else 0,
        generation.etag,
        generation.version_id,
        generation.size,
    )
    return item_of(head, head_key(generation.bucket, generation.key))


def _pointer(generation: Generation, now: float) -> Put:
    """Kept longer than what it points to, which lives 400 days from its end."""
    pk, sk = pointer_key(generation)
    return Put({"pk": pk, "sk": sk, "generation": generation.id, "expires_at": expiry(expiry(now))})
