"""From items to acknowledged calls. Usable alone: ``from headrace.write import table_writer``, see docs/write.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.table_writer import ItemsRejected, RejectedItem, Report, TableWriter, table_writer

__all__ = ["ItemsRejected", "RejectedItem", "Report", "TableWriter", "table_writer"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import headrace.table_writer  # noqa: PLC0415 - it joins stages, and the function does without it

    return getattr(headrace.table_writer, name)
