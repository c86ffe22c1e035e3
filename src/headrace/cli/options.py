"""The options that several commands share, and what they stand for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from headrace.cli.failure import usage

if TYPE_CHECKING:
    from headrace.aws.session import Aws
    from headrace.config.model import Config

Command = TypeVar("Command", bound=Callable[..., Any])
OpenAws = Callable[[], "Aws"]
"""Makes the AWS clients; until it is called, botocore is not even imported."""

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else there.")
_DEBUG = click.option("--debug", is_flag=True, expose_value=False, help="Print the traceback of an error.")
_CONFIG = click.option("--config", "config_path", type=click.Path(path_type=Path), metavar="PATH", help="The config. Default: headrace.yaml here or above.")
_AWS = (
    click.option("--endpoint-url", metavar="URL", help="Where AWS is, if not in the region: an emulator, a proxy, a VPC endpoint."),
    click.option("--region", metavar="NAME", help="AWS region."),
    click.option("--profile", metavar="NAME", help="Profile of the AWS configuration files."),
)


def shared_options(command: Command) -> Command:
    """All shared options, for the program itself."""
    return _with(command, _CONFIG, *_AWS, _JSON, _DEBUG)


def output_options(command: Command) -> Command:
    """``--json`` (as ``as_json``) and ``--debug``."""
    return _with(command, _JSON, _DEBUG)


def config_option(command: Command) -> Command:
    """``--config``, as ``config_path``."""
    return _with(command, _CONFIG)


def aws_options(command: Command) -> Callable[..., Any]:
    """``--endpoint-url``, ``--region`` and ``--profile``, as one argument ``open_aws`` of type OpenAws."""

    @functools.wraps(command)
    def opened(*args: Any, endpoint_url: str | None, region: str | None, profile: str | None, **kwargs: Any) -> Any:
        if endpoint_url:
            _require_url(endpoint_url)
        return command(*args, open_aws=lambda: _open_aws(endpoint_url, region, profile), **kwargs)

    return _with(opened, *_AWS)


def _require_url(text: str) -> None:
    """Raise USAGE unless ``text`` is the address of a server, without a path: requests are sent to its root."""
    try:
        parts = urlsplit(text)
        is_fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and parts.path in ("", "/") and not parts.query
    except ValueError:  # a port that is none
        is_fine = False
    if not is_fine:
        hint = "give scheme, host and port, and no path" if "://" in text else f"write http://{text} or https://{text}"
        raise usage(f"--endpoint-url: found {text!r}, expected an address such as http://127.0.0.1:4566", hint)


def _with(command: Command, *options: Callable[[Command], Command]) -> Command:
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), command)


def _open_aws(endpoint_url: str | None, region: str | None, profile: str | None) -> Aws:
    from headrace.aws.session import Aws  # noqa: PLC0415 - botocore takes 0.1 s to import

    return Aws(endpoint_url=endpoint_url, region=region, profile=profile)


def read_config(config_path: Path | None) -> tuple[Config, Path]:
    """The config that is meant and its path. Raises ConfigError, USAGE if there is none."""
    from headrace.config import parse  # noqa: PLC0415 - neither is pydantic

    path = config_path or parse.find(Path.cwd())
    if path is None:
        raise usage(f"no {parse.FILE_NAME} in {Path.cwd()} or above", "go to the project's folder or name the config with --config PATH")
    return parse.load(path), path
