"""An ObjectStore in memory whose answers break in chosen places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from headrace.errors import ObjectError, ServiceError, Unavailable
from headrace.ports import ObjectRef, ObjectState, OpenedObject

Breaks = Callable[[int, bytes], bytes | ServiceError]


@dataclass
class Version:
    content: bytes
    etag: str | None = "e1"
    version_id: str | None = None


@dataclass
class MemoryBody:
    """Gives its bytes as ``sizes`` say, then ends, or raises ``error``."""

    data: bytes
    error: ServiceError | None
    largest: int
    is_closed: bool = False

    def read(self, amount: int, /) -> bytes:
        assert not self.is_closed
        amount = min(amount, self.largest)
        piece, self.data = self.data[:amount], self.data[amount:]
        if not piece and self.error:
            raise self.error
        return piece

    def close(self) -> None:
        self.is_closed = True


@dataclass
class MemoryObjects:
    """One object. ``cuts`` says for each answer after how many bytes it ends, and with what error; later answers are whole."""

    version: Version
    cuts: list[tuple[int, bool]] = field(default_factory=list)
    refusals: list[ServiceError | None] = field(default_factory=list)
    """For each request, what it is refused with."""
    checks_conditions: bool = True
    largest: int = 1 << 20
    replaced_by: dict[int, Version] = field(default_factory=dict)
    """What the object is from that request on, counted from 0."""
    asked: list[tuple[ObjectRef, int]] = field(default_factory=list)
    bodies: list[MemoryBody] = field(default_factory=list)
    is_archived: bool = False

    def open(self, ref: ObjectRef, offset: int) -> OpenedObject:
        self._ask(ref, offset)
        if self.is_archived:
            raise ObjectError("OBJECT_ARCHIVED", "in Glacier", hint="restore it")
        if self.checks_conditions and ref.etag not in (None, self.version.etag):
            raise ObjectError("OBJECT_CHANGED", "the eTag is another one")
        data = self.version.content[offset:]
        error = None
        if self.cuts:
            length, is_error = self.cuts.pop(0)
            data = data[:length]
            error = Unavailable("STREAM_CUT", "the connection was reset") if is_error else None
        body = MemoryBody(data, error, self.largest)
        self.bodies.append(body)
        return OpenedObject(body, len(self.version.content), self.version.etag, self.version.version_id)

    def state(self, key: str, version_id: str | None = None) -> ObjectState:
        """As Listing has it, for the bucket that ObjectRefs of tests name."""
        self._ask(ObjectRef("landing", key, version_id), 0)
        now = self.version
        return ObjectState(ObjectRef("landing", key, now.version_id, now.etag, len(now.content)), not self.is_archived)

    def _ask(self, ref: ObjectRef, offset: int) -> None:
        turn = len(self.asked)
        self.asked.append((ref, offset))
        self.version = self.replaced_by.get(turn, self.version)
        if turn < len(self.refusals) and (refusal := self.refusals[turn]):
            raise refusal
