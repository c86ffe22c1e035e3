"""The table that is loaded: calls take effect at some moment between question and answer, whoever has died meanwhile."""

from __future__ import annotations

import json
import re
from typing import Any, cast, get_args

from contracts.memory_table import Item, MemoryTable
from headrace.errors import Denied, ServiceError, Throttled, ThrottlingReason, Unavailable
from headrace.ports import Operation, Reply
from simulator.function import Gate

SILENT_S = 20.0
"""After so long without an answer a call counts as lost (see ItemStore)."""
EFFECT_S_MAX = 1.0
"""A call that arrived takes effect within so long, whether anybody waits for its answer or not."""
TAG = re.compile(r"T(\d+)x(\d+)")
"""In every record that the simulator makes: the upload and the record's number in it."""

Answer = Reply | Exception


class SimulatedTable(MemoryTable):
    """The table itself, shared by all functions."""

    def requests(self, operation: Operation, body: bytes) -> tuple[list[tuple[str, Item]] | ServiceError, list[str]]:
        """What a call asks for, or why it is refused, and the keys."""
        return self._read(operation, json.loads(body))


class Connection:
    """The table as one function sees it: an ItemStore."""

    def __init__(self, table: SimulatedTable, gate: Gate) -> None:
        self._table = table
        self._gate = gate
        self._world = gate.world
        self._due: dict[int, tuple[float, list[Answer]]] = {}
        self._number = 0

    def start(self, operation: Operation, body: bytes) -> int:
        self._gate.enter("table.start", is_instant=True)
        self._number += 1
        requests, keys = self._table.requests(operation, body)
        latency_s = self._world.latency_s()
        answers: list[Answer] = []
        now = self._world.timeline.now
        owner = self._gate.running.name
        if isinstance(requests, ServiceError):
            answers.append(requests)
        elif refusal := self._refusal():
            answers.append(refusal)
        else:
            latency_s = self._send(owner, (requests, keys), latency_s, answers)
        if self._world.faults.hit("table.silent"):
            latency_s, answers = SILENT_S, [Unavailable("TABLE_SILENT", "no answer within 20 s")]
        self._due[self._number] = now + latency_s, answers
        self._gate.leave("table.start")
        return self._number

    def answers(self, timeout_s: float) -> list[tuple[int, Answer]]:
        self._gate.enter("table.answers", is_instant=True)
        first = min((due for due, _ in self._due.values()), default=float("inf"))
        wait_s = min(max(first - self._world.timeline.now, 0.0), timeout_s)
        if wait_s == float("inf"):
            self._world.watch.violated("sim", "waits for ever for an answer")
        self._gate.wait(wait_s)
        due = [number for number, (when, _) in self._due.items() if when <= self._world.timeline.now + 1e-9]
        return [(number, self._due.pop(number)[1][0]) for number in due]

    def abandon(self) -> None:
        self._due.clear()

    def close(self) -> None:
        self.abandon()

    def _refusal(self) -> Exception | None:
        """Why nothing of a call is applied."""
        faults, chance = self._world.faults, self._world.chance
        if faults.hit("table.throttled"):
            reasons = cast(tuple[ThrottlingReason, ...], get_args(ThrottlingReason))
            return Throttled("TABLE_THROTTLED", "throttled", reason=chance.choice(reasons))
        if faults.hit("table.unavailable"):
            return Unavailable("TABLE_UNAVAILABLE", "InternalServerError")
        return Denied("ACCESS_DENIED", "dynamodb:BatchWriteItem") if faults.hit("table.denied") else None

    def _send(self, owner: str, call: tuple[list[tuple[str, Item]], list[str]], latency_s: float, answers: list[Answer]) -> float:
        """Let the call take effect in a while; returns when its answer comes."""
        world = self._world
        requests, keys = call
        back: list[tuple[str, Item]] = []
        if world.faults.hit("table.unprocessed"):
            chosen = {number for number in range(len(requests)) if world.chance.random() < 0.5}
            back = [request for number, request in enumerate(requests) if number in chosen]
            keys = [key for number, key in enumerate(keys) if number not in chosen]
            requests = [request for number, request in enumerate(requests) if number not in chosen]
        effect_s = min(latency_s, EFFECT_S_MAX) * world.chance.random()
        if requests:
            world.timeline.at(world.timeline.now + effect_s, lambda: self._take_effect(owner, requests, keys))
        reply = Reply([_request(kind, content) for kind, content in back], float(len(requests)))
        answers.append(reply if requests else Throttled("TABLE_THROTTLED", "nothing taken"))
        if world.faults.hit("table.answer_lost"):
            answers[:] = [Unavailable("TABLE_UNAVAILABLE", "InternalServerError")]
        return latency_s

    def _take_effect(self, owner: str, requests: list[tuple[str, Item]], keys: list[str]) -> None:
        world = self._world
        world.watch.writes(owner, [content for _, content in requests])
        self._table.apply(requests, keys)


def _request(kind: str, content: Item) -> dict[str, Any]:
    return {kind: {"Item" if kind == "PutRequest" else "Key": content}}
