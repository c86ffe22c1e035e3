"""The compiled form of a config: the JSON that the function carries, read at cold start with the standard library alone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import headrace
from headrace.config.model import Config, OnError, Route


def dumps(config: Config) -> str:
    """``config`` as one line of JSON, the same text for the same config: every field is written, also where it has its default.

    Mappings keep their order, because in a table's ``key`` the first attribute is the partition key.
    """
    return json.dumps(_plain(config), separators=(",", ":"))


def loads(text: str) -> Config:
    """The config that ``dumps`` wrote as ``text``; nothing is checked again."""
    config: Config = _built(Config, json.loads(text))
    return config


def carried() -> Config:
    """The config that lies at the root of a function's zip."""
    return loads((Path(headrace.__file__).parent.parent / "headrace.json").read_text())


def config_hash(config: Config) -> str:
    """16 hexadecimal digits that change when the config does, but not with the layout or the comments of its file."""
    return hashlib.sha256(dumps(config).encode("ascii")).hexdigest()[:16]


def rules_hash(config: Config, route: Route) -> str:
    """16 hexadecimal digits that change with whatever decides where the records of an object begin and which items they become.

    How many may be rejected, how fast and how much is loaded, other routes and the function itself decide nothing of that: such a
    change stops no load that is under way.
    """
    limits = replace(config.limits, rejects_bytes_max=0, bytes_per_day=None, records_per_day=None)
    table = replace(config.tables[route.table], max_write_units_per_s=None)
    rules = ascii((replace(route, on_error=OnError()), table, limits))  # a tenth of the time of JSON, at each cold start
    return hashlib.sha256(rules.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:  # Any: a JSON value
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return value


def _built(hint: Any, value: Any) -> Any:  # Any: a type hint and a JSON value
    """``value`` as ``hint`` says. Unions hold only texts, numbers and lists of texts, which are what JSON makes of them."""
    if isinstance(hint, type) and is_dataclass(hint):
        hints = _hints(hint)
        return hint(**{name: _built(hints[name], member) for name, member in value.items()})
    if get_origin(hint) is dict:
        return {name: _built(get_args(hint)[1], member) for name, member in value.items()}
    if get_origin(hint) is list:
        return [_built(get_args(hint)[0], member) for member in value]
    return value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
