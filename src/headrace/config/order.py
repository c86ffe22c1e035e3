"""Whether the order of records counts beyond a chunk."""

from __future__ import annotations

from headrace.config.model import Route


def is_ordered(route: Route) -> bool:
    """Whether the last record of a key in the file has to win although chunks are loaded in any order."""
    return route.order == "file" or bool(route.operation)
