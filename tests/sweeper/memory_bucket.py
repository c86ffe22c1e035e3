"""A bucket in memory, with versions, ages, archives and events that may be lost."""

from __future__ import annotations

from dataclasses import dataclass, field

from headrace.errors import HeadraceError, ObjectError
from headrace.ports import Clock, ListedObject, ObjectRef, ObjectState, Page


@dataclass(frozen=True)
class Stored:
    ref: ObjectRef
    modified_at: float
    is_readable: bool = True


@dataclass
class MemoryBucket:
    """A Listing. ``refusals`` are raised by the next calls, one each; None lets a call pass."""

    clock: Clock
    name: str = "landing"
    page_size: int = 1000
    current: dict[str, Stored] = field(default_factory=dict)
    versions: dict[tuple[str, str | None], Stored] = field(default_factory=dict)
    refusals: list[HeadraceError | None] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    puts: int = 0
    is_versioned: bool = True
    page_seconds: float = 0.0
    """How long a page takes."""
    state_seconds: float = 0.0
    """How long a look at one object takes."""

    def put(self, key: str, content: str = "1", *, is_readable: bool = True) -> ObjectRef:
        """Write a version of ``key``; its eTag is its content."""
        self.puts += 1
        ref = ObjectRef(self.name, key, f"v{self.puts}" if self.is_versioned else None, content, len(content), f"{self.puts:018X}")
        self.current[key] = self.versions[key, ref.version_id] = Stored(ref, self.clock.now(), is_readable)
        return ref

    def page(self, prefix: str, after: str) -> Page:
        self._called("page")
        self.clock.sleep(self.page_seconds)
        keys = sorted((key for key in self.current if key.startswith(prefix) and key.encode() > after.encode()), key=str.encode)
        found = [self.current[key] for key in keys[: self.page_size]]
        objects = [ListedObject(one.ref.key, str(one.ref.etag), int(one.ref.size or 0), float(int(one.modified_at))) for one in found]
        return Page(objects, len(keys) <= self.page_size, float(int(self.clock.now())))

    def state(self, key: str, version_id: str | None = None) -> ObjectState:
        self._called("state")
        self.clock.sleep(self.state_seconds)
        found = self.versions.get((key, version_id)) if version_id else self.current.get(key)
        if found is None:
            raise ObjectError("OBJECT_MISSING", key)
        return ObjectState(ObjectRef(self.name, key, found.ref.version_id, found.ref.etag, found.ref.size), found.is_readable)

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if self.refusals and (refusal := self.refusals.pop(0)):
            raise refusal
