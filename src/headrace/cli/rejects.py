"""Where the command line keeps rejected records, and why they were rejected, in a few lines."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from headrace.cli.failure import usage
from headrace.cli.source import Source
from headrace.errors import ObjectError


@dataclass
class Reason:
    """Rejections of one code in one column. ``line`` (1-based) and ``message`` are of the first."""

    code: str
    column: str
    count: int
    line: int
    message: str


class Reasons:
    """Rejected records counted by code and column."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Reason] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """Count a line of a file of rejected records."""
        code, column = record["code"], record["column"]
        known = self._found.setdefault((code, column), Reason(code, column, 0, record["line"], record["message"]))
        known.count += 1

    def sorted(self) -> list[Reason]:
        """The most frequent first."""
        return sorted(self._found.values(), key=lambda reason: -reason.count)


class LocalRejects:
    """A RejectSink in the file system. With ``path`` None the records are only counted."""

    def __init__(self, path: Path | None, *, may_replace: bool = False) -> None:
        self._path = path
        self._may_replace = may_replace
        self._reasons = Reasons()
        self._is_stored = False

    def store(self, name: str, content: BinaryIO) -> str:
        """See RejectSink; the file has the path given, whatever the ``name``. What is stored later comes after what was stored before."""
        for line in content:
            self._reasons.add(json.loads(line))
        if self._path is None:
            return ""
        content.seek(0)
        try:
            if self._is_stored or _is_more_than_a_file(self._path):
                with self._path.open("ab" if self._is_stored else "wb") as whole:
                    shutil.copyfileobj(content, whole)
                self._is_stored = True
                return str(self._path)
            self._path = _put(_copied(content, self._path), self._path, replace=self._may_replace)
            self._is_stored = True
        except OSError as error:
            hint = "name another file with --rejects FILE and load again"
            raise ObjectError("REJECTS_UNWRITABLE", f"{self._path}: {error.strerror}", object=str(self._path), hint=hint) from None
        return str(self._path)

    @property
    def reasons(self) -> list[Reason]:
        """The most frequent first."""
        return self._reasons.sorted()


def _is_more_than_a_file(path: Path) -> bool:
    """Whether it is a link or a device, such as /dev/null, which a new file of its name would destroy."""
    return os.path.lexists(path) and (path.is_symlink() or not path.is_file())


def _copied(content: BinaryIO, path: Path) -> Path:
    """A new file beside ``path`` with ``content``; none if it cannot be whole."""
    kept, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(kept, "wb") as file:
            shutil.copyfileobj(content, file)
    except OSError:
        Path(name).unlink()
        raise
    return Path(name)


def _put(written: Path, path: Path, *, replace: bool) -> Path:
    """Give a whole file its name, or the next free one of its kind if it may not replace what is there: two loads may end at once."""
    umask = os.umask(0)
    os.umask(umask)
    written.chmod(0o666 & ~umask)
    if replace:
        return written.replace(path)
    stem = path.name.removesuffix(".jsonl")
    for name in itertools.chain([path.name], (f"{stem}-{number}.jsonl" for number in itertools.count(2))):
        with suppress(FileExistsError):
            os.link(written, path.with_name(name))
            written.unlink()
            return path.with_name(name)
    raise AssertionError("numbers do not end")


def rejects_path(given: Path | None, source: Source) -> Path:
    """Where to keep rejected records: ``given``, which is replaced, or a new file in the working directory named after the source.

    Raises USAGE if it cannot be written, which is better known before a load than after it.
    """
    endings = itertools.chain(["rejects"], (f"rejects-{number}" for number in itertools.count(2)))
    path = given or next(path for path in (Path(f"{source.name}.{ending}.jsonl") for ending in endings) if not os.path.lexists(path))
    if source.is_file and path.resolve() == Path(source.ref.key).resolve():
        raise usage(f"--rejects {path} is the source itself", "name another file")
    is_folder = os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises where a folder above may not be read
    if is_folder or not os.access(path.parent, os.W_OK):
        reason = "is a folder" if is_folder else f"{path.parent.absolute()} is not a folder that can be written to"
        raise usage(f"rejected records have no place: {path}: {reason}", "name another file with --rejects FILE")
    return path
