"""The program ``headrace``: its commands, each imported only when it runs, and the one place where errors become messages."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TextIO

import click

from headrace import __version__
from headrace.cli.failure import FAILED, INTERRUPTED, exit_code, from_system, from_usage, show_failure
from headrace.cli.options import shared_options
from headrace.config.paths import nearest
from headrace.errors import HeadraceError

COMMANDS = {
    "demo": "See the whole pipeline at work on an embedded AWS, in a minute.",
    "dev": "Run the stack on this machine, with a drop folder.",
    "sniff": "Say what a file is believed to be, and how sure.",
    "init": "Write a headrace.yaml from samples.",
    "check": "Say everything that is wrong in headrace.yaml, or what it means.",
    "preview": "Print the items that a file would become, without AWS.",
    "load": "Load a file or an S3 object into a table.",
    "package": "Build the function's zip and the template.",
    "diff": "Show what a deployment would change.",
    "deploy": "Create or update the stack.",
    "status": "Say what is loading, how far it is, and what waits.",
    "history": "List what was loaded when, with which counts.",
    "errors": "Say which records were rejected, where and why.",
    "replay": "Load again what failed or was rejected.",
    "destroy": "Delete the stack; the data stays unless told otherwise.",
}
"""What each command does, in the order in which people meet them. ``load`` is ``load`` in the module ``headrace.cli.load``, and so on."""


class Commands(click.Group):
    """A group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"headrace.cli.{cmd_name}"), cmd_name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = nearest(name, COMMANDS)
            raise click.UsageError(f"no command '{name}'{f'; did you mean {near}?' if near else ''}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""\b
Examples:
  headrace demo
  headrace load orders.csv --table orders --key order_id
  headrace COMMAND --help

Exit codes: 0 all accepted; 1 failed; 2 wrong usage or config; 3 finished, but some records were rejected;
130 interrupted.""",
)
@shared_options
@click.version_option(__version__, message="headrace %(version)s")
@click.pass_context
def cli(ctx: click.Context, /, **shared: object) -> None:
    """Load files that land in Amazon S3 into Amazon DynamoDB, with every record accounted for.

    The options below can stand before or after the command. The standard AWS variables (AWS_PROFILE, AWS_REGION, …) work too.
    """
    given = {name: value for name, value in shared.items() if value}
    ctx.default_map = dict.fromkeys(COMMANDS, given)


def main(arguments: list[str] | None = None) -> int:
    """Run the program with ``arguments`` (those of the process if None) and return its exit code."""
    gc.set_threshold(10_000)  # as in the function: neither imports nor records make cycles that would be worth looking for sooner
    sys.stdout = sys.stdout or _nobody()
    sys.stderr = sys.stderr or _nobody()
    try:
        return _run((sys.argv[1:] if arguments is None else arguments) or ["--help"], is_process=arguments is None)
    except KeyboardInterrupt:  # a second one, while the first was told
        return INTERRUPTED


def _nobody() -> TextIO:
    """In the place of a stream that the caller has closed: nothing is wanted, and no other file may get its number."""
    return Path(os.devnull).open("w")


def _run(given: list[str], *, is_process: bool) -> int:
    as_json = "--json" in given
    try:
        result = cli.main(list(given), prog_name="headrace", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except BrokenPipeError:  # as click does it where it writes: whoever read has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (click.Abort, KeyboardInterrupt):
        if is_process:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # there is nothing left that another one could stop
        failure = HeadraceError("INTERRUPTED", "interrupted", hint="run the command again: what it did before is safe")
    except click.ClickException as error:
        failure = from_usage(error)
    except HeadraceError as error:
        failure = error
    except Exception as error:  # whatever nobody expected
        failure = from_system(error)
        failure.__cause__ = error
    if "--debug" in given:
        traceback.print_exception(failure)
    try:
        show_failure(failure, as_json=as_json)
    except OSError:  # stdout is what failed
        show_failure(failure, as_json=False)
    return exit_code(failure.code)


if __name__ == "__main__":
    sys.exit(main())
