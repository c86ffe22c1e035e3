"""A route becomes one function from record to request, built once per object.

``encode(row)`` returns ``(identity, request)``: a text that is equal for equal keys, and the JSON text of one entry of a
BatchWriteItem, ``{"PutRequest":{"Item":{…}}}``. It raises RecordError. For CSV the function is generated: fields go by position into one f-string, with one
dictionary look-up for each column and no object per record. The generated source holds positions only; no name, template or
value from config or file is ever part of it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headrace.config.model import Column, Route, Table
from headrace.config.template import Placeholder, template_parts
from headrace.encode import values
from headrace.encode.columns import CACHE_ENTRIES_MAX, Convert, FragmentCache, at_column, fragment_converter, is_empty
from headrace.encode.header import require_columns, require_distinct, require_no_collision
from headrace.encode.key import key_converter, padded
from headrace.encode.limits import ITEM_BYTES_MAX, WIRE_CHARACTERS_SAFE, item_bytes
from headrace.errors import RecordError

Encode = Callable[[Any], tuple[str, str]]
OPENINGS = {"put": '{"PutRequest":{"Item":{', "delete": '{"DeleteRequest":{"Key":{'}
CLOSING = "}}}"
UNCACHED = frozenset(("json", "map", "list", "string_set", "number_set"))


def compile_fields(route: Route, table: Table, header: Sequence[str]) -> Encode:
    """The encoder for rows that are lists of text in the order of ``header``. Raises ObjectError when header and route do not agree."""
    require_distinct(header)
    named = _Plan(route, table, dict(route.columns))
    require_columns(route, named.needed(), header)
    require_no_collision(route, named.taken(), header)
    columns = dict(route.columns) if route.other_columns != "keep" else {name: route.columns.get(name, Column()) for name in header}
    plan = _Plan(route, table, columns)
    positions = {name: index for index, name in enumerate(header)}
    namespace: dict[str, Any] = {"opening": plan.opening, "constants": plan.constants, "closing": CLOSING}
    namespace |= {"too_large": _require_item_size, "field_count": _field_count, "padded": padded, "nulls": plan.null_values | {""}}
    key_lines = [line for index in range(len(table.key)) for line in _key_lines(plan, index, positions, namespace)]
    for name in plan.plain_columns:
        namespace[f"c{positions[name]}"] = FragmentCache(plan.fragment(name))
    fields = ", ".join(f"v{index}" for index in range(len(header)))
    fragments = "".join(f"{{c{index}[v{index}]}}" for index in (positions[name] for name in plan.plain_columns))
    source = "\n    ".join(
        [
            "def encode(row):",
            f"if len(row) != {len(header)}: raise field_count(len(row), {len(header)})",
            f"{fields}, = row",
            *key_lines,
            f"identity = f'{','.join(f'{{i{index}}}' for index in range(len(table.key)))}'",
            f"request = f'{{opening}}{{identity}}{{constants}}{fragments}{{closing}}'",
            f"if len(request) > {WIRE_CHARACTERS_SAFE}: too_large(request)",
            "return identity, request",
        ]
    )
    exec(source, namespace)  # noqa: S102  # positions only, see above
    encode: Encode = namespace["encode"]
    return encode


def _key_lines(plan: _Plan, index: int, positions: Mapping[str, int], namespace: dict[str, Any]) -> list[str]:
    """The lines that make ``i0`` or ``i1``, the text of a key attribute; what they need goes into ``namespace``."""
    attribute = list(plan.table.key)[index]
    parts = plan.key_parts(attribute)
    namespace[f"slow{index}"] = plan.key_part(attribute, lambda row, column: row[positions[column]])
    namespace[f"key{index}"] = plan.key_converter(attribute)
    pieces, tests = [], []
    for number, part in enumerate(parts):
        if isinstance(part, str):
            namespace[f"text{index}_{number}"] = part
            pieces.append(f"{{text{index}_{number}}}")
        else:
            value = f"v{positions[part.column]}"
            tests.append(f"{value} in nulls")
            pieces.append(f"{{padded({value}, {part.width})}}" if part.width else f"{{{value}}}")
    lines = [f"i{index} = key{index}(f'{''.join(pieces)}')"]
    return [f"if {' or '.join(tests)}: slow{index}(row)", *lines] if tests else lines  # slow raises, naming the column


def compile_members(route: Route, table: Table) -> Encode:
    """The encoder for records that are mappings by name: JSON objects, or what a transform returned."""
    plan = _Plan(route, table, dict(route.columns))
    keys = [plan.key_part(attribute, lambda record, column: record.get(column)) for attribute in table.key]
    converts = {name: plan.fragment(name) for name in plan.plain_columns}
    cached = {name: FragmentCache(convert) for name, convert in converts.items() if route.columns[name].type not in UNCACHED}
    others = plan.other_members() if route.other_columns != "drop" and route.mode == "put" else None
    opening, constants = plan.opening, plan.constants

    def fragment(name: str, value: Any) -> str:
        return cached[name][value] if isinstance(value, str) and name in cached else converts[name](value)

    def encode(record: Mapping[str, Any]) -> tuple[str, str]:
        identity = ",".join([part(record) for part in keys])
        body = "".join([fragment(name, record.get(name)) for name in converts])
        rest = others(record) if others else ""
        request = f"{opening}{identity}{constants}{body}{rest}{CLOSING}"
        if len(request) > WIRE_CHARACTERS_SAFE:
            _require_item_size(request)
        return identity, request

    return encode


class _Plan:
    """What both encoders need to know about a route."""

    def __init__(self, route: Route, table: Table, columns: dict[str, Column]) -> None:
        self.route = route
        self.table = table
        self.columns = columns
        self.null_values = frozenset(route.null_values)
        self.opening = OPENINGS[route.mode]
        constants = {} if route.mode == "delete" else route.constants
        self.constants = "".join(f",{values.name_of(name)}:{values.natural(value)}" for name, value in constants.items())
        self.by_attribute = {column.name or name: name for name, column in columns.items() if column.type != "drop"}
        self.plain_columns = [name for attribute, name in self.by_attribute.items() if attribute not in table.key and route.mode == "put"]

    def fragment(self, name: str) -> Convert:
        return fragment_converter(name, self.columns[name], empty=self.route.empty, null_values=self.null_values)

    def needed(self) -> set[str]:
        """The columns without which no item can be made."""
        return {name for name, column in self.columns.items() if column.type != "drop"} | _template_columns(self.route)

    def key_parts(self, attribute: str) -> list[str | Placeholder]:
        """What a key attribute is made of: its template, or the column of its name."""
        template = self.route.key.get(attribute)
        return template_parts(template) if template is not None else [Placeholder(self.by_attribute.get(attribute, ""), 0)]

    def key_converter(self, attribute: str) -> Convert:
        """From the value of a key attribute to ``"pk":{"S":"…"}``."""
        source = self.by_attribute.get(attribute, "")
        form = self.columns[source].format or "base64" if source in self.columns else "base64"
        is_sort_key = attribute != next(iter(self.table.key))
        only = self._only_column(attribute)
        return key_converter(attribute, self.table.key[attribute], is_sort_key=is_sort_key, binary_format=form, column=only or attribute)

    def key_part(self, attribute: str, get: Callable[[Any, str], Any]) -> Convert:
        """From a whole record, whose values ``get`` gives by column, to ``"pk":{"S":"…"}``."""
        convert, parts, only = self.key_converter(attribute), self.key_parts(attribute), self._only_column(attribute)

        def value_of(record: Any, column: str) -> Any:
            value = get(record, column)
            if is_empty(value, self.null_values):
                raise RecordError("KEY_EMPTY", column=column, found="nothing", expected=f"a value, since key attribute {attribute} is made from it")
            return value

        def text_of(record: Any, part: str | Placeholder) -> str:
            if isinstance(part, str):
                return part
            try:
                text = values.scalar_text(value_of(record, part.column), "a string or a number")
            except RecordError as error:
                raise at_column(error, part.column) from None
            return padded(text, part.width) if part.width else text

        if only:
            return lambda record: convert(value_of(record, only))
        return lambda record: convert("".join([text_of(record, part) for part in parts]))

    def _only_column(self, attribute: str) -> str:
        """The column that is the whole of a key attribute, ``""`` if it is made otherwise."""
        match self.key_parts(attribute):
            case [Placeholder(column, 0)]:
                return column
            case _:
                return ""

    def taken(self) -> set[str]:
        """The attributes that no column may have beside those that the route names; a key made from the column of its own name is none."""
        made_of_itself = {attribute for attribute, template in self.route.key.items() if attribute in _columns_of(template)}
        return (set(self.by_attribute) | set(self.table.key) | set(self.route.constants)) - made_of_itself

    def other_members(self) -> Callable[[Mapping[str, Any]], str]:
        """From a record to the fragments of the members that the route does not name, or a RecordError where it refuses them."""
        known = set(self.columns) | (_template_columns(self.route) if self.route.other_columns == "reject" else set(self.table.key) - self.taken())
        taken = self.taken()
        keep = self.route.other_columns == "keep"
        kept = functools.lru_cache(CACHE_ENTRIES_MAX)(
            lambda name: fragment_converter(name, None, empty=self.route.empty, null_values=self.null_values),
        )

        def others(record: Mapping[str, Any]) -> str:
            fragments = []
            for name, value in record.items():
                if name in known:
                    continue
                if not keep:
                    raise RecordError("UNKNOWN_COLUMN", column=name, found="a name that the route does not have", expected="only the names under `columns`")
                if name in taken:
                    raise RecordError("NAME_COLLISION", column=name, found="a name that another column or constant has", expected="one value per attribute")
                fragments.append(kept(name)(value))
            return "".join(fragments)

        return others


def _field_count(found: int, expected: int) -> RecordError:
    return RecordError("FIELD_COUNT", found=f"{found} fields", expected=f"{expected}, as in the header")


def _template_columns(route: Route) -> set[str]:
    """The columns that the route's key templates use."""
    return {column for template in route.key.values() for column in _columns_of(template)}


def _columns_of(template: str) -> set[str]:
    return {part.column for part in template_parts(template) if isinstance(part, Placeholder)}


def _require_item_size(request: str) -> None:
    """Measure an item whose wire form is long. Raises RecordError ITEM_TOO_LARGE."""
    entry = json.loads(request)
    item = entry["PutRequest"]["Item"] if "PutRequest" in entry else entry["DeleteRequest"]["Key"]
    size = item_bytes(item)
    if size > ITEM_BYTES_MAX:
        largest = max(item, key=lambda name: len(json.dumps(item[name])))
        raise RecordError("ITEM_TOO_LARGE", column=largest, found=f"an item of {size} bytes", expected=f"at most {ITEM_BYTES_MAX} bytes")
