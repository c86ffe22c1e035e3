"""Changes, events and questions of the commands that deploy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console

from headrace.cli import render
from headrace.cli.failure import usage
from headrace.deploy.changeset import Change, Event


def show_changes(console: Console, stack: str, changes: Iterable[Change]) -> None:
    """The changes as a table, or that there are none."""
    rows = [(change.action, change.resource, change.type, change.replacement) for change in changes]
    if not rows:
        render.line(console, f"stack {stack}: nothing to change", style="green")
        return
    render.line(console, f"stack {stack}: {len(rows)} {'change' if len(rows) == 1 else 'changes'}", style="bold")
    render.table(console, ("action", "resource", "type", "replacement"), rows)


def show_events(console: Console) -> Callable[[Event], None]:
    """A progress for a deployment: a line for each step of CloudFormation."""

    def show(event: Event) -> None:
        style = "red" if event.status.endswith("_FAILED") else "green" if event.status.endswith("_COMPLETE") else "dim"
        render.line(console, "  ".join(filter(None, [event.status, event.resource, event.type, event.reason])), style=style)

    return show


@contextmanager
def going_on(console: Console, stack: str) -> Iterator[None]:
    """Within this block an interruption tells that CloudFormation does not stop."""
    try:
        yield
    except KeyboardInterrupt:
        render.line(console, f"CloudFormation goes on with the stack {stack} by itself", style="yellow")
        raise


def require_consent(command: str, *, is_given: bool) -> None:
    """Raise USAGE where consent is not given by ``--yes`` and there is no terminal to ask for it."""
    if not is_given and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise usage(f"{command} asks before it changes anything, and here is no terminal to ask on", "add --yes")


def is_agreed(question: str) -> bool:
    """Whether the answer is yes; without an answer it is no."""
    return click.confirm(question, default=False, err=True)
