"""The bytes of one object version, in order, complete, read once or resumed where a connection broke."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from headrace.errors import ObjectError, ServiceError, Unavailable
from headrace.ports import Clock, ObjectRef, ObjectStore, OpenedObject

PIECE_BYTES = 262_144
ATTEMPTS_WITHOUT_PROGRESS = 6
PAUSE_FIRST_S = 0.2


class ObjectStream:
    """Iterates over the object's bytes in pieces of at most ``PIECE_BYTES``, holding one at a time.

    The first answer pins the version: every later request names its version id and its eTag, so that pieces of two versions
    never mix (an overwrite in between raises ObjectError OBJECT_CHANGED). A broken stream, or one that ends early without an
    error, is continued at the next byte; without progress for six attempts the last error is raised. Iteration ends only after
    exactly as many bytes as the object has.
    """

    def __init__(self, store: ObjectStore, ref: ObjectRef, clock: Clock, *, object_bytes_max: int) -> None:
        self.ref = ref
        self.bytes_read = 0
        self.total_bytes = 0
        self._store = store
        self._clock = clock
        self._object_bytes_max = object_bytes_max

    def __iter__(self) -> Iterator[bytes]:
        failures = 0
        opened: OpenedObject | None = None
        try:
            while True:
                before = self.bytes_read
                try:
                    opened = self._store.open(self.ref, self.bytes_read)
                    self._pin(opened)
                    yield from self._pieces(opened)
                    if self.bytes_read == self.total_bytes:
                        return
                    raise Unavailable("STREAM_CUT", f"{self.ref}: the stream ended at byte {self.bytes_read} of {self.total_bytes}")
                except ServiceError as error:
                    failures = 0 if self.bytes_read > before else failures + 1
                    if not error.retryable or failures >= ATTEMPTS_WITHOUT_PROGRESS:
                        raise
                    self._clock.sleep(PAUSE_FIRST_S * 2**failures)
                finally:
                    if opened is not None:
                        opened.body.close()
        finally:
            if opened is not None:
                opened.body.close()

    def _pin(self, opened: OpenedObject) -> None:
        if opened.total_bytes > self._object_bytes_max:
            raise ObjectError(
                "OBJECT_TOO_LARGE",
                f"found {opened.total_bytes} bytes, expected at most {self._object_bytes_max}",
                object=str(self.ref),
                hint="raise limits.object_bytes_max in headrace.yaml, or split the object",
            )
        self.total_bytes = opened.total_bytes
        self.ref = dataclasses.replace(self.ref, version_id=opened.version_id or self.ref.version_id, etag=opened.etag or self.ref.etag)

    def _pieces(self, opened: OpenedObject) -> Iterator[bytes]:
        while piece := opened.body.read(PIECE_BYTES):
            self.bytes_read += len(piece)
            if self.bytes_read > self.total_bytes:
                raise ObjectError("OBJECT_CHANGED", f"more than the announced {self.total_bytes} bytes came", object=str(self.ref), hint="load it again")
            yield piece
