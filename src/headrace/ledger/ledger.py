"""The ledger's operations: each is one look, one decision, and one transaction that holds only if what was seen still is.

Two rules carry everything. The head of an object and the end of the generation before change in one transaction, and a lease is given
only to an open generation: so no older version is given a lease after a newer one took its place. A generation counts its leases
and knows the latest end of them: so the newer one sees when the older one's workers are surely gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice

from headrace.ledger import arrival, changes
from headrace.ledger.contention import TRIES_MAX, contended, settled
from headrace.ledger.endings import end_unclaimed, finish
from headrace.ledger.entries import Chunk, Generation, Head, Span, chunk_key, head_key, meta_key, parsed
from headrace.ledger.identity import generation_id
from headrace.ledger.leases import all_left_s, granted, left_s
from headrace.ledger.listings import all_ended, all_open
from headrace.ledger.results import (
    Ambiguous,
    Answer,
    Begun,
    Busy,
    Claim,
    Claimed,
    Committed,
    Duplicate,
    Early,
    Ended,
    Ending,
    Job,
    Lease,
    LeaseLost,
    Progress,
    Refused,
    Superseded,
    Unknown,
)
from headrace.ledger.store import ConditionFailed, Is, LedgerStore, Update
from headrace.ports import ObjectRef

POINTERS_A_TIME = 50


class Ledger:
    """What was loaded, what is being loaded and by whom. All errors of the store come through: Throttled, Unavailable, Denied, ServiceError.

    Every operation may be repeated after an error or a crash, by anybody; it then goes on where it stopped, and counts nothing twice.
    """

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    def begin(self, ref: ObjectRef, job: Job, *, lease: Lease, answer: Answer | None = None) -> Begun:
        """Take note of an object version and, if it may begin or go on, get the lease of its first chunk.

        The chunk's claim may show a generation that was cut already (``chunks`` > 1): then messages may have been lost, send them again.
        Ended and Unknown come only where items were deleted from outside. Raises ObjectError OBJECT_UNPINNED.
        """
        return settled(lambda: self._begin(ref, job, lease, answer))

    def claim(self, generation_id: str, number: int, lease: Lease) -> Claimed:
        """Get the lease of one chunk, to go on from its checkpoint; of one that is done, and was the last to be waited for, that of the one that waits."""

        def attempt() -> Claimed:
            generation, chunk = self._look(generation_id, number)
            if generation and generation.records == "rejected":
                return _over(generation)
            return self._grant(generation, chunk, lease) if generation else Unknown()

        return settled(attempt)

    def commit(self, claim: Claim, progress: Progress, *, extend: Lease | None = None) -> Committed | Refused:
        """Add what was done. With a checkpoint the lease goes on by ``extend`` or, without it, is given back; a chunk that is done gives it back.

        The last chunk's commit ends the generation as LOADED, or PARTIAL if any of its chunks is.
        """
        done = self._change(claim, lambda seen: changes.committed(seen, progress, extend, self._store.now()))
        if not isinstance(done, Claim):
            return done
        if progress.is_done and claim.generation.chunks > 1:
            generation = self.finish(done.generation.id)
            if generation is None:
                return Committed(None, done.generation.state)
            return Committed(None, generation.state, is_awaited=self._awaited(generation, done.chunk) is not None)
        return Committed(done if done.chunk.leased_until else None, done.generation.state)

    def pin(self, claim: Claim, table: str, config_hash: str) -> Claim | Refused:
        """Have a generation of which nothing was begun loaded into ``table`` by the rules with this hash."""
        return self._change(claim, lambda seen: changes.pinned(seen, table, config_hash, self._store.now()))

    def plan(self, claim: Claim, spans: Iterable[Span]) -> Claim | Refused:
        """Cut a generation into chunks. ``claim`` is of its chunk 0, unread, and stays so, with the first span. Spans are taken as they are needed.

        Chunks exist for nobody before all are there. A generation that is cut already stays as it is.
        """
        if claim.generation.chunks > 1:
            return claim
        following = iter(spans)
        first = next(following, Span())
        number = 0
        while batch := [Chunk.of(number + at, span) for at, span in enumerate(islice(following, changes.CHUNKS_A_TIME), 1)]:
            number = batch[-1].number
            try:
                self._store.transact(changes.laid_out(claim, batch, self._store.now()))
            except ConditionFailed:
                return self._refused(claim, *self._look(claim.generation.id, 0)) or LeaseLost()
        return self._change(claim, lambda seen: changes.planned(seen, first, number + 1, self._store.now()))

    def extend(self, claim: Claim, spans: Sequence[Span]) -> Claim | Refused:
        """Add at most CHUNKS_A_TIME chunks to a generation that is cut already. The chunk of ``claim`` counts them, as its ``offset``."""
        return self._change(claim, lambda seen: changes.extended(seen, spans, self._store.now()))

    def give_back(self, claim: Claim, *, is_attempt: bool = False) -> Refused | None:
        """End a lease without progress, which counts as an attempt if it says so. None: it is given back."""
        done = self._change(claim, lambda seen: changes.released(seen, self._store.now(), is_attempt=is_attempt))
        return None if isinstance(done, Claim) else done

    def end(self, claim: Claim, ending: Ending) -> Refused:
        """End or stop the generation, and give back the lease; a chunk whose generation fails is FAILED itself.

        Ended tells the state in force: the one asked for, or the final one that was there before.
        """
        done = self._change(claim, lambda seen: changes.stopped(seen, ending, self._store.now()))
        return Ended(done.generation.id, done.generation.state) if isinstance(done, Claim) else done

    def end_unclaimed(self, generation_id: str, ending: Ending) -> Ended | Unknown:
        """End or stop a generation without a lease. Its workers, if any, hear of an end when they commit; a newer version still waits for them."""

        return end_unclaimed(self._store, generation_id, ending)

    def finish(self, generation_id: str) -> Generation | None:
        """The generation, ended if all its chunks are done. Heals a crash between the last commit and this."""

        return finish(self._store, generation_id)

    def generation(self, generation_id: str) -> Generation | None:
        """One generation as it is now."""
        return self._look(generation_id, 0)[0]

    def chunks(self, generation_id: str) -> Iterator[Chunk]:
        """The chunks of a generation in their order; only the first while it is being cut."""
        generation = self.generation(generation_id)
        entries = self._store.query(meta_key(generation_id)[0], "c#")
        return (parsed(Chunk, item) for item in islice(entries, generation.chunks if generation else 0))

    def open(self) -> Iterator[Generation]:
        """Generations that have not ended, the oldest first; what happened in the last seconds may be missing."""
        return (parsed(Generation, item) for item in all_open(self._store))

    def ended(self, first: date, last: date) -> Iterator[Generation]:
        """Generations that ended from ``first`` to ``last`` (UTC, both included), the last first; the last seconds may be missing."""
        days = (last - timedelta(days=back) for back in range((last - first).days + 1))
        return (parsed(Generation, item) for day in days for item in all_ended(self._store, day))

    def of_object(self, bucket: str, key: str) -> Iterator[Generation]:
        """All versions of an object that are remembered, the last received first."""
        pointers = self._store.query(head_key(bucket, key)[0], "g#", is_descending=True)
        while ids := [str(item["generation"]) for item in islice(pointers, POINTERS_A_TIME)]:
            found = self._store.get([meta_key(each) for each in ids])
            yield from (parsed(Generation, found[meta_key(each)]) for each in ids if meta_key(each) in found)

    def current(self, bucket: str, key: str) -> Generation | None:
        """The generation of the version of an object that counts."""
        at_head = head_key(bucket, key)
        found = self._store.get([at_head])
        return self.generation(parsed(Head, found[at_head]).generation) if found else None

    def _begin(self, ref: ObjectRef, job: Job, lease: Lease, answer: Answer | None) -> Begun:
        wanted = generation_id(ref, job.replay)
        at_head = head_key(ref.bucket, ref.key)
        found = self._store.get([at_head, meta_key(wanted), chunk_key(wanted, 0)])
        head = parsed(Head, found[at_head]) if at_head in found else None
        if meta_key(wanted) in found:
            chunk = found.get(chunk_key(wanted, 0))
            return self._go_on(parsed(Generation, found[meta_key(wanted)]), parsed(Chunk, chunk) if chunk else None, lease, job)
        if head and not job.replay and (head.generation == wanted or arrival.is_same_upload(ref, head)):
            generation, first = self._look(head.generation, 0)
            if generation is None:
                return Duplicate(head.generation, None)
            return self._go_on(generation, first, lease, job)
        return self._arrive(ref, job, head, lease=lease, answer=answer)

    def _arrive(self, ref: ObjectRef, job: Job, head: Head | None, *, lease: Lease, answer: Answer | None) -> Begun:
        older = self._older(head) if head else None
        now = self._store.now()
        new = arrival.received(ref, job, now)
        match arrival.is_newer(ref, head, answer, is_replay=job.replay is not None):
            case Ambiguous() as ambiguous:
                return ambiguous
            case False:
                self._store.transact(arrival.kept_as_superseded(new, now))
                return Superseded(new.id)
        if job.replay and older and not older.generation.is_final:
            return Busy(max(all_left_s(older.generation, now), 1))
        writes, begun = arrival.advanced(new, head, older, lease=lease, now=now)
        self._store.transact(writes)
        return begun

    def _older(self, head: Head) -> arrival.Older | None:
        """None where its history is deleted."""
        generation = self.generation(head.generation)
        if generation is None:
            return None
        return arrival.Older(generation, self.generation(generation.after) if generation.after else generation)

    def _go_on(self, generation: Generation, chunk: Chunk | None, lease: Lease, job: Job) -> Begun:
        if not generation.is_final and chunk and chunk.state == "DONE":
            generation = self.finish(generation.id) or generation
            if awaited := self._awaited(generation, chunk):
                return self._grant(generation, awaited, lease)
        elif not generation.is_final and (job.replay or generation.records == "all"):
            return self._grant(generation, chunk, lease)
        self._store.transact([Update(meta_key(generation.id), add={"duplicates": 1}, conditions=[Is("state", generation.state)])])
        return Duplicate(generation.id, generation.state)

    def _grant(self, generation: Generation, chunk: Chunk | None, lease: Lease) -> Claimed:
        if generation.is_final:
            return _over(generation)
        if chunk is None or chunk.number >= generation.chunks:
            return Unknown()
        if chunk.state == "DONE":
            generation = self.finish(generation.id) or generation
            chunk = self._awaited(generation, chunk)
            if chunk is None:
                return Ended(generation.id, generation.state)
        elif chunk.is_last and generation.chunks_done < chunk.number:
            return Early()
        blocker = self.generation(generation.after) if generation.after else None
        now = self._store.now()
        if wait_s := max(left_s(chunk, now), all_left_s(blocker, now) if blocker else 0):
            return Busy(wait_s)
        writes, claim = granted(Claim(generation, chunk), lease, now)
        self._store.transact(writes)
        return claim

    def _awaited(self, generation: Generation, done: Chunk) -> Chunk | None:
        """The chunk that waited for ``done`` and others, where these are all done and it is not."""
        numbers = [generation.scans] if done.work == "scan" and generation.chunks_done >= generation.scans else []
        if generation.chunks_done == generation.chunks - 1 > 0:
            numbers.append(generation.chunks - 1)
        waiting = (self._look(generation.id, number)[1] for number in numbers if not generation.is_final)
        return next((chunk for chunk in waiting if chunk and chunk.is_last and chunk.state != "DONE"), None)

    def _change(self, claim: Claim, writes_of: Callable[[Claim], changes.Change]) -> Claim | Refused:
        """Do what ``writes_of`` says about the claim as it is; the claim after it, also where it was done already."""
        if claim.chunk.leased_until is None:
            return LeaseLost()
        for _ in range(TRIES_MAX):
            change = writes_of(claim)
            try:
                self._store.transact(change.writes)
                return change.after
            except ConditionFailed:
                generation, chunk = self._look(claim.generation.id, claim.chunk.number)
                if generation and chunk and (chunk.changes, chunk.last_change) == (change.after.chunk.changes, change.after.chunk.last_change):
                    return Claim(generation, chunk)
                refused = self._refused(claim, generation, chunk)
                if refused or generation is None:
                    return refused or LeaseLost()
                claim = replace(claim, generation=generation)
        raise contended(claim.generation.id)

    def _refused(self, claim: Claim, generation: Generation | None, chunk: Chunk | None) -> Refused | None:
        """Why ``claim`` is void, or None if it is not. A generation that ended takes the lease back, so that nobody waits for it."""
        is_held = chunk is not None and chunk.changes == claim.chunk.changes
        if generation is None or not (is_held or generation.is_final):
            return LeaseLost()
        if not generation.is_final:
            return None
        if is_held:
            self.give_back(replace(claim, generation=generation))
        return _over(generation)

    def _look(self, generation_id: str, number: int) -> tuple[Generation | None, Chunk | None]:
        keys = meta_key(generation_id), chunk_key(generation_id, number)
        found = self._store.get(keys)
        meta, chunk = found.get(keys[0]), found.get(keys[1])
        return parsed(Generation, meta) if meta else None, parsed(Chunk, chunk) if chunk else None


def _over(generation: Generation) -> Superseded | Ended:
    return Superseded(generation.id) if generation.state == "SUPERSEDED" else Ended(generation.id, generation.state)
