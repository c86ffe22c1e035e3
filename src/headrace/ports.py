"""What headrace needs from the outside world, as small contracts. ``aws/`` implements them for AWS, tests for anything else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol


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


@dataclass(frozen=True)
class BatchReply:
    """The answer to one accepted BatchWriteItem.

    ``unprocessed`` holds the request entries that the table did not take (``{"PutRequest": {"Item": {…}}}`` or
    ``{"DeleteRequest": {"Key": {…}}}``), ``write_units`` what the call consumed, 0.0 where the table does not say.
    """

    unprocessed: list[Mapping[str, Any]] = field(default_factory=list)
    write_units: float = 0.0


class ItemStore(Protocol):
    """Write access to one table. Used by several threads at once."""

    def batch_write(self, body: bytes) -> BatchReply:
        """Send one BatchWriteItem body (UTF-8 JSON of at most 25 requests on one table). One attempt, no retry inside.

        Raises Throttled (nothing applied), Unavailable (perhaps applied), Invalid (nothing applied), Denied, ServiceError.
        """
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
