"""Lines of a learned shape against the parser: the same records and rejections, whatever the lines are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from decode.samples import MB, Seen, decoded, piece_sizes, pieces
from headrace.decode import shapes
from headrace.decode.jsonl import JsonLinesDecoder
from headrace.decode.limits import JsonLimits
from headrace.decode.lines import line_blocks
from headrace.encode.values import of_token
from headrace.record import Number

TOKENS = [
    *['""', '"5"', "5", "0", "-0", "-7", "10", "1.50", "1e5", "1E+05", "-0.0e-0", "9" * 50, "true", "false", "null", '"null"', '"é\u2028\x7f𝄞"'],
    *['"a\\"b"', '"\\\\"', '"\\u0041\\n\\/"', '"\\ud800"', '"\\ud834\\udd1e"', '"{,:}"', '"\\uD83D\\uDE00"'],
    *[
        "[1]",
        "{}",
        '{"a":1}',
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1_0",
        "NaN",
        "-Infinity",
        "True",
        "nul",
        "",
        " ",
        "5 ",
        "1 2",
        "1e\N{ARABIC-INDIC DIGIT ONE}",
    ],
    *['"\t"', '"\x00"', '"\\x"', '"\\u12"', '"\\u00g0"', '"\\', '"', '"a', "a", '"a""b"', '5,"z":5', "\\u0031", "''", "5}", "\x85", "\xa01"],
]
SKELETONS = [
    *['{"a":%,"b":%}', '{"a":%,"b":%}\r', '{"a": %, "b": %}', ' { "a" :\t% ,\r"b":% }  ', '{"b":%,"a":%}', '{"a":%,"b":%,"c":%}', '{"a":%}', '{"\\u0061":%}'],
    *['{"a":%,"a":%}', '{"a":%,"\\u0061":%}', '{"":%,"é.*\\"{":%}', "{}", "", "[%]", "%", '{"a":%} {"b":%}', '{"a":%,}', '{a:%}', '{"a":%', "{%:%}"],
]  # fmt: skip


@st.composite
def lines(draw: st.DrawFn, names: Sequence[str] = SKELETONS) -> str:
    """One line, nearly always a flat object, of names and values that are mostly right."""
    parts = draw(st.sampled_from(names)).split("%")
    values = [draw(st.sampled_from(TOKENS[:24]) | st.sampled_from(TOKENS)) for _ in parts[1:]]
    line = parts[0] + "".join(value + part for value, part in zip(values, parts[1:], strict=True))
    if draw(st.integers(0, 5)):
        return line
    at = draw(st.integers(0, len(line)))
    return line[:at] + draw(st.sampled_from(['"', "\\", "\r", ",", "}", "1", "x", ":", " ", ""])) + line[at + draw(st.integers(0, 1)) :]


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """Lines of few shapes in turn, so that most of them were seen before; rarely with bytes that are not UTF-8."""
    few = draw(st.lists(st.sampled_from(SKELETONS), min_size=1, max_size=3))
    data = "\n".join(draw(st.lists(lines(few), max_size=12))).encode()
    at = draw(st.integers(0, len(data)))
    return data if draw(st.integers(0, 3)) else data[:at] + draw(st.sampled_from([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\n", b"\xef\xbb\xbf"])) + data[at:]


def records_of(data: bytes, sizes: Sequence[int], limit: int, *, with_tokens: bool) -> Iterator[tuple[Seen, object]]:
    """The records with the types of their values; tokens as the objects that they are."""
    decoder = JsonLinesDecoder(line_blocks(pieces(data, sizes), line_bytes_max=limit, lf_only=True), limits=JsonLimits(limit))
    decoder.with_tokens = with_tokens
    for seen in decoded(decoder):
        if type(seen.what) is tuple:
            shape, tokens = seen.what
            seen = seen._replace(what={name: of_token(token) for name, token in zip(shape.names, tokens, strict=True)})
        yield seen, [(name, type(value)) for name, value in seen.what.items()] if isinstance(seen.what, dict) else None


@given(contents(), piece_sizes, st.integers(5, 60), st.integers(1, 2))
@example(b'{"a":1}\n{"a":"1"}\n{"a":1}', [9], 60, 1)
@example(b'{"a":1}\r\n{"a":2}\r\n{"a":3}', [100], 60, 1)
def test_records_of_learned_shapes_are_those_of_the_parser(data: bytes, sizes: Sequence[int], limit: int, every: int) -> None:
    """Values, their types, names and their order, rejections, lines, offsets and bytes are the same for every content, cut and limit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "LEARN_EVERY", every)
        for limited in (limit, MB):
            assert list(records_of(data, sizes, limited, with_tokens=True)) == list(records_of(data, sizes, limited, with_tokens=False))


def edited(line: str) -> Iterator[str]:
    """``line`` with each of its values replaced by each token, and with each of its characters replaced, preceded or left out."""
    parts = line.split("%")
    for at in range(1, len(parts)):
        for token in TOKENS:
            yield "1".join(parts[:at]) + token + "1".join(parts[at:])
    plain = line.replace("%", "1")
    for at in range(len(plain) + 1):
        for char in ["", *'"\\\r\t\0,}{[:+-.1eE x\x85']:
            yield from (plain[:at] + char + plain[at + width :] for width in (0, 1))


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_line_that_differs_a_little_from_a_learned_one_is_read_as_by_the_parser(skeleton: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value that JSON has or has not, and each slip of one character, after the line that was learned from."""
    monkeypatch.setattr(shapes, "LEARN_EVERY", 1)
    monkeypatch.setattr(shapes, "SHAPES_MAX", 1)
    data = "\n".join([skeleton.replace("%", "1"), *edited(skeleton)]).encode()
    assert list(records_of(data, [MB], MB, with_tokens=True)) == list(records_of(data, [MB], MB, with_tokens=False))


def kinds(data: bytes) -> str:
    """For each record ``t`` for tokens, ``d`` for a dict, ``r`` for a rejection."""
    decoder = JsonLinesDecoder(line_blocks(iter([data]), line_bytes_max=MB, lf_only=True), limits=JsonLimits(MB))
    decoder.with_tokens = True
    return "".join("t" if isinstance(record, tuple) else "d" if isinstance(record, dict) else "r" for record, *_ in decoder)


def test_shape_is_learned_from_one_line_of_many_and_kept_through_other_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the line that was learned from, lines of its shape are not parsed, whatever stands between them."""
    assert kinds(b'{"a":1}\n' * 100) == "d" * shapes.LEARN_EVERY + "t" * (100 - shapes.LEARN_EVERY)
    monkeypatch.setattr(shapes, "LEARN_EVERY", 1)
    assert kinds(b'{"a":1}\n{"a":"\\u00e9"}\n\n{"a":[1]}\n{"a":1,"b":2}\nx\n{"a":null}\n{"a":-0.5e1,"b":""}') == "dtddrtt"


def test_shapes_that_are_learned_are_few_and_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither many shapes, nor wide, empty or nested ones can make a load slow or large."""
    monkeypatch.setattr(shapes, "LEARN_EVERY", 1)
    many = b"".join(b'{"n%d":1}\n' % number for number in range(shapes.SHAPES_MAX + 1))
    assert kinds(many * 2) == "d" * (shapes.SHAPES_MAX + 1) + "t" * shapes.SHAPES_MAX + "d"
    wide = b"{" + b",".join(b'"n%d":1' % number for number in range(shapes.NAMES_MAX + 1)) + b"}\n"
    assert kinds((wide + b'{}\n{"a":{}}\n{"a":[]}\n') * 2) == "d" * 8


def test_line_that_differs_at_its_end_is_given_up_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were there two ways to read each value, 200 of them would never end."""
    monkeypatch.setattr(shapes, "LEARN_EVERY", 1)
    values = ",".join(f'"n{number}":{value}' for number, value in enumerate(["12", "-1.5e3", '"\\\\\\n"', "null"] * 50))
    assert kinds(f'{{{values},"z":1}}\n{{{values},"y":1}}\n{{{values},"z":1'.encode()) == "ddr"


def test_number_in_a_token_keeps_its_digits_and_its_type() -> None:
    """A text of digits and a number are equal as Python sees it, and are told apart all the same."""
    assert [(type(of_token(token)), of_token(token)) for token in ("1.50", '"1.50"', "true", "null")] == [
        (Number, "1.50"),
        (str, "1.50"),
        (bool, True),
        (type(None), None),
    ]
