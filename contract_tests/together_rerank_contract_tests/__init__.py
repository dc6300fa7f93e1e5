"""Contract tests for any endpoint that claims to serve Together's `POST /v1/rerank`.

They have no Python API. Use the command `together-rerank-contract`, or `pytest --pyargs` with the name of this package.
"""

__all__: list[str] = []

PROGRAM = "together-rerank-contract"
