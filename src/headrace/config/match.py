"""Which route an object's key belongs to.

A pattern is the whole key, from its first character: ``*`` stands for any characters but ``/``, ``**`` for any characters, ``?`` for one
character but ``/``; everything else is literal, ``[`` and ``\\`` too. So ``in/**.csv`` takes ``in/a.csv`` and ``in/2024/a.csv``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from headrace.config.model import TYPED_FORMATS, Route

_NO_DATA = re.compile(r"(?:.*/)?AWSDynamoDB/(?:[^/]+/)?(?:_started|manifest-(?:files|summary)\.(?:json|md5|checksum))", re.DOTALL)


def route_for(routes: Iterable[Route], key: str) -> Route | None:
    """The first route whose pattern matches ``key``, or None; None too if that reads exports of DynamoDB and ``key`` is no data of one."""
    route = next((route for route in routes if match(route.match, key)), None)
    return None if route and route.format in TYPED_FORMATS and is_no_data(key) else route


def is_no_data(key: str) -> bool:
    """Whether ``key`` is what an export of DynamoDB writes beside its data: manifests, their checksums, and a mark of its beginning.

    Developer guide, S3DataExport.Output, 2026-11. The checksums are called ``.checksum`` there and ``.md5`` by the service.
    """
    return _NO_DATA.fullmatch(key) is not None


def match(pattern: str, key: str) -> bool:
    """Whether ``pattern`` matches the whole of ``key``, in time proportional to the length of ``key`` whatever the pattern.

    All ways through the pattern are followed at once, one bit each, because a backtracking regex takes hours on ``*a*a*a*a*a*a*b``.
    """
    if pattern == "**":
        return True
    compiled = _compiled(pattern)
    reached = 1 | ((compiled.stars & 1) << 1)
    for character in key:
        folder_end = character == "/"
        taken = compiled.literals.get(character, 0)
        if not folder_end:
            taken |= compiled.single
        stays = compiled.across if folder_end else compiled.stars
        reached = ((reached & taken) << 1) | (reached & stays)
        if not reached:
            return False
        reached |= (reached & compiled.stars) << 1
    return bool(reached & compiled.end)


def literal_prefix(pattern: str) -> str:
    """What every matching key begins with: the pattern up to its first ``*`` or ``?``, the whole of it if it has neither."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def fewest_prefixes(prefixes: Iterable[str]) -> list[str]:
    """Those of ``prefixes`` that begin with none of the others, in order: together they hold the same keys, each once."""
    kept: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return kept


class _Compiled(NamedTuple):
    """Bit *i* of a mask is the *i*-th token of the pattern."""

    literals: dict[str, int]
    single: int  # ?
    across: int  # **
    stars: int  # * and **
    end: int


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> _Compiled:
    literals: dict[str, int] = {}
    single = across = within = 0
    bit = 1
    for token in re.findall(r"\*+|[^*]", pattern, re.DOTALL):
        if token == "*":
            within |= bit
        elif token[0] == "*":
            across |= bit
        elif token == "?":
            single |= bit
        else:
            literals[token] = literals.get(token, 0) | bit
        bit <<= 1
    return _Compiled(literals, single, across, within | across, bit)
