"""Errors as people and programs get them, and the exit code of each."""

from __future__ import annotations

import errno
import json

import click

from headrace.errors import ConfigError, HeadraceError

ACCEPTED = 0
FAILED = 1
WRONG_USE = 2
REJECTED = 3
INTERRUPTED = 130
REFUSALS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM})


def usage(message: str, hint: str) -> HeadraceError:
    """The error for a command line that cannot be followed: exit code 2."""
    return HeadraceError("USAGE", message, hint=hint)


def from_usage(error: click.ClickException) -> HeadraceError:
    """click's own complaint, with the way to the command's help."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "headrace"
    message = error.format_message().rstrip(".")
    return usage(message[:1].lower() + message[1:], f"see `{command} --help`")


def from_system(error: Exception) -> HeadraceError:
    """What the system refused, such as a write to a full disk; anything else that nobody expected is a DEFECT."""
    if isinstance(error, OSError) and error.errno in REFUSALS:
        where = error.filename or "the output"
        return HeadraceError("FILE_REFUSED", f"{where}: {error.strerror}", hint="make room there, or allow it, and run the command again")
    if isinstance(error, FileNotFoundError) and not error.filename:
        return HeadraceError("FILE_REFUSED", "the working directory is gone", hint="go to a folder that exists")
    return HeadraceError("DEFECT", f"a defect of headrace: {type(error).__name__}: {error}", hint="report it with the traceback that --debug prints")


def exit_code(code: str) -> int:
    """Of an error by its stable code; 0 for ``""``, which is none."""
    if not code:
        return ACCEPTED
    return WRONG_USE if code in ("USAGE", "CONFIG_INVALID", "TABLE_KEY_DIFFERS") else INTERRUPTED if code == "INTERRUPTED" else FAILED


def as_document(error: HeadraceError) -> dict[str, object]:
    """The error's members, named as in an outcome; with ``problems`` if it is a ConfigError."""
    document: dict[str, object] = {"error": error.code, "message": error.message, "hint": error.hint, "retryable": error.retryable}
    if isinstance(error, ConfigError):
        document["problems"] = [vars(problem) for problem in error.problems]
    return document


def show_failure(error: HeadraceError, *, as_json: bool) -> None:
    """For people on stderr, or as a JSON document on stdout."""
    if as_json:
        click.echo(json.dumps(as_document(error)))
        return
    from headrace.cli import render  # noqa: PLC0415 - rich is imported for those who need it

    console = render.stderr()
    render.line(console, f"error: {error.message} ({error.code})", style="bold red")
    for problem in error.problems if isinstance(error, ConfigError) else []:
        place = " ".join(filter(None, [f"line {problem.line}:" if problem.line else "", f"{problem.path}:" if problem.path else ""]))
        render.line(console, f"  {place} found {problem.found}, expected {problem.expected}".replace("   ", "  "))
        if problem.hint:
            render.line(console, f"    {problem.hint}", style="cyan")
    hint = error.hint or ("try again" if error.retryable else "")
    if hint:
        render.line(console, f"next: {hint}", style="cyan")
