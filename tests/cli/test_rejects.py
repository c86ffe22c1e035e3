"""Where the command line keeps rejected records."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path

import pytest

from headrace.cli.rejects import LocalRejects
from headrace.errors import ObjectError


def line(number: int) -> io.BytesIO:
    return io.BytesIO(json.dumps({"code": "X", "column": "", "line": number, "message": "m"}).encode() + b"\n")


def test_store_when_two_loads_end_at_once_keeps_both(tmp_path: Path) -> None:
    """Both chose the same free name at their start; neither may destroy the other's records."""
    sinks = [LocalRejects(tmp_path / "x.csv.rejects.jsonl") for _ in range(3)]
    kept = [sink.store("name", line(number)) for number, sink in enumerate(sinks)]
    assert [Path(path).name for path in kept] == ["x.csv.rejects.jsonl", "x.csv.rejects-2.jsonl", "x.csv.rejects-3.jsonl"]
    assert [json.loads(Path(path).read_text())["line"] for path in kept] == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 3


def test_store_when_the_file_was_named_replaces_it_as_a_whole(tmp_path: Path) -> None:
    """--rejects FILE says so; the old content stays until the new one is complete."""
    path = tmp_path / "mine.jsonl"
    path.write_text("old")
    assert LocalRejects(path, may_replace=True).store("name", line(7)) == str(path)
    assert json.loads(path.read_text())["line"] == 7
    assert list(tmp_path.iterdir()) == [path]


def test_store_when_the_disk_is_full_leaves_no_part(tmp_path: Path) -> None:
    """Nobody takes half of a file for the rejected records."""

    class OfTooMuch(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ObjectError, match="No space left on device"):
        LocalRejects(tmp_path / "x.jsonl").store("name", OfTooMuch(line(1).getvalue()))
    assert list(tmp_path.iterdir()) == []


def test_store_when_the_file_named_is_a_pipe_or_a_link_leaves_it_one(tmp_path: Path) -> None:
    """``--rejects /dev/null`` of a user who may do everything must not put a file in its place."""
    pipe, link, target = tmp_path / "pipe", tmp_path / "link", tmp_path / "target"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    LocalRejects(pipe, may_replace=True).store("name", line(1))
    assert (os.read(reader, 1000), pipe.is_fifo()) == (line(1).getvalue(), True)
    os.close(reader)
    target.write_text("old")
    link.symlink_to(target)
    sink = LocalRejects(link, may_replace=True)
    for number in (1, 2):
        sink.store("name", line(number))
    assert (link.is_symlink(), target.read_bytes()) == (True, line(1).getvalue() + line(2).getvalue())
    assert sorted(tmp_path.iterdir()) == [link, pipe, target]
