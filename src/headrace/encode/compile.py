"""A route becomes one function from record to request, built once per object.

``encode(row)`` returns ``(identity, request)``: a text that is equal for equal keys, and the JSON text of one entry of a
BatchWriteItem, ``{"PutRequest":{"Item":{…}}}``. It raises RecordError. The function is generated: values go by position into one
f-string, with one dictionary look-up for each column and no object per record. The generated source holds positions only; no
name, template or value from config or file is ever part of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from headrace.config.model import Column, Route, Table
from headrace.encode.columns import FragmentCache
from headrace.encode.header import require_columns, require_distinct, require_no_collision
from headrace.encode.key import padded
from headrace.encode.limits import ITEM_BYTES_MAX, WIRE_CHARACTERS_SAFE, item_bytes
from headrace.encode.plan import Plan
from headrace.errors import RecordError

Encode = Callable[[Any], tuple[str, str]]
CLOSING = "}}}"
UNCACHED = frozenset(("binary", "json", "map", "list", "string_set", "number_set"))
"""Types whose members may be equal texts but different values, such as 5 and "5" in JSON."""


def compile_fields(route: Route, table: Table, header: Sequence[str]) -> Encode:
    """The encoder for rows that are lists of text in the order of ``header``. Raises ObjectError when header and route do not agree."""
    require_distinct(header)
    named = Plan(route, table, dict(route.columns))
    require_columns(route, named.needed(), header)
    require_no_collision(route, named.taken(), header)
    columns = dict(route.columns) if route.other_columns != "keep" else {name: route.columns.get(name, Column()) for name in header}
    values = ", ".join(f"v{index}" for index in range(len(header)))
    unpacking = [f"if len(row) != {len(header)}: raise field_count(len(row), {len(header)})", f"{values}, = row"]
    positions = {name: index for index, name in enumerate(header)}
    return _Source(Plan(route, table, columns), header, is_text=True).function(unpacking, lambda row, column: row[positions[column]])


def compile_members(route: Route, table: Table) -> Encode:
    """The encoder for records that are mappings by name: JSON objects, or what a transform returned."""
    plan = Plan(route, table, dict(route.columns))
    names = sorted(plan.needed() | set(table.key))
    source = _Source(plan, names, is_text=False)
    if route.other_columns != "drop" and route.mode == "put":
        source.namespace["others"] = plan.other_members()
        source.fragments.append("{others(row)}")
    source.namespace |= {f"n{index}": name for index, name in enumerate(names)}
    unpacking = ["get = row.get", *(f"v{index} = get(n{index})" for index in range(len(names)))]
    return source.function(unpacking, lambda record, column: record.get(column))


class _Source:
    """The source of an encoder in which ``v0``, ``v1``, … are the values of ``names``; ``is_text`` says that all of them are ``str``."""

    def __init__(self, plan: Plan, names: Sequence[str], *, is_text: bool) -> None:
        self._plan = plan
        self._positions = {name: index for index, name in enumerate(names)}
        self._is_text = is_text
        self.namespace: dict[str, Any] = {"opening": plan.opening, "constants": plan.constants, "closing": CLOSING, "nulls": plan.null_values | {""}}
        self.namespace |= {"padded": padded, "too_large": _require_item_size, "field_count": _field_count}
        self.fragments = [self._fragment(name) for name in plan.plain_columns]

    def function(self, unpacking: list[str], get: Callable[[Any, str], Any]) -> Encode:
        """The encoder; ``unpacking`` are the lines that set the values, ``get`` gives one by its column."""
        key_count = len(self._plan.table.key)
        source = "\n    ".join(
            [
                "def encode(row):",
                *unpacking,
                *(line for index in range(key_count) for line in self._key_lines(index, get)),
                f"identity = f'{','.join(f'{{i{index}}}' for index in range(key_count))}'",
                f"request = f'{{opening}}{{identity}}{{constants}}{''.join(self.fragments)}{{closing}}'",
                f"if len(request) > {WIRE_CHARACTERS_SAFE}: too_large(request)",
                "return identity, request",
            ]
        )
        exec(source, self.namespace)  # noqa: S102  # positions only, see above
        encode: Encode = self.namespace["encode"]
        return encode

    def _fragment(self, name: str) -> str:
        index = self._positions[name]
        convert = self._plan.fragment(name)
        self.namespace |= {f"f{index}": convert, f"c{index}": FragmentCache(convert)}
        if self._is_text:
            return f"{{c{index}[v{index}]}}"
        if self._plan.columns[name].type in UNCACHED:
            return f"{{f{index}(v{index})}}"
        return f"{{c{index}[v{index}] if isinstance(v{index}, str) else f{index}(v{index})}}"

    def _key_lines(self, index: int, get: Callable[[Any, str], Any]) -> list[str]:
        """The lines that set ``i0`` or ``i1``, the text of a key attribute. What is not plain text goes the slow way, which names the column."""
        attribute = list(self._plan.table.key)[index]
        self.namespace[f"slow{index}"] = self._plan.key_part(attribute, get)
        self.namespace[f"key{index}"] = self._plan.key_converter(attribute)
        is_text = "type({}) is str" if self._plan.table.key[attribute] == "binary" else "isinstance({}, str)"  # a number's text may be base64 by chance
        pieces, tests = [], []
        for number, part in enumerate(self._plan.key_parts(attribute)):
            if isinstance(part, str):
                self.namespace[f"t{index}_{number}"] = part
                pieces.append(f"{{t{index}_{number}}}")
            else:
                value = f"v{self._positions[part.column]}"
                tests += [f"{value} not in nulls"] if self._is_text else [is_text.format(value), f"{value} not in nulls"]
                pieces.append(f"{{padded({value}, {part.width})}}" if part.width else f"{{{value}}}")
        return [f"i{index} = key{index}(f'{''.join(pieces)}') if {' and '.join(tests) or 'True'} else slow{index}(row)"]


def _field_count(found: int, expected: int) -> RecordError:
    return RecordError("FIELD_COUNT", found=f"{found} fields", expected=f"{expected}, as in the header")


def _require_item_size(request: str) -> None:
    """Measure an item whose wire form is long. Raises RecordError ITEM_TOO_LARGE."""
    entry = json.loads(request)
    item = entry["PutRequest"]["Item"] if "PutRequest" in entry else entry["DeleteRequest"]["Key"]
    size = item_bytes(item)
    if size > ITEM_BYTES_MAX:
        largest = max(item, key=lambda name: len(json.dumps(item[name])))
        raise RecordError("ITEM_TOO_LARGE", column=largest, found=f"an item of {size} bytes", expected=f"at most {ITEM_BYTES_MAX} bytes")
