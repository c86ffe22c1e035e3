"""Key patterns."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.config.match import literal_prefix, match, route_for
from headrace.config.model import Route

CASES = [
    ("in/a.csv", "in/a.csv", True),
    ("in/a.csv", "in/a.csv.gz", False),
    ("in/a.csv", "xin/a.csv", False),
    ("in/*.csv", "in/a.csv", True),
    ("in/*.csv", "in/.csv", True),
    ("in/*.csv", "in/b/a.csv", False),
    ("in/**.csv", "in/b/c/a.csv", True),
    ("in/**.csv", "in/.csv", True),
    ("in/**.csv", "in/a.csv.gz", False),
    ("in/**", "in/", True),
    ("in/**", "in", False),
    ("**", "", True),
    ("**", "a/b\nc", True),
    ("*", "a/b", False),
    ("*", "", True),
    ("a?c", "abc", True),
    ("a?c", "a/c", False),
    ("a?c", "ac", False),
    ("a[bc]d", "abd", False),
    ("a[bc]d", "a[bc]d", True),
    ("a\\*", "a\\b", True),
    ("a.b", "axb", False),
    ("***", "a/b", True),
    ("*/**/x", "a/b/c/x", True),
    ("*/**/x", "a/x", False),
    ("**a*b", "x/a/ab", True),
    ("**a*b", "x/a/b", False),
    ("", "", True),
    ("", "a", False),
    ("é*", "éa", True),
    ("*\n?", "a\nb", True),
]


@pytest.mark.parametrize(("pattern", "key", "expected"), CASES)
def test_match_of_an_example_gives_what_the_rules_say(pattern: str, key: str, expected: bool) -> None:
    """`*` stays in a folder, `**` does not, `?` is one character but `/`, the rest is literal, and the whole key must match."""
    assert match(pattern, key) is expected


@given(st.text("ab/*?.", max_size=8), st.text("ab/.", max_size=8))
def test_match_of_any_short_pattern_agrees_with_a_regex(pattern: str, key: str) -> None:
    """The bit-parallel walk and the obvious regular expression agree."""
    regex = "".join(".*" if t[:2] == "**" else {"*": "[^/]*", "?": "[^/]"}.get(t, re.escape(t)) for t in re.findall(r"\*+|[^*]", pattern))
    assert match(pattern, key) is bool(re.fullmatch(regex, key, re.DOTALL))


@pytest.mark.parametrize("pattern", ["*a" * 30 + "b", "**a" * 30 + "b", "**a*" * 30 + "b", "*" * 1000 + "b"])
def test_match_when_the_pattern_is_hostile_takes_linear_time(pattern: str) -> None:
    """No pattern makes the longest key (1,024 bytes) slow: a backtracking matcher would not finish in a lifetime."""
    started = time.process_time()
    assert not match(pattern, "a" * 1024)
    assert time.process_time() - started < 0.1


def test_route_for_when_two_routes_match_gives_the_first() -> None:
    """The order of the file decides."""
    routes = [Route(name, pattern, "csv", "t") for name, pattern in [("one", "in/*.csv"), ("two", "in/**"), ("three", "in/**")]]
    found = [route_for(routes, key) for key in ("in/a.csv", "in/b/a.csv", "out/a.csv")]
    assert [route.name if route else None for route in found] == ["one", "two", None]


@pytest.mark.parametrize(("pattern", "prefix"), [("in/*.csv", "in/"), ("in/a?", "in/a"), ("**", ""), ("in/a.csv", "in/a.csv"), ("[a]*", "[a]")])
def test_literal_prefix_of_a_pattern_gives_the_text_before_its_first_wildcard(pattern: str, prefix: str) -> None:
    """The prefix is what the bucket notification and the permissions are narrowed to."""
    assert literal_prefix(pattern) == prefix


@pytest.mark.parametrize("prefix", ["", "a/b/"])
def test_route_of_exports_does_not_take_what_is_no_data(prefix: str) -> None:
    """Manifests, their checksums and the empty mark hold no items; a route of another format takes them as any object."""
    own = f"{prefix}AWSDynamoDB/01680109764000-a1b2c3d4/"
    routes = [Route("r", "**", "dynamodb_json", "t")]
    for name in ("_started", "manifest-files.json", "manifest-summary.md5", "manifest-summary.checksum", "manifest-files.md5"):
        assert route_for(routes, own + name) is None
        assert route_for([Route("r", "**", "jsonl", "t")], own + name)
    for key in (f"{own}data/manifest-files.json", f"{own}data/a.json.gz", f"{prefix}AWSDynamoDB/data/a.json.gz", "other/manifest-files.json"):
        assert route_for(routes, key) is routes[0]
