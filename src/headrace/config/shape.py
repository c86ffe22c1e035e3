"""The shape of a config: whether every name is known and every value of the right kind, told in headrace's own words."""

from __future__ import annotations

import copy
import json
import types
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from headrace.config.model import Column, Config, Function, Limits, OnError, Rejects, Route, Source, Table
from headrace.config.paths import child, listed, nearest, nearest_hint
from headrace.config.yaml_tree import Tree
from headrace.errors import ConfigProblem, shortened

Place = tuple[str | int, ...]
"""A path as its parts."""


Shape = TypeVar("Shape")


@cache
def adapter_of(root: type[Shape]) -> TypeAdapter[list[Shape]]:
    """Validates a list of ``root``, a dataclass. A list, because pydantic takes settings for standard dataclasses only from what holds them."""
    return TypeAdapter(list[root], config=ConfigDict(extra="forbid", use_attribute_docstrings=True))  # type: ignore[valid-type]  # a type at run time


REPAIRS_MAX = 4
"""A value of the wrong kind is first removed, then given a stand-in if it was required, one level of the file at a time."""

_STAND_INS: dict[str, Any] = {"source": {"bucket": ""}, "tables": {}, "routes": [], "rules": [], "key": {}, "format": "csv"}


def shaped(data: Any, tree: Tree, root: type[Shape]) -> tuple[Shape | None, list[ConfigProblem], list[str]]:
    """``data`` as the dataclass ``root``, the problems of its shape, and the paths of what was replaced to get one in spite of them.

    So the rules about values are told in the same go. The first is None if nothing helps.
    """
    adapter = adapter_of(root)  # type: ignore[arg-type]  # a class is hashable
    problems: list[ConfigProblem] = []
    repaired: list[str] = []
    for attempt in range(REPAIRS_MAX):
        try:
            return adapter.validate_json(json.dumps([data]), strict=True)[0], problems, repaired
        except ValidationError as error:
            found = _by_place(data, error)
            if attempt == 0:
                problems = [_problem(place, kinds, tree, root) for place, kinds in found.items()]
            if () in found:
                break
            for place, kinds in found.items():
                _repair(data, place, kinds[0]["type"])
                repaired.append(_path(place))
    return None, problems, repaired


def _by_place(data: Any, error: ValidationError) -> dict[Place, list[Any]]:
    """Pydantic's errors by the place in the file: it adds the alternatives of a type to the place, one error each."""
    found: dict[Place, list[Any]] = {}
    for detail in error.errors(include_url=False):
        place: Place = detail["loc"][1:]
        value: Any = data
        for depth, part in enumerate(place):
            is_member = part in value if isinstance(value, dict) else isinstance(value, list)
            if is_member:
                value = value[part]
            elif detail["type"] != "missing":
                place = place[:depth]
                break
        found.setdefault(place, []).append(detail)
    return found


def _path(place: Place) -> str:
    path = ""
    for part in place:
        path = child(path, part)
    return path


def _repair(data: Any, place: Place, kind: str) -> None:
    last: Any = place[-1]
    for part in place[:-1]:
        data = data[part]
    if kind == "missing":
        data[last] = copy.deepcopy(_STAND_INS.get(last, ""))
    elif kind == "dataclass_type" and len(place) > 1:
        data[last] = {}
    elif isinstance(data, list):
        data[last] = 1 if kind.startswith("int_") else str(data[last])
    else:
        del data[last]


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping (`name: value`)",
    "dataclass_type": "a mapping (`name: value`)",
    "list_type": "a list",
}

_HOW_TO_WRITE = {
    "text": "write a text",
    "a list": "write a list, each member on its own line after `- `",
    "a mapping (`name: value`)": "write its members below, indented, each as `name: value`",
}

_SYNONYMS = {
    **dict.fromkeys(["int", "integer", "float", "double", "decimal", "long", "bigint", "n"], "number"),
    **dict.fromkeys(["str", "text", "varchar", "char", "s", "uuid"], "string"),
    **dict.fromkeys(["datetime", "time"], "timestamp"),
    **dict.fromkeys(["array", "l"], "list"),
    **dict.fromkeys(["object", "struct", "dict", "m"], "map"),
    **dict.fromkeys(["bytes", "blob", "b"], "binary"),
    **dict.fromkeys(["skip", "ignore"], "drop"),
    **dict.fromkeys(["ndjson", "json", "json_lines", "jsonlines"], "jsonl"),
    **dict.fromkeys(["arm", "aarch64"], "arm64"),
    **dict.fromkeys(["x86", "amd64", "x64"], "x86_64"),
    **dict.fromkeys(["insert", "upsert", "write"], "put"),
}
"""What people write who know another system."""


def _problem(place: Place, details: Sequence[Any], tree: Tree, root: type) -> ConfigProblem:
    path, kind, value = _path(place), details[0]["type"], details[0]["input"]
    line = tree.line_of(path)
    declared = _type_at(place, root)
    if kind == "missing":
        return ConfigProblem(path, "nothing", f"`{place[-1]}`", f"add `{place[-1]}`{_meaning(declared)}", line)
    if kind == "unexpected_keyword_argument":
        name, known = str(place[-1]), [field.name for field in fields(_type_at(place[:-1], root))]
        return ConfigProblem(path, f"the unknown name `{name}`", listed(known), _unknown_hint(name, known, root), line)
    if kind == "literal_error":
        allowed = [str(choice) for choice in _choices(declared)]
        synonym = _SYNONYMS.get(str(value).lower(), "")
        near = synonym if synonym in allowed else nearest(str(value), allowed)
        return ConfigProblem(path, _described(value), listed(allowed), f"write `{near}`" if near else "write one of these", line)
    expected = " or ".join(dict.fromkeys(_EXPECTED.get(detail["type"], "another value") for detail in details))
    if declared is Column:
        expected = f"a type, or {expected}"
    return ConfigProblem(path, _described(value), expected, _kind_hint(path, expected, value, tree), line)


def _described(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {shortened(value)}"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _kind_hint(path: str, expected: str, value: object, tree: Tree) -> str:
    written = tree.plain.get(path, "")
    source = tree.text_lines[tree.line_of(path) - 1]
    if "text" in expected and value is None and "#" in source:
        return "put the text in quotes: a `#` begins a comment"
    if "text" in expected and written:
        return f"put it in quotes: '{written}'"
    if "text" in expected and isinstance(value, dict | list) and ("{" in source or "[" in source):
        return "put the whole text in quotes: without them `{` begins a mapping and `[` a list"
    if expected.startswith("a type"):
        return "write a type, such as `string`"
    if value is None:
        return "write a value, or remove the line"
    if isinstance(value, str) and "number" in expected and value.strip("-").isdecimal():
        return f"remove the quotes: {value}"
    return _HOW_TO_WRITE.get(expected, f"write {expected}")


def _type_at(place: Place, root: type) -> Any:
    """The type that ``root`` declares at ``place``; None for an unknown name."""
    declared: Any = root
    for part in place:
        if is_dataclass(declared):
            declared = get_type_hints(declared).get(str(part))
        else:
            declared = get_args(declared)[-1] if get_origin(declared) in (dict, list) else None
    return declared


def _choices(declared: Any) -> Iterator[Any]:
    """The values of a Literal, also inside a union."""
    if get_origin(declared) is Literal:
        yield from get_args(declared)
    elif get_origin(declared) in (Union, types.UnionType):
        for member in get_args(declared):
            yield from _choices(member)


def _meaning(declared: Any) -> str:
    choices = list(_choices(declared))
    return f": {listed(choices)}" if choices else ""


_HOMES: dict[str, type] = {
    "the top of the file": Config,
    "`source`": Source,
    "`rejects`": Rejects,
    "a table": Table,
    "a route": Route,
    "a column": Column,
    "`on_error` of a route": OnError,
    "`limits`": Limits,
    "`function`": Function,
}


def _unknown_hint(name: str, known: list[str], root: type) -> str:
    homes = [home for home, kind in _HOMES.items() if root is Config and name in [field.name for field in fields(kind)]]
    if homes:
        return f"`{name}` belongs in {' or '.join(homes)}: move it there"
    return nearest_hint(name, known, "remove it")
