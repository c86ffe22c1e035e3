"""A generation that ended too early goes on: what is done stays, what failed or stopped is loaded from where it was committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from headrace.ledger.contention import settled
from headrace.ledger.entries import Chunk, Generation, head_key, meta_key, parsed
from headrace.ledger.leases import chunk_put
from headrace.ledger.listings import open_listing
from headrace.ledger.states import State
from headrace.ledger.store import TRANSACTION_WRITES_MAX, Check, ConditionFailed, Is, LedgerStore, Update

CHUNKS_A_TIME = TRANSACTION_WRITES_MAX - 2
REOPENED: tuple[State, ...] = ("FAILED", "PARTIAL")


def reopen(store: LedgerStore, generation_id: str) -> Generation | None:
    """The generation, PLANNED with what is left of its chunks, or None: nothing is left of it, it did not end so, or something newer counts.

    Each change holds only while the object's head names this generation, so a newer version or a replay is never overtaken.
    It may be repeated after a crash half-way, and beside workers that have not heard of the end yet: they go on.
    """
    return settled(lambda: _attempt(store, generation_id))


def _attempt(store: LedgerStore, generation_id: str) -> Generation | None:
    at = meta_key(generation_id)
    item = store.get([at]).get(at)
    generation = parsed(Generation, item) if item else None
    if generation is None or generation.state not in REOPENED or generation.records == "rejected":
        return None
    chunks = [parsed(Chunk, each) for each in islice(store.query(at[0], "c#"), generation.chunks)]
    stopped = [chunk for chunk in chunks if chunk.state == "FAILED" or (chunk.is_partial and chunk.offset is not None)]
    if not stopped and all(chunk.state == "DONE" for chunk in chunks):
        return None
    try:
        while len(stopped) > CHUNKS_A_TIME:
            generation = _put_back(store, generation, stopped[:CHUNKS_A_TIME], {})
            stopped = stopped[CHUNKS_A_TIME:]
        is_partial = any(chunk.is_partial and chunk.offset is None for chunk in chunks)
        opened: dict[str, Any] = {"state": "PLANNED", "is_partial": is_partial, "listing": open_listing(generation_id), "listed_at": generation.received_at}
        generation = _put_back(store, generation, stopped, opened)
    except ConditionFailed as failed:
        if failed.key[1] == "head":
            return None
        raise
    return replace(generation, state="PLANNED", is_partial=is_partial, reopened=generation.reopened + 1, ended_at=None, code=None, message=None, hint=None)


def _put_back(store: LedgerStore, generation: Generation, chunks: Sequence[Chunk], opened: dict[str, Any]) -> Generation:
    """Make chunks that stopped ones that wait; with ``opened`` the generation too. Returns it with what it counts now."""
    done = sum(chunk.state == "DONE" for chunk in chunks)
    waits: dict[str, Any] = {"state": "PENDING", "is_partial": False, "attempt": 0, "last_change": None}
    puts = [chunk_put(generation.id, chunk, replace(chunk, changes=chunk.changes + 1, **waits), store.now()) for chunk in chunks]
    update = Update(
        meta_key(generation.id),
        set=opened,
        add={"chunks_done": -done} | ({"reopened": 1} if opened else {}),
        remove=("ended_at", "expires_at", "code", "message", "hint") if opened else (),
        conditions=[Is("state", generation.state)],
    )
    store.transact([Check(head_key(generation.bucket, generation.key), [Is("generation", generation.id)]), update, *puts])
    return replace(generation, chunks_done=generation.chunks_done - done)
