"""The rules of one route: its name and pattern, its columns and constants, its dialect. Pure."""

from __future__ import annotations

import datetime
import keyword
import re
import warnings
from collections.abc import Iterator

from headrace.config.check_dialect import dialect_problems
from headrace.config.check_key import key_problems
from headrace.config.check_mode import mode_problems
from headrace.config.match import match
from headrace.config.model import Column, Config, Route, Table
from headrace.config.paths import child, listed, nearest_hint
from headrace.errors import ConfigProblem, shortened

ROUTE_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
"""Part of the keys of reject objects, so only characters that S3 calls safe."""

_SPLIT_TYPES = ("list", "string_set", "number_set")
_TIMESTAMP_FORMATS = ("iso", "epoch_s", "epoch_ms")
_BINARY_FORMATS = ("base64", "hex")


def route_problems(config: Config, index: int) -> Iterator[ConfigProblem]:
    """The rules that ``config.routes[index]`` breaks."""
    route, path, earlier = config.routes[index], child("routes", index), config.routes[:index]
    yield from _name(route, path, earlier)
    yield from _match(route, path, earlier)
    yield from _attributes(route, path)
    for name, column in route.columns.items():
        yield from _column(column, child(child(path, "columns"), name))
    yield from dialect_problems(route, path)
    yield from _transform(route, path)
    table = config.tables.get(route.table)
    yield from mode_problems(route, path, table)
    if table:
        yield from key_problems(route, path, table)
        yield from _ttl(route, path, table)
    elif config.tables:
        hint = nearest_hint(route.table, config.tables, "name one of these, or add the table under `tables`")
        yield ConfigProblem(child(path, "table"), shortened(route.table), f"an entry of `tables`: {listed(config.tables)}", hint)


def _name(route: Route, path: str, earlier: list[Route]) -> Iterator[ConfigProblem]:
    path = child(path, "name")
    if not re.fullmatch(ROUTE_NAME, route.name):
        expected = "1 to 64 letters, digits, `_`, `-` and `.`, a letter or digit first"
        yield ConfigProblem(path, shortened(route.name), expected, "choose such a name; it becomes part of S3 keys")
    elif route.name in [other.name for other in earlier]:
        yield ConfigProblem(path, shortened(route.name), "a name that no other route has", "choose another name")


def _match(route: Route, path: str, earlier: list[Route]) -> Iterator[ConfigProblem]:
    path, pattern = child(path, "match"), route.match
    expected = "a pattern for whole keys, such as `incoming/**.csv`"
    if not pattern:
        yield ConfigProblem(path, "an empty pattern", expected, "write a pattern; `**` matches every key")
    elif pattern.startswith("s3://"):
        yield ConfigProblem(path, shortened(pattern), expected, "write the key alone; the bucket stands under `source`")
    elif pattern.startswith("/"):
        yield ConfigProblem(path, shortened(pattern), expected, "remove the leading `/`; keys in S3 begin without one")
    elif pattern.endswith("/"):
        yield ConfigProblem(path, shortened(pattern), expected, f"write `{pattern}**` for all that is in this folder")
    elif len(pattern.encode("utf-8", "surrogatepass")) > 1024:
        yield ConfigProblem(path, "a pattern longer than 1024 bytes", expected, "shorten it; no key in S3 is longer than that")
    for other in earlier:
        if other.match == pattern:
            hint = "remove one of the two routes, or make the patterns differ"
            yield ConfigProblem(path, shortened(pattern), f"another pattern than that of route `{other.name}`", hint)
            return
        if _covers(other.match, pattern):
            found = f"{shortened(pattern)} after {shortened(other.match)} of route `{other.name}`"
            yield ConfigProblem(path, found, "a route that some key can reach; the first match wins", f"move this route before `{other.name}`")
            return


def _covers(earlier: str, later: str) -> bool:
    """Whether every key of ``later`` goes to ``earlier``; sound because the only wildcard of ``earlier`` takes wildcards too."""
    return not re.search(r"\?|(?<!\*)\*(?!\*)", earlier) and match(earlier, later)


def _attributes(route: Route, path: str) -> Iterator[ConfigProblem]:
    givers: dict[str, str] = {}
    for name, column in route.columns.items():
        attribute = column.name or name
        if column.type == "drop":
            continue
        place = child(child(path, "columns"), name)
        if column.name:
            place = child(place, "name")
        yield from _attribute_name(attribute, place)
        if attribute in givers:
            hint = "give one of the two another attribute with `name`, or leave it out with `type: drop`"
            yield ConfigProblem(place, f"the attribute `{attribute}`, which column `{givers[attribute]}` has too", "one column for each attribute", hint)
        givers.setdefault(attribute, name)
    for name, value in route.constants.items():
        place = child(child(path, "constants"), name)
        yield from _attribute_name(name, place)
        if name in givers:
            hint = "remove the constant, or give the column another attribute with `name`"
            yield ConfigProblem(place, f"the attribute `{name}`, which column `{givers[name]}` has too", "an attribute that no column has", hint)
        if type(value) is int and len(str(abs(value)).rstrip("0")) > 38:
            yield ConfigProblem(place, shortened(str(value)), "a number of at most 38 digits", "put it in quotes to store it as text")


def _attribute_name(name: str, path: str) -> Iterator[ConfigProblem]:
    if not name:
        yield ConfigProblem(path, "an empty attribute name", "a name of at least one character", "name the attribute with `name`, or write `type: drop`")
    elif len(name.encode("utf-8", "surrogatepass")) > 65_535:
        yield ConfigProblem(path, "an attribute name longer than 65535 bytes", "at most 65535 bytes", "give a shorter `name`")
    elif name.startswith("hr_"):
        yield ConfigProblem(path, shortened(name), "a name that does not begin `hr_`", "give another `name`; headrace keeps `hr_` for itself")


def _column(column: Column, path: str) -> Iterator[ConfigProblem]:
    if column.format:
        yield from _format(column, child(path, "format"))
    if column.separator != "|":
        place = child(path, "separator")
        if column.type not in _SPLIT_TYPES:
            expected = f"a separator for the types {listed(_SPLIT_TYPES)} only"
            yield ConfigProblem(place, f"`separator` on a `{column.type}`", expected, "remove the line, or change the type")
        elif not column.separator:
            yield ConfigProblem(place, "an empty separator", "at least one character", "write the text between the members, such as `;`")


def _format(column: Column, path: str) -> Iterator[ConfigProblem]:
    if column.type == "binary":
        if column.format not in _BINARY_FORMATS:
            hint = nearest_hint(column.format, _BINARY_FORMATS, "write one of the two")
            yield ConfigProblem(path, shortened(column.format), listed(_BINARY_FORMATS), hint)
    elif column.type not in ("timestamp", "date"):
        hint = "remove the line, or write `type: timestamp`"
        yield ConfigProblem(path, f"`format` on a `{column.type}`", "a format for the types `timestamp`, `date` or `binary` only", hint)
    else:
        known = _TIMESTAMP_FORMATS if column.type == "timestamp" else ("iso",)
        reason = "" if column.format in known else _strptime_problem(column.format)
        if reason:
            hint = nearest_hint(column.format, known, "write a pattern with the year, such as `%Y-%m-%d`")
            yield ConfigProblem(path, f"{shortened(column.format)}, {reason}", f"{listed(known)}, or a strptime pattern", hint)


def _strptime_problem(pattern: str) -> str:
    """What is wrong with a strptime pattern, or ``""``; Python tells a bad pattern from a text that does not match by its message only."""
    if not re.search(r"%[YyGcx]", pattern.replace("%%", "")):
        return "which has no year"
    try:
        with warnings.catch_warnings(action="ignore"):
            datetime.datetime.strptime("", pattern)
    except re.error:
        return "which names a part of the time twice"
    except ValueError as error:
        if "does not match format" not in str(error):
            return "which has an unknown directive"
    return ""


def _transform(route: Route, path: str) -> Iterator[ConfigProblem]:
    if not route.transform:
        return
    module, _, function = route.transform.partition(":")
    if not all(name.isidentifier() and not keyword.iskeyword(name) for name in [*module.split("."), function]):
        hint = "name a module and a function in it, without `.py` and without parentheses"
        yield ConfigProblem(child(path, "transform"), shortened(route.transform), "`module:function`, such as `cleaning:flights`", hint)


def _ttl(route: Route, path: str, table: Table) -> Iterator[ConfigProblem]:
    if not table.ttl or route.mode == "delete":
        return
    for name, column in route.columns.items():
        if (column.name or name) == table.ttl and column.type not in ("timestamp", "number", "drop"):
            expected = f"`timestamp` or `number`, because `{table.ttl}` is the `ttl` of table `{route.table}`"
            yield ConfigProblem(child(child(child(path, "columns"), name), "type"), f"`{column.type}`", expected, "write `type: timestamp`")
    if table.ttl in route.constants and type(route.constants[table.ttl]) is not int:
        expected = f"a whole number of epoch seconds, because `{table.ttl}` is the `ttl` of table `{route.table}`"
        value = shortened(route.constants[table.ttl])
        yield ConfigProblem(child(child(path, "constants"), table.ttl), value, expected, "write the number without quotes")
