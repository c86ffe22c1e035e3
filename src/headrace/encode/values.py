"""From a decoded value to the JSON text of a typed DynamoDB value such as ``{"N":"5"}``."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from headrace.encode.limits import NAME_BYTES_MAX, NESTING_MAX
from headrace.encode.numbers import number
from headrace.errors import RecordError, shortened
from headrace.record import Number

NULL = '{"NULL":true}'
TRUE = frozenset(("true", "t", "yes", "y", "1"))
FALSE = frozenset(("false", "f", "no", "n", "0"))


def quoted(text: str) -> str:
    """``text`` as a JSON string. Raises RecordError ENCODING_INVALID for lone surrogates, which have no UTF-8 form."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            code = ord(text[error.start])
            found = f"byte 0x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"the lone surrogate U+{code:04X}"
            raise RecordError("ENCODING_INVALID", found=f"{found} at character {error.start + 1}", expected="text that UTF-8 can hold") from None
    return encode_basestring(text)


def name_of(text: str) -> str:
    """``text`` as the JSON string of an attribute name. Raises RecordError NAME_INVALID, also for a name that a transform did not make a str."""
    if not isinstance(text, str):
        raise RecordError("NAME_INVALID", found=f"a name that is {kind_of(text)}", expected="a string")
    size = len(text) if text.isascii() else len(text.encode(errors="replace"))
    if not 1 <= size <= NAME_BYTES_MAX:
        raise RecordError("NAME_INVALID", found=f"a name of {size} bytes", expected=f"1 to {NAME_BYTES_MAX} bytes, as DynamoDB has them")
    return quoted(text)


def of_token(token: str) -> str | bool | None:
    """The value of a JSON string, number, true, false or null that is written as ``token``; numbers as Number."""
    if token[0] == '"':
        text: str = json.loads(token) if "\\" in token else token[1:-1]
        return text
    return {"true": True, "false": False, "null": None}[token] if token[0] in "tfn" else Number(token)


def scalar_text(value: object, expected: str) -> str:
    """The text of a scalar: strings as they are, numbers as written, booleans as ``true`` and ``false``."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(Decimal(value))  # str(int) refuses more than 4,300 digits
        case _:
            raise RecordError("TYPE_MISMATCH", found=kind_of(value), expected=expected)


def kind_of(value: object) -> str:
    """What ``value`` is, in the words of JSON and DynamoDB."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case Number() | int() | Decimal():
            return "a number"
        case str():
            return "a string"
        case Mapping():
            return "an object"
        case list() | tuple():
            return "an array"
        case bytes():
            return "binary"
        case set() | frozenset():
            return "a set"
        case _:
            return f"a Python {type(value).__name__}"


def string(value: object) -> str:
    """``{"S":…}``."""
    return f'{{"S":{quoted(scalar_text(value, "a string"))}}}'


def number_value(value: object) -> str:
    """``{"N":…}``. A boolean is no number."""
    if isinstance(value, bool):
        raise RecordError("TYPE_MISMATCH", found="a boolean", expected="a number")
    return f'{{"N":"{number(scalar_text(value, "a number"))}"}}'


def boolean(value: object) -> str:
    """``{"BOOL":…}`` from true, t, yes, y, 1 and their opposites, in any case."""
    text = scalar_text(value, "a boolean").strip(" \t").lower()
    if text in TRUE:
        return '{"BOOL":true}'
    if text in FALSE:
        return '{"BOOL":false}'
    raise RecordError("BOOLEAN_INVALID", found=shortened(text), expected="true or false, yes or no, t or f, y or n, 1 or 0")


def binary(value: object, form: str) -> str:
    """``{"B":…}`` from text in ``form`` (base64 or hex), or from bytes."""
    if isinstance(value, bytes):
        return f'{{"B":"{base64.b64encode(value).decode()}"}}'
    if not isinstance(value, str) or isinstance(value, Number):  # the text of a number or boolean may be base64 by chance
        raise RecordError("TYPE_MISMATCH", found=kind_of(value), expected=f"{form} text")
    text = str(value)
    try:
        data = bytes.fromhex(text) if form == "hex" else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RecordError("BINARY_INVALID", found=shortened(text, 30), expected=f"{form} text") from None
    return f'{{"B":"{base64.b64encode(data).decode()}"}}'


def natural(value: object, depth: int = 1) -> str:
    """The DynamoDB type that is nearest to a JSON or Python value: S, N, BOOL, NULL, L, M, and for Python's own bytes and sets B, SS, NS.

    A float is refused: its digits are not those that anybody wrote. Raises RecordError NESTING_TOO_DEEP beyond 32 levels, where the
    attribute's own value is level 1 and the innermost value counts too (so AWS answers, though its Constraints page does not say it).
    """
    if depth > NESTING_MAX:
        raise RecordError("NESTING_TOO_DEEP", found=f"more than {NESTING_MAX} levels", expected=f"at most {NESTING_MAX} levels of values in each other")
    match value:
        case Number() | str():
            return number_value(value) if isinstance(value, Number) else f'{{"S":{quoted(value)}}}'
        case None:
            return NULL
        case bool():
            return '{"BOOL":true}' if value else '{"BOOL":false}'
        case int() | Decimal():
            return number_value(value)
        case bytes():
            return binary(value, "base64")
        case Mapping() | list() | tuple():
            return _nested(value, depth)
        case set() | frozenset():
            return _set(value)
        case _:
            hint = " (use Decimal or str)" if isinstance(value, float) else ""
            raise RecordError("TYPE_MISMATCH", found=kind_of(value), expected=f"a value that DynamoDB can hold{hint}")


def _nested(value: Any, depth: int) -> str:
    if isinstance(value, Mapping):
        return '{"M":{' + ",".join(f"{name_of(name)}:{natural(member, depth + 1)}" for name, member in value.items()) + "}}"
    return '{"L":[' + ",".join(natural(member, depth + 1) for member in value) + "]}"


def _set(value: set[Any] | frozenset[Any]) -> str:
    members = list(value)
    if all(isinstance(member, str) and not isinstance(member, Number) for member in members):
        return string_set(sorted(members))
    if all(isinstance(member, bytes) for member in members):
        return _members("BS", [f'"{base64.b64encode(member).decode()}"' for member in sorted(members)])
    if any(isinstance(member, bytes) for member in members):
        raise RecordError("TYPE_MISMATCH", found="a set of bytes and other values", expected="members of one type")
    return number_set(members)


def string_set(members: list[Any]) -> str:
    """``{"SS":…}`` of the distinct members in their order. Raises RecordError SET_EMPTY."""
    return _members("SS", [quoted(scalar_text(member, "a string")) for member in members])


def number_set(members: list[Any]) -> str:
    """``{"NS":…}`` of the distinct numbers in their order. Raises RecordError SET_EMPTY."""
    return _members("NS", [f'"{number(scalar_text(member, "a number"))}"' for member in members])


def _members(kind: str, texts: list[str]) -> str:
    if not texts:
        raise RecordError("SET_EMPTY", found="an empty set", expected="at least one member (DynamoDB has no empty sets)")
    return f'{{"{kind}":[{",".join(dict.fromkeys(texts))}]}}'


def typed_json(text: str) -> Any:
    """The JSON value in a cell, numbers as Number. Raises RecordError JSON_INVALID, also for a name that is twice in an object."""
    try:
        return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise RecordError("JSON_INVALID", found=shortened(text, 30), expected=f"JSON ({str(error)[:60]})") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name is twice in one object")
    return members


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
