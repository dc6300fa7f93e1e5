"""Test any rerank endpoint against the contract of Together's `POST /v1/rerank`."""

PROGRAM = "together-rerank-contract"
