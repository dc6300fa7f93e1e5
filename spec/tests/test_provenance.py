"""The vendored document is the one that its provenance names, and is left as it was."""

import hashlib
import tomllib
from importlib.resources import files

from together_rerank_spec.document import vendored_text


def test_the_document_is_the_one_that_was_vendored():
    provenance = tomllib.loads(files("together_rerank_spec").joinpath("provenance.toml").read_text())

    assert hashlib.sha256(vendored_text()).hexdigest() == provenance["sha256"]
    assert provenance["source"].startswith("https://docs.together.ai/")
