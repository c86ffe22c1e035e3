"""The faults that ``headrace dev --faults`` injects, as they happen and in sum."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

import click
from rich.console import Console

from headrace.cli import render
from headrace.local.fault_proxy import Fault, FaultProxy, Rule


class FaultView:
    """Shows what the proxy that ``open_proxy`` makes does by ``rules``, with ``as_json`` as lines on stdout."""

    def __init__(self, console: Console, rules: list[Rule], *, as_json: bool) -> None:
        self._console = console
        self._rules = rules
        self._as_json = as_json
        self._faults: SimpleQueue[Fault] = SimpleQueue()
        self._proxy: FaultProxy | None = None

    def open_proxy(self, port: int, upstream: str) -> FaultProxy:
        """A proxy on ``port`` that passes everything until ``begin``."""
        self._proxy = FaultProxy(upstream, port=port, on_fault=self._faults.put)
        return self._proxy

    def begin(self) -> None:
        """Put the rules into force."""
        if self._proxy:
            self._proxy.inject(*self._rules)

    def show(self) -> None:
        """Print the faults since the last time."""
        while True:
            try:
                fault = self._faults.get_nowait()
            except Empty:
                return
            if self._as_json:
                at = datetime.fromtimestamp(fault.at, UTC).isoformat(timespec="milliseconds")
                click.echo(json.dumps({"fault": fault.what, "operation": fault.operation, "rule": fault.rule, "call": fault.number, "at": at}))
            else:
                at = time.strftime("%H:%M:%S", time.localtime(fault.at))
                render.line(self._console, f"{at} fault {fault.operation}: {fault.what} (rule {fault.rule}, call {fault.number:,})", style="magenta")

    def show_sum(self) -> None:
        """Print the faults that are left, and how many calls each rule matched and failed."""
        self.show()
        if self._as_json:
            click.echo(json.dumps({"rules": [{"rule": rule.name, "matched": rule.matched, "failed": rule.injected} for rule in self._rules]}))
            return
        render.table(self._console, ("rule", "operation", "calls matched", "failed"), [(r.name, r.operation, r.matched, r.injected) for r in self._rules])
        for rule in self._rules:
            if not rule.matched:
                render.line(
                    self._console, f"rule {rule.name} matched no call: compare its operation, path, text and times with what was called", style="yellow"
                )
