"""What the fixture `rerank_mock` gives to a test."""
