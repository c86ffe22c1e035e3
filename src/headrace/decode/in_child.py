"""The rows of a binary format, read by a process of its own: see ``decode.child`` for the reason."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any, BinaryIO, NamedTuple, cast

from headrace.decode.rows import Batch, RowGroup, Rows, batch_of
from headrace.errors import ObjectError
from headrace.ranges import Ranges

PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv[2]); from headrace.decode.child import main; main(int(sys.argv[1]))"
WAIT_S = 10
PASSED_ON = ("LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "TZDIR", "PYTHONHOME", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE")
"""The variables of the environment that the process gets: what Python needs to start and to know dates by, no credentials."""
ALLOCATOR = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_MMAP_THRESHOLD_": "131072"}
"""Arrow's own allocator, mimalloc, takes all that the memory limit leaves once a part of Arrow asks it for a byte, as reading zstd pages does; and
glibc keeps what large buffers leave behind, unless the threshold is fixed above which they get pages of their own (mallopt(3))."""


class Reader(NamedTuple):
    """What reads a format: its name, the extra that it needs, and the bytes of memory that it may have beyond its libraries."""

    format: str
    extra: str
    memory: int


def rows_in_child(reader: Reader, source: Ranges | Iterator[bytes], options: dict[str, Any], first: int = 1) -> Rows:
    """The rows of the object from number ``first`` on. To be closed, unless they are read to their end.

    Raises ObjectError, here or later: EXTRA_MISSING, MEMORY_EXCEEDED, ``<FORMAT>_UNSUPPORTED``, ``<FORMAT>_DAMAGED``, and those of the format's own reader.
    """
    messages = _Child(reader, source, options | {"first": first}).messages()
    name, value = next(messages)
    assert name == "schema"
    return Rows(_batches(messages), first=first, skipped=value["skipped"], columns=value["columns"], close=messages.close)


def row_groups_in_child(reader: Reader, source: Ranges, options: dict[str, Any]) -> list[RowGroup]:
    """The row groups of an object whose reader tells them with its schema. Raises what ``rows_in_child`` raises."""
    with closing(_Child(reader, source, options | {"first": 1}).messages()) as messages:
        _, value = next(messages)
        return [RowGroup(*group) for group in value["groups"]]


def _batches(messages: Iterator[tuple[str, Any]]) -> Iterator[Batch]:
    for _, (offset, content) in messages:
        yield offset, batch_of(content)


class _Child:
    def __init__(self, reader: Reader, source: Ranges | Iterator[bytes], options: dict[str, Any]) -> None:
        self._reader = reader
        self._source = source
        self._options = options

    def messages(self) -> Any:
        """What the process tells of the object. A generator: closing it ends the process."""
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-c", PROGRAM, str(theirs.fileno()), json.dumps(sys.path)]
        environment = ALLOCATOR | {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        nothing = subprocess.DEVNULL
        with ours, theirs:
            process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()], stdin=nothing, stdout=nothing, stderr=nothing)
            theirs.close()
            try:
                with ours.makefile("rwb") as channel:
                    yield from self._told(cast(BinaryIO, channel))
            except (EOFError, pickle.UnpicklingError, ConnectionError):
                raise self._crashed(process.wait(WAIT_S)) from None
            finally:
                process.kill()
                process.wait(WAIT_S)

    def _told(self, channel: BinaryIO) -> Iterator[tuple[str, Any]]:
        size = self._source.size if isinstance(self._source, Ranges) else 0
        self._send(channel, (self._reader.format, size, self._reader.memory, self._options))
        while True:
            name, value = pickle.load(channel)
            match name:
                case "fetch":
                    assert isinstance(self._source, Ranges)
                    self._send(channel, self._source.fetch_all(value))
                case "piece":
                    assert not isinstance(self._source, Ranges)
                    self._send(channel, next(self._source, b""))
                case "end":
                    return
                case "schema" | "rows":
                    yield name, value
                case _:
                    raise self._failure(name, value)

    def _send(self, channel: BinaryIO, value: object) -> None:
        pickle.dump(value, channel, pickle.HIGHEST_PROTOCOL)
        channel.flush()

    def _failure(self, name: str, value: Any) -> ObjectError:
        reader = self._reader
        if name == "error":
            code, message, hint = value
            return ObjectError(code, message, hint=hint)
        if name == "missing":
            hint = f"pip install 'headrace[{reader.extra}]'"
            return ObjectError("EXTRA_MISSING", f"reading {reader.format} needs the extra {reader.extra}: {value}", hint=hint)
        if name == "memory":
            message = f"reading it takes more than {reader.memory} bytes of memory"
            hint = "write smaller row groups or blocks, name fewer columns with `other_columns: drop`, or raise limits.reader_bytes_max"
            return ObjectError("MEMORY_EXCEEDED", message, hint=hint)
        if name == "unsupported":
            hint = "write the file without it, or leave the column out with `other_columns: drop`"
            return ObjectError(f"{reader.format.upper()}_UNSUPPORTED", f"found what cannot be read: {value}", hint=hint)
        return self._damaged(value)

    def _crashed(self, status: int) -> ObjectError:
        if status == -signal.SIGVTALRM:
            return self._damaged("bytes with which the library did not come to an end")
        what = signal.Signals(-status).name if status < 0 else f"exit code {status}"
        return self._damaged(f"bytes on which the library crashed ({what}); it may also have wanted more than {self._reader.memory} bytes of memory")

    def _damaged(self, found: str) -> ObjectError:
        code, hint = f"{self._reader.format.upper()}_DAMAGED", "write the file again, or upload it again from its source"
        return ObjectError(code, f"found {found}", hint=hint)
