"""What no event brings about: the bucket compared with the ledger, lost messages sent again, what is done ended.

A run is bounded in time. What is open in the ledger is looked at in each; the bucket is looked through page by page, and the place is
kept in the ledger, so that the next run goes on there. The sweeper loads nothing: it sends the messages that make the function do so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, islice
from typing import NamedTuple, Protocol, TypeVar

from headrace.account.sweep_report import Swept
from headrace.config.match import fewest_prefixes, literal_prefix, route_for
from headrace.config.model import Config
from headrace.errors import HeadraceError, ObjectError, ServiceError
from headrace.events.own import found_body, task_body
from headrace.ledger.entries import Generation, Head
from headrace.ledger.ledger import Ledger
from headrace.ledger.upkeep import KEYS_A_TIME, Place, Upkeep, Waiting
from headrace.ports import Clock, ListedObject, Listing, ObjectRef, Task

AGE_S_MIN = 900
"""Objects younger than this are left to their events: S3 delivers most in seconds, at times in a minute or longer
(S3 user guide, EventNotifications, 2026-11)."""
ALL_S = 86_400
"""Once in so many seconds all objects are looked at, else those that have changed since the last pass began: a look in the ledger
costs 25 times as much as its share of a page of the listing."""
REVIVED_MAX = 1000
"""Messages sent again in one run."""
TENDING_SHARE = 0.5
"""Of a run's time, at most, for what is open."""

Item = TypeVar("Item")


class Messages(Protocol):
    """What the loading function takes its work from. Raises HeadraceError; then any of the messages may have been sent."""

    def send_found(self, bodies: Sequence[str]) -> None:
        """Tell of objects."""
        ...

    def send_tasks(self, bodies: Sequence[str]) -> None:
        """Ask for chunks."""
        ...


class Sources(NamedTuple):
    """Where a sweeper looks, and where it sends to."""

    listing: Listing
    ledger: Ledger
    upkeep: Upkeep
    messages: Messages
    clock: Clock


class Sweeper:
    """One deployment's sweeper. May be run at any time, by several at once: what is sent twice is loaded once."""

    def __init__(self, config: Config, sources: Sources) -> None:
        self._config = config
        self._listing, self._ledger, self._upkeep, self._messages, self._clock = sources
        self._prefixes = fewest_prefixes(literal_prefix(route.match) for route in config.routes)
        self._idle_s_max = 6 * config.function.timeout_s + 1800
        """Longer than any message that is there stays away: six timeouts after a kill, 15 minutes after a failure."""

    def run(self, deadline: float, told: Callable[[Swept], None]) -> None:
        """Do what can be done until ``deadline`` (on the clock's monotonic scale), and tell it, also where an error, which is raised, ends the run."""
        started = self._clock.monotonic()
        swept = Swept()
        try:
            self._tend(swept, started + TENDING_SHARE * (deadline - started))
            self._search(swept, deadline)
        except HeadraceError as error:
            swept.error, swept.message = error.code, error.message
            raise
        finally:
            swept.seconds = round(self._clock.monotonic() - started, 3)
            told(swept)

    def _tend(self, swept: Swept, deadline: float) -> None:
        """Look after what is open, the oldest first."""
        for generations in _batches(self._ledger.open(), KEYS_A_TIME):
            self._measure(swept, generations)
            for generation, waiting in chain(self._of_one(generations), self._of_many(swept, generations, deadline)):
                is_due = waiting.chunk.state == "PENDING" and waiting.idle_s > self._idle_s_max and swept.revived < REVIVED_MAX
                if is_due and generation.records == "all":  # rejected ones are gone on with by their command alone
                    self._revive(swept, generation, waiting)
            if self._clock.monotonic() >= deadline:
                return

    def _of_one(self, generations: Sequence[Generation]) -> Iterable[tuple[Generation, Waiting]]:
        """The waiting chunks of those that were not cut."""
        whole = [each for each in generations if each.chunks == 1]
        return self._upkeep.first_waiting(whole) if whole else ()

    def _of_many(self, swept: Swept, generations: Sequence[Generation], deadline: float) -> Iterator[tuple[Generation, Waiting]]:
        """The waiting chunks of those that were cut; those that are done to the last are ended."""
        for generation in generations:
            if self._clock.monotonic() >= deadline:
                return
            if 1 < generation.chunks <= generation.chunks_done:
                ended = self._ledger.finish(generation.id)
                swept.finished += ended is not None and ended.is_final
            elif generation.chunks > 1:
                yield from ((generation, each) for each in self._upkeep.waiting(generation))

    def _revive(self, swept: Swept, generation: Generation, waiting: Waiting) -> None:
        """Send the message of a chunk for which none can be there any more; if the object is archived, only once it is restored."""
        if generation.state != "WAITING_RESTORE" or self._is_readable(generation):
            self._messages.send_tasks([task_body(Task(generation.id, waiting.chunk.number))])
            swept.revived += 1
        self._upkeep.touch(generation, waiting.chunk)

    def _is_readable(self, generation: Generation) -> bool:
        try:
            return self._listing.state(generation.key, generation.version_id).is_readable
        except ObjectError:
            return True  # the load will say what it is
        except ServiceError as error:
            if error.retryable:
                raise
            return True

    def _measure(self, swept: Swept, generations: Sequence[Generation]) -> None:
        swept.open += len(generations)
        oldest = min((each.received_at for each in generations if each.state != "WAITING_RESTORE"), default=None)
        if oldest:
            received_at = datetime.strptime(oldest, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
            swept.oldest_waiting_s = max(swept.oldest_waiting_s, int(self._upkeep.now() - received_at))

    def _search(self, swept: Swept, deadline: float) -> None:
        """Go on with the pass over the bucket, to its end at most."""
        kept = self._upkeep.place()
        is_going_on = kept is not None and not kept.is_over and kept.prefix in self._prefixes
        prefix, after = (kept.prefix, kept.after) if kept and is_going_on else (self._prefixes[0], "")
        while self._clock.monotonic() < deadline:
            page = self._listing.page(prefix, after)
            if not is_going_on or kept is None:
                kept, is_going_on = _new_pass(kept, prefix, int(page.now)), True
            swept.listed += len(page.objects)
            old = [one for one in page.objects if kept.since < one.modified_at <= page.now - AGE_S_MIN]
            stopped_after = self._send_missing(swept, old, deadline)
            after = stopped_after or (page.objects[-1].key if page.objects else after)
            if page.is_last and not stopped_after:
                following = self._prefixes[self._prefixes.index(prefix) + 1 :]
                swept.is_pass_over = not following
                prefix, after = (following or [prefix])[0], ""
            kept = replace(kept, prefix=prefix, after=after, is_over=swept.is_pass_over)
            self._upkeep.keep_place(kept)
            if kept.is_over:
                return

    def _send_missing(self, swept: Swept, listed: Sequence[ListedObject], deadline: float) -> str:
        """Send a message for each object that is to be loaded and that the ledger does not know as it is; the key after which time was over, or ``""``.

        Each of these is looked at by itself: a page of nothing else takes longer than what a run keeps of its time.
        """
        wanted = [one for one in listed if route_for(self._config.routes, one.key)]
        for batch in _batches(wanted, KEYS_A_TIME):
            heads = self._upkeep.heads(self._config.source.bucket, [one.key for one in batch])
            different = (one for one in batch if one.key not in heads or not _is_same(one, heads[one.key]))
            refs = [ref for one in different if (ref := self._unknown(one))]
            if refs:
                self._messages.send_found([found_body(ref, "sweep") for ref in refs])
            swept.found += len(refs)
            if batch[-1] is not wanted[-1] and self._clock.monotonic() >= deadline:
                return batch[-1].key
        return ""

    def _unknown(self, listed: ListedObject) -> ObjectRef | None:
        """The version of a listed object that is there now, unless the ledger knows it, or it is gone."""
        try:
            ref = self._listing.state(listed.key).ref
            if ref.version_id is None:  # else content that was found before, and is there again after another, would be taken for the same upload
                ref = replace(ref, sequencer=f"modified {listed.modified_at:.0f}")
        except ObjectError:
            return None
        except ServiceError as error:
            if error.retryable:
                raise
            # of this object alone, as one that KMS or its owner has encrypted: the load will say so
            ref = ObjectRef(self._config.source.bucket, listed.key, None, listed.etag, listed.size)
        return None if self._upkeep.is_known(ref) else ref


def _new_pass(last: Place | None, prefix: str, now: int) -> Place:
    """The first looks at all objects, and so does one in ALL_S; the others at what the last one found too young, and at what came since."""
    if last is None or now - last.all_since >= ALL_S:
        return Place(prefix, "", now, 0, now)
    return Place(prefix, "", now, last.started_at - AGE_S_MIN if last.is_over else last.since, last.all_since)


def _is_same(listed: ListedObject, head: Head) -> bool:
    return listed.etag == head.etag and head.size in (None, listed.size)


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    following = iter(items)
    while batch := list(islice(following, size)):
        yield batch
