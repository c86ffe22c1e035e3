"""A file of fault rules becomes rules, or all its mistakes are told at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headrace.errors import ConfigError, ConfigProblem
from headrace.local.fault_exchange import Call
from headrace.local.fault_rules import load, parse

RULE = "rules:\n  - operation: dynamodb:BatchWriteItem\n    "


def problems_of(text: str) -> list[ConfigProblem]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "faults.yaml")
    return caught.value.problems


def taken(text: str, calls: int = 12) -> list[int]:
    """The numbers of the calls that the first rule takes."""
    rule = parse(text, "faults.yaml")[0]
    call = Call("dynamodb:BatchWriteItem", "POST", "/", [], b"{}", 0.0)
    return [number for number in (rule.takes(call, 0.0) for _ in range(calls)) if number]


@pytest.mark.parametrize(
    ("choice", "numbers"),
    [
        ("", list(range(1, 13))),
        ("calls: [2, 5]", [2, 5]),
        ("every: 5", [5, 10]),
        ("first: 3", [1, 2, 3]),
        ("from_s: 1", []),
        ("containing: x", []),
        ("path: /b", []),
    ],
)
def test_rule_takes_the_calls_that_it_names(choice: str, numbers: list[int]) -> None:
    """Counted from 1; without a choice, all."""
    assert taken(f"{RULE}status: 500\n    {choice}") == numbers


def test_rule_with_a_chance_makes_the_same_choices_for_the_same_seed() -> None:
    """And others for another seed, and for another rule of the file."""
    text = f"{RULE}status: 500\n    chance: 0.5\n"
    assert taken(text, 50) == taken(text, 50) == taken(f"seed: 0\n{text}", 50)
    assert taken(text, 50) != taken(f"seed: 1\n{text}", 50)


def test_rules_are_named_by_their_place_unless_they_have_a_name() -> None:
    """So that every line that dev prints has one."""
    rules = parse("rules: [{operation: '*', status: 500}, {operation: '*', status: 500, name: late}, {operation: '*', delay_s: 1}]", "x")
    assert [rule.name for rule in rules] == ["rule 1", "late", "rule 3"]


WRONG = [
    ("{operation: dynamodb:BatchWriteItems, cut: close}", "operation", "write `dynamodb:BatchWriteItem`"),
    ("{operation: BatchWriteItem, cut: close}", "operation", "such as `dynamodb:BatchWriteItem`"),
    ("{operation: 'dynamo:*', cut: close}", "operation", "write `dynamodb`"),
    ("{operation: 's3:Gte*', cut: close}", "operation", "write an operation of the API of s3|write `s3:"),
    ("{cut: close}", "operation", "add `operation`"),
    ("{operation: '*'}", "", "say what the rule does"),
    ("{operation: '*', cut: close, status: 500}", "status", "write two rules"),
    ("{operation: '*', cut: closed}", "cut", "write `close`"),
    ("{operation: '*', status: 200}", "status", "correct the number"),
    ("{operation: '*', status: '500'}", "status", "remove the quotes"),
    ("{operation: '*', status: 500, chance: 30}", "chance", "write 0.3 for 30 %"),
    ("{operation: '*', status: 500, chance: 0}", "chance", "such as 0.3"),
    ("{operation: '*', status: 500, first: 0}", "first", "correct the number"),
    ("{operation: '*', status: 500, calls: [0]}", "calls", "from 1"),
    ("{operation: '*', status: 500, first: 2, every: 2}", "first", "write two rules"),
    ("{operation: '*', status: 500, from_s: 2, until_s: 2}", "from_s", "correct the seconds"),
    ("{operation: '*', delay_s: -1}", "delay_s", "correct the number"),
    ("{operation: '*', delay_s: 1, when: after}", "when", "remove `when`"),
    ("{operation: s3:GetObject, error: SlowDwn}", "error", "write `SlowDown`"),
    ("{operation: s3:GetObject, error: ThrottlingException}", "error", "docs/faults.md"),
    ("{operation: lambda:Invoke, error: ThrottlingException}", "error", "use `status`"),
    ("{operation: s3:GetObject, unprocessed: 0.5}", "unprocessed", "write `operation: dynamodb:BatchWriteItem`"),
    ("{operation: sqs:SendMessage, failed_entries: 0.5}", "failed_entries", "write `operation: sqs:SendMessageBatch`"),
    ("{operation: '*', error: SlowDown, reason: TableWriteKeyRangeThroughputExceeded}", "reason", "remove `reason`"),
    ("{operation: '*', error: ThrottlingException, reason: KeyRange}", "reason", "explains them|write `"),
    ("{operation: '*', status: 500, probability: 1}", "probability", "remove it"),
    ("{operation: '*', status: 500, match: x}", "match", "remove it|write `path`"),
    ("5", "", "write its members"),
]


@pytest.mark.parametrize(("rule", "member", "hint"), WRONG)
def test_wrong_rule_is_told_with_its_place_and_what_to_write(rule: str, member: str, hint: str) -> None:
    """One mistake, one problem."""
    (problem,) = problems_of(f"seed: 3\nrules:\n  - {rule}\n")
    assert (problem.path, problem.line) == (f"rules[0].{member}".rstrip("."), 3)
    assert problem.found
    assert problem.expected
    assert re.search(hint, problem.hint), problem.hint


def test_all_mistakes_of_a_file_are_told_at_once_in_the_order_of_its_lines() -> None:
    """Of syntax, of shape and of sense."""
    text = (
        "seed: x\nrules:\n  - {operation: '*', cut: closed, name: a}\n  - {operation: '*', every: 0, name: a, status: 500}\n  - {operation: '*', status: no}\n"
    )
    assert [(problem.line, problem.path) for problem in problems_of(text)] == [
        (1, "seed"),
        (3, "rules[0].cut"),
        (4, "rules[1].every"),
        (4, "rules[1].name"),
        (5, "rules[2].status"),
    ]


@pytest.mark.parametrize(("text", "expected"), [("", "`rules`"), ("seed: 1\n", "`rules`"), ("rules: []\n", "at least one rule"), ("rules: {a: b}\n", "a list")])
def test_file_without_rules_says_what_is_missing(text: str, expected: str) -> None:
    """Nobody means a file that does nothing."""
    assert [problem.expected for problem in problems_of(text)] == [expected]


def test_file_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    """With the hint of this file, not of the config."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.yaml")
    assert "examples/flights/faults.yaml" in caught.value.problems[0].hint
    assert "docs/faults.md" in caught.value.hint
