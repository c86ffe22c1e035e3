"""``headrace.write`` against the embedded AWS, in a process that knows nothing else: the examples of its page, and a stranger's mistakes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.engines import REGION, ROOT, Engine

PAGE = (Path(__file__).parents[2] / "docs" / "write.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def run(engine: Engine, program: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own, with the embedded AWS as its AWS."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= ROOT | {"AWS_ENDPOINT_URL": engine.endpoint, "AWS_REGION": REGION, "AWS_CONFIG_FILE": os.devnull}
    return subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False, timeout=240, env=environment)


def orders(engine: Engine) -> str:
    """The table of the examples, empty."""
    if "orders" in engine.dynamodb.list_tables()["TableNames"]:
        engine.dynamodb.delete_table(TableName="orders")
    return engine.table(named="orders", order_id="string")


def test_examples_are_as_many_as_the_tests_know() -> None:
    """A new one needs a test."""
    assert len(EXAMPLES) == 2


def test_first_example_writes_what_it_says(ministack: Engine) -> None:
    """The delete comes last, long after its item is written."""
    name = orders(ministack)
    done = run(ministack, EXAMPLES[0])
    assert done.stderr == ""
    assert done.stdout.startswith("1001 given, 1001 written, 0 superseded, ")
    assert ministack.count(name) == 999
    assert ministack.item(name, {"order_id": {"S": "A0"}}) == {"order_id": {"S": "A0"}, "price": {"N": "9.9"}, "tags": {"SS": ["blue", "new"]}}
    assert ministack.item(name, {"order_id": {"S": "A17"}}) is None


def test_second_example_takes_the_rejected_item(ministack: Engine) -> None:
    """And ends well."""
    orders(ministack)
    done = run(ministack, EXAMPLES[1])
    assert done.stderr == ""
    assert done.stdout.startswith("{'order_id': 'A1', 'price': 9.9} price: column price: found a Python float, expected a value that DynamoDB can hold")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('"no-such-table"', "no table no-such-table in us-east-1 at http"),
        ('"orders", endpoint_url="http://127.0.0.1:9"', "dynamodb:DescribeTable: Could not connect"),
        ('"orders", key={"order_id": "number"}', "2 of 2 items given to table orders were rejected"),
        ('"orders", key={"id": "string"}', "found nothing, expected a string, for the table's key"),
        ('"orders", mode="upsert"', "found mode='upsert', expected put, insert_only, update or newer_wins"),
    ],
)
def test_mistake_of_a_stranger_is_told_in_one_sentence(ministack: Engine, arguments: str, expected: str) -> None:
    """At the end of a traceback, and nothing is written."""
    name = orders(ministack)
    program = f"from headrace.write import table_writer\nwith table_writer({arguments}) as t:\n    t.put({{'order_id': '1'}})\n    t.put({{'order_id': '2'}})\n"
    done = run(ministack, program)
    assert done.returncode == 1
    assert expected in done.stderr.splitlines()[-1]
    assert ministack.count(name) == 0


def test_import_of_the_writer_alone_is_light() -> None:
    """botocore is loaded when a table is opened, and nothing of the author's side ever."""
    program = "import sys, headrace.write; assert 'headrace.table_writer' not in sys.modules; from headrace.write import TableWriter, table_writer; "
    program += "print(sorted({name.partition('.')[0] for name in sys.modules} & {'botocore', 'boto3', 'click', 'yaml', 'pydantic', 'rich'}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout == "[]\n"


def test_name_that_headrace_write_does_not_have_is_an_ordinary_error() -> None:
    """As in any module."""
    with pytest.raises(ImportError, match="cannot import name 'batch_writer'"):
        from headrace.write import batch_writer  # type: ignore[attr-defined]  # noqa: F401, PLC0415
