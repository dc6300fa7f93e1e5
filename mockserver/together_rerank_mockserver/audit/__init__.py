"""The audit of a pipeline: run it under each fault, and show what it makes of it."""
