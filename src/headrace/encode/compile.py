"""A route becomes one function from record to request, built once per object.

``encode(row)`` returns ``(identity, request)``: a text that is equal for equal keys, and the JSON text of one entry of a
BatchWriteItem, ``{"PutRequest":{"Item":{…}}}``. It raises RecordError. For CSV the function is generated: fields go by position into one f-string, with one
dictionary look-up for each column and no object per record. The generated source holds positions only; no name, template or
value from config or file is ever part of it.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headrace.config.model import Column, Route, Table
from headrace.config.template import Placeholder, template_parts
from headrace.encode import values
from headrace.encode.columns import CACHE_ENTRIES_MAX, Convert, FragmentCache, at_column, fragment_converter, is_empty
from headrace.encode.key import key_converter, padded
from headrace.encode.limits import ITEM_BYTES_MAX, WIRE_CHARACTERS_SAFE, item_bytes
from headrace.errors import ObjectError, RecordError, shortened

Encode = Callable[[Any], tuple[str, str]]
OPENINGS = {"put": '{"PutRequest":{"Item":{', "delete": '{"DeleteRequest":{"Key":{'}
CLOSING = "}}}"
COLUMNS_MAX = 10_000
"""The encoder of a header is compiled, in time that grows faster than its length: 0.6 s for 10,000 columns, 9 s for 50,000."""
UNCACHED = frozenset(("json", "map", "list", "string_set", "number_set"))


def compile_fields(route: Route, table: Table, header: Sequence[str]) -> Encode:
    """The encoder for rows that are lists of text in the order of ``header``. Raises ObjectError when header and route do not agree."""
    require_header(route, header)
    _require_no_collision(_Plan(route, table, dict(route.columns)), header)
    columns = dict(route.columns) if route.other_columns != "keep" else {name: route.columns.get(name, Column()) for name in header}
    plan = _Plan(route, table, columns)
    positions = {name: index for index, name in enumerate(header)}
    keys = [plan.key_part(attribute, index, positions) for index, attribute in enumerate(table.key)]
    caches = {positions[name]: FragmentCache(plan.fragment(name)) for name in plan.plain_columns}
    namespace: dict[str, Any] = {f"c{index}": cache for index, cache in caches.items()} | {f"k{index}": key for index, key in enumerate(keys)}
    namespace |= {"opening": plan.opening, "constants": plan.constants, "closing": CLOSING, "too_large": _require_item_size, "field_count": _field_count}
    fields = ", ".join(f"v{index}" for index in range(len(header)))
    key_text = ",".join(f"{{k{index}(row)}}" for index in range(len(keys)))
    fragments = "".join(f"{{c{index}[v{index}]}}" for index in caches)
    source = "\n".join(
        [
            "def encode(row):",
            f"    if len(row) != {len(header)}: raise field_count(len(row), {len(header)})",
            f"    {fields}, = row",
            f"    identity = f'{key_text}'",
            f"    request = f'{{opening}}{{identity}}{{constants}}{fragments}{{closing}}'",
            f"    if len(request) > {WIRE_CHARACTERS_SAFE}: too_large(request)",
            "    return identity, request",
        ]
    )
    exec(source, namespace)  # noqa: S102  # positions only, see above
    encode: Encode = namespace["encode"]
    return encode


def compile_members(route: Route, table: Table) -> Encode:
    """The encoder for records that are mappings by name: JSON objects, or what a transform returned."""
    plan = _Plan(route, table, dict(route.columns))
    keys = [plan.key_part(attribute, index, None) for index, attribute in enumerate(table.key)]
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


def require_distinct(header: Sequence[str]) -> None:
    """Raise ObjectError if ``header`` has a name twice, or more names than an item can sensibly have."""
    if len(header) > COLUMNS_MAX:
        raise ObjectError("HEADER_TOO_WIDE", f"found {len(header)} columns, expected at most {COLUMNS_MAX}", hint="check the delimiter, or split the records")
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        message = f"found column {_listed(twice)} more than once; the header is {_listed(header)}"
        raise ObjectError("HEADER_DUPLICATE", message, hint="give each column a name of its own, or set `header`")


def require_header(route: Route, header: Sequence[str]) -> None:
    """Raise ObjectError unless ``header`` has every column that ``route`` needs, each once, and no other that it refuses."""
    require_distinct(header)
    seen = f"the header is {_listed(header)}"
    needed = {name for name, column in route.columns.items() if column.type != "drop"}
    needed |= _template_columns(route)
    missing = sorted(needed - set(header))
    if missing:
        other = next((mark for mark in (";", "\t", "|", ",") if len(header) == 1 and mark in header[0]), "")
        hint = f"the fields look separated by {other!r}: set `delimiter`" if other else "correct the file's header, or `columns` and `key` of the route"
        raise ObjectError("HEADER_MISSING_COLUMN", f"expected column {_listed(missing)}; {seen}", hint=hint)
    unknown = [name for name in header if name not in route.columns and name not in needed]
    if unknown and route.other_columns == "reject":
        hint = "name it under `columns`, or set `other_columns` to keep or drop"
        raise ObjectError("HEADER_UNKNOWN_COLUMN", f"found column {_listed(unknown)}, which the route does not name; {seen}", hint=hint)


def _require_no_collision(plan: _Plan, header: Sequence[str]) -> None:
    """Raise ObjectError if a column that is kept under its own name would stand where another value of the item stands."""
    taken = plan.taken()
    twice = [name for name in header if name not in plan.route.columns and name in taken]
    if twice and plan.route.other_columns == "keep" and plan.route.mode == "put":
        message = f"column {_listed(twice)} has the name of an attribute that comes from another column, a constant or a key template"
        raise ObjectError("HEADER_NAME_COLLISION", message, hint="name the column under `columns`, with another `name` or with `type: drop`")


def _listed(names: Sequence[str]) -> str:
    """The first names in quotes, and how many more there are."""
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(shortened(name, 40) for name in names[:6]) + more


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

    def key_part(self, attribute: str, index: int, positions: Mapping[str, int] | None) -> Callable[[Any], str]:
        """From a whole record to ``"pk":{"S":"…"}``; records are indexed by position, or by name where ``positions`` is None."""
        source = self.by_attribute.get(attribute, "")
        template = self.route.key.get(attribute)
        parts = template_parts(template) if template is not None else [Placeholder(source, 0)]
        form = self.columns[source].format or "base64" if source in self.columns else "base64"
        convert = key_converter(attribute, self.table.key[attribute], is_sort_key=index == 1, binary_format=form)
        nulls = self.null_values
        get: Callable[[Any, Any], Any] = _field if positions is not None else _member

        def value_of(record: Any, column: str) -> Any:
            value = get(record, positions[column] if positions is not None else column)
            if is_empty(value, nulls):
                raise RecordError("KEY_EMPTY", column=column, found="nothing", expected=f"a value, since key attribute {attribute} is made from it")
            return value

        def text_of(record: Any, part: str | Placeholder) -> str:
            if isinstance(part, str):
                return part
            text = values.scalar_text(value_of(record, part.column), "a string or a number")
            return padded(text, part.width) if part.width else text

        only = parts[0].column if len(parts) == 1 and isinstance(parts[0], Placeholder) and not parts[0].width else ""

        def key(record: Any) -> str:
            try:
                return convert(value_of(record, only) if only else "".join([text_of(record, part) for part in parts]))
            except RecordError as error:
                raise at_column(error, only or attribute) from None

        return key

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


def _field(row: Sequence[str], position: int) -> str:
    return row[position]


def _member(record: Mapping[str, Any], name: str) -> Any:
    return record.get(name)


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
