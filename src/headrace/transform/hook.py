"""The user's own function: ``module:function`` from the config, called once for each record."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from headrace.errors import ConfigError, ConfigProblem, RecordError, shortened

Transform = Callable[[dict[str, Any]], Mapping[str, Any] | None]


def load_transform(spec: str, route: str) -> Transform:
    """The transform function of a route, safe to call: whatever it raises or returns becomes a mapping, None or a RecordError.

    Raises ConfigError when the module or the function is not there.
    """
    module_name, _, name = spec.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), name)
        if not callable(function):
            raise TypeError(f"{name} is a {type(function).__name__}")
    except Exception as error:  # the module is the user's: anything may happen at its import
        problem = ConfigProblem(
            f"routes.{route}.transform", f"{spec!r}: {type(error).__name__}: {error}", "a function that can be imported", "put the module beside headrace.yaml"
        )
        raise ConfigError("headrace.yaml", [problem]) from error

    def transform(record: dict[str, Any]) -> Mapping[str, Any] | None:
        try:
            result = function(record)
            items = dict(result) if isinstance(result, Mapping) else result  # whatever kind of mapping it was, a dict behaves
        except RecordError:
            raise
        except (Exception, SystemExit) as error:  # a record that the user's code cannot handle is rejected, never lost
            raise RecordError(
                "TRANSFORM_FAILED", found=f"{type(error).__name__}: {shortened(_said(error), 200)}", expected=f"{spec} to return the record or None"
            ) from error
        if items is not None and not isinstance(items, dict):
            raise RecordError("TRANSFORM_FAILED", found=f"a {type(items).__name__}", expected=f"{spec} to return a dict or None")
        return items

    return transform


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # the error is the user's too
        return "(it cannot be shown)"


def for_rows(transform: Transform, header: list[str]) -> Callable[[list[str]], Mapping[str, Any] | None]:
    """``transform`` for rows of a CSV with these names in its header."""

    def named(row: list[str]) -> Mapping[str, Any] | None:
        if len(row) != len(header):
            raise RecordError("FIELD_COUNT", found=f"{len(row)} fields", expected=f"{len(header)}, as in the header")
        return transform(dict(zip(header, row, strict=True)))

    return named
