"""The judge: whether an endpoint, whichever it is, keeps the contract of Together's `POST /v1/rerank`."""

PROGRAM = "together-rerank-contract"
