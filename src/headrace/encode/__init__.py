"""From a record to the wire form of a DynamoDB item, within DynamoDB's rules."""
