"""The rules between a route and the key of its table: every key attribute comes from one template or one column of the right type. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.config.model import KeyType, Route, Table
from headrace.config.paths import child, listed, nearest, nearest_hint
from headrace.config.template import Placeholder, template_parts
from headrace.errors import ConfigProblem, shortened

_NO_TEXT = ("binary", "list", "map", "json", "string_set", "number_set")


def key_problems(route: Route, path: str, table: Table) -> Iterator[ConfigProblem]:
    """What keeps the route at ``path`` from giving every item the key of ``table``."""
    for attribute, template in route.key.items():
        place = child(child(path, "key"), attribute)
        if attribute not in table.key:
            hint = nearest_hint(attribute, table.key, "remove the line; an attribute that is no key comes from a column or a constant")
            yield ConfigProblem(place, shortened(attribute), f"a key attribute of table `{route.table}`: {listed(table.key)}", hint)
        else:
            yield from _template_problems(route, place, template, table.key[attribute])
    for attribute, kind in table.key.items():
        yield from _attribute_problems(route, path, attribute, kind)


def _attribute_problems(route: Route, path: str, attribute: str, kind: KeyType) -> Iterator[ConfigProblem]:
    columns = [name for name, column in route.columns.items() if column.type != "drop" and (column.name or name) == attribute]
    if attribute in route.constants:
        hint = f"remove it here and write it as a template under `key`: `{attribute}`"
        yield ConfigProblem(child(child(path, "constants"), attribute), "a key attribute", "an attribute that is no key", hint)
    elif attribute in route.key and columns:
        hint = "remove the template, or rename the column's attribute with `name`, or write `type: drop`: a template can use the column still"
        yield ConfigProblem(child(child(path, "key"), attribute), f"a template, and column `{columns[0]}` with the same attribute", "one of the two", hint)
    elif attribute not in route.key and not columns:
        expected = f"a template or a column for `{attribute}`, a key attribute of table `{route.table}`"
        yield ConfigProblem(child(child(path, "key"), attribute), "nothing", expected, _missing_hint(route, attribute))
    elif attribute not in route.key:
        yield from _column_problems(route, child(child(path, "columns"), columns[0]), columns[0], kind)


def _missing_hint(route: Route, attribute: str) -> str:
    dropped = [name for name, column in route.columns.items() if column.type == "drop" and (column.name or name) == attribute]
    if dropped:
        return f"give column `{dropped[0]}` another type than `drop`, or add a template under `key`"
    attributes = [column.name or name for name, column in route.columns.items() if column.type != "drop"]
    near = nearest(attribute, attributes)
    if near:
        return f"rename the attribute `{near}` with `name: {attribute}`, or add a template under `key`"
    column = next(iter(route.columns), "column")
    return f'declare a column `{attribute}` under `columns`, or write a template under `key`, such as `{attribute}: "{{{column}}}"`'


def _column_problems(route: Route, path: str, name: str, kind: KeyType) -> Iterator[ConfigProblem]:
    column = route.columns[name]
    if column.type != kind and (column.type, kind) != ("date", "string"):
        expected = f"`{kind}`, because `{column.name or name}` is a {kind} key of table `{route.table}`"
        yield ConfigProblem(child(path, "type"), f"`{column.type}`", expected, f"write `type: {kind}`, or change the key in the table")
    empty = column.empty or route.empty
    if empty in ("null", "empty", "keep"):
        yield ConfigProblem(child(path, "empty"), f"`{empty}`", "`reject` or `omit`, because a key is never empty", "write `empty: reject` for this column")


def _template_problems(route: Route, path: str, template: str, kind: KeyType) -> Iterator[ConfigProblem]:
    try:
        parts = template_parts(template)
    except ValueError as error:
        yield ConfigProblem(path, f"{error} in {shortened(template)}", "`{column}` or `{column:02}`", "write `{{` and `}}` for braces that are text")
        return
    if not parts:
        yield ConfigProblem(path, "an empty template", "text with columns in braces", 'write a template, such as `"order#{order_id}"`')
    elif kind == "binary":
        yield ConfigProblem(
            path, "a template for a binary key", "a column of type `binary`", "remove the template and declare a column with the attribute's name"
        )
    elif kind == "number" and not (len(parts) == 1 and isinstance(parts[0], Placeholder)):
        yield ConfigProblem(
            path, shortened(template), "a single `{column}`, because the key is a number", "name one column, or make the key a string in the table"
        )
    for part in parts:
        if isinstance(part, Placeholder):
            yield from _placeholder_problems(route, path, part)


def _placeholder_problems(route: Route, path: str, part: Placeholder) -> Iterator[ConfigProblem]:
    known = {*route.columns, *(route.header or [] if route.other_columns == "keep" else [])}
    column = route.columns.get(part.column)
    if column and column.type in _NO_TEXT:
        hint = "use another column; for the plain text of the file declare it as `string`"
        yield ConfigProblem(path, f"column `{part.column}` of type `{column.type}`", "a column with one value", hint)
    if part.column in known or (route.other_columns == "keep" and route.header is None):
        return
    name, colon, form = part.column.rpartition(":")
    if colon and name in known:
        yield ConfigProblem(path, f"`:{form}` after `{name}`", "`:0` and a width of 1 to 99", f"write `{{{name}:02}}` for two digits, or `{{{name}}}`")
        return
    near = nearest(part.column, known)
    hint = f"write `{{{near}}}`" if near else f"declare `{part.column}` under `columns`; `type: drop` keeps it out of the item"
    yield ConfigProblem(path, f"`{{{part.column}}}`", f"a declared column: {listed(sorted(known))}", hint)
