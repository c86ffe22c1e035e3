"""The compiled form of a config: the JSON that the function carries, read at cold start with the standard library alone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from headrace.config.model import Config


def dumps(config: Config) -> str:
    """``config`` as one line of JSON, the same text for the same config: every field is written, also where it has its default.

    Mappings keep their order, because in a table's ``key`` the first attribute is the partition key.
    """
    return json.dumps(_plain(config), separators=(",", ":"))


def loads(text: str) -> Config:
    """The config that ``dumps`` wrote as ``text``; nothing is checked again."""
    config: Config = _built(Config, json.loads(text))
    return config


def config_hash(config: Config) -> str:
    """16 hexadecimal digits that change when the config does, but not with the layout or the comments of its file."""
    return hashlib.sha256(dumps(config).encode("ascii")).hexdigest()[:16]


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
