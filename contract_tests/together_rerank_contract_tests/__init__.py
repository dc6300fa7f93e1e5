"""Contract tests for any endpoint that claims to serve Together's `POST /v1/rerank`.

They have no Python API: use the command `together-rerank-contract`, or `pytest --pyargs together_rerank_contract_tests`.
"""

__all__: list[str] = []

PROGRAM = "together-rerank-contract"
