"""boto3's client with items in DynamoDB's own form: without the resource's type conversion."""

import sys

import boto3
from flights import TABLE, batches, typed_items

client = boto3.client("dynamodb")
for batch in batches(typed_items(sys.argv[1])):
    requests = [{"PutRequest": {"Item": item}} for item in batch]
    for _ in range(10):
        requests = client.batch_write_item(RequestItems={TABLE: requests})["UnprocessedItems"].get(TABLE)
        if not requests:
            break
    else:
        raise SystemExit("items were left unprocessed ten times")
