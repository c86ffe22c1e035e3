"""Servers that tests run against: a second DynamoDB, a second S3, and a proxy that injects faults. All on 127.0.0.1, ports chosen by the system."""
