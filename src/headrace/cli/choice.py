"""By which route a file is loaded: one of the config, or one made from the file itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.cli.failure import usage
from headrace.cli.options import read_config
from headrace.cli.sample import Sample, guessed_route, take_sample
from headrace.cli.source import Source
from headrace.config import parse
from headrace.config.check_dialect import FORMATS_WITH
from headrace.config.infer import Inferred, guessed_key, inferred_config
from headrace.config.match import match
from headrace.config.model import Config, KeyType, Route
from headrace.config.paths import listed, nearest_hint
from headrace.errors import HeadraceError, shortened
from headrace.ports import ObjectRef
from headrace.transform.hook import load_transform

ReadKey = Callable[[str, Mapping[str, KeyType] | None], Mapping[str, KeyType]]
"""From a table's name, and the key that is expected of it if one is, to the key that it has."""


@dataclass(frozen=True)
class Asked:
    """What the command line says about the route. ``key`` is as written: ``pk`` or ``pk:sk``."""

    table: str | None
    key: str | None
    route: str | None
    config_path: Path | None


@dataclass(frozen=True)
class Choice:
    """A route, the config around it, and the object. ``sample`` is what a route without a config was made from, ``path`` the config otherwise."""

    ref: ObjectRef
    config: Config
    route: Route
    sample: Sample | None = None
    path: Path | None = None


def choose(source: Source, asked: Asked, read_key: ReadKey | None) -> Choice:
    """The route for ``source``. Without ``read_key`` there is no table to be asked: the key is guessed from the data.

    Raises USAGE when options contradict each other, ConfigError, and what reading the object or the table raises.
    """
    is_configured = bool(asked.route or asked.config_path or parse.find(Path.cwd()))
    if asked.table is None and (read_key is not None or (asked.key is None and is_configured)):
        return _from_config(source, asked)
    if asked.route or asked.config_path:
        raise usage("--table and --key are for a load without a config, --route and --config for one with it", "leave out one pair")
    return _from_sample(source, asked.table or "preview", asked.key, read_key)


def described(key: Mapping[str, KeyType]) -> str:
    """The key in words: ``pk (string), sk (number)``."""
    return ", ".join(f"{name} ({kind})" for name, kind in key.items())


def _from_config(source: Source, asked: Asked) -> Choice:
    if asked.key is not None:
        raise usage("--key without --table", "add --table TABLE, or leave out --key: a config says the key itself")
    if not asked.config_path and not parse.find(Path.cwd()):
        hint = "add --table TABLE --key KEY (types are inferred then), or name a config with --config PATH"
        raise usage(f"no {parse.FILE_NAME} in {Path.cwd()} or above, and no --table", hint)
    config, path = read_config(asked.config_path)
    route = _named(config, asked.route) if asked.route else _matching(config, source, path)
    if route.transform:
        sys.path.insert(0, str(path.absolute().parent))
        with redirect_stdout(sys.stderr):
            load_transform(route.transform, route.name)  # so that its problem is told whole, before anything is read
    return Choice(source.ref, config, route, path=path)


def _named(config: Config, name: str) -> Route:
    names = [route.name for route in config.routes]
    if name not in names:
        raise usage(f"--route: found {name!r}, expected {listed(names)}", nearest_hint(name, names, "name one of these"))
    return config.routes[names.index(name)]


def _matching(config: Config, source: Source, config_path: Path) -> Route:
    """The first route that takes the key of an object, or any end of the path of a file."""
    ends = _path_ends(source.ref.key, config_path) if source.is_file else [source.ref.key]
    for route in config.routes:
        if any(match(route.match, end) for end in ends):
            return route
    patterns = ", ".join(f"{route.name} ({route.match})" for route in config.routes)
    raise usage(f"no route matches {ends[0]}: {patterns}", "name the route with --route NAME")


def _path_ends(text: str, config_path: Path) -> list[str]:
    """The path below the config's folder, or as it was written for a file elsewhere, and what is left of it as folders are taken off its front."""
    path, home = Path(text).resolve(), config_path.resolve().parent
    parts = path.relative_to(home).parts if path.is_relative_to(home) else [part for part in Path(text).parts if part not in (".", "..", Path(text).anchor)]
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _from_sample(source: Source, table: str, key: str | None, read_key: ReadKey | None) -> Choice:
    sample = take_sample(source)
    expected = key.split(":") if key is not None else []
    if key is not None and (not 1 <= len(expected) <= 2 or not all(expected)):
        raise usage(f"--key: found {key!r}, expected pk or pk:sk", "name one or two columns, with a colon between them")
    guessed = guessed_key(expected, sample.inferred)
    found = read_key(table, guessed or None) if read_key else guessed
    if expected and list(found) != expected:
        raise usage(f"--key: found {key}, expected {':'.join(found)}, the key of table {table}", f"write --key {':'.join(found)}, or leave it out")
    missing = [name for name in found if name not in sample.names]
    if missing and sample.names:
        raise _columns_missing(missing, sample.names, is_own=bool(expected))
    inferred = sample.inferred if sample.rows is not None else Inferred({}, [], [])
    lenient: dict[str, Any] = {} if found else {"duplicate_names": "last", "other_values": "wrap"}
    config = inferred_config(table, key=found, route=guessed_route(sample.guess, **_of_format(sample.format, lenient)), inferred=inferred)
    return Choice(sample.ref, config, config.routes[0], sample=sample)


def _of_format(form: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Those of ``settings`` that ``form`` has."""
    return {name: value for name, value in settings.items() if form in FORMATS_WITH[name]}


def _columns_missing(missing: list[str], names: list[str], *, is_own: bool) -> HeadraceError:
    """``is_own`` if the user named the key columns, false if the table did."""
    made = 'rename the column in the file, or make the key from other columns with a config: `key: {pk: "order#{id}"}`'
    hint = nearest_hint(missing[0], names, made) if is_own else made
    columns = ", ".join(shortened(name, 40) for name in names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return usage(f"the key is made from {' and '.join(missing)}, but the columns of the file are {columns}", hint)
