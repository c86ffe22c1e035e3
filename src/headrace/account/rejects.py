"""The rejected records of one load: collected in constant memory, kept under a name that a retried load finds again."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast
from urllib.parse import quote

from headrace.errors import ObjectError
from headrace.ports import ObjectRef, RejectSink
from headrace.record import Rejection

_MEMORY_BYTES_MAX = 8 * 1024 * 1024
"""Up to here the rejected records stay in memory, beyond it on the temporary disk."""

_NAME_BYTES_MAX = 1024
"""Longest S3 key in bytes of UTF-8 (S3 user guide, object-keys, 2026-11)."""


class RejectsFile:
    """Collects the rejected records of one load as JSON Lines: the members of ``Rejection.as_json`` with ``object`` and ``route``."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_MEMORY_BYTES_MAX)  # noqa: SIM115 - lives until close()
        self.count = 0
        self._is_cut = False

    def add(self, rejection: Rejection, *, object: str, route: str) -> None:
        """Append one line of UTF-8. Raises ObjectError REJECTS_TOO_MANY if the temporary disk is full; the load must fail then."""
        fields = {"object": object, "route": route, **rejection.as_json()}
        # A lone surrogate, which a JSON file can spell, becomes "?" in the message; "raw" has the record as it is.
        line = json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        try:
            self._file.write(line)
            self._file.flush()  # so that a full disk shows here and not in store()
        except OSError as error:
            self._is_cut = True
            hint = "correct the file or the config, or lower the route's on_error.max_rejects so that the load stops sooner"
            raise ObjectError("REJECTS_TOO_MANY", f"no room for rejected record {self.count + 1}: {error.strerror}", object=object, hint=hint) from error
        self.count += 1

    @property
    def bytes(self) -> int:
        """Bytes that are kept."""
        return self._file.tell()

    def mark(self) -> tuple[int, int]:
        """What is kept now, to ``cut`` back to."""
        return self.count, self._file.tell()

    def cut(self, mark: tuple[int, int]) -> None:
        """Forget what was added since ``mark``."""
        self.count, size = mark
        self._file.seek(size)
        self._file.truncate()
        self._is_cut = False

    def store(self, sink: RejectSink, name: str) -> str:
        """Keep all lines under ``name`` and return the address; without any, store nothing and return ``""``.

        To be called after the last ``add``; again if the sink raised.
        """
        if self.count == 0 or self._is_cut:  # a line for which there was no room: the load has failed, and is repeated as a whole
            return ""
        self._file.seek(0)
        return sink.store(name, cast(BinaryIO, self._file))

    def close(self) -> None:
        """Free memory and disk; what was not stored is gone."""
        with suppress(OSError):  # a full disk refuses the rest of the buffer once more; add() has said so
            self._file.close()


def part_name(route: str, ref: ObjectRef, generation: str, chunk: int, change: int) -> str:
    """The name for the rejected records of one commit: ``<route>/<key>/<version or eTag>-<generation>-<chunk>-<change>.jsonl``."""
    return reject_name(route, replace(ref, version_id=f"{ref.version_id or ref.etag}-{generation}-{chunk:08d}-{change:06d}"))


def reject_name(route: str, ref: ObjectRef) -> str:
    """``<route>/<key>/<version or eTag>.jsonl``: the same for every load of an object version, different for any two versions.

    A retried load thus replaces its own file. A name that would not fit into 1,024 bytes keeps the beginning of the key and ends
    in a hash of key and version. A key with ``..`` in it stays as it is: right for S3, not to be used as a path.
    """
    # Quoted, the last part has neither "/" nor "=", so it cannot be taken for a part of the key nor for a hash.
    pin = quote(ref.version_id or ref.etag or "unpinned", safe="")
    name = f"{route}/{ref.key}/{pin}.jsonl"
    if len(name.encode("utf-8", "surrogateescape")) <= _NAME_BYTES_MAX:
        return name
    ending = f"/={sha256(f'{ref.key}/{pin}'.encode('utf-8', 'surrogateescape')).hexdigest()}.jsonl"
    room = _NAME_BYTES_MAX - len(f"{route}/{ending}".encode())
    return f"{route}/{ref.key.encode('utf-8', 'surrogateescape')[:room].decode('utf-8', 'ignore')}{ending}"
