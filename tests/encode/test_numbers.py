"""Numbers as DynamoDB keeps them: 38 digits, 1E-130 to 9.99E+125, one text for each value."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.encode.limits import number_bytes
from headrace.encode.numbers import number
from headrace.errors import RecordError

digits = st.text("0123456789", max_size=45)
texts = st.builds(
    lambda sign, whole, dot, fraction, exponent: sign + whole + (dot + fraction if dot else "") + exponent,
    st.sampled_from(["", "-", "+"]),
    digits,
    st.sampled_from(["", "."]),
    digits,
    st.just("") | st.builds("{}{}".format, st.sampled_from(["e", "E", "e+", "E-"]), st.integers(0, 140)),
)


def outcome(text: str) -> str:
    try:
        return number(text)
    except RecordError as error:
        return error.code


def expected_code(text: str) -> str:
    """What DynamoDB's rules say of ``text``, by decimal arithmetic; "" if it is a number it takes."""
    try:
        _, digits_of, exponent = Decimal(text).as_tuple()
    except ArithmeticError:
        return "NUMBER_INVALID"
    assert isinstance(exponent, int)
    significant = "".join(map(str, digits_of)).strip("0")
    if not significant:
        return ""
    if len(significant) > 38:
        return "NUMBER_PRECISION"
    return "" if Decimal("1E-130") <= Decimal(text).copy_abs() < Decimal("1E+126") else "NUMBER_RANGE"


@given(texts)
def test_number_has_the_value_that_was_written_or_is_refused_by_the_rules(text: str) -> None:
    """Equal in value to what Python's decimal reads, digit by digit; everything DynamoDB takes is taken, nothing else."""
    found, code = outcome(text), expected_code(text)
    if code:
        assert found == code
    else:
        assert Decimal(found) == Decimal(text)


@given(texts, st.integers(0, 5), st.integers(-20, 20))
def test_number_is_one_text_for_each_value(text: str, zeros: int, shift: int) -> None:
    """Zeros, exponents and signs that change nothing change nothing: keys are told apart by this text."""
    found = outcome(text)
    if found.startswith("NUMBER"):
        return
    assert outcome(found) == found
    _, digits_of, exponent = Decimal(text).as_tuple()
    sign = "-" if text.startswith("-") else ""
    assert isinstance(exponent, int)
    respelt = f"{sign}{'0' * zeros}{''.join(map(str, digits_of))}{'0' * zeros}E{exponent - zeros}"
    assert outcome(respelt) == found
    shifted = f"{sign}{''.join(map(str, digits_of))}.{'0' * zeros}e{exponent}"
    assert outcome(f" {shifted}\t") == found


@pytest.mark.parametrize(
    ("text", "result"),
    [
        *[("0", "0"), ("-0", "0"), ("0.000", "0"), ("0e99", "0"), ("-0E-400", "0"), ("00042", "42"), ("1.0", "1"), ("1.5E2", "150"), ("1e3", "1000")],
        *[("+7", "7"), (".5", "0.5"), ("5.", "5"), ("-.5e1", "-5"), ("1e0000002", "100")],
        *[("0.000000001", "0.000000001"), ("0.0000000001", "0.0000000001"), ("0.00000000001", "1E-11"), ("-0.10", "-0.1"), ("-0.0", "0")],
        *[("9" * 38, "9" * 38), ("9" * 39, "NUMBER_PRECISION"), ("9" * 38 + "0" * 20, "9" * 38 + "E20"), ("0." + "9" * 38, "0." + "9" * 38)],
        *[("0." + "9" * 39, "NUMBER_PRECISION"), ("1" + "0" * 37 + ".1", "NUMBER_PRECISION"), ("1." + "0" * 60, "1")],
        *[("1E-130", "1E-130"), ("1E-131", "NUMBER_RANGE"), ("0.9E-129", "9E-130"), ("9.99E+125", "999E123"), ("-9.99E+125", "-999E123")],
        *[("9" * 38 + "E88", "9" * 38 + "E88"), ("1E126", "NUMBER_RANGE"), ("1e400", "NUMBER_RANGE"), ("1E-9999999", "NUMBER_RANGE")],
        *[
            ("", "NUMBER_INVALID"),
            (".", "NUMBER_INVALID"),
            ("-", "NUMBER_INVALID"),
            ("1e", "NUMBER_INVALID"),
            ("1,5", "NUMBER_INVALID"),
            ("0x1", "NUMBER_INVALID"),
        ],
        *[("NaN", "NUMBER_INVALID"), ("Infinity", "NUMBER_INVALID"), ("1_000", "NUMBER_INVALID"), ("١", "NUMBER_INVALID"), ("1 2", "NUMBER_INVALID")],
        *[("1\n", "NUMBER_INVALID"), ("\xa01", "NUMBER_INVALID"), ("--1", "NUMBER_INVALID"), ("1.2.3", "NUMBER_INVALID"), ("½", "NUMBER_INVALID")],
    ],
)
def test_number_at_the_edges(text: str, result: str) -> None:
    """The edges of digits and range, and what only looks like a number."""
    assert outcome(text) == result


@given(texts)
def test_number_bytes_is_the_documented_size(text: str) -> None:
    """One byte for the exponent, one for a minus sign, one for each two digits, counted in pairs from the decimal point (measured on two engines)."""
    found = outcome(text)
    if found.startswith("NUMBER"):
        return
    value = Decimal(found)
    if value == 0:
        assert number_bytes(found) == 1
        return
    plain = f"{value.copy_abs():f}"
    whole, _, fraction = plain.partition(".")
    whole, fraction = whole.zfill(len(whole) + len(whole) % 2), fraction + "0" * (len(fraction) % 2)
    pairs = [(whole + fraction)[at : at + 2] for at in range(0, len(whole + fraction), 2)]
    significant = "".join("x" if pair != "00" else "0" for pair in pairs).strip("0")
    assert number_bytes(found) == len(significant) + 1 + (value < 0)
