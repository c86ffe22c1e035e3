"""A route becomes one function from record to request, built once per object.

``encode(row)`` returns ``(identity, request)``: a text that is equal for equal keys, and the JSON text of one entry of a
BatchWriteItem, ``{"PutRequest":{"Item":{…}}}``. It raises RecordError. The function is generated: values go by position into one
f-string, with one dictionary look-up for each column and no object per record. The generated source holds positions only; no
name, template or value from config or file is ever part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from typing import Any, Literal

from headrace.config.model import Column, Route, Table
from headrace.encode.columns import Convert, FragmentCache, has_marks
from headrace.encode.header import require_columns, require_distinct, require_names, require_no_collision
from headrace.encode.key import padded
from headrace.encode.limits import WIRE_CHARACTERS_SAFE, require_item_size
from headrace.encode.plan import Plan
from headrace.encode.values import of_token
from headrace.errors import RecordError
from headrace.record import Number, Shape

Encode = Callable[[Any], tuple[str, str]]
CLOSING = "}}}"
UNCACHED = frozenset(("binary", "json", "map", "list", "string_set", "number_set"))
"""Types whose members may be equal texts but different values, such as 5 and "5" in JSON."""


def compile_fields(route: Route, table: Table, header: Sequence[str]) -> Encode:
    """The encoder for rows that are lists of text in the order of ``header``. Raises ObjectError when header and route do not agree."""
    require_distinct(header)
    named = Plan(route, table, dict(route.columns))
    require_columns(route, named.needed(), header)
    require_names(route, header)
    require_no_collision(route, named.taken(), header)
    columns = dict(route.columns) if route.other_columns != "keep" else {name: route.columns.get(name, Column()) for name in header}
    values = ", ".join(f"v{index}" for index in range(len(header)))
    unpacking = [f"try: {values}, = row", f"except ValueError: raise field_count(len(row), {len(header)}) from None"]
    positions = {name: index for index, name in enumerate(header)}
    source = _Source(Plan(route, table, columns), header, "fields")
    return source.function(unpacking, lambda row, column: row[positions[column]])


def compile_members(route: Route, table: Table) -> Encode:
    """The encoder for records that are mappings by name: JSON objects, or what a transform returned."""
    plan = Plan(route, table, dict(route.columns))
    names = sorted(plan.needed() | set(table.key))
    source = _Source(plan, names, "members")
    if plan.has_other_members:
        source.namespace["others"] = plan.other_members()
        source.fragments.append("{others(row)}")
    source.namespace |= {f"n{index}": name for index, name in enumerate(names)}
    unpacking = ["get = row.get", *(f"v{index} = get(n{index})" for index in range(len(names)))]
    return source.function(unpacking, lambda record, column: record.get(column))


def compile_json(route: Route, table: Table) -> Encode:
    """The encoder for what the JSON Lines decoder gives: mappings by name, and Tokens, which become what the same object as a mapping would."""
    members = compile_members(route, table)
    caches: dict[str, FragmentCache] = {}  # by column, for all shapes
    encoders: dict[Shape, Encode] = {}

    def encode(record: Any) -> tuple[str, str]:
        if type(record) is dict:
            return members(record)
        shape, tokens = record
        if shape not in encoders:
            encoders[shape] = _compile_tokens(Plan(route, table, dict(route.columns)), shape.names, caches) or _by_name(shape.names, members)
        return encoders[shape](tokens)

    return encode


def _compile_tokens(plan: Plan, names: Sequence[str], caches: dict[str, FragmentCache]) -> Encode | None:
    """The encoder for the tokens of ``names``, None if the route refuses one of the names."""
    others = [name for name in names if name not in plan.known_members()] if plan.has_other_members else []
    try:
        conversions = {name: plan.other_member(name) for name in others}
    except RecordError:
        return None
    absent = sorted((plan.needed() | set(plan.table.key)) - set(names))
    positions = {name: index for index, name in enumerate((*names, *absent))}
    source = _Source(plan, list(positions), "tokens", caches)
    source.fragments += [source.fragment(name, convert) for name, convert in conversions.items()]
    source.namespace["of_token"] = of_token
    unpacking = [f"{', '.join(f'v{index}' for index in range(len(names)))}, = row", *(f"v{positions[name]} = 'null'" for name in absent)]
    for name in plan.key_columns():
        token = f"v{positions[name]}"
        unpacking.append(f"k{positions[name]} = {token}[1:-1] if {token}[0] == '\"' and '\\\\' not in {token} else of_token({token})")
    return source.function(unpacking, lambda row, column: None if column in absent else of_token(row[positions[column]]))


def _by_name(names: Sequence[str], members: Encode) -> Encode:
    return lambda tokens: members(dict(zip(names, map(of_token, tokens), strict=True)))


class _Source:
    """The source of an encoder in which ``v0``, ``v1``, … are the values of ``names``.

    Fields are ``str``, members are Python values, tokens are ``str`` as JSON writes them; of those the value is in ``k0``, ``k1``, … for keys.
    """

    def __init__(self, plan: Plan, names: Sequence[str], kind: Literal["fields", "members", "tokens"], caches: dict[str, FragmentCache] | None = None) -> None:
        self._plan = plan
        self._positions = {name: index for index, name in enumerate(names)}
        self._kind = kind
        self._caches = {} if caches is None else caches
        self.namespace: dict[str, Any] = {"opening": plan.opening, "constants": plan.constants, "closing": CLOSING, "nulls": plan.null_values | {""}}
        self.namespace |= {"texts": frozenset((str, Number)), "padded": padded, "too_large": require_item_size, "field_count": _field_count}
        self.namespace["quoted"] = encode_basestring
        self.fragments = [self.fragment(name, plan.fragment(name)) for name in plan.plain_columns]

    def function(self, unpacking: list[str], get: Callable[[Any, str], Any]) -> Encode:
        """The encoder; ``unpacking`` are the lines that set the values, ``get`` gives one by its column.

        A table without a key is one of a preview: then no attribute stands before the first comma.
        """
        key_count = len(self._plan.table.key)
        rest = f"{{constants}}{''.join(self.fragments)}"
        source = "\n    ".join(
            [
                "def encode(row):",
                *unpacking,
                *(line for index in range(key_count) for line in self._key_lines(index, get)),
                f"identity = f'{','.join(f'{{i{index}}}' for index in range(key_count))}'",
                f"request = f'{{opening}}{{identity}}{rest}{{closing}}'" if key_count else f"request = f'{{opening}}' + f'{rest}'[1:] + f'{{closing}}'",
                f"if len(request) > {WIRE_CHARACTERS_SAFE}: too_large(request)",
                "return identity, request",
            ]
        )
        exec(source, self.namespace)  # noqa: S102  # positions only, see above
        encode: Encode = self.namespace["encode"]
        return encode

    def fragment(self, name: str, convert: Convert) -> str:
        """The place of a column's fragment in the f-string."""
        index = self._positions[name]
        cache = FragmentCache(convert)
        if self._kind == "tokens":
            cache = self._caches.setdefault(name, FragmentCache(lambda token: convert(of_token(token))))
        self.namespace |= {f"f{index}": convert, f"c{index}": cache, f"g{index}": cache.get}
        if self._kind != "members":
            return f"{{g{index}(v{index}) or c{index}[v{index}]}}"  # the method alone takes three quarters of a subscript's time
        if self._plan.columns[name].type in UNCACHED or has_marks(self._plan.columns[name]):
            return f"{{f{index}(v{index})}}"
        return f"{{c{index}[v{index}] if isinstance(v{index}, str) else f{index}(v{index})}}"

    def _key_lines(self, index: int, get: Callable[[Any, str], Any]) -> list[str]:
        """The lines that set ``i0`` or ``i1``, the text of a key attribute. What is not plain text goes the slow way, which names the column."""
        attribute = list(self._plan.table.key)[index]
        self.namespace[f"slow{index}"] = self._plan.key_part(attribute, get)
        self.namespace[f"key{index}"] = self._plan.key_converter(attribute)
        # a number's text may be base64 by chance, or another number with the column's marks; of other kinds of str an f-string may show another text
        is_other = self._plan.table.key[attribute] == "binary" or has_marks(self._plan.key_column(attribute))
        is_text = "type({}) is str" if is_other else "type({}) in texts"
        pieces, tests = [], []
        for number, part in enumerate(self._plan.key_parts(attribute)):
            if isinstance(part, str):
                self.namespace[f"t{index}_{number}"] = part
                pieces.append(f"{{t{index}_{number}}}")
            else:
                value = f"{'k' if self._kind == 'tokens' else 'v'}{self._positions[part.column]}"
                tests += [f"{value} not in nulls"] if self._kind == "fields" else [is_text.format(value), f"{value} not in nulls"]
                pieces.append(f"{{padded({value}, {part.width})}}" if part.width else f"{{{value}}}")
        convert = f"key{index}(f'{''.join(pieces)}')"
        if plain := self._plan.text_key(attribute):
            self.namespace[f"o{index}"], size = plain
            is_plain = f"(k := f'{''.join(pieces)}').isascii() and 0 < len(k) <= {size}"  # nearly every key; nothing in it can be wrong
            convert = f"(f'{{o{index}}}{{quoted(k)}}}}}}' if {is_plain} else key{index}(k))"
        return [f"i{index} = {convert} if {' and '.join(tests) or 'True'} else slow{index}(row)"]


def _field_count(found: int, expected: int) -> RecordError:
    return RecordError("FIELD_COUNT", found=f"{found} fields", expected=f"{expected}, as in the header")
