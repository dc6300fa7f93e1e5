"""The command `together-rerank-contract`."""

from together_rerank_contract_tests.cli.command import main

__all__ = ["main"]
