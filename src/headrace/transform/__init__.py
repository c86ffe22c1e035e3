"""The user's own Python function between decoding and encoding."""
