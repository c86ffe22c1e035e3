"""From an object version to its bytes: pinned, resumed, complete, decompressed."""
