"""How messages name a place in a config, and the nearest known name for a wrong one."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable


def child(path: str, part: str | int) -> str:
    """The path of a member: ``routes[0]``, ``routes[0].columns.price``, ``routes[0].columns["unit price"]``."""
    if isinstance(part, int):
        return f"{path}[{part}]"
    if not re.fullmatch(r"[\w-]+", part):
        return f"{path}[{json.dumps(part, ensure_ascii=False)}]"
    return f"{path}.{part}" if path else part


def parent(path: str) -> str:
    """The path of what holds ``path``; ``""`` is the whole file."""
    return re.sub(r'(\.?[\w-]+|\[\d+\]|\["(?:[^"\\]|\\.)*"\])\Z', "", path)


def is_within(path: str, other: str) -> bool:
    """Whether ``path`` is ``other`` or a place inside of it."""
    return path == other or not other or (path.startswith(other) and path[len(other)] in ".[")


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that ``name`` was probably meant to be, whatever its case; ``""`` if none is near."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else ""


def nearest_hint(name: str, known: Iterable[str], otherwise: str) -> str:
    """The hint to write the nearest known name, or ``otherwise`` if none is near."""
    near = nearest(name, known)
    return f"write `{near}`" if near else otherwise


def listed(names: Iterable[str]) -> str:
    """Names for an expectation: ``\\`a\\`, \\`b\\` or \\`c\\```, cut after ten."""
    quoted = [f"`{name}`" for name in names]
    if len(quoted) > 12:
        quoted = [*quoted[:10], f"one of {len(quoted) - 10} more"]
    return " or ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]])) if quoted else "none"
