"""``headrace package``: the zip and the template, for other pipelines."""

from __future__ import annotations

import json
from pathlib import Path

import click

from headrace.cli import render
from headrace.cli.failure import usage
from headrace.cli.options import config_option, output_options, read_config
from headrace.config.model import Config
from headrace.deploy.package import Package, build
from headrace.deploy.template import as_json as template_json
from headrace.deploy.template import as_yaml, template
from headrace.deploy.upload import code_key

ZIP = "function.zip"
TEMPLATES = ("template.json", "template.yaml")

EPILOG = """\b
Examples:
  headrace package
  headrace package -o artifacts --config staging/headrace.yaml --json

Exit codes: 0 built; 1 failed; 2 wrong usage or config."""


@click.command(epilog=EPILOG)
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("build"), show_default=True, metavar="DIR", help="Folder for the files.")
@config_option
@output_options
def package(*, out: Path, config_path: Path | None, as_json: bool) -> None:
    """Build the function's zip and the CloudFormation template, to be deployed by any pipeline.

    The zip holds headrace, what its routes need, the config and the project's own transforms. It comes from this installation; only libraries with
    machine code that does not run on Lambda are fetched by pip. No call to AWS is made. The template stands there as JSON and as YAML; use either.
    """
    config, path = read_config(config_path)
    if out.exists() and not out.is_dir():
        raise usage(f"--out: {out} is a file, expected a folder", "name another folder")
    try:
        built = build(config, path.absolute().parent, out / ZIP)
        document = template(config)
        for name, text in zip(TEMPLATES, (template_json(document), as_yaml(document)), strict=True):
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise usage(f"--out: {error.filename or out}: {error.strerror}", "name a folder that can be written to") from None
    if as_json:
        members = {"zip": str(built.path), "bytes": built.bytes, "unzipped_bytes": built.unzipped_bytes, "sha256": built.sha256, "note": built.note}
        click.echo(json.dumps({**members, "templates": [str(out / name) for name in TEMPLATES], "stack": config.name, "code_key": code_key(config, built)}))
    else:
        _show(config, built, out)


def _show(config: Config, built: Package, out: Path) -> None:
    console = render.stdout()
    files = [built.path, *(out / name for name in TEMPLATES)]
    render.table(console, ("file", "bytes"), [(path, path.stat().st_size) for path in files])
    render.line(console, f"{len(built.files):,} files, {built.unzipped_bytes:,} bytes unzipped, {built.note}")
    render.line(console, f"sha256 {built.sha256}")
    key = code_key(config, built)
    render.line(console, "\nTo deploy it, `headrace deploy`; or by other means, with a bucket of yours for CODE_BUCKET:", style="bold")
    render.line(console, f"  aws s3 cp {built.path} s3://CODE_BUCKET/{key}")
    render.line(
        console,
        f"  aws cloudformation deploy --stack-name {config.name} --template-file {out / TEMPLATES[0]}"
        f" --capabilities CAPABILITY_IAM --parameter-overrides CodeBucket=CODE_BUCKET CodeKey={key}",
    )
