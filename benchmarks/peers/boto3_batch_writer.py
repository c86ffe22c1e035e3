"""boto3's resource and its batch_writer, as most tutorials load a CSV."""

import sys

import boto3
from flights import TABLE, items

with boto3.resource("dynamodb").Table(TABLE).batch_writer(overwrite_by_pkeys=["pk", "sk"]) as writer:
    for item in items(sys.argv[1]):
        writer.put_item(Item=item)
