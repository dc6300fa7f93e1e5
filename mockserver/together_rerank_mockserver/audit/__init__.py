"""The audit of a pipeline: run it under each fault, and tell what it makes of it."""
