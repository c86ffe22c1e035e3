"""From items to acknowledged BatchWriteItem calls."""
