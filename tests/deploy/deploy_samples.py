"""Configs to generate from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from headrace.config.model import Config, Format, Function, Rejects, Route, Source, Table

BUCKET = "acme-landing-zone"


def route(name: str = "orders", match: str = "incoming/orders-*.csv", table: str = "orders", transform: str = "") -> Route:
    return Route(name, match, "csv", table, transform=transform)


def config(trigger: Literal["sqs", "direct"] = "sqs", *, name: str = "acme") -> Config:
    """One table with a sort key and an expiry, one route."""
    tables = {"orders": Table({"customer": "string", "placed": "number"}, ttl="expires_at")}
    return Config(Source(BUCKET, trigger), tables, [route()], name=name)


def with_route(format: Format, **function: Any) -> Config:
    """One route of ``format``, and a function with these settings."""
    return replace(config(), routes=[replace(route(), format=format)], function=Function(**function))


def matrix() -> dict[str, Config]:
    """One config for each choice that the template depends on, for both triggers."""
    plain = config()
    alike = {name: Table({"id": "string"}) for name in ("my-customers", "my_customers")}
    other = Route("customers", "masters/**", "jsonl", "my-customers", other_columns="keep")
    variants = {
        "plain": plain,
        "no_ttl": replace(plain, tables={"orders": Table({"id": "binary"})}),
        "existing": replace(plain, tables={"orders": Table({"id": "number"}, name="Orders-2024", existing=True)}),
        "two_routes": replace(plain, tables={**plain.tables, **alike}, routes=[route(), other]),
        "whole_bucket": replace(plain, routes=[route(match="**.csv")]),
        "x86_slow": replace(plain, function=Function("x86_64", 10_240, 900, 1000, 400), rejects=Rejects("acme-refused", 7)),
    }
    direct = {f"direct_{name}": replace(one, source=Source(BUCKET, "direct")) for name, one in variants.items()}
    return variants | direct
