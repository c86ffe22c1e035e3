"""The compiled form of a config."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.config.compiled import config_hash, dumps, loads, rules_hash
from headrace.config.model import Column, Config, Function, Limits, OnError, Route, Source, Table

CONFIG = Config(
    source=Source("in"),
    tables={"flights": Table({"pk": "string", "sk": "string"})},
    routes=[Route("r", "**.csv", "csv", "flights", columns={"b": Column("number"), "a": Column(empty="null")}, header=["a", "b"])],
)


st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.from_type(Config))
def test_loads_of_dumps_of_any_config_gives_the_config_back(config: Config) -> None:
    """Nothing is lost on the way into the function, the order of mappings included."""
    again = loads(dumps(config))
    assert again == config
    assert dumps(again) == dumps(config)


def test_loads_of_dumps_keeps_the_order_of_table_keys() -> None:
    """The first attribute of a table's key is the partition key, whatever the alphabet says."""
    config = dataclasses.replace(CONFIG, tables={"t": Table({"z": "string", "a": "number"})})
    assert list(loads(dumps(config)).tables["t"].key) == ["z", "a"]


def test_dumps_writes_every_field_on_one_line() -> None:
    """Defaults are written out, so that a later version with other defaults reads the same config."""
    text = dumps(CONFIG)
    assert "\n" not in text
    assert json.loads(text)["routes"][0]["on_error"] == {"action": "continue", "max_rejects": 1000, "max_reject_percent": None}


def test_config_hash_when_a_default_is_spelled_out_stays_the_same() -> None:
    """The hash is of what the config means."""
    assert config_hash(CONFIG) == config_hash(dataclasses.replace(CONFIG, name="headrace"))
    assert config_hash(CONFIG) != config_hash(dataclasses.replace(CONFIG, name="other"))
    assert len(config_hash(CONFIG)) == 16


def test_import_of_the_compiled_form_loads_no_authoring_library() -> None:
    """The function's cold start pays for neither YAML nor pydantic nor botocore."""
    script = (
        "import sys, headrace.config.compiled, headrace.config.match, headrace.config.model\n"
        "print([name for name in ('yaml', 'pydantic', 'botocore', 'boto3', 'headrace.config.parse', 'headrace.cli') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


RULES = {
    "column": lambda: _with_route(columns={"id": Column("number")}),
    "format": lambda: _with_route(format="tsv"),
    "order": lambda: _with_route(order="file"),
    "transform": lambda: _with_route(transform="mod:other"),
    "table's key": lambda: dataclasses.replace(
        CONFIG, tables={name: dataclasses.replace(table, key={"other": "string"}) for name, table in CONFIG.tables.items()}
    ),
    "limit of a record": lambda: dataclasses.replace(CONFIG, limits=Limits(record_bytes_max=77)),
}
REST = {
    "on_error": lambda: _with_route(on_error=OnError("abort")),
    "function": lambda: dataclasses.replace(CONFIG, function=Function(memory_mb=512)),
    "limit of a day": lambda: dataclasses.replace(CONFIG, limits=dataclasses.replace(CONFIG.limits, bytes_per_day=1)),
    "budget": lambda: dataclasses.replace(CONFIG, tables={n: dataclasses.replace(table, max_write_units_per_s=7) for n, table in CONFIG.tables.items()}),
    "another route": lambda: dataclasses.replace(CONFIG, routes=[*CONFIG.routes, dataclasses.replace(CONFIG.routes[0], name="another")]),
}


def _with_route(**changes: Any) -> Config:
    return dataclasses.replace(CONFIG, routes=[dataclasses.replace(CONFIG.routes[0], **changes), *CONFIG.routes[1:]])


@pytest.mark.parametrize("change", RULES)
def test_rules_hash_when_what_decides_items_changes_is_another(change: str) -> None:
    """Chunks of one object by two of these would be neither."""
    changed = RULES[change]()
    assert rules_hash(changed, changed.routes[0]) != rules_hash(CONFIG, CONFIG.routes[0])


@pytest.mark.parametrize("change", REST)
def test_rules_hash_when_anything_else_changes_stays_the_same(change: str) -> None:
    """What is being loaded goes on."""
    changed = REST[change]()
    assert changed != CONFIG
    assert rules_hash(changed, changed.routes[0]) == rules_hash(CONFIG, CONFIG.routes[0])
