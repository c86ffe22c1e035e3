"""What headrace needs from the outside world, as small contracts. ``aws/`` implements them for AWS, tests for anything else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, NamedTuple, Protocol


@dataclass(frozen=True)
class ObjectRef:
    """One version of one object, as an event or a user named it. An empty ``bucket`` means a file of this machine.

    ``version_id`` is None in a bucket without versioning; then ``etag`` (opaque, without quotes) pins the content.
    ``size`` in bytes and ``sequencer`` are what the event said; they are hints, not facts.
    """

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None
    size: int | None = None
    sequencer: str | None = None

    def __str__(self) -> str:
        if not self.bucket:
            return self.key
        pin = self.version_id or self.etag
        return f"{self.bucket}/{self.key}@{pin}" if pin else f"{self.bucket}/{self.key}"


class Task(NamedTuple):
    """What a chunk's message names. It can choose nothing: where the object is and what becomes of it stands in the ledger."""

    generation: str
    chunk: int


class Replay(NamedTuple):
    """A generation that ended is to be loaded again, for the ``number``-th time (from 1): all of its records, or those that were rejected."""

    generation: str
    number: int
    records: Literal["all", "rejected"] = "all"


class Body(Protocol):
    """The bytes of one GET. ``read(n)`` gives 1..n bytes, ``b""`` at the end of the response; a broken stream raises Unavailable."""

    def read(self, amount: int, /) -> bytes: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class OpenedObject:
    """An answered GET: ``total_bytes`` is the size of the whole object, also when the GET asked for its tail."""

    body: Body
    total_bytes: int
    etag: str | None
    version_id: str | None


class ObjectStore(Protocol):
    """Read access to objects."""

    def open(self, ref: ObjectRef, offset: int) -> OpenedObject:
        """Start reading at byte ``offset`` (0-based) of exactly the version that ``ref`` pins.

        Raises ObjectError (OBJECT_MISSING, OBJECT_CHANGED, OBJECT_ARCHIVED), Denied, Throttled, Unavailable.
        """
        ...


class ListedObject(NamedTuple):
    """The current version of one object as its bucket lists it; ``modified_at`` in seconds since the epoch, of a multipart upload its beginning."""

    key: str
    etag: str
    size: int
    modified_at: float


class Page(NamedTuple):
    """A page of a listing; ``now`` in seconds since the epoch, by the clock that ``modified_at`` is of."""

    objects: list[ListedObject]
    is_last: bool
    now: float


class ObjectState(NamedTuple):
    """What an object is now. ``is_readable`` is False while it is archived and not restored."""

    ref: ObjectRef
    is_readable: bool


class Listing(Protocol):
    """What is in one bucket."""

    def page(self, prefix: str, after: str) -> Page:
        """The next objects, at most 1,000, whose keys begin with ``prefix`` and stand after ``after``, in the order of UTF-8 bytes.

        Raises Denied, Throttled, Unavailable, ServiceError.
        """
        ...

    def state(self, key: str, version_id: str | None = None) -> ObjectState:
        """The object as it is, or one version of it, without its content. Raises ObjectError OBJECT_MISSING, and as ``page`` does."""
        ...


Operation = Literal["BatchWriteItem", "PutItem", "UpdateItem", "DeleteItem"]


@dataclass(frozen=True)
class Reply:
    """The answer to one accepted call.

    ``unprocessed`` holds the entries of a BatchWriteItem that the table did not take (``{"PutRequest": {"Item": {…}}}`` or
    ``{"DeleteRequest": {"Key": {…}}}``), ``write_units`` what the call consumed, indexes included, 0.0 where the table does not say.
    ``is_applied`` is False where the condition of a single write did not hold; then ``existing`` is the item that is there.
    """

    unprocessed: list[Mapping[str, Any]] = field(default_factory=list)
    write_units: float = 0.0
    is_applied: bool = True
    existing: Mapping[str, Any] | None = None


class ItemStore(Protocol):
    """Write access to one table: calls are started, and answered later, in any order. Used by one thread."""

    def start(self, operation: Operation, body: bytes) -> int:
        """Send one call (UTF-8 JSON) and return its number. One attempt, no retry inside; does not wait for the answer, and does not raise.

        It may wait for others that follow at once, at the latest until ``answers`` is called.
        """
        ...

    def answers(self, timeout_s: float) -> list[tuple[int, Reply | Exception]]:
        """The answers that came since the last time, each with the number of its call; waits up to ``timeout_s`` for the first.

        Every started call is answered once, unless it is abandoned: with a Reply, or with Throttled (nothing applied), Unavailable
        (perhaps applied; also when no answer came within 20 s), Invalid (nothing applied), Denied, ServiceError.
        """
        ...

    def abandon(self) -> None:
        """Give up the calls that are not answered, closing their connections. They may or may not be applied."""
        ...

    def close(self) -> None:
        """Close all connections. Further calls are an error."""
        ...


class RejectSink(Protocol):
    """Where rejected records are kept."""

    def store(self, name: str, content: BinaryIO) -> str:
        """Keep ``content`` (a file at its start) under ``name``, replacing what was there; returns its address for people."""
        ...


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock: the only place that sleeps."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)
