"""The faults of the mock: the catalogue, the grammar that requests them, and the selection for each call."""
