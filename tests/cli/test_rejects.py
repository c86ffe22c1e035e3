"""Where the command line keeps rejected records."""

from __future__ import annotations

import io
import json
from pathlib import Path

from headrace.cli.rejects import LocalRejects


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
