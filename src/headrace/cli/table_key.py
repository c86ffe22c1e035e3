"""The key that a table really has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.aws.table_key import TYPES, table_key
from headrace.cli.choice import described
from headrace.config.model import Config, KeyType, Route
from headrace.errors import Denied, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from headrace.aws.session import Aws


def key_of_table(aws: Aws, name: str, *, wanted: Mapping[str, KeyType] | None = None) -> dict[str, KeyType]:
    """Key attributes and types of the table, the partition key first.

    Raises TABLE_MISSING, with the command that creates it if the ``wanted`` key is known; TABLE_NOT_READY; ServiceError.
    """
    return table_key(aws, name, hint=f"correct the name or the region, or create it: {_creation(name, wanted)}")


def require_table(aws: Aws, config: Config, route: Route, warn: Callable[[str], None]) -> None:
    """Raise TABLE_MISSING or TABLE_KEY_DIFFERS unless the table of ``route`` is as the config says; ``warn`` where that may not be asked."""
    name, expected = config.table_name(route.table), config.tables[route.table]
    try:
        found = table_key(aws, name, hint=f"correct its name or the region{'' if expected.existing else ', or create it with `headrace deploy`'}")
    except Denied as error:
        warn(f"the key of table {name} is taken from the config, since it cannot be asked: {error.message}")
        return
    if list(found.items()) != list(expected.key.items()):
        hint = f"correct tables.{route.table}.key in the config"
        raise ServiceError("TABLE_KEY_DIFFERS", f"table {name} has the key {described(found)}, the config expects {described(expected.key)}", hint=hint)


def _creation(name: str, key: Mapping[str, KeyType] | None) -> str:
    """AWS's command that creates the table, with the key if it is known."""
    letters = {kind: letter for letter, kind in TYPES.items()}
    known = key or {"KEY": "string"}
    attributes = " ".join(f"AttributeName={attribute},AttributeType={letters[kind]}" for attribute, kind in known.items())
    schema = " ".join(f"AttributeName={attribute},KeyType={kind}" for attribute, kind in zip(known, ("HASH", "RANGE"), strict=False))
    return f"aws dynamodb create-table --table-name {name} --attribute-definitions {attributes} --key-schema {schema} --billing-mode PAY_PER_REQUEST"
