"""Items to acknowledged writes: several calls in flight, repeated with pauses until the table took everything or time ran out."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from headrace.account.outcome import Counts
from headrace.config.model import KeyType
from headrace.errors import Deadline, Invalid, RecordError, ServiceError, Throttled, Unavailable
from headrace.ports import Clock, ItemStore, Reply
from headrace.write.batch import CHARACTERS_MAX, IDENTITY, REQUEST, Entry
from headrace.write.calls import BatchCalls, Calls, SingleCalls
from headrace.write.pace import UNIT_CHARACTERS, Pace
from headrace.write.single import is_item_of
from headrace.write.spread import Spread

IN_FLIGHT_CHARACTERS_MAX = 4_194_304
"""Most characters of requests in flight."""
STALL_S = 120.0
"""A load whose calls all fail for so long is given up: its object is tried again later."""
SPREAD_S = 8.0
"""No more waits to be spread than the table takes in this time: the end of a load, and of each part of one, waits for it."""
GRACE_S = 2.0
"""How long after the deadline the answers of calls sent before it are waited for."""


class Call(NamedTuple):
    """A call in flight: its entries, when it was sent, their characters, and the write units paid for it."""

    entries: list[Entry]
    sent_at: float
    characters: int
    paid: float


class Writer:
    """Writes requests to one table. One thread: calls are sent when there is something to send, and answers taken in between.

    ``write`` may block while the table is slow. Records whose item the table refuses are passed to ``reject``. Service errors that
    cannot be overcome, and the deadline, are raised by ``write`` or ``finish`` (Denied, ServiceError, Deadline); then what was
    acknowledged is written and everything else is not known to be. ``close`` must be called in any case: it gives up what is in
    flight. The store stays open: it belongs to whoever made it.
    """

    def __init__(
        self,
        store: ItemStore,
        table: str,
        key: Mapping[str, KeyType],
        *,
        counts: Counts,
        clock: Clock,
        deadline: float,
        reject: Callable[[Entry, RecordError], None],
        units_per_s: float | None = None,
        is_single: bool = False,
    ) -> None:
        """``is_single``: the entries are single writes (see SingleCalls), else those of a BatchWriteItem."""
        self._store = store
        self._counts = counts
        self._clock = clock
        self._deadline = deadline  # on the clock's monotonic scale
        self._reject = reject
        self._form: Calls = SingleCalls(table) if is_single else BatchCalls(table, key)
        self._batcher = self._form.waiting()
        self._spread: Spread | None = None  # as long as nothing is throttled, spreading has no use
        self._pace = Pace(clock.monotonic(), window_max=self._form.window_max, units_per_s=units_per_s)
        self._halves: deque[list[Entry]] = deque()  # of refused calls, to be sent as they are
        self._again: deque[Entry] = deque()  # to be sent again, before anything new
        self._calls: dict[int, Call] = {}
        self._in_flight_characters = 0
        self._failing_since: float | None = None  # since when every call failed
        self._failure: ServiceError | None = None
        self._unsure: set[str] = set()  # the keys of single writes whose answer was lost: they may have been applied

    def write(self, entries: Sequence[Entry]) -> None:
        """Take requests in their order. Later ones of a key replace earlier ones that were not sent yet (counted as superseded)."""
        if self._spread is None:  # nearly always
            self._batch(entries)
            return
        for entry in entries:
            self._spread.add(entry)
            while self._spread.is_full or self._spread.units > SPREAD_S * self._pace.taken_per_s:
                self._batch([self._spread.take()])

    def finish(self) -> None:
        """Return when every request taken is acknowledged, rejected or superseded."""
        while self._spread:
            self._batch([self._spread.take()])
        while self._batcher or self._again or self._halves or self._calls:
            self._advance()

    def close(self) -> None:
        """Give up what is in flight, so that nothing is written after the end of a load that failed."""
        if self._calls:
            self._store.abandon()
            self._calls.clear()

    def _batch(self, entries: Sequence[Entry]) -> None:
        batcher, at = self._batcher, 0
        while at < len(entries):
            at, superseded = batcher.fill(entries, at)
            self._counts.superseded += superseded
            while batcher.is_full:
                self._advance()

    def _advance(self) -> None:
        """Send the next call if it may be sent now, else wait for one thing to happen: an answer, or the end of a pause."""
        now = self._clock.monotonic()
        has_room = len(self._calls) < self._pace.window and self._in_flight_characters < IN_FLIGHT_CHARACTERS_MAX
        pause_s = self._pace.pause_s(now) if has_room else math.inf
        if pause_s <= 0:
            if entries := self._next_entries(now):
                self._send(entries, now)
                return
            pause_s = math.inf  # what is left waits for an answer
        if self._calls:
            self._settle(pause_s, now)
        elif pause_s > 0:
            self._require_time(now + pause_s)
            self._clock.sleep(pause_s)

    def _next_entries(self, now: float) -> list[Entry]:
        """What goes into the next call; empty if everything left waits for an answer."""
        if self._halves:
            return self._halves.popleft()
        most, characters = self._form.items_max, CHARACTERS_MAX
        if self._pace.has_rate:
            units = self._pace.call_units(now)
            most, characters = int(max(1, min(most, units))), int(min(characters, units * UNIT_CHARACTERS))
        if not self._again:
            return self._batcher.take(most, characters)
        entries: list[Entry] = []
        while self._again and len(entries) < most and (not entries or len(self._again[0][REQUEST]) <= characters):
            entries.append(self._again.popleft())
            characters -= len(entries[-1][REQUEST])
        if not self._again and len(entries) < most and characters > 0:
            entries += self._batcher.take(most - len(entries), characters)
        return entries

    def _send(self, entries: list[Entry], now: float) -> None:
        self._require_time(now)
        operation, body = self._form.call(entries)
        paid = self._pace.pay(self._units(entries)) if self._pace.has_rate else 0.0
        self._in_flight_characters += len(body)
        self._counts.calls += 1
        self._calls[self._store.start(operation, body.encode())] = Call(entries, now, len(body), paid)

    def _settle(self, pause_s: float, now: float) -> None:
        """Account for the answers that are there; where there is none, wait for the first, at most ``pause_s``. Raises Deadline."""
        answers = self._store.answers(max(min(pause_s, self._deadline + GRACE_S - now), 0.0))
        if not answers and pause_s > 0:
            self._require_time(self._clock.monotonic() - GRACE_S)
        now = self._clock.monotonic()
        for number, answer in answers:
            call = self._calls.pop(number)
            self._in_flight_characters -= call.characters
            match answer:
                case Reply():
                    self._acknowledge(call, answer, now)
                case Invalid():
                    self._isolate(call, answer)
                case ServiceError() if answer.retryable:
                    self._refused(call, call.entries, answer)
                case _:
                    raise answer

    def _units(self, entries: list[Entry]) -> float:
        """An estimate of the write units that ``entries`` consume; the least they can where it does not matter."""
        if not self._pace.has_rate:
            return len(entries)
        return sum([len(entry[REQUEST]) // UNIT_CHARACTERS + 1 for entry in entries])

    def _require_time(self, now: float) -> None:
        if now < self._deadline:
            return
        what, hint = "time ran out before everything was read and written", "load again with more time, or split the object"
        if self._failure:
            what, hint = f"time ran out before everything was written; last answer: {self._failure}", self._failure.hint or "load it again later"
        raise Deadline("DEADLINE", what, hint=hint)

    def _acknowledge(self, call: Call, reply: Reply, now: float) -> None:
        if not reply.is_applied:
            self._not_applied(call, reply, now)
            return
        self._counts.write_units += reply.write_units
        if not reply.unprocessed:  # nearly always
            written, again = call.entries, list[Entry]()
            self._pace.speed_up()
        else:
            waiting = self._form.handed_back(reply)
            written = [entry for entry in call.entries if entry[IDENTITY] not in waiting]
            again = [entry for entry in call.entries if entry[IDENTITY] in waiting]
            if len(again) != len(waiting):
                raise ServiceError("ANSWER_UNKNOWN", "the table handed back items that were not in the call")
        self._pace.settle(now, call.paid, estimate=self._units(written), consumed=reply.write_units)
        self._counts.written += len(written)
        if written:
            self._failing_since = self._failure = None
            self._release(written)
        if again:
            self._counts.unprocessed += len(again)
            self._refused(call, again, Throttled("UNPROCESSED", "the table hands items back as unprocessed", hint="load it again later, or raise its capacity"))

    def _not_applied(self, call: Call, reply: Reply, now: float) -> None:
        """The condition of a single write did not hold: an item keeps it out, unless it is its own, put by an attempt whose answer was lost."""
        (entry,) = call.entries
        self._failing_since = self._failure = None
        self._pace.speed_up()
        # A failed condition consumes what the larger of the two items would (Developer Guide, "DynamoDB read and write operations", 2026-11); the
        # answer does not say how much.
        units = max(len(entry[REQUEST]), len(json.dumps(reply.existing))) // UNIT_CHARACTERS + 1.0
        self._counts.write_units += units
        self._pace.settle(now, call.paid, estimate=self._units(call.entries), consumed=units)
        if entry[IDENTITY] in self._unsure and is_item_of(entry, reply.existing):
            self._counts.written += 1
        else:
            self._counts.superseded += 1
            self._counts.existed += 1
        self._release(call.entries)

    def _release(self, entries: list[Entry]) -> None:
        """``entries`` have come to their end."""
        if self._unsure:
            self._unsure.difference_update([entry[IDENTITY] for entry in entries])
        self._batcher.release(entries)

    def _isolate(self, call: Call, error: Invalid) -> None:
        """A refused call wrote nothing: halve it until the refused item is alone, and reject that one."""
        self._failing_since = self._failure = None
        if len(call.entries) == 1:
            entry = call.entries[0]
            self._unsure.discard(entry[IDENTITY])
            self._counts.superseded += self._batcher.refuse(entry)
            self._reject(entry, RecordError("ITEM_REFUSED", found=error.message, expected="an item that DynamoDB accepts"))
            return
        middle = len(call.entries) // 2
        self._halves += (call.entries[:middle], call.entries[middle:])

    def _refused(self, call: Call, again: list[Entry], error: ServiceError) -> None:
        """Send the entries ``again``, unless the table took nothing for too long."""
        now = self._clock.monotonic()
        taken = 1 - len(again) / len(call.entries)
        self._pace.slow_down(call.sent_at, now, taken)
        if isinstance(error, Throttled):
            self._counts.throttles[error.reason] = self._counts.throttles.get(error.reason, 0) + 1
            if self._spread is None and error.reason in ("hot_key", "table"):  # "table" also where no reason is given, as with unprocessed items
                self._spread = Spread()
            if not taken:
                self._pace.settle(now, call.paid, estimate=0.0, consumed=0.0)
        elif isinstance(error, Unavailable) and self._form.items_max == 1:
            self._unsure.add(again[0][IDENTITY])
        self._again += again
        self._failure = error
        self._failing_since = now if self._failing_since is None else self._failing_since
        if now - self._failing_since >= STALL_S:
            raise Deadline("DEADLINE", f"the table took nothing for {STALL_S:.0f} s; last answer: {error}", hint=error.hint or "load it again later")
