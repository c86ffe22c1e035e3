"""From a Lambda event to the object versions it names."""
