"""Routes and tables for the encoder's tests."""

from __future__ import annotations

import json
from typing import Any

from headrace.config.model import Column, Route, Table
from headrace.encode.compile import compile_fields, compile_members
from headrace.errors import HeadraceError

TABLE = Table({"pk": "string"})
PK = Column()


def route_of(columns: dict[str, Column] | None = None, **settings: Any) -> Route:
    """A CSV route whose key is the column ``pk``."""
    return Route("orders", "**", "csv", "orders", columns={"pk": PK, **(columns or {})}, **settings)


def item_of(request: str) -> dict[str, Any]:
    """The item or key in a request, which must be one JSON object without any name twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    ((kind, content),) = json.loads(request, object_pairs_hook=unique).items()
    item: dict[str, Any] = content[{"PutRequest": "Item", "DeleteRequest": "Key"}[kind]]
    return item


def from_fields(route: Route, record: dict[str, str], table: Table = TABLE) -> Any:
    """The item of a CSV row, or the code of what was raised."""
    try:
        return item_of(compile_fields(route, table, list(record))(list(record.values()))[1])
    except HeadraceError as error:
        return error.code


def from_members(route: Route, record: dict[str, Any], table: Table = TABLE) -> Any:
    """The item of a record by name, or the code of what was raised."""
    try:
        return item_of(compile_members(route, table)(record)[1])
    except HeadraceError as error:
        return error.code


def value_of(column: Column, text: str) -> Any:
    """What the text of a CSV cell becomes: the typed value, None for no attribute, or a code."""
    found = from_fields(route_of({"v": column}), {"pk": "1", "v": text})
    return found if isinstance(found, str) else found.get("v")
