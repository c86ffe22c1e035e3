"""Items given as Python values, without a route: every value keeps its type, and what DynamoDB would change or refuse is refused here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from headrace.config.model import KeyType
from headrace.encode.columns import Convert, at_column
from headrace.encode.key import key_converter
from headrace.encode.limits import WIRE_CHARACTERS_SAFE, require_item_size
from headrace.encode.values import kind_of, name_of, natural
from headrace.errors import RecordError, shortened

Encode = Callable[[Any], tuple[str, str]]
PYTHON_TYPES: Mapping[KeyType, type | tuple[type, ...]] = {"string": str, "number": (int, Decimal), "binary": bytes}


def put_encoder(key: Mapping[str, KeyType]) -> Encode:
    """From an item to identity and request, as ``encode.compile`` has them. Raises RecordError, with the attribute as its column."""
    identity_of = _identity(key)

    def encode(item: Any) -> tuple[str, str]:
        identity = identity_of(item)
        request = f'{{"PutRequest":{{"Item":{{{identity}{"".join([_member(name, value) for name, value in item.items() if name not in key])}}}}}}}'
        if len(request) > WIRE_CHARACTERS_SAFE:
            require_item_size(request)
        return identity, request

    return encode


def delete_encoder(key: Mapping[str, KeyType]) -> Encode:
    """From a key alone to identity and request. Raises RecordError, also for other attributes: a delete does not look at them."""
    identity_of = _identity(key)

    def encode(item: Any) -> tuple[str, str]:
        identity = identity_of(item)
        if len(item) > len(key):
            require_only(item, key)
        return identity, f'{{"DeleteRequest":{{"Key":{{{identity}}}}}}}'

    return encode


def require_only(item: Mapping[str, Any], names: Mapping[str, Any]) -> None:
    """Raise RecordError KEY_INVALID if ``item`` has another attribute than ``names``."""
    for name in item:
        if name not in names:
            expected = f"only {', '.join(names)} in what is to be deleted"
            raise RecordError("KEY_INVALID", column=str(name), found=f"the attribute {shortened(name)}", expected=expected)


def _identity(key: Mapping[str, KeyType]) -> Callable[[Any], str]:
    converters: list[tuple[str, KeyType, type | tuple[type, ...], Convert]] = []
    for name, kind in key.items():
        converters.append((name, kind, PYTHON_TYPES[kind], key_converter(name, kind, is_sort_key=bool(converters), column=name)))

    def identity(item: Any) -> str:
        if not isinstance(item, Mapping):
            raise RecordError("TYPE_MISMATCH", found=kind_of(item), expected="a mapping of attributes to values")
        parts = []
        for name, kind, types, convert in converters:
            value = item.get(name)
            if value is None:
                raise RecordError("KEY_EMPTY", column=name, found="nothing", expected=f"a {kind}, for the table's key")
            if not isinstance(value, types) or isinstance(value, bool):
                raise RecordError("TYPE_MISMATCH", column=name, found=kind_of(value), expected=f"a {kind}, as the table's key has it")
            parts.append(convert(value))
        return ",".join(parts)

    return identity


def _member(name: str, value: Any) -> str:
    try:
        return f",{name_of(name)}:{natural(value)}"
    except RecordError as error:
        raise at_column(error, str(name)) from None
