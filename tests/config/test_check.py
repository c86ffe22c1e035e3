"""Every rule of a config with an example that breaks it, and the problem that is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.config.check import check
from headrace.config.parse import parse
from headrace.errors import ConfigError, ConfigProblem

BASE = """
name: demo
source: {bucket: my-files}
tables:
  orders: {key: {pk: string, sk: number}}
routes:
  - name: orders
    match: orders/**.csv
    format: csv
    table: orders
    key: {pk: "order#{order_id}"}
    columns:
      order_id: string
      line: {type: number, name: sk}
      price: number
      tags: string
"""

ROUTE = "routes.0."
SECOND = {"name": "second", "format": "csv", "table": "orders", "key": {"pk": "{a}", "sk": "{a}"}, "columns": {"a": "number"}}

RULES = yaml.safe_load((Path(__file__).parent / "broken_rules.yaml").read_text(encoding="utf-8"))


def changed(place: str, value: Any) -> str:
    """BASE as YAML with ``value`` put at ``place``."""
    data: Any = yaml.safe_load(BASE)
    *holders, last = place.split(".")
    part = data
    for holder in holders:
        part = part[int(holder)] if holder.isdigit() else part[holder]
    if value == "__remove__":
        del part[last]
    elif isinstance(part, list):
        part.insert(int(last), value)
    else:
        part[last] = value
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)


def problems_of(text: str) -> list[ConfigProblem]:
    try:
        parse(text, "headrace.yaml")
    except ConfigError as error:
        return error.problems
    return []


def test_base_of_the_examples_is_a_config_without_problems() -> None:
    """Each example below breaks one rule of a config that breaks none."""
    assert problems_of(BASE) == []
    assert check(parse(BASE, "x")) == []


@pytest.mark.parametrize("rule", RULES, ids=[f"{rule['change']}-{index}" for index, rule in enumerate(RULES)])
def test_check_of_a_broken_rule_tells_exactly_that(rule: dict[str, Any]) -> None:
    """One broken rule is one problem, with its path, what was found and expected, and a next action."""
    problems = problems_of(changed(rule["change"], rule["to"]))
    assert [problem.path for problem in problems] == [rule["path"]], problems
    problem = problems[0]
    assert problem.found.startswith(rule["found"])
    assert problem.expected.startswith(rule["expected"])
    assert problem.hint.startswith(rule["hint"])
    assert problem.line > 0


JSONL = changed("routes.0.format", "jsonl")


@pytest.mark.parametrize(
    ("line", "path", "found"), [("delimiter: ';'", "routes[0].delimiter", "`delimiter` with"), ("header: [a]", "routes[0].header", "`header` with")]
)
def test_check_of_a_csv_setting_with_jsonl_tells_that_it_has_no_use(line: str, path: str, found: str) -> None:
    """Delimiter and header are of CSV and TSV only."""
    problems = problems_of(JSONL.replace("- name: orders", f"- {line}\n  name: orders"))
    assert [(problem.path, problem.hint[:15]) for problem in problems] == [(path, "remove the line")]
    assert problems[0].found.startswith(found)


@pytest.mark.parametrize(
    ("column", "path"), [({"name": "expires", "type": "string"}, "routes[0].columns.price.type"), ({"name": "expires", "type": "timestamp"}, "")]
)
def test_check_of_a_time_to_live_column_wants_a_time(column: dict[str, str], path: str) -> None:
    """DynamoDB ignores a time to live that is no number."""
    text = changed("routes.0.columns.price", column).replace("sk: number\n", "sk: number\n    ttl: expires\n")
    assert [problem.path for problem in problems_of(text) if problem.path.startswith("routes")] == ([path] if path else [])


def test_check_of_a_time_to_live_constant_wants_a_whole_number() -> None:
    """A constant may give the time to live, as a number of epoch seconds."""
    for value, count in (("1700000000", 0), ("'1700000000'", 2), ("true", 2)):
        text = BASE.replace("sk: number}}", "sk: number}, ttl: expires}").replace("    columns:", f"    constants: {{expires: {value}}}\n    columns:")
        assert len(problems_of(text)) == count


FINE = [
    (ROUTE + "other_columns", "keep", "key.pk", "order#{anything}"),
    (ROUTE + "key.pk", "{{order}}{order_id:05}", "", None),
    (ROUTE + "columns.order_id", "drop", "", None),
    (ROUTE + "columns.line.empty", "omit", "", None),
    (ROUTE + "columns.tags", {"type": "number_set", "separator": ", "}, "", None),
    (ROUTE + "columns.", "drop", "", None),
    (ROUTE + "columns.tags", {"type": "timestamp", "format": "%d.%m.%Y %H:%M:%S"}, "", None),
    (ROUTE + "columns.tags", {"type": "timestamp", "format": "epoch_ms"}, "", None),
    (ROUTE + "columns.tags", {"type": "binary", "format": "hex"}, "", None),
    (ROUTE + "delimiter", "\t", "", None),
    (ROUTE + "transform", "cleaning.orders:clean", "", None),
    (ROUTE + "on_error", {"max_rejects": None}, "", None),
    (ROUTE + "header", ["order_id", "line", "price", "tags"], "", None),
    ("routes.1", {**SECOND, "match": "orders/*.json"}, "", None),
    ("routes.0", {**SECOND, "match": "orders/*.csv"}, "", None),
    ("routes.0", {**SECOND, "match": "x", "mode": "delete"}, "", None),
    (ROUTE + "mode", "insert_only", "", None),
    (ROUTE + "mode", "update", "", None),
    (ROUTE + "operation", "op", "", None),
    (
        "routes.0",
        {**SECOND, "match": "x", "mode": "newer_wins", "newer_by": "v", "columns": {"a": "number", "t": {"type": "timestamp", "name": "v"}}},
        "",
        None,
    ),
    ("routes.0", {**SECOND, "match": "x", "header": ["op", "a"], "operation": "op"}, "", None),
    ("routes.0", {**SECOND, "match": "x", "header": ["a"], "operation": "op", "transform": "cleaning:clean"}, "", None),
]


@pytest.mark.parametrize(("place", "value", "also", "template"), FINE)
def test_check_of_a_good_setting_tells_nothing(place: str, value: Any, also: str, template: str | None) -> None:
    """The rules refuse nothing that works."""
    text = changed(place, value)
    if also:
        text = text.replace("order#{order_id}", str(template))
    assert problems_of(text) == []


def with_parquet(memory_mb: int, **limits: int) -> str:
    data: Any = yaml.safe_load(BASE)
    data["routes"][0]["format"] = "parquet"
    return yaml.safe_dump(data | {"function": {"memory_mb": memory_mb}, "limits": limits})


def test_check_of_memory_that_a_reader_may_fill_says_how_much_is_needed() -> None:
    """A format with a library needs room for its process; n - 1 and n, with the reader's limit as it is and as it is set."""
    assert problems_of(changed("function", {"memory_mb": 128})) == []
    for least, limits in ((448, {}), (320, {"reader_bytes_max": 64 << 20}), (322, {"reader_bytes_max": (64 << 20) + 1})):
        assert problems_of(with_parquet(least, **limits)) == []
        problem = problems_of(with_parquet(least - 1, **limits))[0]
        assert (problem.path, problem.found) == ("function.memory_mb", str(least - 1))
        assert problem.expected.startswith(f"at least {least}, because route orders reads parquet with up to limits.reader_bytes_max")
