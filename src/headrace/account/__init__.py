"""Counts that balance, rejected records, one log line and one set of metrics per load."""
