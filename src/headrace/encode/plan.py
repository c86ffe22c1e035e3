"""A route taken apart: its columns, its key attributes, and what each of them becomes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from headrace.config.model import TYPED_FORMATS, Column, Route, Table
from headrace.config.template import Placeholder, template_parts
from headrace.encode import values
from headrace.encode.columns import CACHE_ENTRIES_MAX, Convert, at_column, fragment_converter, has_marks, is_empty, iso_date
from headrace.encode.key import key_converter, padded
from headrace.encode.limits import PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX
from headrace.encode.numbers import plain_marks
from headrace.errors import RecordError

OPENINGS = {"put": '{"PutRequest":{"Item":{', "delete": '{"DeleteRequest":{"Key":{'}


class Plan:
    """What the encoder of a route is made of."""

    def __init__(self, route: Route, table: Table, columns: dict[str, Column]) -> None:
        self.route = route
        self.table = table
        self.columns = columns
        self.null_values = frozenset(route.null_values)
        self.opening = OPENINGS[route.mode]
        constants = {} if route.mode == "delete" else route.constants
        self.constants = "".join(f",{values.name_of(name)}:{values.natural(value)}" for name, value in constants.items())
        self.by_attribute = {column.name or name: name for name, column in columns.items() if column.type != "drop"}
        self.has_other_members = route.other_columns != "drop" and route.mode == "put"  # or is asked about them
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

    def key_columns(self) -> set[str]:
        """The columns that the key attributes are made of."""
        return {part.column for attribute in self.table.key for part in self.key_parts(attribute) if isinstance(part, Placeholder)}

    def key_converter(self, attribute: str) -> Convert:
        """From the value of a key attribute to ``"pk":{"S":"…"}``."""
        source = self.by_attribute.get(attribute, "")
        form = self.columns[source].format or "base64" if source in self.columns else "base64"
        is_sort_key = attribute != next(iter(self.table.key))
        only = self._only_column(attribute)
        kind = self.table.key[attribute]
        convert = key_converter(attribute, kind, is_sort_key=is_sort_key, binary_format=form, column=only or attribute)
        column = self.key_column(attribute)
        if source and column.type == "date":
            return _after(lambda value: iso_date(value, column.format or "iso"), convert, only)
        if kind == "number" and has_marks(column):
            return _after(lambda value: plain_marks(value, column.decimal, column.thousands) if type(value) is str else value, convert, only)
        return convert

    def text_key(self, attribute: str) -> tuple[str, int] | None:
        """What stands before the quoted text of a string key, and how many bytes it may have; None where the key is not the text as it is."""
        if self.table.key[attribute] != "string" or self.key_column(attribute).type == "date":
            return None
        is_sort_key = attribute != next(iter(self.table.key))
        return f'{values.name_of(attribute)}:{{"S":', SORT_KEY_BYTES_MAX if is_sort_key else PARTITION_KEY_BYTES_MAX

    def key_column(self, attribute: str) -> Column:
        """The column that the whole of a key attribute is made of, one without settings if it is made otherwise."""
        return self.columns.get(self.by_attribute.get(attribute, "") or self._only_column(attribute), Column())

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

    def known_members(self) -> set[str]:
        """The members of a JSON object that are no other members."""
        return set(self.columns) | (_template_columns(self.route) if self.route.other_columns == "reject" else set(self.table.key) - self.taken())

    def other_member(self, name: str) -> Convert:
        """The conversion of a member that the route does not name. Raises RecordError where the route has no place for it."""
        if self.route.other_columns != "keep":
            raise RecordError("UNKNOWN_COLUMN", column=name, found="a name that the route does not have", expected="only the names under `columns`")
        if name in self.taken():
            raise RecordError("NAME_COLLISION", column=name, found="a name that another column or constant has", expected="one value per attribute")
        if self.route.format in TYPED_FORMATS:
            return fragment_converter(name, None, empty="keep", null_values=frozenset())
        return fragment_converter(name, None, empty=self.route.empty, null_values=self.null_values)

    def other_members(self) -> Callable[[Mapping[str, Any]], str]:
        """From a record to the fragments of the members that the route does not name, or a RecordError where it refuses them."""
        known = self.known_members()
        kept = functools.lru_cache(CACHE_ENTRIES_MAX)(self.other_member)
        return lambda record: "".join([kept(name)(value) for name, value in record.items() if name not in known])


def _after(prepare: Callable[[Any], Any], convert: Convert, column: str) -> Convert:
    """``convert`` of what ``prepare`` gives."""

    def converted(value: Any) -> str:
        try:
            return convert(prepare(value))
        except RecordError as error:
            raise at_column(error, column) from None

    return converted


def _template_columns(route: Route) -> set[str]:
    """The columns that the route's key templates use."""
    return {column for template in route.key.values() for column in _columns_of(template)}


def _columns_of(template: str) -> set[str]:
    return {part.column for part in template_parts(template) if isinstance(part, Placeholder)}
