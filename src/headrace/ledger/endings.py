"""Ends of a generation that need no lease."""

from __future__ import annotations

from dataclasses import replace

from headrace.ledger.arrival import ended
from headrace.ledger.changes import done_state, stop_of
from headrace.ledger.contention import settled
from headrace.ledger.entries import Generation, meta_key, parsed
from headrace.ledger.results import Ended, Ending, Unknown
from headrace.ledger.states import before
from headrace.ledger.store import Is, LedgerStore, Update


def end_unclaimed(store: LedgerStore, generation_id: str, ending: Ending) -> Ended | Unknown:
    """See Ledger."""

    def attempt() -> Ended | Unknown:
        generation = _generation(store, generation_id)
        if generation is None:
            return Unknown()
        if generation.state not in before(ending.state):
            return Ended(generation.id, generation.state)
        values = stop_of(generation_id, ending, store.now())
        store.transact([Update(meta_key(generation_id), set=values, conditions=[Is("state", generation.state)])])
        return Ended(generation.id, ending.state)

    return settled(attempt)


def finish(store: LedgerStore, generation_id: str) -> Generation | None:
    """See Ledger."""

    def attempt() -> Generation | None:
        generation = _generation(store, generation_id)
        if generation is None or generation.is_final or generation.chunks_done < generation.chunks:
            return generation
        state = done_state(generation.is_partial)
        end = ended(generation_id, state, store.now())
        store.transact([Update(meta_key(generation_id), set=end, conditions=[Is("state", generation.state)])])
        return replace(generation, state=state, ended_at=end["ended_at"])

    return settled(attempt)


def _generation(store: LedgerStore, generation_id: str) -> Generation | None:
    at = meta_key(generation_id)
    found = store.get([at])
    return parsed(Generation, found[at]) if at in found else None
