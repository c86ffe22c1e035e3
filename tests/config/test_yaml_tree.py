"""What YAML makes of a config: its syntax, its quotes and the words that readers understand differently."""

from __future__ import annotations

import pytest

from headrace.config.parse import parse
from headrace.errors import ConfigError, ConfigProblem

SMALL = """\
source:
  bucket: my-files
tables:
  orders:
    key: {order_id: string}
routes:
  - name: orders
    match: orders/**.csv
    format: csv
    table: orders
    columns:
      order_id: string
      price: number
"""


def problems_of(text: str) -> list[ConfigProblem]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "headrace.yaml")
    return caught.value.problems


def only_problem(text: str) -> ConfigProblem:
    problems = problems_of(text)
    assert len(problems) == 1, problems
    return problems[0]


def with_route(line: str, text: str = SMALL) -> str:
    """``text`` with one more line at the end of its route."""
    return text + f"    {line}\n"


SYNTAX = [
    ("a:\n\t- b", 2, "indent with spaces"),
    ('a: "x', 1, "close the quotes"),
    ("a: b: c", 1, "put texts that contain `: ` in quotes, and check the indentation"),
    ("a: [1, 2", 1, "close the bracket"),
    ("null_values: [#N/A]", 1, "a `#` after a space or a bracket begins a comment"),
    ("a: @b", 1, "put texts that begin with a special character in quotes"),
    ("a: 1\n---\nb: 2", 2, "keep one config in the file"),
    ("a:\n  - b\n c: d", 3, "check the indentation"),
    ("a: b\nc", 2, "write `name: value`, with a space after the colon"),
    ("a: b\nc: \x01", 2, "remove it, or write it as an escape in double quotes"),
    ("a: *b", 1, "correct the syntax on this line"),
    ("&a [*a]", 1, "shorten the config"),
    ("[" * 5000, 1, "shorten the config"),
    (
        "a: &a [0,0,0,0,0,0,0,0,0,0]\n" + "".join(f"{y}: &{y} [{','.join([f'*{x}'] * 10)}]\n" for x, y in zip("abcde", "bcdef", strict=True)),
        1,
        "shorten the config",
    ),
    ("", 1, "begin with a copy of examples/flights/headrace.yaml"),
    ("# only a comment", 1, "begin with a copy of examples/flights/headrace.yaml"),
    ("- a", 1, "write its members below"),
    ("words", 1, "write its members below"),
]


@pytest.mark.parametrize(("text", "line", "hint"), SYNTAX)
def test_parse_of_broken_yaml_tells_the_line_and_what_to_do(text: str, line: int, hint: str) -> None:
    """A mistake in the syntax is one problem with its line and a next action, never an exception of the YAML library."""
    problem = only_problem(text)
    assert (problem.path, problem.line) == ("", line)
    assert problem.hint.startswith(hint) or hint in problem.hint


TRAPS = [
    ("constants: {a: no}", "'no' without quotes", "write `false`, or 'no' in quotes"),
    ("constants: {a: Yes}", "'Yes' without quotes", "write `true`, or 'Yes' in quotes"),
    ("constants: {a: on}", "'on' without quotes", "write `true`, or 'on' in quotes"),
    ("constants: {a: 0123}", "'0123' without quotes", "write `123`, or '0123' in quotes"),
    ("constants: {a: 0o17}", "'0o17' without quotes", "write a decimal number, or '0o17' in quotes"),
    ("constants: {a: 1_000}", "'1_000' without quotes", "write `1000`, or '1_000' in quotes"),
    ("constants: {a: 12:30}", "'12:30' without quotes", "write a decimal number, or '12:30' in quotes"),
    ("constants: {a: !!str 5}", None, None),
    ("constants: {a: !!int 5}", "the tag !!int", "remove the tag; use quotes to make a text"),
    ('constants: {a: "\\ud800"}', "an escape for half a character (a surrogate)", "write the character itself, or its `\\U` escape"),
]


@pytest.mark.parametrize(("line", "found", "hint"), TRAPS)
def test_parse_of_a_value_that_readers_understand_differently_asks_for_quotes(line: str, found: str | None, hint: str | None) -> None:
    """What YAML 1.1 and 1.2 read differently is told, not guessed."""
    if found is None:
        assert parse(with_route(line), "x")
        return
    problem = only_problem(with_route(line))
    assert (problem.path, problem.line, problem.found, problem.hint) == ("routes[0].constants.a", 14, found, hint)


def test_parse_of_unquoted_words_that_look_special_keeps_them_as_texts() -> None:
    """Dates, names and words are texts; only true, false, null and numbers are not."""
    config = parse(with_route("constants: {2024-01-01: 2024-01-01, on: n, 5: true, null: -5, quoted: 'no'}"), "x")
    assert config.routes[0].constants == {"2024-01-01": "2024-01-01", "on": "n", "5": True, "null": -5, "quoted": "no"}


def test_parse_of_an_unquoted_template_asks_for_quotes() -> None:
    """`{a}` begins a mapping and ` #` a comment: both traps of key templates are named."""
    problem = only_problem(
        SMALL.replace("order_id: string", "order_id: string").replace("    columns:", "    key:\n      order_id: {price}#{price}\n    columns:")
    )
    assert (problem.path, problem.found) == ("routes[0].key.order_id", "a mapping")
    assert problem.hint == "put the whole text in quotes: without them `{` begins a mapping and `[` a list"
    text = SMALL.replace("    columns:\n      order_id: string", "    key:\n      order_id: o #{price}\n    columns:")
    problem = only_problem(text)
    assert (problem.path, problem.found) == ("routes[0].key.order_id", "'o', and the rest of the line as a comment")


def test_parse_of_aliases_gives_each_use_its_own_copy() -> None:
    """Anchors and aliases share a part of the config."""
    text = SMALL.replace("columns:", "columns: &columns").replace("name: orders\n", "name: orders\n", 1)
    text += "  - {name: second, match: x/**, format: csv, table: orders, columns: *columns}\n"
    config = parse(text, "x")
    assert config.routes[0].columns == config.routes[1].columns
