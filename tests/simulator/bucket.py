"""S3: objects by key and version, and reading them with everything that may go wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from headrace.errors import Denied, HeadraceError, ObjectError, Throttled, Unavailable
from headrace.ports import ListedObject, ObjectRef, ObjectState, OpenedObject, Page
from simulator.function import Gate
from simulator.timeline import EPOCH

BUCKET = "incoming"
REJECTS = "incoming-rejects"
PAGE_OBJECTS = 2
SEQUENCER_FIRST = 0x66DA1CBF104C0D51


@dataclass
class Version:
    """One upload. ``number`` counts the uploads of all keys, and with it grow the sequencers."""

    key: str
    number: int
    content: bytes
    version_id: str | None
    put_at: float = 0.0
    is_archived: bool = False

    @property
    def etag(self) -> str:
        return hashlib.md5(self.content).hexdigest()

    @property
    def sequencer(self) -> int:
        return SEQUENCER_FIRST + 977 * self.number

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(BUCKET, self.key, self.version_id, self.etag, len(self.content), f"{self.sequencer:018X}")


class Bucket:
    """A bucket with or without versioning. ``uploads`` are all there ever were; None in ``current`` is a delete marker."""

    def __init__(self, is_versioned: bool) -> None:
        self.is_versioned = is_versioned
        self.uploads: list[Version] = []
        self.current: dict[str, Version | None] = {}

    def put(self, key: str, content: bytes, put_at: float) -> Version:
        number = len(self.uploads)
        version = Version(key, number, content, f"version-{number}" if self.is_versioned else None, put_at)
        self.uploads.append(version)
        self.current[key] = version
        return version

    def delete(self, key: str) -> None:
        self.current[key] = None

    def found(self, ref: ObjectRef, *, is_content: bool = True) -> Version:
        """The version that a GET with ``ref`` gives, or without ``is_content`` a HEAD. Raises ObjectError, as aws/ translates S3's answers."""
        version = self.current.get(ref.key)
        if ref.version_id is not None:
            version = next((each for each in self.uploads if each.key == ref.key and each.version_id == ref.version_id), None)
        if version is None or ref.bucket != BUCKET:
            raise ObjectError("OBJECT_MISSING", f"{ref}: not there")
        if ref.etag not in (None, version.etag):
            raise ObjectError("OBJECT_CHANGED", f"{ref}: overwritten")
        if version.is_archived and is_content:
            raise ObjectError("OBJECT_ARCHIVED", f"{ref}: archived")
        return version


class SimulatedObjects:
    """An ObjectStore as one function sees it."""

    def __init__(self, bucket: Bucket, gate: Gate) -> None:
        self._bucket = bucket
        self._gate = gate

    def open(self, ref: ObjectRef, offset: int) -> OpenedObject:
        gate = self._gate
        gate.enter("s3.GetObject")
        for kind, error in GET_ERRORS.items():
            if gate.world.faults.hit(kind):
                raise error()
        if ref.bucket == REJECTS:
            return self._staged(ref, offset)
        if ref.bucket != BUCKET:
            gate.world.watch.violated("I10", f"read from bucket {ref.bucket}")
        version = self._bucket.found(ref)
        gate.world.watch.reads()
        if gate.world.faults.hit("s3.replaced"):
            gate.world.replace(version.key)
        gate.leave("s3.GetObject")
        return OpenedObject(SimulatedBody(version.content[offset:], gate), len(version.content), version.etag, version.version_id)

    def _staged(self, ref: ObjectRef, offset: int) -> OpenedObject:
        """What the product itself put into the bucket of rejects."""
        content = self._gate.world.rejects.get(f"s3://{REJECTS}/{ref.key}")
        if content is None:
            raise ObjectError("OBJECT_MISSING", f"{ref}: not there")
        self._gate.leave("s3.GetObject")
        return OpenedObject(SimulatedBody(content[offset:], self._gate), len(content), None, None)


class SimulatedListing:
    """The listing of the bucket, in small pages."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._bucket = gate.world.bucket

    def page(self, prefix: str, after: str) -> Page:
        self._call("s3.ListObjectsV2")
        current = [version for version in self._bucket.current.values() if version and version.key.startswith(prefix) and version.key > after]
        shown = sorted(current, key=lambda version: version.key)[:PAGE_OBJECTS]
        objects = [ListedObject(version.key, version.etag, len(version.content), EPOCH + version.put_at) for version in shown]
        return Page(objects, len(shown) == len(current), EPOCH + self._gate.world.timeline.now)

    def state(self, key: str, version_id: str | None = None) -> ObjectState:
        self._call("s3.HeadObject")
        version = self._bucket.found(ObjectRef(BUCKET, key, version_id), is_content=False)
        return ObjectState(ObjectRef(BUCKET, key, version.version_id, version.etag, len(version.content)), not version.is_archived)

    def _call(self, operation: str) -> None:
        self._gate.enter(operation)
        for kind, error in GET_ERRORS.items():
            if self._gate.world.faults.hit(kind):
                raise error()


GET_ERRORS: dict[str, Callable[[], HeadraceError]] = {
    "s3.throttled": lambda: Throttled("S3_THROTTLED", "SlowDown"),
    "s3.unavailable": lambda: Unavailable("S3_UNAVAILABLE", "InternalError"),
    "s3.denied": lambda: Denied("ACCESS_DENIED", "s3:GetObject"),
}


class SimulatedBody:
    """The bytes of one GET, in pieces that take time."""

    def __init__(self, content: bytes, gate: Gate) -> None:
        self._content = content
        self._gate = gate

    def read(self, amount: int, /) -> bytes:
        world = self._gate.world
        self._gate.enter("s3.read")
        if world.faults.hit("s3.cut"):
            raise Unavailable("STREAM_CUT", "the stream broke")
        piece = self._content[: min(amount, world.scale.piece_bytes)]
        self._content = self._content[len(piece) :]
        self._gate.leave("s3.read")
        return piece

    def close(self) -> None:
        """Nothing is open."""


class SimulatedRejects:
    """A RejectSink as one function sees it; ``kept`` are the files by address."""

    def __init__(self, kept: dict[str, bytes], gate: Gate) -> None:
        self._kept = kept
        self._gate = gate

    def store(self, name: str, content: BinaryIO) -> str:
        faults = self._gate.world.faults
        self._gate.enter("s3.PutObject")
        if faults.hit("rejects.unavailable"):
            raise Unavailable("S3_UNAVAILABLE", "InternalError")
        address = f"s3://{REJECTS}/{name}"
        self._kept[address] = content.read()
        self._gate.leave("s3.PutObject")
        if faults.hit("rejects.answer_lost"):
            raise Unavailable("S3_UNAVAILABLE", "InternalError")
        return address
