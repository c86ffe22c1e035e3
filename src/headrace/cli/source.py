"""What SOURCE on a command line stands for: a file, standard input, or an object in S3."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from headrace.cli.failure import usage
from headrace.errors import ObjectError
from headrace.ports import ObjectRef, ObjectStore, OpenedObject
from headrace.read.files import FileStore

if TYPE_CHECKING:
    from headrace.cli.options import OpenAws

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_S3_URL = re.compile(r"s3://([^/]*)/(.*?)(?:\?versionId=([^?&=]+))?", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """One object to read. ``name`` is the last part of its path or key, ``stdin`` for standard input."""

    ref: ObjectRef
    objects: ObjectStore
    name: str

    @property
    def is_file(self) -> bool:
        return not self.ref.bucket


def source_of(text: str, open_aws: OpenAws | None) -> Source:
    """The source that ``text`` names. ``open_aws`` None is for commands without AWS. Raises USAGE, OBJECT_MISSING."""
    if text.startswith("s3://"):
        return _s3(text, open_aws)
    if not text or _URL.match(text):
        hint = _piped(f"curl -sSf {shlex.quote(text)}") if text else "name one"
        raise usage(f"found {text!r}, expected a file, s3://bucket/key, or - for standard input", hint)
    if text == "-" and sys.stdin is None:
        raise usage("standard input is closed", "name a file, or hand one over with <")
    if text == "-":
        return Source(ObjectRef("", "stdin"), _Spooled(sys.stdin.buffer), "stdin")
    opened = _opened(Path(text))
    with opened:
        if stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            return Source(ObjectRef("", text), FileStore(), Path(text).name)
        return Source(ObjectRef("", "pipe"), _Spooled(opened), "pipe")  # such as bash's <(…)


def _s3(text: str, open_aws: OpenAws | None) -> Source:
    found = _S3_URL.fullmatch(text)
    if found is None or not found[1] or not found[2] or found[2].endswith("/"):
        raise usage(f"found {text!r}, expected one object as s3://bucket/key", "list the objects with `aws s3 ls` and name one")
    if open_aws is None:
        raise usage(f"found {text!r}, expected a file: this command never calls AWS", _piped(f"aws s3 cp {shlex.quote(text)} -"))
    return Source(ObjectRef(found[1], found[2], version_id=found[3]), open_aws().objects(), found[2].rpartition("/")[2])


def _piped(command: str) -> str:
    """The command line that hands what ``command`` prints to the command that runs."""
    context = click.get_current_context(silent=True)
    return f"{command} | {context.command_path if context else 'headrace load'} -"


def _opened(path: Path) -> BinaryIO:
    """The file, opened before anything else is done, so that a wrong path is the first thing that is said."""
    try:
        return path.open("rb")
    except OSError as error:
        hint = "name one file in it" if isinstance(error, IsADirectoryError) else "check the path and the file's permissions"
        raise ObjectError("OBJECT_MISSING", f"{path}: {error.strerror or error}", object=str(path), hint=hint) from None


class _Spooled:
    """An ObjectStore of one object: a stream that can be read only once, read to its end into a temporary file. One reader at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the program
        shutil.copyfileobj(stream, self._file)
        self._bytes = self._file.tell()

    def open(self, ref: ObjectRef, offset: int) -> OpenedObject:
        self._file.seek(offset)
        return OpenedObject(_Rest(cast(BinaryIO, self._file)), self._bytes, None, None)


class _Rest:
    """The rest of a file that stays open."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read

    def close(self) -> None:
        """Nothing: the file is read again."""
