"""``headrace.yaml`` as a ``Config``, or every mistake in it at once. For authors: the function itself never imports this module."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

from headrace.config.check import check
from headrace.config.model import Config
from headrace.config.paths import child, is_within
from headrace.config.shape import shaped
from headrace.config.yaml_tree import Tree, read_yaml
from headrace.errors import ConfigError, ConfigProblem

FILE_NAME = "headrace.yaml"


def find(start: Path) -> Path | None:
    """The ``headrace.yaml`` in ``start`` or the nearest folder above it."""
    start = start.absolute()
    return next((folder / FILE_NAME for folder in (start, *start.parents) if (folder / FILE_NAME).is_file()), None)


def load(path: Path) -> Config:
    """The config in the file at ``path``; raises ConfigError with all its problems, also when it cannot be read."""
    return parse(read_text(path, "name a config that exists, or begin with a copy of examples/flights/headrace.yaml"), str(path))


def read_text(path: Path, hint: str) -> str:
    """What the file at ``path`` holds; raises ConfigError, with ``hint`` if it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = ConfigProblem("", f"the byte 0x{error.object[error.start]:02x}", "text in UTF-8", "save the file as UTF-8", line)
    except OSError as error:
        problem = ConfigProblem("", (error.strerror or "an error").lower(), "a file to read", hint)
    raise ConfigError(str(path), [problem])


def parse(text: str, source: str) -> Config:
    """The config in ``text``; raises ConfigError, naming ``source``, with all problems in the order of the lines."""
    tree = read_yaml(text)
    if tree.data is None and tree.problems:
        raise ConfigError(source, tree.problems)
    if tree.data is None:
        problem = ConfigProblem("", "an empty file", "`source`, `tables` and `routes`", "begin with a copy of examples/flights/headrace.yaml", 1)
        raise ConfigError(source, [problem])
    data = _without_short_forms(tree.data, tree)
    config, shape_problems, repaired = shaped(data, tree, Config)
    reported = [problem.path for problem in tree.problems]
    problems = tree.problems + [problem for problem in shape_problems if problem.path not in reported]
    if config is not None:
        spoilt = repaired + reported
        rules = [problem for problem in check(config) if not any(is_within(problem.path, path) or is_within(path, problem.path) for path in spoilt)]
        problems += [replace(problem, line=tree.line_of(problem.path)) for problem in rules]
    if config is None or problems:
        raise ConfigError(source, sorted(problems, key=lambda problem: problem.line))
    return config


def _without_short_forms(values: Any, tree: Tree) -> Any:
    """``values`` with ``price: number`` under ``columns`` written out as ``price: {type: number}``, and ``empty: null`` as the policy of that name."""
    data: Any = copy.deepcopy(values)
    routes = data.get("routes") if isinstance(data, dict) else None
    for index, route in enumerate(routes if isinstance(routes, list) else []):
        path = child("routes", index)
        _name_null(route, path, tree)
        columns: Any = route.get("columns") if isinstance(route, dict) else None
        for name, column in columns.items() if isinstance(columns, dict) else []:
            _name_null(column, child(child(path, "columns"), name), tree)
            if isinstance(column, str):
                columns[name] = {"type": column}
    return data


def _name_null(part: Any, path: str, tree: Tree) -> None:
    if isinstance(part, dict) and tree.plain.get(child(path, "empty"), "").lower() == "null":
        part["empty"] = "null"
