"""An endpoint that keeps the promise of Together's rerank API, in place of the real one."""

__version__ = "0.1.0"
