"""What is read does not depend on how the bytes came: records, lines, places and rejections are the same for pieces of every size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from decode.samples import decoded, pieces
from headrace.config.model import Limits, Route
from headrace.decode.mismatch import LOOKED_AT_BYTES
from headrace.records import open_records

CSV: dict[str, Any] = {"format": "csv", "header": ["a", "b"]}
FIXED: dict[str, Any] = {"format": "fixed", "widths": {"a": 2, "b": 1}}
SETTINGS: list[dict[str, Any]] = [
    CSV,
    CSV | {"comment": "#"},
    CSV | {"comment": "##", "skip_footer_lines": 2},
    CSV | {"comment": "#", "escape": "\\", "delimiter": "||", "skip_lines": 1},
    CSV | {"quote": "", "skip_footer_lines": 1},
    CSV | {"quote": "é", "delimiter": "è", "escape": "ê"},
    {"format": "csv", "comment": "#", "ragged": "keep_extra", "skip_lines": 1},
    FIXED,
    FIXED | {"comment": "#", "skip_lines": 1, "skip_footer_lines": 1},
    {"format": "jsonl"},
]
LOOKED_AT = b"1\na,b\n" + b"x" * LOOKED_AT_BYTES + b"\n"
"""What comes first is looked at as one piece, whatever its format."""
texts = st.lists(st.sampled_from(["a", "é", "è", "ê", ",", '"', "\\", "|", "\n", "\r", "#", "##", "\n#", '\n"', "aaaaaaaa", "\n\n\n"]), max_size=16).map(
    "".join
)


def read(settings: dict[str, Any], data: bytes, limit: int, size: int) -> list[Any]:
    route = Route("r", "**", table="t", **settings)
    return decoded(open_records(route, replace(Limits(), record_bytes_max=limit), pieces(data, [size]), header=route.header))


@pytest.mark.parametrize("settings", SETTINGS, ids=repr)
@given(text=texts, limit=st.integers(4, 9))
@example(text="aaaaaaaaê\n", limit=4)
@example(text="aaaaaaaa\\\n", limit=4)
def test_text_in_pieces_of_every_size_gives_the_same_records(settings: dict[str, Any], text: str, limit: int) -> None:
    """With records and lines on both sides of the limit, also in comments and footers."""
    data = LOOKED_AT + text.encode()
    whole = read(settings, data, limit, len(data))
    for size in range(1, len(text) + 1):
        assert read(settings, data, limit, size) == whole


@pytest.mark.parametrize("settings", [CSV | {"comment": "#"}, FIXED | {"comment": "#"}], ids=["csv", "fixed"])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_comment_of_any_length_is_skipped(settings: dict[str, Any], size: int) -> None:
    """It is no record, so no limit of records counts, and its quotes mean nothing."""
    text = b'ab,\n#"' + b"x" * LOOKED_AT_BYTES + b"\ncd,\n"
    found = read(settings, text if settings["format"] == "csv" else text.replace(b",", b"1"), 8, size)
    assert [(one.first, one.raw[:2]) for one in found] == [(1, b"ab"), (3, b"cd")]


@pytest.mark.parametrize(
    ("content", "limit", "expected"),
    [
        (b"a,b\nc,d\nxx\nyy\n", 6, [1, 2]),
        (b"a,b\nc,d\nxx\nyy\n", 5, [1, 2, 3]),
        (b"a,b\nc,d\nx\ny\n\n\n", 6, [1, 2]),
        (b"a,b\nc,d\nx\ny\n\n\n", 5, [1, 2, 3]),
        (b"a,b\nc,d\nx\nyyyyyyy\n", 6, [1, 2, 3, 4]),
    ],
)
def test_footer_longer_than_a_record_may_be_is_read_as_records(content: bytes, limit: int, expected: list[int]) -> None:
    """As far as its last lines are within the limit they are skipped, blank ones after them included: what may be a footer has to be kept."""
    for size in range(1, len(content) + 1):
        found = read(CSV | {"skip_footer_lines": 2, "skip_lines": 3}, LOOKED_AT + content, limit, size)
        assert [one.first - 3 for one in found] == expected
