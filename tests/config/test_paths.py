"""Places in messages, nearest names and key templates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.config.paths import child, is_within, listed, nearest, parent
from headrace.config.template import Placeholder, template_parts

PARTS = st.integers(0, 99) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(st.sampled_from(["", "a", "routes[0]"]), PARTS)
def test_parent_of_a_child_is_the_place_around_it(path: str, part: int | str) -> None:
    """Any name of a column gives a path whose parent is found, dots, quotes and brackets included."""
    if path or isinstance(part, str):
        assert parent(child(path, part)) == path
        assert is_within(child(path, part), path)


@pytest.mark.parametrize(
    ("path", "other", "expected"), [("a.b", "a", True), ("a[0]", "a", True), ("ab", "a", False), ("a", "a.b", False), ("a", "", True), ("a", "a", True)]
)
def test_is_within_of_two_places_tells_whether_one_holds_the_other(path: str, other: str, expected: bool) -> None:
    """A name that only begins alike is another place."""
    assert is_within(path, other) is expected


def test_nearest_of_a_wrong_name_ignores_case_and_gives_nothing_far_away() -> None:
    """A far-fetched guess is worse than none."""
    assert nearest("Bukcet", ["bucket", "trigger"]) == "bucket"
    assert nearest("ORDER_ID", ["order_id"]) == "order_id"
    assert nearest("zzz", ["bucket"]) == ""


def test_listed_of_names_reads_as_a_choice_and_is_cut() -> None:
    """A message stays readable when a file has a hundred columns."""
    assert [listed([]), listed("a"), listed("ab"), listed("abc")] == ["none", "`a`", "`a` or `b`", "`a`, `b` or `c`"]
    assert listed(map(str, range(20))).endswith("`9` or one of 10 more")


TEMPLATES = [
    ("a", ["a"]),
    ("{a}", [Placeholder("a", 0)]),
    ("x#{a}#{b:02}", ["x#", Placeholder("a", 0), "#", Placeholder("b", 2)]),
    ("{a}{b}", [Placeholder("a", 0), Placeholder("b", 0)]),
    ("{{x}}", ["{x}"]),
    ("{{{a}}}", ["{", Placeholder("a", 0), "}"]),
    ("{a:b}", [Placeholder("a:b", 0)]),
    ("{a:00}", [Placeholder("a:00", 0)]),
    ("{unit price:010}", [Placeholder("unit price", 10)]),
    ("", []),
]


@pytest.mark.parametrize(("template", "parts"), TEMPLATES)
def test_template_parts_of_a_template_gives_texts_and_placeholders(template: str, parts: list[object]) -> None:
    """Braces name columns, doubled braces are braces, `:0N` pads."""
    assert template_parts(template) == parts


@pytest.mark.parametrize("template", ["{", "}", "a{b", "a}b", "{}", "{{}", "{a}}", "{:02}"])
def test_template_parts_of_a_broken_template_raises_value_error(template: str) -> None:
    """A brace alone and a placeholder without a name have no meaning."""
    with pytest.raises(ValueError, match=r"single|names no column"):
        template_parts(template)


@given(st.text())
def test_template_parts_of_any_text_with_doubled_braces_gives_the_text(text: str) -> None:
    """Every text can be written in a template."""
    assert "".join(map(str, template_parts(text.replace("{", "{{").replace("}", "}}")))) == text
