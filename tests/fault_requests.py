"""For each fault of an error or a request, what to change in a valid request so that the fault applies."""

# An invalid request, for the faults of errors.
INVALID = {"top_n": 0}
# Faults that change the answer to one request of a valid key.
CHANGES = {
    "error-text": INVALID,
    "error-string": INVALID,
    "error-detail": INVALID,
    "error-with-results": INVALID,
    "error-undocumented-status": INVALID,
    "empty-accepted": {"documents": []},
    "mixed-accepted": {"documents": ["panda", {"text": "llama"}]},
    "top-n-converted": {"top_n": "1"},
    "unknown-field-ignored": {"top_k": 1, "truncate": True},
    "return-documents-refused": {"return_documents": True},
    "top-n-refused": {"top_n": 1},
    "one-document-refused": {"documents": ["llama"]},
    "many-documents-refused": {"documents": ["llama"] * 21},
    "long-document-refused": {"documents": ["panda", "llama " * 2000]},
    "empty-query-dropped": {"query": ""},
}
# The others need no key, a wrong key, another body or an earlier request.
SPECIAL = {"no-key-accepted", "any-key-accepted", "white-space-refused", "unread-body-left"}
