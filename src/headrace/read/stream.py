"""The bytes of one object version, in order, complete, read once or resumed where a connection broke."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator

from headrace.errors import Deadline, ObjectError, ServiceError, Unavailable
from headrace.ports import Clock, ObjectRef, ObjectStore, OpenedObject

PIECE_BYTES = 262_144
ATTEMPTS_WITHOUT_PROGRESS = 6
PAUSE_FIRST_S = 0.2


class ObjectStream:
    """Iterates over the object's bytes in pieces of at most ``PIECE_BYTES``, holding one at a time.

    The first answer pins the version: every later request names its version id and its eTag, so that pieces of two versions
    never mix (an overwrite in between raises ObjectError OBJECT_CHANGED). A broken stream, or one that ends early without an
    error, is continued at the next byte; without progress for six attempts the last error is raised. Iteration ends only after
    exactly as many bytes as the object has, or before byte ``end``; it begins at byte ``start``. After ``deadline``, on the
    clock's monotonic scale, it raises Deadline.
    """

    def __init__(
        self, store: ObjectStore, ref: ObjectRef, clock: Clock, *, object_bytes_max: int, deadline: float = math.inf, start: int = 0, end: int | None = None
    ) -> None:
        self.ref = ref
        self._start = start
        self._end = end
        self._position = start
        self.total_bytes = 0
        self._is_pinned = False
        self._store = store
        self._clock = clock
        self._object_bytes_max = object_bytes_max
        self._deadline = deadline

    @property
    def bytes_read(self) -> int:
        """Bytes that came so far."""
        return self._position - self._start

    @property
    def _is_complete(self) -> bool:
        return self._is_pinned and self._position >= (self.total_bytes if self._end is None else min(self._end, self.total_bytes))

    def __iter__(self) -> Generator[bytes, None, None]:
        self._require_time()  # in a batch whose time is over, the objects that are left cost no call
        failures = 0
        while True:
            before = self._position
            try:
                yield from self._rest()
                return
            except ServiceError as error:
                if self._is_complete:
                    return  # it broke after the last byte; there is nothing left to ask for
                failures = 1 if self._position > before else failures + 1
                if isinstance(error, Deadline) or not error.retryable or failures >= ATTEMPTS_WITHOUT_PROGRESS:
                    raise
            pause_s = PAUSE_FIRST_S * 2 ** (failures - 1)
            self._require_time(pause_s)
            self._clock.sleep(pause_s)

    def _rest(self) -> Generator[bytes, None, None]:
        """The pieces from the next byte on, as far as one answer gives them."""
        opened = self._store.open(self.ref, self._position)
        try:
            self._pin(opened)
            while not (self._is_complete and self._end is not None) and (piece := opened.body.read(self._wanted)):
                self._position += len(piece)
                if self._position > self.total_bytes:
                    raise ObjectError("OBJECT_CHANGED", f"more than the announced {self.total_bytes} bytes came", object=str(self.ref), hint="load it again")
                yield piece
                if not self._is_complete:
                    self._require_time()
        finally:
            opened.body.close()
        if not self._is_complete:
            raise Unavailable("STREAM_CUT", f"{self.ref}: the stream ended at byte {self._position} of {self.total_bytes}")

    @property
    def _wanted(self) -> int:
        return PIECE_BYTES if self._end is None else min(PIECE_BYTES, self._end - self._position)

    def _pin(self, opened: OpenedObject) -> None:
        if opened.total_bytes > self._object_bytes_max:
            raise ObjectError(
                "OBJECT_TOO_LARGE",
                f"found {opened.total_bytes} bytes, expected at most {self._object_bytes_max}",
                object=str(self.ref),
                hint="raise limits.object_bytes_max in headrace.yaml, or split the object",
            )
        pinned = dataclasses.replace(self.ref, version_id=opened.version_id or self.ref.version_id, etag=opened.etag or self.ref.etag)
        is_other = self.ref.version_id not in (None, pinned.version_id) or self.ref.etag not in (None, pinned.etag)
        if is_other or (self._is_pinned and opened.total_bytes != self.total_bytes):  # a store may not know conditions
            raise ObjectError("OBJECT_CHANGED", f"found {pinned}, expected {self.ref}", object=str(self.ref), hint="the event of the new version loads it")
        self.ref, self.total_bytes, self._is_pinned = pinned, opened.total_bytes, True

    def _require_time(self, needed_s: float = 0.0) -> None:
        if self._clock.monotonic() + needed_s >= self._deadline:
            message = f"time ran out at byte {self._position} of {self.total_bytes}"
            raise Deadline("DEADLINE", message, hint="load again with more time, or split the object")
