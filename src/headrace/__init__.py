"""headrace loads files that land in Amazon S3 into Amazon DynamoDB, with every record accounted for."""

__version__ = "0.1.0"
