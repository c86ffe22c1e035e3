"""Calls to AWS for the deployment: one at a time, with errors that name the call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headrace.aws.errors import translated
from headrace.deploy.names import Clients, Json
from headrace.errors import HeadraceError

_ABSENT = {
    "404", "NoSuchBucket", "NoSuchBucketPolicy", "NoSuchTagSet", "NoSuchLifecycleConfiguration", "NoSuchPublicAccessBlockConfiguration",
    "OwnershipControlsNotFoundError", "ServerSideEncryptionConfigurationNotFoundError", "NoSuchEntity", "ResourceNotFoundException", "ResourceNotFound",
    "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "DashboardNotFoundError",
}  # fmt: skip


def call(client: Any, operation: str, /, **arguments: Any) -> Any:
    """The answer of one call. Raises a HeadraceError that names the call and what it was about, in AWS's words."""
    try:
        return getattr(client, operation)(**arguments)
    except Exception as error:  # whatever is not AWS's comes back as it is
        raise translated(error, _action(client, operation), _subject(arguments)) from error


def find(client: Any, operation: str, /, **arguments: Any) -> Any:
    """The answer of one call, or None when AWS says that what it asks about does not exist."""
    try:
        return call(client, operation, **arguments)
    except HeadraceError as error:
        if aws_code(error) in _ABSENT:
            return None
        raise


def pages(client: Any, operation: str, /, **arguments: Any) -> Iterator[Json]:
    """The pages of an answer, one after the other as they are asked for."""
    try:
        yield from client.get_paginator(operation).paginate(**arguments)
    except Exception as error:
        raise translated(error, _action(client, operation), _subject(arguments)) from error


def aws_code(error: HeadraceError) -> str:
    """AWS's own code of a refused call, empty if there was no answer."""
    response = getattr(error.__cause__, "response", None) or {}  # None in botocore's errors of the connection
    return str(response.get("Error", {}).get("Code", ""))


def is_missing_stack(error: HeadraceError) -> bool:
    """CloudFormation's code for a missing stack is ValidationError, as for any mistake; only the words tell."""
    return aws_code(error) == "ValidationError" and "does not exist" in error.message


def account(clients: Clients) -> str:
    """The caller's account number."""
    return str(call(clients("sts"), "get_caller_identity")["Account"])


def region(clients: Clients) -> str:
    return str(clients("cloudformation").meta.region_name)


def is_plain_http(clients: Clients) -> bool:
    """Whether the services are spoken to without TLS, as with an emulator on this machine."""
    return str(clients("cloudformation").meta.endpoint_url).startswith("http://")


def _action(client: Any, operation: str) -> str:
    return f"{client.meta.service_model.service_name}:{client.meta.method_to_api_mapping[operation]}"


def _subject(arguments: dict[str, Any]) -> str:
    return next((value for value in arguments.values() if isinstance(value, str)), "this account")
