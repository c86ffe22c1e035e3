"""Items to acknowledged writes: several calls in flight, repeated with pauses until the table took everything or time ran out."""

from __future__ import annotations

import math
import queue
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from headrace.account.outcome import Counts
from headrace.config.model import KeyType
from headrace.encode.key import identity_of
from headrace.errors import Deadline, Invalid, RecordError, ServiceError, Throttled
from headrace.ports import BatchReply, Clock, ItemStore
from headrace.write.batch import Batcher, Entry

SENDERS = 8
CALLS_MAX = 2 * SENDERS
"""Calls handed to the senders: one being sent and one ready for each."""
WAITING_MAX = 500
WAITING_CHARACTERS_MAX = 8_388_608
"""Items, and characters of their requests, that wait to be repeated or for another item of their key before no new ones are taken."""
STALL_S = 120.0
"""A load whose calls all fail for so long is given up: its object is tried again later."""
GRACE_S = 2.0
"""How long after the deadline the answers of calls sent before it are waited for."""
CLOSE_S_MAX = 3.0
"""How long the end of a load waits for calls that it has given up."""
PAUSE_FIRST_S = 0.05
PAUSE_MAX_S = 20.0

Answer = tuple["Call", BatchReply | BaseException]


class Call(NamedTuple):
    """One BatchWriteItem to send: its entries, and how often entries of it were sent in vain."""

    entries: list[Entry]
    attempt: int = 0


class Writer:
    """Writes requests to one table. Used by one thread; sends from several.

    ``add`` may block while the table is slow. Records whose item the table refuses are passed to ``reject``. Service errors that
    cannot be overcome, and the deadline, are raised by ``add`` or ``finish`` (Denied, ServiceError, Deadline); then what was
    acknowledged is written and everything else is not known to be. ``close`` must be called in any case; it ends the threads.
    The store stays open: it belongs to whoever made it.
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
    ) -> None:
        self._store = store
        self._key = key
        self._counts = counts
        self._clock = clock
        self._deadline = deadline  # on the clock's monotonic scale
        self._reject = reject
        self._batcher = Batcher()
        self._failing_since: float | None = None  # since when every call failed
        self._repeats: deque[tuple[float, Call]] = deque()
        self._repeating = 0  # entries in _repeats
        self._repeating_characters = 0
        self._in_flight = 0
        self._prefix = f'{{"ReturnConsumedCapacity":"TOTAL","RequestItems":{{"{table}":['
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._senders = [threading.Thread(target=self._send, name=f"headrace-sender-{index}", daemon=True) for index in range(SENDERS)]
        for sender in self._senders:
            sender.start()

    def add(self, entry: Entry) -> None:
        """Take one request. Later requests of a key replace earlier ones that were not sent yet (counted as superseded)."""
        batcher = self._batcher
        self._counts.superseded += batcher.add(entry)
        if batcher.is_full:
            self._dispatch(batcher.take())
        if batcher.kept or self._repeating:
            while self._is_congested:
                self._advance()

    def finish(self) -> None:
        """Return when every request taken is acknowledged, rejected or superseded."""
        while len(self._batcher) or self._in_flight or self._repeats:
            batch = self._batcher.take()
            if batch:
                self._dispatch(batch)
            else:
                self._advance()

    def close(self) -> None:
        """End the senders. Calls that were not sent yet are dropped; a sender that is in a call which hangs ends with that call."""
        with suppress(queue.Empty):
            while True:
                self._calls.get_nowait()
        for _ in self._senders:
            self._calls.put(None)
        give_up_at = self._clock.monotonic() + CLOSE_S_MAX
        for sender in self._senders:
            sender.join(max(give_up_at - self._clock.monotonic(), 0.001))

    @property
    def _is_congested(self) -> bool:
        characters = self._repeating_characters + self._batcher.kept_characters
        return self._repeating + self._batcher.kept > WAITING_MAX or characters > WAITING_CHARACTERS_MAX

    def _dispatch(self, entries: list[Entry]) -> None:
        self._require_time()
        if entries:
            self._start(Call(entries))
        while self._in_flight >= CALLS_MAX or not self._answers.empty():
            self._settle_one(math.inf)
        self._start_due_repeats()

    def _advance(self) -> None:
        """Wait for one thing to happen: an answer, or the next repeat to be due. Where nothing is under way, send what is there."""
        self._start_due_repeats()
        if self._in_flight:
            self._settle_one(self._repeats[0][0] if self._repeats and self._in_flight < CALLS_MAX else math.inf)
        elif self._repeats:
            self._clock.sleep(max(self._repeats[0][0] - self._clock.monotonic(), 0.0))
        else:
            self._dispatch(self._batcher.take())

    def _settle_one(self, until: float) -> None:
        """Settle the next answer, unless none comes until then. Raises Deadline."""
        pause_s = min(until, self._deadline + GRACE_S) - self._clock.monotonic()
        try:
            answer = self._answers.get(timeout=None if pause_s == math.inf else max(pause_s, 0.001))
        except queue.Empty:
            self._require_time(GRACE_S)
            return
        self._settle(answer)

    def _require_time(self, grace_s: float = 0.0) -> None:
        if self._clock.monotonic() >= self._deadline + grace_s:
            raise Deadline("DEADLINE", "time ran out before everything was read and written", hint="load again with more time, or split the object")

    def _start_due_repeats(self) -> None:
        now = self._clock.monotonic()
        while self._repeats and self._repeats[0][0] <= now and self._in_flight < CALLS_MAX:
            self._require_time()
            _, call = self._repeats.popleft()
            self._repeating -= len(call.entries)
            self._repeating_characters -= sum(len(entry.request) for entry in call.entries)
            self._start(call)

    def _start(self, call: Call) -> None:
        self._in_flight += 1
        self._counts.calls += 1
        self._calls.put(call)

    def _settle(self, answer: Answer) -> None:
        """Account for one answered call."""
        self._in_flight -= 1
        call, reply = answer
        match reply:
            case BatchReply():
                self._acknowledge(call, reply)
            case Invalid():
                self._isolate(call, reply)
            case ServiceError() if reply.retryable:
                self._repeat(call.entries, call.attempt + 1, reply)
            case _:
                raise reply

    def _acknowledge(self, call: Call, reply: BatchReply) -> None:
        self._counts.write_units += reply.write_units
        waiting = self._identities(reply.unprocessed)
        again = [entry for entry in call.entries if entry.identity in waiting]
        if len(again) != len(waiting):
            raise ServiceError("ANSWER_UNKNOWN", "the table handed back items that were not in the call")
        for entry in call.entries:
            if entry.identity not in waiting:
                self._counts.written += 1
                self._failing_since = None
                self._batcher.release(entry)
        if again:
            self._counts.unprocessed += len(again)
            attempt = 1 if len(again) < len(call.entries) else call.attempt + 1  # some progress: begin the pauses anew
            self._repeat(again, attempt, None)

    def _identities(self, requests: list[Mapping[str, Any]]) -> set[str]:
        """The keys of the requests that the table handed back."""
        try:
            contents = [content for request in requests for content in request.values()]
            return {identity_of(self._key, item) for content in contents for item in content.values()}
        except (AttributeError, KeyError, TypeError, ValueError, RecordError) as error:
            raise ServiceError("ANSWER_UNKNOWN", f"the table handed back items that cannot be read: {error!r}") from error

    def _isolate(self, call: Call, error: Invalid) -> None:
        """A refused call wrote nothing: halve it until the refused item is alone, and reject that one."""
        if len(call.entries) == 1:
            entry = call.entries[0]
            self._failing_since = None
            self._counts.superseded += self._batcher.refuse(entry)
            self._reject(entry, RecordError("ITEM_REFUSED", found=error.message, expected="an item that DynamoDB accepts"))
            return
        middle = len(call.entries) // 2
        self._start(Call(call.entries[:middle], call.attempt))
        self._start(Call(call.entries[middle:], call.attempt))

    def _repeat(self, entries: list[Entry], attempt: int, error: ServiceError | None) -> None:
        """Send ``entries`` again after a pause between 0 and a bound that doubles (full jitter), unless that is past the deadline."""
        bound = min(PAUSE_FIRST_S * 2 ** min(attempt - 1, 20), PAUSE_MAX_S)
        now = self._clock.monotonic()
        due = now + random.uniform(0, bound)
        self._failing_since = now if self._failing_since is None else self._failing_since
        if due >= min(self._deadline, self._failing_since + STALL_S):
            reason = error.message if error else "the table keeps handing items back as unprocessed"
            what = "time ran out before everything was written" if due >= self._deadline else f"the table took nothing for {now - self._failing_since:.0f} s"
            hint = "load it again later, or raise the table's capacity"
            if error is not None and not isinstance(error, Throttled):
                hint = error.hint or "load it again later"
            raise Deadline("DEADLINE", f"{what}; last answer: {reason}", hint=hint)
        self._repeats.append((due, Call(entries, attempt)))
        self._repeating += len(entries)
        self._repeating_characters += sum(len(entry.request) for entry in entries)
        if len(self._repeats) > 1 and self._repeats[-2][0] > due:
            self._repeats = deque(sorted(self._repeats, key=lambda repeat: repeat[0]))

    def _send(self) -> None:
        """What each sender thread does until it is told to end."""
        while (call := self._calls.get()) is not None:
            try:
                body = f"{self._prefix}{','.join([entry.request for entry in call.entries])}]}}}}"
                self._answers.put((call, self._store.batch_write(body.encode())))
            except BaseException as error:  # every call must be answered, or its owner waits for ever
                self._answers.put((call, error))
