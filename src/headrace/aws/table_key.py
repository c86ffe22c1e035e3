"""The key that a table really has, asked from AWS."""

from __future__ import annotations

from botocore.exceptions import ClientError

from headrace.aws.errors import translated
from headrace.aws.session import Aws
from headrace.config.model import KeyType
from headrace.errors import ServiceError

TYPES: dict[str, KeyType] = {"S": "string", "N": "number", "B": "binary"}


def table_key(aws: Aws, name: str, *, hint: str) -> dict[str, KeyType]:
    """Key attributes and types of the table, the partition key first; needs dynamodb:DescribeTable.

    Raises TABLE_MISSING, with ``hint``, TABLE_NOT_READY, ENDPOINT_UNKNOWN, Denied, ServiceError.
    """
    client = aws.client("dynamodb")
    place = f"in {aws.region} at {client.meta.endpoint_url}"
    try:
        table = client.describe_table(TableName=name).get("Table", {})
    except Exception as error:  # whatever is not AWS's comes back as it is
        if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in ("ResourceNotFoundException", "404"):
            raise ServiceError("TABLE_MISSING", f"no table {name} {place}", hint=hint) from None
        raise translated(error, "dynamodb:DescribeTable", name) from error
    if "TableStatus" not in table:
        raise ServiceError("ENDPOINT_UNKNOWN", f"what answers {place} is not DynamoDB", hint="check --endpoint-url, and whether a proxy answers in its place")
    if table["TableStatus"] in ("CREATING", "DELETING", "ARCHIVED"):
        raise ServiceError("TABLE_NOT_READY", f"table {name} {place} is {table['TableStatus']}", hint="wait until it is ACTIVE")
    types = {attribute["AttributeName"]: TYPES[attribute["AttributeType"]] for attribute in table["AttributeDefinitions"]}
    schema = sorted(table["KeySchema"], key=lambda attribute: str(attribute["KeyType"]))  # HASH before RANGE
    return {attribute["AttributeName"]: types[attribute["AttributeName"]] for attribute in schema}
