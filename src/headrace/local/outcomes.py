"""What the function's log says about loads, as it comes."""

from __future__ import annotations

import json
import threading
from typing import Any


class Outcomes:
    """Collects log events of the function; ``log`` is the ``on_log`` of a FunctionHost. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loads: list[dict[str, Any]] = []

    def log(self, _function: str, _request_id: str, text: str) -> None:
        """Take one log event."""
        entry = _entry(text)
        if entry.get("state") in ("LOADED", "INTERRUPTED", "PARTIAL", "FAILED"):
            with self._lock:
                self._loads.append(entry)

    def loads(self) -> list[dict[str, Any]]:
        """The report of each load so far, oldest first; see ``headrace.account.report.report_line``."""
        with self._lock:
            return list(self._loads)


def _entry(text: str) -> dict[str, Any]:
    try:
        entry = json.loads(text)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def object_key(load: dict[str, Any]) -> str:
    """The key of the object that a load report is about, without bucket and version."""
    return str(load["object"]).partition("/")[2].rpartition("@")[0]
