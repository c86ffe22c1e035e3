"""Column types guessed from a sample, and the config that a load without a config file runs on.

A guess must not change a value: what looks like a number but would come back different (``007``, ``+5``) stays a string.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from headrace.config.check import check
from headrace.config.model import Column, ColumnType, Config, KeyType, Route, Source, Table
from headrace.config.paths import listed, nearest_hint
from headrace.errors import ConfigError, ConfigProblem, shortened

ROWS_MAX = 10_000
"""Rows of a sample that are looked at."""

NULL_MARKERS = frozenset(["NA", "N/A", "NULL", "null", "\\N", "None", "-"])
"""Texts that mean null in a column of numbers or booleans; in a column of strings they are as likely a value."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_ALMOST_NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+\.")
_DIGITS_MAX = 38  # of a DynamoDB number
_CHARACTERS_KEPT = 100  # of a value; a longer one is a string anyhow


@dataclass(frozen=True)
class Inferred:
    """What a sample tells: the columns in their order, the texts that mean null, and a sentence for each surprising decision."""

    columns: dict[str, Column]
    null_values: list[str]
    notes: list[str]


def infer_columns(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Inferred:
    """The columns called ``names``, from the first ``ROWS_MAX`` of ``rows``; cells missing in short rows or beyond ``names`` are ignored.

    A column without a name is dropped, because an attribute has one. Times stay strings: their forms are too many to guess.
    """
    values: list[dict[str, None]] = [{} for _ in names]
    for row in itertools.islice(rows, ROWS_MAX):
        for seen, cell in zip(values, row, strict=False):
            seen[cell if len(cell) <= _CHARACTERS_KEPT else f"{cell[:_CHARACTERS_KEPT]}…"] = None
    columns: dict[str, Column] = {}
    markers: dict[str, str] = {}
    notes = [f"{name}: more than one column has this name" for name, count in Counter(names).items() if name and count > 1]
    for index, name in enumerate(names):
        kind, note = _type_of(values[index])
        columns[name] = Column(type=kind) if name else Column(type="drop")
        if not name:
            notes.append(f"column {index + 1} has no name: left out")
        elif note:
            notes.append(f"{name}: {note}")
        if name and kind != "string":
            markers.update({marker: name for marker in values[index] if marker in NULL_MARKERS and marker not in markers})
    for index, name in enumerate(names):
        for marker, found_in in markers.items():
            if name and columns[name].type == "string" and marker in values[index]:
                notes.append(f"{name}: '{marker}' is read as null here too, because it means null in {found_in}")
    return Inferred(columns, sorted(markers), notes)


def _type_of(seen: Iterable[str]) -> tuple[ColumnType, str]:
    """The type of a column with these values, and why it is not the one it resembles, or ``""``."""
    values = [value for value in seen if value and value not in NULL_MARKERS]
    if values and all(value.lower() in ("true", "false") for value in values):
        return "boolean", ""
    others = [value for value in values if not _ALMOST_NUMBER.fullmatch(value)]
    if others or not values:
        is_surprising = len(others) * 2 < len(values)
        return "string", f"kept as string because of {shortened(others[0])} among the numbers" if is_surprising else ""
    for value in values:
        if not _NUMBER.fullmatch(value):
            zeros = re.match(r"[-+]?0[0-9]", value)
            reason = "leading zeros" if zeros else "the plus sign" if value.startswith("+") else "the notation"
            return "string", f"kept as string because of {reason} in '{value}'"
        if len(value.replace(".", "").strip("-0")) > _DIGITS_MAX:
            return "string", f"kept as string because {shortened(value)} has more than {_DIGITS_MAX} digits"
    return "number", ""


def guessed_key(names: Sequence[str], inferred: Inferred) -> dict[str, KeyType]:
    """Types of the key attributes ``names`` for a table that cannot be asked: number or binary where the column is that, else string."""
    types = {name: inferred.columns.get(name, Column()).type for name in names}
    return {name: kind if kind in ("number", "binary") else "string" for name, kind in types.items()}


def inferred_config(table: str, *, key: Mapping[str, KeyType], route: Route, inferred: Inferred) -> Config:
    """A config with one route, that reads as ``route`` does and takes everything into ``table``, which exists and whose ``key`` has these attributes.

    A key column takes the type of the table, whatever the sample looks like, and an empty one rejects the record. Columns that the
    sample did not show are kept. Raises ConfigError when a key attribute is no column of a CSV that has any. Without a key the items are only to be
    looked at: nothing in them is left out.
    """
    has_columns = inferred.columns and route.format in ("csv", "tsv", "fixed")
    missing = [name for name in key if has_columns and name not in inferred.columns]
    if missing:
        expected = f"a column of the file: {listed(inferred.columns)}"
        raise ConfigError("--key", [ConfigProblem("", f"`{name}`", expected, nearest_hint(name, inferred.columns, "name one of these")) for name in missing])
    columns = {**inferred.columns, **{name: Column(type=kind, empty="reject") for name, kind in key.items()}}
    route = replace(route, name="load", match="**", table=table, columns=columns, other_columns="keep")
    route = replace(route, null_values=inferred.null_values, empty=route.empty if key else "keep")
    config = Config(source=Source("no-source-bucket"), tables={table: Table(dict(key), existing=True)}, routes=[route])
    problems = check(config) if key else []
    if problems:
        raise ConfigError("the config made from the file", problems)
    return config
