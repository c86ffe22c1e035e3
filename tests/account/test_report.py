"""Rules of ``headrace.account.report``: one line per load that people, programs and CloudWatch can read."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from headrace.account.metrics_page import metrics_page
from headrace.account.outcome import Outcome
from headrace.account.report import METRICS, NAMESPACE, report_line

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
LOADED = Outcome(
    "landing/a.csv@v1",
    "orders",
    "orders-table",
    "LOADED",
    10,
    6,
    1,
    2,
    1,
    0,
    0,
    3,
    25,
    6.5,
    {"hot_key": 2},
    1234,
    0.75,
    rejects="s3://rejects/orders/a.csv/v1.jsonl",
)
FAILED = dataclasses.replace(LOADED, state="FAILED", written=2, unknown=4, error="OBJECT_CHANGED", message="changed while read", hint="none", retryable=True)

UNITS = {"Count", "Bytes", "Seconds"}
EMF: dict[str, Any] = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 0},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "array", "maxItems": 30, "items": {"type": "string", "minLength": 1, "maxLength": 250}},
                            },
                            "Metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {"Name": {"type": "string", "minLength": 1, "maxLength": 1024}, "Unit": {"enum": sorted(UNITS)}},
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
"""The rules of CloudWatch's embedded metric format (CloudWatch_Embedded_Metric_Format_Specification, 2026-11), narrowed to the units used here."""


def line_of(outcome: Outcome) -> dict[str, Any]:
    line = report_line(outcome, stack="headrace-prod", request_id="c6af9ac6-7b61", now=1795208640.1239)
    assert line.isascii() and "\n" not in line
    fields: dict[str, Any] = json.loads(line)
    return fields


@pytest.mark.parametrize("outcome", [LOADED, FAILED, dataclasses.replace(LOADED, route="")])
def test_report_line_of_any_outcome_is_valid_embedded_metric_format(outcome: Outcome) -> None:
    """CloudWatch drops what breaks the format without telling anyone: every metric and dimension named is a member of the right type."""
    fields = line_of(outcome)
    jsonschema.validate(fields, EMF)
    (directive,) = fields["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    for metric in directive["Metrics"]:
        assert type(fields[metric["Name"]]) in (int, float)
    for name in {name for dimensions in directive["Dimensions"] for name in dimensions}:
        assert isinstance(fields[name], str) and 1 <= len(fields[name]) <= 1024
    assert fields["_aws"]["Timestamp"] == 1795208640123


def test_report_line_of_a_load_has_each_metric_once_with_its_value() -> None:
    """The metrics are those of the table, with the counts of the load."""
    fields = line_of(LOADED)
    values: dict[str, float] = {"RecordsRead": 10, "RecordsWritten": 6, "RecordsRejected": 1, "RecordsFiltered": 2, "RecordsSuperseded": 1, "BytesRead": 1234}
    values |= {"LoadSeconds": 0.75, "WriteUnits": 6.5, "ItemsUnprocessed": 25}
    values |= {"CallsThrottled": 2, "CallsThrottledByHotKey": 2, "CallsThrottledByOwnCap": 0, "CallsThrottledByAccount": 0, "CallsThrottledByIndex": 0}
    values["LoadsFailed"] = 0
    assert {metric.name: fields[metric.name] for metric in METRICS} == values
    assert [metric["Name"] for metric in fields["_aws"]["CloudWatchMetrics"][0]["Metrics"]] == list(values)
    assert fields["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stack"], ["Stack", "Route"]]
    assert (fields["Stack"], fields["Route"]) == ("headrace-prod", "orders")


def test_report_line_of_a_throttled_load_tells_the_reasons_apart() -> None:
    """Each kind has its metric; the table's own capacity is what is left of the sum."""
    fields = line_of(dataclasses.replace(LOADED, throttles={"hot_key": 1, "own_cap": 2, "account": 4, "index": 8, "table": 16}))
    found = {name.removeprefix("CallsThrottled"): count for name, count in fields.items() if name.startswith("CallsThrottled")}
    assert found == {"": 31, "ByHotKey": 1, "ByOwnCap": 2, "ByAccount": 4, "ByIndex": 8}


@pytest.mark.parametrize(
    ("outcome", "level", "failed"),
    [(dataclasses.replace(LOADED, rejected=0), "INFO", 0), (LOADED, "WARN", 0), (FAILED, "ERROR", 1)],
)
def test_report_line_of_an_outcome_tells_its_level(outcome: Outcome, level: str, failed: int) -> None:
    """A failed load is an error, rejected records are a warning."""
    fields = line_of(outcome)
    assert (fields["level"], fields["LoadsFailed"]) == (level, failed)


def test_report_line_of_an_outcome_gives_the_outcome_back() -> None:
    """The line holds every field of the outcome by its name, so programs can read loads out of the log."""
    fields = line_of(FAILED)
    assert Outcome(**{field.name: fields[field.name] for field in dataclasses.fields(Outcome)}) == FAILED
    assert fields["request_id"] == "c6af9ac6-7b61"


def test_report_line_without_a_route_counts_for_the_stack_only() -> None:
    """CloudWatch refuses a dimension without a value, and the metrics with it."""
    assert line_of(dataclasses.replace(LOADED, route=""))["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stack"]]


def test_report_line_of_an_impossible_number_raises() -> None:
    """NaN is no JSON: better an error here than metrics that silently stop."""
    with pytest.raises(ValueError, match="JSON"):
        line_of(dataclasses.replace(LOADED, seconds=float("nan")))


def test_metrics_table_names_each_metric_once_and_says_what_to_do() -> None:
    """Every metric has a name of its own, a unit of CloudWatch, a meaning and an action."""
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.unit in UNITS
        assert metric.meaning.endswith(".") and metric.action.endswith(".")


def test_metrics_page_in_docs_is_current() -> None:
    """To write it: python -m headrace.account.metrics_page"""
    assert PAGE.read_text(encoding="utf-8") == metrics_page()
