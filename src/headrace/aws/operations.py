"""The AWS operation that an HTTP request asks for, by botocore's own models of the services."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader, create_loader

SERVICES = ("cloudformation", "cloudwatch", "dynamodb", "events", "iam", "lambda", "logs", "s3", "sns", "sqs", "sts")
"""Those that headrace and its stack speak with."""

SIGNED_AS = {"monitoring": "cloudwatch"}
"""Services whose name in a signature is not the one in their API."""


class _Route(NamedTuple):
    """An operation of a service with paths; ``needs`` are query parameters, with their value or None for any, and headers (``header:`` before the name)."""

    operation: str
    method: str
    path: re.Pattern[str]
    needs: Mapping[str, str | None]


@cache
def _loader() -> Loader:
    return create_loader()


def operations(service: str) -> list[str]:
    """The names of all operations of ``service``, one of SERVICES."""
    return list(_loader().load_service_model(service, "service-2")["operations"])


def operation_of(method: str, target: str, headers: Mapping[str, str], body: bytes) -> str:
    """``service:Operation`` of a signed request, or method and decoded path (``GET /bucket/a b``) where that cannot be told.

    ``target`` is path and query as sent; the names of ``headers`` are in lower case.
    """
    path, query = urlsplit(target).path, parse_qs(urlsplit(target).query, keep_blank_values=True)
    service = _service(headers.get("authorization", ""), query)
    name = ""
    if service:
        name = headers.get("x-amz-target", "").rpartition(".")[2] or _called_in_path(path) or _called_in_form(headers, body)
        name = name or _by_route(service, method, path, {key: values[0] for key, values in query.items()} | _named(headers))
    return f"{service}:{name}" if name else f"{method} {unquote(path)}"


def _service(authorization: str, query: Mapping[str, list[str]]) -> str:
    """By the scope of the credentials: ``…/20261122/us-east-1/s3/aws4_request``; ``""`` in a request without a signature."""
    found = re.search(r"/([^/]+)/aws4_request", authorization or query.get("X-Amz-Credential", [""])[0])
    return SIGNED_AS.get(found[1], found[1]) if found else ""


def _called_in_path(path: str) -> str:
    """Of the protocol rpc-v2."""
    found = re.fullmatch(r"/service/[^/]+/operation/(\w+)", path)
    return found[1] if found else ""


def _called_in_form(headers: Mapping[str, str], body: bytes) -> str:
    """Of the protocol query."""
    if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return ""
    return parse_qs(body.decode("latin-1")).get("Action", [""])[0]


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {f"header:{name}": value for name, value in headers.items()}


def _by_route(service: str, method: str, path: str, given: Mapping[str, str]) -> str:
    """The operation with this method and path that needs most of what is ``given``."""
    fitting = [
        route
        for route in _routes(service)
        if route.method == method and route.path.fullmatch(path) and all(key in given and value in (None, given[key]) for key, value in route.needs.items())
    ]
    return max(fitting, key=lambda route: len(route.needs)).operation if fitting else ""


@cache
def _routes(service: str) -> list[_Route]:
    try:
        model = _loader().load_service_model(service, "service-2")
    except UnknownServiceError:
        return []
    if not model["metadata"]["protocol"].startswith("rest-"):
        return []
    return [_route(name, operation, model["shapes"]) for name, operation in model["operations"].items() if not operation.get("deprecated")]


def _route(name: str, operation: Mapping[str, Any], shapes: Mapping[str, Any]) -> _Route:
    path, _, query = operation["http"]["requestUri"].partition("?")
    needs: dict[str, str | None] = {key: values[0] or None for key, values in parse_qs(query, keep_blank_values=True).items()}
    shape = shapes[operation["input"]["shape"]] if "input" in operation else {}
    for member in shape.get("required", []):
        place = shape["members"][member]
        if place.get("location") == "querystring":
            needs[place["locationName"]] = None
        elif place.get("location") == "header":
            needs[f"header:{place['locationName'].lower()}"] = None
    pattern = re.sub(r"\\{\w+(\\\+)?\\}", lambda found: ".+" if found[1] else "[^/]+", re.escape(path.rstrip("/")))
    return _Route(name, operation["http"]["method"], re.compile(pattern + "/?"), needs)
