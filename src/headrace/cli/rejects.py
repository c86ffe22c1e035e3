"""Where the command line keeps rejected records, and why they were rejected, in a few lines."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

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


class LocalRejects:
    """A RejectSink in the file system. With ``path`` None the records are only counted."""

    def __init__(self, path: Path | None, *, may_replace: bool = False) -> None:
        self._path = path
        self._may_replace = may_replace
        self._reasons: dict[tuple[str, str], Reason] = {}

    def store(self, name: str, content: BinaryIO) -> str:
        """See RejectSink; the file has the path given, whatever the ``name``."""
        self._count(content)
        if self._path is None:
            return ""
        content.seek(0)
        try:
            with tempfile.NamedTemporaryFile(dir=self._path.parent, prefix=f".{self._path.name}.", delete=False) as kept:
                shutil.copyfileobj(content, kept)
            self._path = _put(Path(kept.name), self._path, replace=self._may_replace)
        except OSError as error:
            hint = "name another file with --rejects FILE and load again"
            raise ObjectError("REJECTS_UNWRITABLE", f"{self._path}: {error.strerror}", object=str(self._path), hint=hint) from None
        return str(self._path)

    @property
    def reasons(self) -> list[Reason]:
        """The most frequent first."""
        return sorted(self._reasons.values(), key=lambda reason: -reason.count)

    def _count(self, content: BinaryIO) -> None:
        for line in content:
            record = json.loads(line)
            code, column = record["code"], record["column"]
            known = self._reasons.setdefault((code, column), Reason(code, column, 0, record["line"], record["message"]))
            known.count += 1


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
