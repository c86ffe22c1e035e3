"""Numbers as text, from the file to the wire: never a float, exactly as DynamoDB keeps them."""

from __future__ import annotations

import re

from headrace.errors import RecordError, shortened

DIGITS_MAX = 38
EXPONENT_MAX = 125  # of the first significant digit: up to 9.99…E+125
EXPONENT_MIN = -130  # down to 1E-130

_PLAIN = re.compile(r"-?+(?:0|[1-9][0-9]{0,27}+)(?:\.[0-9]{0,8}[1-9])?", re.ASCII).fullmatch  # what number gives back unchanged, but for -0
_NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,20}))?", re.ASCII).fullmatch


def number(text: str) -> str:
    """``text`` in one form for each value, so that ``1000``, ``1e3`` and ``1000.0`` are the same text.

    Accepts what a JSON number may look like, and ``+1``, ``.5``, ``5.`` and ``007``; spaces around it are not part of it. DynamoDB keeps 38 significant
    digits between 1E-130 and 9.99E+125 in magnitude, and zero (Amazon DynamoDB Developer Guide, Constraints, 2026-11).
    Raises RecordError NUMBER_INVALID, NUMBER_PRECISION or NUMBER_RANGE.
    """
    if _PLAIN(text) and text != "-0":
        return text
    parts = _NUMBER(text.strip(" \t"))
    if parts is None or not (parts[2] or parts[3]):
        raise RecordError("NUMBER_INVALID", found=shortened(text), expected="a decimal number such as 12, -0.5 or 1.5E3")
    sign, whole, fraction, exponent = parts[1], parts[2], parts[3] or "", int(parts[4] or 0)
    digits = (whole + fraction).lstrip("0")
    scale = exponent - len(fraction)  # the value is digits × 10^scale
    stripped = digits.rstrip("0")
    if not stripped:
        return "0"
    scale += len(digits) - len(stripped)
    if len(stripped) > DIGITS_MAX:
        raise RecordError("NUMBER_PRECISION", found=f"{len(stripped)} significant digits", expected=f"at most {DIGITS_MAX}")
    magnitude = scale + len(stripped) - 1
    if not EXPONENT_MIN <= magnitude <= EXPONENT_MAX:
        raise RecordError("NUMBER_RANGE", found=shortened(text), expected="zero or a magnitude between 1E-130 and 9.9E+125")
    return ("-" if sign == "-" else "") + _written(stripped, scale)


def plain_marks(text: str, decimal: str, thousands: str) -> str:
    """``text``, a number with other marks, with a point and without groups. Groups have three digits, but for the first, or two as in India.

    Raises RecordError NUMBER_INVALID: a mark in another place may mean another number.
    """
    pattern = rf"([+-]?)([0-9]*|[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{2,3}})*{re.escape(thousands)}[0-9]{{3}})(?:{re.escape(decimal)}([0-9]*))?"
    parts = re.fullmatch(pattern, text.strip(" \t"), re.ASCII)
    if parts is None:
        example = f"1{thousands}234{decimal}5"
        raise RecordError("NUMBER_INVALID", found=shortened(text), expected=f"a number such as {example}")
    whole = parts[2].replace(thousands, "") if thousands else parts[2]
    return f"{parts[1]}{whole}" + (f".{parts[3]}" if parts[3] is not None else "")


def _written(digits: str, scale: int) -> str:
    """``digits`` × 10^``scale`` without an exponent where that is short."""
    point = len(digits) + scale
    if scale >= 0 and point <= DIGITS_MAX:
        return digits + "0" * scale
    if 0 < point < len(digits):
        return f"{digits[:point]}.{digits[point:]}"
    if -10 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    return f"{digits}E{scale}"
