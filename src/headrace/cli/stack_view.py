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
from headrace.errors import HeadraceError


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


def require_no_messages(waiting: dict[str, int], *, is_given: bool, is_asked: bool) -> None:
    """Say which queues would go with messages in them; where nobody is asked, raise MESSAGES_WAITING unless the consent ``is_given``."""
    if not waiting:
        return
    text = ", ".join(f"{queue} ({count} {'message' if count == 1 else 'messages'})" for queue, count in waiting.items())
    if is_asked:
        render.line(render.stderr(), f"DELETES QUEUES WITH WHAT IS IN THEM: {text}", style="bold red")
    elif not is_given:
        hint = "wait until they are loaded, or take them out; to delete them give --delete-messages"
        raise HeadraceError("MESSAGES_WAITING", f"about to delete queues that are not empty: {text}", hint=hint)


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
    if not is_given and not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise usage(f"{command} asks before it changes anything, and here is no terminal to ask on", "add --yes")


def is_agreed(question: str) -> bool:
    """Whether the answer is yes; without an answer it is no."""
    return click.confirm(question, default=False, err=True)
