"""The command `together-rerank-mock`."""

from together_rerank_mockserver.cli.command import main

__all__ = ["main"]
