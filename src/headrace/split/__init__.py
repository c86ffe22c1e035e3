"""Large objects in chunks: cut at record boundaries, exactly where a read from the beginning would see them."""
