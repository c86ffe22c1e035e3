"""How a load comes on: a bar on a terminal, now and then a line in a pipe."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from headrace.account.outcome import Counts
from headrace.cli import render
from headrace.ports import SystemClock

LINE_EVERY_S = 5.0


class LoadProgress:
    """Within its ``with`` block, a ``headrace.load.Progress`` that shows what it is told on ``console``. ``counts`` is the latest."""

    def __init__(self, console: Console) -> None:
        self.counts = Counts()
        self._console = console
        self._now = SystemClock().monotonic
        self._started = self._shown = self._now()
        text = "{task.fields[written]:,} written  {task.fields[rejected]:,} rejected  {task.fields[rate]:,.0f} items/s"
        columns = (BarColumn(bar_width=30), DownloadColumn(), TextColumn(text), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=None, written=0, rejected=0, rate=0.0)

    def __enter__(self) -> LoadProgress:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def __call__(self, counts: Counts, bytes_read: int, total_bytes: int) -> None:
        self.counts = counts
        now = self._now()
        rate = counts.written / max(now - self._started, 0.001)
        if self._console.is_terminal:
            self._bar.update(self._task, completed=bytes_read, total=total_bytes or None, written=counts.written, rejected=counts.rejected, rate=rate)
        elif now - self._shown >= LINE_EVERY_S:
            self._shown = now
            share = f"{100 * bytes_read // total_bytes} % of {total_bytes:,} bytes" if total_bytes else f"{bytes_read:,} bytes"
            render.line(self._console, f"{share} read, {counts.written:,} items written, {counts.rejected:,} records rejected, {rate:,.0f} items/s")
