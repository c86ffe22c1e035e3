"""Reads the golden cases. See README.md beside this file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.config.model import Config
from headrace.config.parse import load

Json = dict[str, Any]
FOLDER = Path(__file__).parent
OUTCOME = ("state", "read", "written", "rejected", "filtered", "superseded", "unknown", "bytes", "error")
REJECTION = ("code", "line", "byte_offset", "column", "raw", "raw_base64")


@dataclass(frozen=True)
class Case:
    """One case. ``items`` are sorted as ``sorted_items`` sorts them."""

    name: str
    config: Config
    input: Path
    before: list[Json]
    items: list[Json]
    outcome: Json
    rejects: list[Json]


def names() -> list[str]:
    return sorted(path.parent.name for path in FOLDER.glob("*/headrace.yaml"))


def case(name: str) -> Case:
    folder = FOLDER / name
    (content,) = folder.glob("input.*")
    outcome = json.loads((folder / "outcome.json").read_text())
    return Case(
        name,
        load(folder / "headrace.yaml"),
        content,
        lines(folder / "before.jsonl"),
        sorted_items(lines(folder / "items.jsonl")),
        outcome,
        lines(folder / "rejects.jsonl"),
    )


def lines(path: Path) -> list[Json]:
    """The objects of a JSON Lines file; none if there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def sorted_items(items: Iterable[Json]) -> list[Json]:
    """``items`` (DynamoDB JSON) in one order, also inside sets."""
    return sorted(({name: _sorted(value) for name, value in item.items()} for item in items), key=lambda item: json.dumps(item, sort_keys=True))


def outcome_of(outcome: Json) -> Json:
    """The fields of an outcome that a case fixes."""
    return {name: outcome[name] for name in OUTCOME}


def rejection_of(line: Json) -> Json:
    """The fields of a line of a rejects file that a case fixes."""
    return {name: line[name] for name in REJECTION if name in line}


def _sorted(value: Json) -> Json:
    ((kind, content),) = value.items()
    match kind:
        case "SS" | "NS" | "BS":
            return {kind: sorted(content)}
        case "L":
            return {kind: [_sorted(member) for member in content]}
        case "M":
            return {kind: {name: _sorted(member) for name, member in content.items()}}
    return value
