"""``headrace sniff``: what a file is believed to be, how sure that is, and why."""

from __future__ import annotations

import json

import click

from headrace.cli import render
from headrace.cli.guess import Belief
from headrace.cli.options import output_options
from headrace.cli.outcome_view import EXAMPLE_CHARACTERS, notes
from headrace.cli.sample import Sample, take_sample
from headrace.cli.source import source_of
from headrace.errors import shortened

EPILOG = """\b
Examples:
  headrace sniff orders.csv
  headrace sniff export.txt.gz --json
  zstd -dc orders.csv.zst | headrace sniff -

Exit codes: 0 something is believed; 1 the file cannot be read as any known format."""


@click.command(epilog=EPILOG)
@click.argument("source", metavar="FILE")
@output_options
def sniff(source: str, as_json: bool) -> None:
    """Say what FILE is believed to be: compression, encoding, format, delimiter, header, columns and their types.

    Each belief comes with how sure it is (certain, likely, guess) and the reason. The function never guesses: a deployed route says all this itself.
    No call to AWS is made.
    """
    sample = take_sample(source_of(source, None))
    if as_json:
        click.echo(json.dumps(_document(sample)))
        return
    console = render.stdout()
    beliefs = {"compression": _compression(sample), **sample.guess.beliefs}
    render.table(console, ("what", "believed", "sure", "because"), [(name, one.value, one.sureness, one.reason) for name, one in beliefs.items()])
    render.line(console, "")
    examples = {name: shortened(value, EXAMPLE_CHARACTERS) for name, value in sample.examples.items()}
    render.table(console, ("column", "type", "example"), [(name, kind, examples.get(name, "")) for name, kind in sample.kinds.items()])
    for note in notes(sample, []):
        render.line(console, f"note: {note}", style="yellow")


def _compression(sample: Sample) -> Belief:
    return Belief(sample.compression or "none", "certain", "its first bytes")


def _document(sample: Sample) -> dict[str, object]:
    beliefs = {"compression": _compression(sample), **sample.guess.beliefs}
    columns = {name: {"type": kind, "example": sample.examples.get(name)} for name, kind in sample.kinds.items()}
    return {"beliefs": {name: vars(one) for name, one in beliefs.items()}, "settings": sample.guess.settings, "columns": columns, "notes": notes(sample, [])}
