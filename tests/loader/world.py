"""A loader in memory: objects, table, ledger and queue of chunks, on virtual time."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any, BinaryIO

from contracts.memory_ledger import MemoryLedger
from contracts.memory_table import MemoryTable
from contracts.virtual_clock import VirtualClock
from headrace.account.outcome import Outcome
from headrace.config.model import Column, Config, OnError, Route, Source, Table
from headrace.errors import HeadraceError, Unavailable
from headrace.ledger.entries import Generation
from headrace.ledger.ledger import Ledger
from headrace.ledger.spending import Spending
from headrace.load import Ports
from headrace.loader import Loader
from headrace.ports import ObjectRef, ObjectState, OpenedObject, Task
from headrace.verdicts import Turn, Verdict
from read.memory_objects import MemoryObjects, Version

PIECE_BYTES = 100
REF = ObjectRef("landing", "in/a.csv", "v1", "e1", None, "0055AED6DCD90281E5")


class World:
    """One object under REF's key, whose current version is ``content``."""

    def __init__(self, content: bytes, **route: Any) -> None:
        form = route.pop("format", "csv")
        settings: dict[str, Any] = {"columns": {"id": Column("number")}, "other_columns": "keep", "on_error": OnError()} | route
        self.config = Config(Source("landing"), {"orders": Table({"id": "number"})}, [Route("orders", "in/**", form, "orders", **settings)])
        self.clock = VirtualClock(1_700_000_000.0)
        self.objects = MemoryObjects(Version(content, "e1", "v1"))
        self.staged: dict[str, bytes] = {}
        self.table = MemoryTable("orders", self.config.tables["orders"].key, self.clock)
        self.ledger_store = MemoryLedger(self.clock)
        self.ledger = Ledger(self.ledger_store)
        self.rejects: dict[str, list[dict[str, Any]]] = {}
        self.tasks: list[Task] = []
        self.refusals: list[HeadraceError] = []
        """Raised by the queue of chunks, one for each call."""
        self.outcomes: list[Outcome] = []
        self.said: list[tuple[str, str]] = []
        self.ref = dataclasses.replace(REF, size=len(content))

    def loader(self) -> Loader:
        """A new one, as after a cold start."""
        return Loader(
            self.config,
            Ports(self, lambda name: self.table, self, self.clock),
            Ledger(self.ledger_store),
            Spending(self.ledger_store),
            state=self.state,
            send=self.send,
            log=self,
        )

    def send(self, tasks: Sequence[Task]) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.tasks.extend(tasks)

    def read_slowly(self, seconds: float) -> None:
        """From now on reading the whole object takes ``seconds``."""
        opened, self.objects.largest = self.objects.open, PIECE_BYTES
        piece_s = seconds * PIECE_BYTES / len(self.objects.version.content)

        def open_slowly(ref: ObjectRef, offset: int) -> OpenedObject:
            found = opened(ref, offset)
            read = found.body.read

            def read_slowly(amount: int) -> bytes:
                self.clock.sleep(piece_s)
                return read(amount)

            found.body.read = read_slowly  # type: ignore[method-assign]
            return found

        self.objects.open = open_slowly  # type: ignore[method-assign]

    def turn(self, seconds: float = 300.0) -> Turn:
        now = self.clock.monotonic()
        return Turn("invocation", now + seconds * 0.9, now + seconds)

    def arrive(self, ref: ObjectRef | None = None, seconds: float = 300.0) -> Verdict:
        return self.loader().arrived(ref or self.ref, self.turn(seconds))

    def arrive_in_vain(self) -> None:
        """The object is cut, but nothing of its first chunk is loaded: the table does not answer, and later does. The others come first then."""
        answer = self.table.answer

        def refuse(*arguments: Any) -> Any:
            raise Unavailable("TABLE_UNAVAILABLE", "InternalServerError")

        self.table.answer = refuse  # type: ignore[method-assign]
        assert self.arrive() is not None
        self.table.answer = answer  # type: ignore[method-assign]

    def work(self, seconds: float = 300.0) -> list[Verdict]:
        """Do all tasks that are in the queue; one after which another follows that waited for it comes again."""
        tasks, self.tasks[:] = list(self.tasks), []
        verdicts = [self.loader().task(task, self.turn(seconds)) for task in tasks]
        self.tasks += [task for task, verdict in zip(tasks, verdicts, strict=True) if verdict and verdict.failure.code == "AWAITED"]
        return verdicts

    @property
    def generation(self) -> Generation:
        (found,) = self.ledger.of_object(self.ref.bucket, self.ref.key)
        return found

    @property
    def items(self) -> dict[int, Any]:
        return {int(item["id"]["N"]): item for item in self.table.stored.values()}

    def kept(self) -> list[int]:
        """The lines of the rejected records that committed chunks name."""
        names = [name for chunk in self.ledger.chunks(self.generation.id) for name in chunk.rejects]
        return sorted(line["line"] for name in names for line in self.rejects[name])

    def state(self, key: str) -> ObjectState:
        return self.objects.state(key)

    def open(self, ref: ObjectRef, offset: int) -> OpenedObject:
        if ref.bucket == "landing":
            return self.objects.open(ref, offset)
        return OpenedObject(BytesIO(self.staged[ref.key][offset:]), len(self.staged[ref.key]), None, None)

    def store(self, name: str, content: BinaryIO) -> str:
        if name.startswith("staging/"):
            self.staged[name] = content.read()
            return name
        self.rejects[name] = [json.loads(line) for line in content.read().splitlines()]
        return name

    def outcome(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def note(self, code: str, reason: str) -> None:
        self.said.append((code, reason))

    def notice(self, code: str, reason: str) -> None:
        self.said.append((code, reason))


def code_of(verdict: Verdict) -> str:
    """The code of what a message comes again or is given up for."""
    assert verdict is not None
    failure: HeadraceError = verdict.failure
    return failure.code
