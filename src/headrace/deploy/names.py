"""What the stack calls its resources, and which parts of the source bucket it may look at."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from headrace.config.match import fewest_prefixes
from headrace.config.model import Config

Json = dict[str, Any]
"""A JSON object: a piece of a template, or an answer of a service."""

Clients = Callable[[str], Any]
"""Gives the client of a service by its name, such as ``s3``; the same one for every call."""

RUNTIME = "python3.13"
HANDLER = "headrace.handler.handler"
SWEEP_HANDLER = "headrace.sweep_handler.sweep"
OWNER_TAG = "headrace:stack"
"""Tag on everything that outlives the stack: what carries another stack's name, or none, is never adopted or deleted."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9/!_.'()-]*")


def log_group(function: str) -> str:
    return f"/aws/lambda/{function}"


def queues(config: Config) -> dict[str, str]:
    """The queues that the function takes messages from, by the logical ids of their resources."""
    return {"Queue": config.events_queue, "ChunksQueue": config.chunks_queue} if config.source.trigger == "sqs" else {}


def code_bucket(config: Config, account: str, region: str) -> str:
    """Name of the bucket for the function's zip. Two stacks whose long names start alike share it: keys hold the stack's name."""
    suffix = f"-code-{account}-{region}"
    return f"{config.name.lower()[: 63 - len(suffix)].rstrip('-')}{suffix}"


def source_prefixes(config: Config) -> list[str]:
    """The fewest key prefixes that together hold every object of every route, in order, none the start of another; ``[""]`` is the whole bucket.

    S3 refuses notification filters that overlap, and wants characters outside its safe set encoded; IAM reads ``*``, ``?`` and ``${``
    as patterns. So a prefix ends at the first character that is not plain. The loader matches the whole pattern again.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html (2026-11)
    """
    return fewest_prefixes(_plain_start(route.match) for route in config.routes)


def _plain_start(pattern: str) -> str:
    plain = _PLAIN_KEY.match(pattern)
    return plain.group() if plain else ""
