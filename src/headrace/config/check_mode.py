"""The rules of how a route writes: its mode, the version that decides, the column with the operation. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.config.model import Route, Table
from headrace.config.paths import child, listed, nearest_hint
from headrace.errors import ConfigProblem, shortened

_ORDERED_TYPES = ("number", "timestamp", "string", "binary")


def mode_problems(route: Route, path: str, table: Table | None) -> Iterator[ConfigProblem]:
    """The rules that ``mode``, ``newer_by`` and ``operation`` of ``route`` break; ``table`` is None where it is not known."""
    if route.mode == "delete" and route.constants:
        hint = "remove `constants`, or write `mode: put`"
        yield ConfigProblem(child(path, "constants"), "constants with `mode: delete`", "none: a delete needs only the key", hint)
    if route.mode == "newer_wins":
        yield from _version(route, child(path, "newer_by"), table)
    elif route.newer_by:
        hint = "remove the line, or write `mode: newer_wins`"
        yield ConfigProblem(child(path, "newer_by"), f"`newer_by` with `mode: {route.mode}`", "an attribute for `mode: newer_wins` only", hint)
    if route.operation:
        yield from _operation(route, child(path, "operation"))


def _version(route: Route, path: str, table: Table | None) -> Iterator[ConfigProblem]:
    columns = {column.name or name: name for name, column in route.columns.items() if column.type != "drop"}
    expected = "the attribute that says how new an item is, given by a column of the route"
    if not route.newer_by:
        yield ConfigProblem(path, "nothing", expected, "write `newer_by: <attribute>`, such as the time of the last change")
    elif table and route.newer_by in table.key:
        yield ConfigProblem(path, f"the key attribute `{route.newer_by}`", expected, "name another attribute: two items of one key have the same key")
    elif route.newer_by not in columns:
        yield ConfigProblem(path, shortened(route.newer_by), expected, nearest_hint(route.newer_by, columns, "declare its column under `columns`"))
    elif (kind := route.columns[columns[route.newer_by]].type) not in _ORDERED_TYPES:
        hint = "give the column another type, or name another attribute"
        yield ConfigProblem(path, f"`{route.newer_by}` of type `{kind}`", f"an attribute that has an order: {listed(_ORDERED_TYPES)}", hint)


def _operation(route: Route, path: str) -> Iterator[ConfigProblem]:
    if route.mode == "delete":
        hint = "remove the line, or write `mode: put`: then the column says which records delete"
        yield ConfigProblem(path, "`operation` with `mode: delete`", "a column for the modes that write", hint)
    if route.header and route.operation not in route.header and not route.transform:
        hint = nearest_hint(route.operation, route.header, "add it to `header`")
        yield ConfigProblem(path, shortened(route.operation), f"a name of `header`: {listed(route.header)}", hint)
