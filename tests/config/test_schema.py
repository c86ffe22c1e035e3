"""The JSON Schema and the reference page: complete, valid, not stale, and of one mind with the parser."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from headrace.config import model
from headrace.config.parse import parse
from headrace.config.schema import REFERENCE_PATH, SCHEMA_PATH, json_schema, reference, write
from headrace.errors import ConfigError

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "examples/flights/headrace.yaml").read_text(encoding="utf-8")
CLASSES = [model.Config, model.Source, model.Rejects, model.Table, model.Route, model.Column, model.OnError, model.Limits, model.Function]


def is_accepted_by_schema(data: object) -> bool:
    return bool(jsonschema.Draft202012Validator(json_schema()).is_valid(data))


def is_accepted_by_parse(data: object) -> bool:
    try:
        parse(yaml.safe_dump(data, sort_keys=False), "x")
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("path", [SCHEMA_PATH, REFERENCE_PATH])
def test_generated_page_when_generated_again_is_the_same(path: Path, tmp_path: Path) -> None:
    """The pages in docs are those of this code; `python -m headrace.config.schema` writes them."""
    (tmp_path / "docs").mkdir()
    write(tmp_path)
    assert (tmp_path / path).read_text(encoding="utf-8") == (ROOT / path).read_text(encoding="utf-8")


def test_json_schema_is_valid_draft_2020_12() -> None:
    """Editors get a schema that keeps to its own rules."""
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_json_schema_describes_every_field_and_its_default() -> None:
    """Each field of the model has its docstring as description, and its default unless it is required."""
    schema = json_schema()
    for kind in CLASSES:
        definition = schema if kind is model.Config else schema["$defs"][kind.__name__]
        assert list(definition["properties"]) == [field.name for field in fields(kind)]
        for name, about in definition["properties"].items():
            assert about["description"]
            assert "default" in about or name in definition.get("required", []) or (kind, name) == (model.Column, "empty")


def test_reference_names_every_field() -> None:
    """The page cannot forget a setting."""
    page = reference()
    for kind in CLASSES:
        for field in fields(kind):
            assert f"| `{field.name}` |" in page


def test_smallest_config_of_the_reference_parses() -> None:
    """What the page shows works."""
    text = reference().split("The smallest config:")[1].split("```")[1].removeprefix("yaml\n")
    parse(text, "docs/config.md")


def test_schema_and_parse_accept_the_example() -> None:
    """The annotated example has no underlined line in an editor."""
    data = yaml.safe_load(EXAMPLE)
    assert is_accepted_by_schema(data)
    assert is_accepted_by_parse(data)


CHANGES: list[tuple[str, Any, bool]] = [
    ("name", "other", True),
    ("name", 5, False),
    ("name", "a_b", False),
    ("nam", "x", False),
    ("source.bucket", "Upper", False),
    ("source.bucket", None, False),
    ("source.trigger", "direct", True),
    ("source.trigger", "kafka", False),
    ("rejects.bucket", "", True),
    ("rejects.bucket", "no", False),
    ("rejects.retention_days", 0, False),
    ("tables.flights.key", {}, False),
    ("tables.flights.key", {"a": "string", "b": "string", "c": "string"}, False),
    ("tables.flights.key.sk", "text", False),
    ("tables.flights.name", "a", False),
    ("tables.flights.existing", True, True),
    ("tables.flights.existing", "yes", False),
    ("tables.flights.max_write_units_per_s", 1, True),
    ("tables.flights.max_write_units_per_s", None, True),
    ("tables.flights.max_write_units_per_s", 0, False),
    ("routes", [], False),
    ("routes.0.name", "a/b", False),
    ("routes.0.match", "/incoming/**", False),
    ("routes.0.match", "", False),
    ("routes.0.format", "parkett", False),
    ("routes.0.columns.dest", "binary", True),
    ("routes.0.columns.dest", "text", False),
    ("routes.0.columns.dest", {"type": "list", "separator": ";"}, True),
    ("routes.0.columns.dest", {"typ": "list"}, False),
    ("routes.0.columns.dest", {"empty": "null"}, True),
    ("routes.0.columns.dest", {"empty": None}, True),
    ("routes.1.empty", "null", True),
    ("routes.1.empty", None, True),
    ("routes.0.columns", [], False),
    ("routes.0.key.pk", "", False),
    ("routes.0.constants", {"a": 1, "b": "x", "c": True}, True),
    ("routes.0.constants", {"a": 1.5}, False),
    ("routes.0.constants", {"a": None}, False),
    ("routes.0.null_values", [1], False),
    ("routes.0.on_error", {"max_rejects": None}, True),
    ("routes.0.on_error", {"max_rejects": -1}, False),
    ("limits", {"record_bytes_max": 16_777_217}, False),
    ("function.timeout_s", 900, True),
    ("function.timeout_s", 901, False),
    ("function.timeout_s", "60", False),
    ("function.log_retention_days", 31, False),
    ("function.log_retention_days", 30, True),
]


@pytest.mark.parametrize(("place", "value", "is_good"), CHANGES)
def test_schema_and_parse_of_a_changed_example_agree(place: str, value: Any, is_good: bool) -> None:
    """An editor underlines what `headrace check` refuses, as far as a schema can know it."""
    data: Any = yaml.safe_load(EXAMPLE)
    *holders, last = place.split(".")
    part = data
    for holder in holders:
        part = part[int(holder)] if holder.isdigit() else part[holder]
    part[last] = value
    assert (is_accepted_by_schema(data), is_accepted_by_parse(data)) == (is_good, is_good)


def test_schema_on_disk_is_plain_json() -> None:
    """Any tool can read it."""
    assert json.loads((ROOT / SCHEMA_PATH).read_text(encoding="utf-8"))["$schema"].endswith("2020-12/schema")
