"""docs/faults.md says what is there, and its examples do what it says."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest

from contracts.engines import Engine
from faults.loading import faulted, rows, values
from headrace.aws.objects import S3Objects
from headrace.local.fault_answers import ERRORS, REASONS
from headrace.local.fault_model import FaultRule, FaultRules
from headrace.local.fault_rules import load, parse
from headrace.ports import ObjectRef

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/faults.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_page_has_a_row_for_each_name_of_a_file() -> None:
    """No more and no less."""
    rows = [names for names in re.findall(r"^\| (`[^|]+`) \|", PAGE, re.MULTILINE) if names.strip("`") not in ERRORS]
    named = [name for names in rows for name in re.findall(r"`(\w+)`", names)]
    assert sorted(named) == sorted(field.name for model in (FaultRules, FaultRule) for field in fields(model))


def test_page_lists_the_errors_of_each_service() -> None:
    """Those that a rule may name."""
    listed = {service: re.findall(r"`(\w+)`", codes) for service, codes in re.findall(r"^\| `(dynamodb|s3|sqs)` \| (.*) \|$", PAGE, re.MULTILINE)}
    assert listed == {service: list(codes) for service, codes in ERRORS.items()}
    assert len(REASONS) == len(set(REASONS)) == 16


def test_example_file_is_right_and_named_in_the_page() -> None:
    """Every rule of it does something in test_dev.py."""
    assert load(ROOT / "examples/flights/faults.yaml")
    assert "headrace dev --faults examples/flights/faults.yaml" in PAGE


@pytest.mark.parametrize("text", EXAMPLES)
def test_load_with_the_faults_of_an_example_ends_as_without(ministack: Engine, text: str) -> None:
    """As the page promises; and each of the rules of the first example acts."""
    rules = parse(text, "docs/faults.md")
    bucket = ministack.bucket()
    ministack.s3.put_object(Bucket=bucket, Key="incoming/flights/a.csv", Body=rows(1000))
    with faulted(ministack, *rules) as world, closing(ministack.proxied.client("s3", attempts=1)) as s3:
        outcome = world.load(b"", objects=S3Objects(s3), ref=ObjectRef(bucket, "incoming/flights/a.csv"))
        assert (outcome.state, outcome.read, outcome.written) == ("LOADED", 1000, 1000)
        assert values(world.items()) == {number: f"x{number}" for number in range(1000)}
    if text == EXAMPLES[0]:
        assert [rule.injected > 0 for rule in rules] == [True] * 4
        assert (rules[0].injected, rules[3].injected) == (3, 2)
