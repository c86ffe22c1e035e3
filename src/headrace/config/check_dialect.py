"""The rules of how a route's objects are written: which settings a format has, and what they may be. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from headrace.config.model import Column, Format, Route
from headrace.config.paths import child, listed, nearest_hint
from headrace.errors import ConfigProblem, shortened

_CSV: tuple[Format, ...] = ("csv", "tsv")
_LINES: tuple[Format, ...] = (*_CSV, "fixed")
_JSON: tuple[Format, ...] = ("jsonl", "json", "json_values")
FORMATS_WITH: dict[str, tuple[Format, ...]] = {
    "header": (*_CSV, "xlsx"),
    "delimiter": _CSV,
    "quote": _CSV,
    "escape": _CSV,
    "header_names": (*_CSV, "xlsx"),
    "comment": _LINES,
    "skip_lines": _LINES,
    "skip_footer_lines": _LINES,
    "ragged": _LINES,
    "encoding": (*_LINES, *_JSON),
    "widths": ("fixed",),
    "path": ("json",),
    "sheet": ("xlsx",),
    "duplicate_names": _JSON,
    "other_values": ("json", "json_values"),
}
"""The formats that a setting of a route is for."""
SKIPPED_LINES_MAX = 1_000
"""Of the footer: they are held until the end is known."""
WIDTH_MAX = 1_048_576


def dialect_problems(route: Route, path: str) -> Iterator[ConfigProblem]:
    """The rules that the settings of ``route`` for its format break."""
    for about in fields(Route):
        formats = FORMATS_WITH.get(about.name)
        value = getattr(route, about.name)
        if formats and route.format not in formats and value and value != about.default:
            found, expected = f"`{about.name}` with `format: {route.format}`", f"`{about.name}` for {listed(formats)} only"
            yield ConfigProblem(child(path, about.name), found, expected, "remove the line")
    if route.format in _CSV:
        yield from _marks(route, path)
    if route.format in FORMATS_WITH["header"] and route.header is not None:
        yield from _names(route, route.header, child(path, "header"))
    if route.format == "fixed":
        yield from _widths(route, child(path, "widths"))
    yield from _skipped(route, path)
    for name, column in route.columns.items():
        yield from _number_marks(column, child(child(path, "columns"), name))


def _marks(route: Route, path: str) -> Iterator[ConfigProblem]:
    if any(character in '"\r\n\0' for character in route.delimiter):
        expected = "one or more characters, none of them a quote or a line end"
        yield ConfigProblem(child(path, "delimiter"), shortened(route.delimiter), expected, 'write the characters in quotes, such as `";"`, `"||"` or `"\\t"`')
    for name in ("quote", "escape"):
        mark = getattr(route, name)
        if mark and (len(mark) > 1 or not mark.isascii() or mark in "\r\n\t\0 " or (mark in route.delimiter and mark != '"')):
            expected = "one ASCII character that is no space, no line end and no part of the delimiter"
            yield ConfigProblem(child(path, name), shortened(mark), expected, 'write one character in quotes, or `""` for none')
    if route.escape and route.escape == route.quote:
        yield ConfigProblem(child(path, "escape"), "the same character as `quote`", "another one", "remove the line: a quote is doubled within quotes anyhow")
    if route.comment and (route.comment[0] in ('"', route.quote, route.escape) or any(character in "\r\n" for character in route.comment)):
        yield ConfigProblem(child(path, "comment"), shortened(route.comment), "a text that begins no quoted field", 'write how comments begin, such as `"#"`')


def _names(route: Route, header: list[str], path: str) -> Iterator[ConfigProblem]:
    if not header:
        yield ConfigProblem(path, "an empty list", "the name of each column in order", "list the names, or remove the line if the file has a header")
    for index, name in enumerate(header):
        if name in header[:index]:
            yield ConfigProblem(child(path, index), shortened(name), "each name once", "give each column its own name")
    yield from _declared(route, header, path, [child(path, index) for index in range(len(header))])


def _widths(route: Route, path: str) -> Iterator[ConfigProblem]:
    if not route.widths:
        yield ConfigProblem(path, "nothing", "the name and width of each column in order", "write, for instance, `widths: {id: 8, name: 20}`")
        return
    for name, width in route.widths.items():
        if not 1 <= width <= WIDTH_MAX:
            yield ConfigProblem(child(path, name), str(width), f"1 to {WIDTH_MAX} characters", "write the width of the column in characters")
    yield from _declared(route, list(route.widths), path, [child(path, name) for name in route.widths])


def _declared(route: Route, names: list[str], path: str, places: list[str]) -> Iterator[ConfigProblem]:
    """Names in the config and the columns have to agree."""
    setting = path.rpartition(".")[2]
    extra = ["extra"] if route.ragged == "keep_extra" else []
    for name, place in zip([*names, *extra], [*places, path], strict=False):
        if name not in route.columns and name != route.operation and route.other_columns == "reject" and not route.transform:
            hint = nearest_hint(name, route.columns, "declare it under `columns`, or write `other_columns: drop`")
            yield ConfigProblem(place, shortened(name), "a declared column, because `other_columns` is `reject`", hint)
    for name in route.columns:
        if names and name not in (*names, *extra) and not route.transform:
            hint = nearest_hint(name, names, f"add it to `{setting}`, or remove it here")
            yield ConfigProblem(child(path.removesuffix(setting) + "columns", name), shortened(name), f"a name of `{setting}`: {listed(names)}", hint)


def _skipped(route: Route, path: str) -> Iterator[ConfigProblem]:
    for name in ("skip_lines", "skip_footer_lines"):
        if not 0 <= getattr(route, name) <= SKIPPED_LINES_MAX:
            yield ConfigProblem(child(path, name), str(getattr(route, name)), f"0 to {SKIPPED_LINES_MAX}", "write the number of lines")


def _number_marks(column: Column, path: str) -> Iterator[ConfigProblem]:
    for name, default in (("decimal", "."), ("thousands", "")):
        mark = getattr(column, name)
        if mark == default:
            continue
        if column.type != "number":
            yield ConfigProblem(child(path, name), f"`{name}` on a `{column.type}`", "marks of numbers for the type `number` only", "remove the line")
        elif len(mark) != 1 or mark.isalnum() or mark in "+-":
            yield ConfigProblem(child(path, name), shortened(mark), "one character, no letter, digit or sign", 'write it in quotes, such as `","`')
    if column.thousands and column.thousands == column.decimal:
        yield ConfigProblem(child(path, "thousands"), shortened(column.thousands), "another mark than `decimal`", "correct one of the two")
