"""``headrace init``: a commented headrace.yaml, made from samples."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, get_args

import click

from headrace.cli import render
from headrace.cli.failure import usage
from headrace.cli.options import output_options
from headrace.cli.outcome_view import notes
from headrace.cli.sample import Sample, take_sample
from headrace.cli.source import source_of
from headrace.config import parse
from headrace.config.infer import guessed_key
from headrace.config.model import Codec
from headrace.errors import ConfigError

KEY_COLUMNS_TRIED = 8
EPILOG = """\b
Examples:
  headrace init orders.csv
  headrace init orders-2024-01.csv customers.jsonl --bucket my-incoming-files
  headrace init export.txt --output staging/headrace.yaml

Exit codes: 0 written; 1 a sample cannot be read; 2 the file exists already."""


@click.command(epilog=EPILOG)
@click.argument("samples", nargs=-1, required=True, metavar="SAMPLE...")
@click.option("--bucket", default="my-incoming-files", show_default=True, metavar="NAME", help="The bucket that receives the files.")
@click.option("--output", type=click.Path(path_type=Path), default=Path(parse.FILE_NAME), show_default=True, metavar="PATH", help="The file to write.")
@output_options
def init(samples: tuple[str, ...], bucket: str, output: Path, as_json: bool) -> None:
    """Write a commented headrace.yaml from real data: one route and one table for each kind of SAMPLE, with format, columns, types and a key.

    Look at the key before you deploy: a column whose values differ in a sample may repeat in other files. No call to AWS is made.
    """
    if output.exists():
        raise usage(f"{output} exists already", "name another file with --output, or move it away")
    taken: list[tuple[str, Sample]] = []
    codecs: set[str] = set()
    for text in samples:
        source = source_of(text, None)
        sample = take_sample(source)
        if not sample.names:
            raise usage(f"{text} has no record", "name a sample with some records")
        codecs |= {sample.compression} & set(get_args(Codec))
        file = source.ref.key if "AWSDynamoDB/" in source.ref.key else source.name
        if not any(_pattern(file) == _pattern(name) and _shape(sample) == _shape(other) for name, other in taken):
            taken.append((file, sample))
    written = "\n".join(_config(taken, bucket, sorted(codecs))) + "\n"
    try:
        parse.parse(written, str(output))
    except ConfigError as error:
        problem = error.problems[0]
        raise usage(f"no config can be made of {samples[0]}: {problem.path}: found {problem.found}, expected {problem.expected}", problem.hint) from None
    _write(output, written)
    if as_json:
        click.echo(json.dumps({"path": str(output), "routes": _names(taken)}))
        return
    console = render.stdout()
    render.line(console, f"{output} written: {len(taken)} {'route' if len(taken) == 1 else 'routes'}", style="green")
    render.line(console, f"next: look at the keys, then `headrace check` and `headrace preview {shlex.quote(samples[0])}`")


def _write(output: Path, text: str) -> None:
    """A new file, whole or not at all."""
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileNotFoundError:
        raise usage(f"--output {output}: there is no folder {output.parent}", "make it, or name another file") from None
    except OSError:
        output.unlink(missing_ok=True)
        raise


def _config(taken: list[tuple[str, Sample]], bucket: str, codecs: list[str]) -> Iterator[str]:
    names = _names(taken)
    yield "# Made by `headrace init` from samples; every setting is explained in docs/config.md. `headrace check` says what is wrong in it."
    yield f"source:\n  bucket: {_text(bucket)}  # receives the files; the stack creates it"
    if codecs:
        yield f"function:\n  codecs: [{', '.join(codecs)}]  # samples are compressed so: the function carries the libraries"
    yield "tables:"
    for name, (_, sample) in zip(names, taken, strict=True):
        key, reason = _key(sample)
        yield f"  {_text(name)}:\n    # {reason}"
        yield f"    key: {{{', '.join(f'{_text(column)}: {_key_type(sample, column)}' for column in key)}}}"
    yield "routes:"
    patterns = [_pattern(file) for file, _ in taken]
    for name, (file, sample), pattern in zip(names, taken, patterns, strict=True):
        yield from _route(name, pattern if patterns.count(pattern) == 1 else f"**{file}", sample)


def _shape(sample: Sample) -> tuple[object, ...]:
    """What is the same for samples of one route."""
    return sample.guess.settings, sample.names, sample.kinds


def _route(name: str, pattern: str, sample: Sample) -> Iterator[str]:
    yield f"  - name: {_text(name)}"
    yield f"    match: {_text(pattern)}  # keys in the bucket; `**` is any folder"
    for setting, value in sample.guess.settings.items():
        if setting == "encoding" and value == "utf-8":
            continue
        belief = sample.guess.beliefs.get(setting)
        comment = f"  # {belief.sureness}: {belief.reason}" if belief else ""
        yield f"    {setting}: {_text(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}{comment}"
    yield f"    table: {_text(name)}"
    key, _ = _key(sample)
    if sample.rows is None:
        yield "    other_columns: keep  # values keep the types that they have in the file"
    if sample.inferred.null_values:
        yield f"    null_values: {json.dumps(sample.inferred.null_values, ensure_ascii=False)}"
    for note in notes(sample, key):
        yield f"    # {render.printable(note)}"
    yield "    columns:"
    for column, about in sample.inferred.columns.items():
        if column in key:
            yield f"      {_text(column)}: {{type: {_key_type(sample, column)}, empty: reject}}"
        elif sample.rows is not None:
            yield f"      {_text(column)}: {about.type}"


def _names(taken: list[tuple[str, Sample]]) -> list[str]:
    """A name for each sample's route and table, all different."""
    names: list[str] = []
    for file, _ in taken:
        base = re.sub(r"[^A-Za-z0-9]+", "-", re.sub(r"[0-9]+", "", _stem(file))).strip("-") or "records"
        base = base if len(base) > 2 else f"{base}-records"
        names.append(next(name for name in itertools.chain([base], (f"{base}-{number}" for number in itertools.count(2))) if name not in names))
    return names


def _stem(file: str) -> str:
    return file.rpartition("/")[2].partition(".")[0]


def _pattern(file: str) -> str:
    """A pattern of keys that end like ``file``, whatever numbers are in its name."""
    endings = "".join(PurePosixPath(file).suffixes)
    if "AWSDynamoDB/" in file:  # data of an export has names that mean nothing
        return f"**AWSDynamoDB/**data/*{endings}"
    stem = re.sub(r"\*+[-_.*]*\*+", "*", re.sub(r"[0-9]+|[?*]", "*", _stem(file)))
    return f"**{stem.lstrip('*')}{endings}"


def _key(sample: Sample) -> tuple[list[str], str]:
    """One or two columns that tell the records of the sample apart, and the reason, or the first column if none do."""
    columns = [name for name, about in sample.inferred.columns.items() if name and about.type in ("string", "number")]
    columns = sorted(columns, key=lambda name: not re.search(r"(?i)(^|[_\W])id$|Id$|^key$|^uuid$", name)) or list(sample.inferred.columns)
    if not sample.rows:
        return columns[:1], "The key: a guess by the names alone. Is it different in every record?"
    values = {name: [row[index] for row in sample.rows if index < len(row)] for index, name in enumerate(sample.names)}
    filled = [name for name in columns if name in values and all(values[name])]
    for name in filled:
        if len(set(values[name])) == len(sample.rows):
            return [name], f"The key: {render.printable(name)} is different in all {len(sample.rows):,} records of the sample. Is it so in every file?"
    for pair in itertools.combinations(filled[:KEY_COLUMNS_TRIED], 2):
        if len(set(zip(*(values[name] for name in pair), strict=False))) == len(sample.rows):
            return list(pair), "The key: these two together are different in all records of the sample. Are they so in every file?"
    return (filled or columns)[:1], "The key: NO column or pair of columns is different in every record of the sample; of equal keys the last record stays."


def _key_type(sample: Sample, column: str) -> str:
    return guessed_key([column], sample.inferred)[column]


def _text(value: Any) -> str:
    """``value`` for YAML, in quotes where it needs them."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", value) and value.lower() not in ("true", "false", "null", "yes", "no", "on", "off", "y", "n"):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
