"""What the config's classes say about themselves: a JSON Schema for editors and a reference page for people.

``python -m headrace.config.schema`` writes both into the folder ``docs`` of the working directory.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

from headrace.config.check import BUCKET_NAME, LOG_RETENTION_DAYS, RANGES, STACK_NAME, TABLE_NAME
from headrace.config.check_route import ROUTE_NAME
from headrace.config.model import Column, ColumnType, Config, Function, Limits, OnError, Rejects, Route, Source, Table
from headrace.config.shape import adapter_of

SCHEMA_PATH = Path("docs/headrace.schema.json")
REFERENCE_PATH = Path("docs/config.md")

Json = dict[str, Any]
"""A JSON object."""

BAR = "\\|"
"""A vertical bar inside a Markdown table."""

_SECTIONS: list[tuple[type, str, str]] = [
    (Config, "The file", ""),
    (Source, "Source", "source"),
    (Table, "Tables", "tables.<entry>"),
    (Route, "Routes", "routes[]"),
    (Column, "Columns", "routes[].columns.<column>"),
    (OnError, "Errors", "routes[].on_error"),
    (Rejects, "Rejects", "rejects"),
    (Limits, "Limits", "limits"),
    (Function, "Function", "function"),
]

_PATTERNS = {("Config", "name"): STACK_NAME, ("Source", "bucket"): BUCKET_NAME, ("Rejects", "bucket"): f"({BUCKET_NAME})?", ("Route", "name"): ROUTE_NAME}


def json_schema() -> Json:
    """The JSON Schema (draft 2020-12) of ``headrace.yaml``. It knows names, types and single values; rules between parts only ``check`` knows."""
    listing = adapter_of(Config).json_schema()
    definitions: Json = listing["$defs"]
    for kind, _, _ in _SECTIONS:
        _complete(definitions, kind)
    del definitions["Column"]["properties"]["empty"]["default"]  # absent: there is no text for "as the route says"
    short = {"enum": list(get_args(ColumnType)), "description": "The type alone, short for `type:`."}
    properties = definitions["Route"]["properties"]
    properties["columns"]["additionalProperties"] = {"anyOf": [short, {"$ref": "#/$defs/Column"}]}
    properties["empty"] = {**properties["empty"], "enum": [*properties["empty"]["enum"], None]}  # an unquoted `null` is the policy `null`
    del properties["empty"]["type"]
    properties["match"] |= {"pattern": "^[^/]", "minLength": 1}
    properties["key"]["additionalProperties"]["minLength"] = 1
    definitions["Table"]["properties"]["key"] |= {"minProperties": 1, "maxProperties": 2}
    definitions["Table"]["properties"]["name"]["pattern"] = f"^({TABLE_NAME})?$"
    definitions["Config"]["properties"]["tables"]["minProperties"] = 1
    definitions["Config"]["properties"]["routes"]["minItems"] = 1
    definitions["Function"]["properties"]["log_retention_days"]["enum"] = list(LOG_RETENTION_DAYS)
    top = definitions.pop("Config")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "headrace.yaml", **top, "$defs": definitions}


def _complete(definitions: Json, kind: type) -> None:
    """Adds what pydantic leaves out (descriptions equal to those of the type, defaults made by a function, our ranges and patterns)."""
    definition = definitions[kind.__name__]
    definition.pop("title", None)
    ranges = RANGES.get(kind.__name__, {})
    for field in fields(kind):
        about = definition["properties"][field.name]
        about.pop("title", None)
        if "$ref" in about:
            about.setdefault("description", definitions[_target(about)]["description"])
        if field.default_factory is not MISSING:
            default = field.default_factory()
            about["default"] = asdict(default) if is_dataclass(default) and not isinstance(default, type) else default
        if (kind.__name__, field.name) in _PATTERNS:
            about["pattern"] = f"^{_PATTERNS[kind.__name__, field.name]}$"
        if field.name in ranges:
            least, greatest = ranges[field.name]
            about["minimum"] = least
            if greatest is not None:
                about["maximum"] = greatest


def reference() -> str:
    """The reference page of ``headrace.yaml`` as Markdown, one table per section."""
    schema = json_schema()
    definitions: Json = {**schema["$defs"], "Config": schema}
    return "\n".join([_INTRODUCTION, *(_section(definitions[kind.__name__], title, place) for kind, title, place in _SECTIONS), _RULES])


def _section(definition: Json, title: str, place: str) -> str:
    lines = [f"## {title}", ""]
    lines += [f"`{place}`: {definition['description']}", ""] if place else []
    lines += ["| name | value | default | meaning |", "|---|---|---|---|"]
    required = definition.get("required", [])
    for name, about in definition["properties"].items():
        default = "**required**" if name in required else _default(about.get("default"))
        cells = [f"`{name}`", _kind(about), default, about["description"]]
        lines.append(f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |")
    return "\n".join([*lines, ""])


def _default(value: object) -> str:
    """A default as it would stand in the file; ``-`` for none, an empty text or collection, and for a section with its own defaults."""
    return "-" if value in (None, "", [], {}) or isinstance(value, dict) else f"`{json.dumps(value)}`"


def _kind(about: Json) -> str:
    match about:
        case {"enum": choices}:
            return ", ".join(f"`{choice}`" for choice in choices if choice is not None)
        case {"anyOf": choices}:
            return " or ".join(_kind(choice) for choice in choices if "`null`" not in _kind(choices[0]) or choice != {"type": "null"})
        case {"$ref": _}:
            title = next(title for kind, title, _ in _SECTIONS if kind.__name__ == _target(about))
            return f"[{title}](#{title.lower()})"
        case {"type": "array", "items": items}:
            return f"list of {_kind(items)}"
        case {"type": "object", "additionalProperties": members}:
            return f"name: {_kind(members)}"
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`", "null": "`null`"}
    return names[about["type"]] + _range(about)


def _range(about: Json) -> str:
    match about:
        case {"minimum": least, "maximum": greatest}:
            return f", {least} to {greatest}"
        case {"minimum": least}:
            return f", at least {least}"
    return ""


def _target(about: Json) -> str:
    return str(about["$ref"]).rpartition("/")[2]


_INTRODUCTION = """# headrace.yaml

<!-- Generated by `python -m headrace.config.schema`. Do not edit. -->

headrace looks for `headrace.yaml` in the working directory and the folders above it. `headrace check` tells all mistakes at once, each with its
place, its line and what to write instead. [examples/flights/headrace.yaml](../examples/flights/headrace.yaml) is a complete config with comments.

With this first line, editors with a YAML language server complete names and underline mistakes; the path is that of
[headrace.schema.json](headrace.schema.json), from the config's folder or as an address:

```yaml
# yaml-language-server: $schema=docs/headrace.schema.json
```

The smallest config:

```yaml
source:
  bucket: my-incoming-files
tables:
  orders:
    key: {order_id: string}
routes:
  - name: orders
    match: orders/**.csv
    format: csv
    table: orders
    columns:
      order_id: string
      price: number
```
"""

_RULES = """## Key patterns

A pattern is the whole key. `*` stands for any characters but `/`, `**` for any characters, `?` for one character but `/`; everything else is literal,
`[` too. So `in/**.csv` takes `in/a.csv` and `in/2024/a.csv`, `in/*.csv` only the first. The first route that matches takes the object.

## Key templates

A key attribute is a column of that name, or a template under `key`. `{column}` is the column's text, `{column:05}` the same padded with zeros on the
left to five characters, `{{` and `}}` are braces. A template makes a string; for a number key it is one `{column}` alone. A record with an empty column
in its key is rejected.

## Write modes

| `mode` | what it does | records of one key in one object |
|---|---|---|
| `put` | replaces the whole item | the last one is written, the others are superseded |
| `delete` | removes the item | one delete |
| `insert_only` | writes the item only if there is none with its key | the first one is written |
| `update` | sets the attributes that the record gives and leaves the others; makes the item if there is none | all, in file order: a merge |
| `newer_wins` | writes the item unless the table's has a greater `newer_by` | all, in file order: the greatest stays, the later of equal ones |

`put` and `delete` write up to 25 items with each call. The other three take **one call for each item**, up to 64 at a time: some 3,000 to 5,000 items/s
where the table answers within 5 to 10 ms, a tenth of what `put` writes (8 columns of CSV, one core, 2026-11). The write units are the same, also for records
that are not written: DynamoDB bills a condition that fails. The outcome counts such records under `superseded`, and again under `existed`, and estimates
their write units by the size of the items.

- With `operation`, a column says for each record what to do: `I`, `U`, `insert`, `update` or `modify` write as `mode` says, `D`, `delete` or `remove`
  delete; upper and lower case are one. Anything else rejects the record with OPERATION_UNKNOWN. Of a record that deletes only the key is read, and with
  `newer_wins` the version.
- `newer_wins` compares as DynamoDB does: numbers and timestamps by value, texts byte by byte. Items with a version of another type, or with none, are
  never replaced. A record without it is rejected with VERSION_MISSING. A delete takes the item unless that is newer; it leaves no trace, so an older
  record that comes after it is written.
- `update` leaves attributes alone whose columns are empty, unless `empty` says otherwise. It sets at most some 400 attributes at once.
- Loading an object again ends in the same table in every mode. On the way, `update` and records that delete show earlier states again, and `insert_only`
  counts what an earlier attempt has written as `existed`.

## Texts, numbers and quotes

- Names are always texts. So are unquoted words, dates and times such as `2024-01-01`; only `true`, `false`, `null`, `~` and numbers are not.
- What YAML readers understand differently has to be in quotes or written otherwise: `yes`, `no`, `on`, `off`, `0123`, `1_000`, `12:30`.
- `empty: null` is the policy `null`, with or without quotes.
- A `#` after a space begins a comment, and a text that begins with `{`, `[`, `*`, `&`, `!`, `@` or `%` needs quotes: `"{carrier}#{flight}"`.
"""


def write(folder: Path) -> None:
    """Writes the schema and the reference page below ``folder``, the root of the repository."""
    (folder / SCHEMA_PATH).write_text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / REFERENCE_PATH).write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    write(Path.cwd())
