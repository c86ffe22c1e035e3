"""The encoder of a route in the mode that it has: what ``encode.compile`` makes of a put and a delete, chosen and wrapped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from headrace.config.model import SINGLE_MODES, Column, Route, Table
from headrace.encode import compile, single
from headrace.encode.compile import Encode
from headrace.encode.values import kind_of, of_token
from headrace.errors import ObjectError, RecordError, shortened
from headrace.record import Shape

DELETES = dict.fromkeys(("i", "insert", "u", "update", "modify"), False) | dict.fromkeys(("d", "delete", "remove"), True)
"""Whether an operation deletes, by its name in lower case: the letters of AWS DMS, the words of DynamoDB Streams and of SQL."""


def compile_fields(route: Route, table: Table, header: Sequence[str]) -> Encode:
    """See ``compile.compile_fields``, for every mode. Raises ObjectError also where ``header`` lacks the route's operation."""

    position = list(header).index(route.operation) if route.operation in header else 0

    def read(row: Sequence[str]) -> str:
        return row[position] if len(row) == len(header) else "I"  # the encoder rejects it

    encode = _compiled(route, table, lambda one: compile.compile_fields(one, table, header), read)
    if route.operation and route.operation not in header:
        message = f"expected column {shortened(route.operation)}, which says the operation; the header has {len(header)} others"
        raise ObjectError("HEADER_MISSING_COLUMN", message, hint="correct the file's header, or `operation` of the route")
    return encode


def compile_members(route: Route, table: Table) -> Encode:
    """See ``compile.compile_members``, for every mode."""
    return _compiled(route, table, lambda one: compile.compile_members(one, table), lambda record: record.get(route.operation))


def compile_json(route: Route, table: Table) -> Encode:
    """See ``compile.compile_json``, for every mode."""
    places: dict[Shape, int] = {}  # where the operation stands, -1 for nowhere

    def read(record: Any) -> object:
        if type(record) is dict:
            return record.get(route.operation)
        shape, tokens = record
        if shape not in places:
            places[shape] = shape.names.index(route.operation) if route.operation in shape.names else -1
        return of_token(tokens[places[shape]]) if places[shape] >= 0 else None

    return _compiled(route, table, lambda one: compile.compile_json(one, table), read)


def _compiled(route: Route, table: Table, compile_one: Callable[[Route], Encode], read: Callable[[Any], object]) -> Encode:
    """The encoder of ``route``; ``compile_one`` gives that of a put or a delete, ``read`` the operation of a record."""
    if route.mode not in SINGLE_MODES and not route.operation:
        return compile_one(route)
    if route.operation and route.operation not in route.columns:
        route = replace(route, columns={**route.columns, route.operation: Column("drop")})
    put = compile_one(replace(route, mode="put"))
    write = _write(route, table, put)
    return _by_operation(route.operation, read, write, _delete(route, table, compile_one)) if route.operation else write


def _write(route: Route, table: Table, put: Encode) -> Encode:
    match route.mode:
        case "insert_only":
            return single.insert_only(put, table.key)
        case "update":
            return single.update(put, table.key)
        case "newer_wins":
            return single.newer_wins(put, table.key, route.newer_by)
        case _:
            return put


def _delete(route: Route, table: Table, compile_one: Callable[[Route], Encode]) -> Encode:
    if route.mode == "newer_wins":  # what else the record has may be missing: only key and version are read
        wanted = {*table.key, route.newer_by}
        columns = {name: column if (column.name or name) in wanted else replace(column, type="drop") for name, column in route.columns.items()}
        put = compile_one(replace(route, mode="put", columns=columns, constants={}, other_columns="drop"))
        return single.newer_wins(put, table.key, route.newer_by, is_delete=True)
    delete = compile_one(replace(route, mode="delete"))
    return delete if route.mode == "put" else single.delete(delete)


def _by_operation(column: str, read: Callable[[Any], object], write: Encode, delete: Encode) -> Encode:
    known: dict[str, Encode] = {}  # by the texts of the file, which differ in upper and lower case at most

    def encode(record: Any) -> tuple[str, str]:
        operation = read(record)
        if type(operation) is not str or operation not in known:
            if type(operation) is not str or operation.lower() not in DELETES:
                found = shortened(operation) if isinstance(operation, str) and operation else "nothing" if operation in ("", None) else kind_of(operation)
                raise RecordError("OPERATION_UNKNOWN", column=column, found=found, expected="I, U or D (also insert, update, modify, delete, remove)")
            known[operation] = delete if DELETES[operation.lower()] else write
        return known[operation](record)

    return encode
