"""What must hold at every moment; whatever does not is written down, for nothing may be raised inside of the product."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from headrace.events.own import task_body
from headrace.ledger.entries import Generation, chunk_key, meta_key, parsed
from headrace.ledger.identity import generation_id
from headrace.ledger.states import FINAL, TRANSITIONS, State
from headrace.ledger.store import Key
from headrace.ports import Task
from simulator.target_table import EFFECT_S_MAX, TAG
from simulator.uploads import generations_of

if TYPE_CHECKING:
    from simulator.function import Gate
    from simulator.queues import Message
    from simulator.world import World

DEPTH_MAX = 4
RATE_S = 0.5
SAVED_S = 0.35
"""A function may send so much of its share at once: what it saved up, and one call before it is paid."""
AT_FIRST: tuple[State, ...] = ("RECEIVED", "LOADING", "SUPERSEDED")
ENDS = ("written", "rejected", "filtered", "superseded")


class Violation(NamedTuple):
    """A rule that does not hold, and what was seen."""

    rule: str
    seen: str


class Watch:
    """Is told of everything that leaves a mark, and knows what the product cannot know."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.violations: list[Violation] = []
        self.begun: dict[str, int] = {}
        """The newest upload of each key that anybody was given a lease for."""
        self.grants = 0
        self._units: deque[tuple[float, int]] = deque()
        """When how many were written, in the last RATE_S."""
        self._writers: list[float] = []
        self._restorable: set[str] = set()
        """Generations whose object was archived: another event comes when it can be read again, whoever tries until then."""
        self._reopened: set[str] = set()
        """Generations that had ended and go on: whoever opened them sends messages after that, and those from before may still be acknowledged."""
        self._kept: set[tuple[str, str]] = set()

    def violated(self, rule: str, seen: str) -> None:
        self._world.tell("VIOLATION", f"{rule}: {seen}")
        self.violations.append(Violation(rule, seen))

    def sent(self, message: Message) -> None:
        """A message is in a queue."""
        if message.depth > DEPTH_MAX:
            self.violated("I8", f"{message} after {message.depth} hops")

    def kept(self, message: Message, body: str) -> None:
        """A message was put into the failed queue."""
        self._kept.add((message.id, body))

    def deleted(self, message: Message) -> None:
        """A message was acknowledged: what it asks for must be in the ledger, or the message where people look."""
        if (message.id, message.body) in self._kept:
            return
        for version in self._world.named.get(message.body, ()):
            same = [self._world.bucket.uploads[number] for number in self._world.same_content[version.number]]
            if not any(self._is_safe(each, 0) for upload in (version, *same) for each in generations_of(upload)):
                self.violated("I4", f"{message} acknowledged, {self._meta(generation_id(version.ref))}")
        if message.body.startswith('{"headrace": "chunk"'):
            task = Task(**{name: value for name, value in json.loads(message.body).items() if name in Task._fields})
            if message.body == task_body(task) and not self._is_safe(task.generation, task.chunk) and self._meta(task.generation):
                self.violated("I4", f"{message} acknowledged, {self._meta(task.generation)}")

    def writes(self, owner: str, items: list[dict[str, Any]]) -> None:
        """A call takes effect on the target table."""
        world = self._world
        self._spent(len(items))
        for item in items:
            found = TAG.search(item.get("group", {}).get("S", ""))
            if list(item) == ["id"]:  # a delete
                continue
            if not found:
                self.violated("I2", f"{owner} writes {item}, which is in no file")
                continue
            upload = int(found[1])
            newest = max(world.same_content[upload])
            key = world.bucket.uploads[upload].key
            if newest < self.begun.get(key, -1):
                self.violated("I5", f"{owner} writes {found[0]} of upload {newest} of {key} after upload {self.begun[key]} began")
                return

    def _spent(self, units: int) -> None:
        """I9: in any RATE_S no more than the budget and what each function may send at once when it begins. Calls take effect when it pleases the table."""
        now, budget = self._world.timeline.now, self._world.scale.budget
        if budget is None:
            return
        self._units.append((now, units))
        while self._units[0][0] < now - RATE_S:
            self._units.popleft()
        began = sum(when > now - RATE_S for when in self._writers)
        functions = self._world.scale.concurrency
        sent_s = RATE_S + min(self._world.scale.latency_s[1], EFFECT_S_MAX)
        most = 1.05 * budget * sent_s + (began + functions) * max(1.0, SAVED_S * budget / functions)
        if sum(spent for _, spent in self._units) > most:
            self.violated("I9", f"{sum(spent for _, spent in self._units)} units in {RATE_S} s, expected at most {most:.0f}")

    def reads(self) -> None:
        """An object is read: a writer may begin, with nothing spent yet."""
        self._writers.append(self._world.timeline.now)

    def ledger_changed(self, gate: Gate, key: Key, before: dict[str, Any] | None, after: dict[str, Any]) -> None:
        """An item of the ledger was changed by the function behind ``gate``."""
        if key[1] == "meta":
            self._generation_changed(before, after)
        elif key[1].startswith("c#"):
            self._chunk_changed(gate, key, before or {}, after)

    def _generation_changed(self, before: dict[str, Any] | None, after: dict[str, Any]) -> None:
        old, new = before and before["state"], after["state"]
        if new != old and new not in (TRANSITIONS[old] if old else AT_FIRST):
            self.violated("states", f"{after['id']} went from {old} to {new}")
        if new == "PLANNED" and old in FINAL:
            self._reopened.add(str(after["id"]))
        if new == "WAITING_RESTORE":
            self._restorable.add(str(after["id"]))
        self._require_balance(after, str(after["id"]))

    def _chunk_changed(self, gate: Gate, key: Key, before: dict[str, Any], after: dict[str, Any]) -> None:
        self._require_balance(after, f"{key[0]} {key[1]}")
        if after.get("attempt", 0) <= before.get("attempt", 0):
            return
        self.grants += 1
        version = self._world.by_generation.get(key[0].removeprefix("g#"))
        if version is None:
            self.violated("I10", f"a lease of {key[0]}, which is no upload")
            return
        self.begun[version.key] = max(version.number, self.begun.get(version.key, -1))
        owner = before.get("owner")
        if before.get("leased_until") and owner != gate.running.name and self._world.functions.is_running(owner):
            self.violated("I6", f"{gate.running.name} got the lease of {key[0]} {key[1]} while {owner} had it")

    def _require_balance(self, item: dict[str, Any], what: str) -> None:
        read = item.get("n_read", 0)
        ends = sum(item.get(f"n_{end}", 0) for end in ENDS)
        if read != ends:
            self.violated("I1", f"{what}: read {read}, accounted for {ends}")

    def _is_safe(self, generation: str, number: int) -> bool:
        meta = self._meta(generation)
        if meta is None:
            return False
        if meta.state in FINAL or generation in self._restorable | self._reopened:
            return True
        chunk = self._world.ledger.items.get(chunk_key(generation, number), {})
        if chunk.get("work") in ("plan", "settle") and number > meta.chunks_done:
            return True  # whoever does the last of those before it goes on with it
        return bool(chunk.get("state") == "DONE") or number >= meta.chunks

    def _meta(self, generation: str) -> Generation | None:
        item = self._world.ledger.items.get(meta_key(generation))
        return parsed(Generation, item) if item else None
