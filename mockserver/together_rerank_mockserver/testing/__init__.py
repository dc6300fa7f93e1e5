"""The mock as tests use it: what the fixture `rerank_mock` gives, and what it tells."""

from together_rerank_mockserver.testing.recorded import RecordedRequest
from together_rerank_mockserver.testing.rerank_mock import RerankMock
from together_rerank_mockserver.testing.verdict import Finding

__all__ = ["Finding", "RecordedRequest", "RerankMock"]
