"""headrace.yaml: its model, how it is read and checked, and the compiled form that the function carries."""
