"""All requirements, in the order in which they are judged: what an answer is made of before what it means."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from together_rerank_contract_tests import requirements
from together_rerank_contract_tests.requirements import Requirement

TOPICS = (
    *("response", "request", "results", "scores", "documents", "fields"),
    *("relations", "usage", "errors", "authentication", "fuzz"),
)
FOLDER = Path(__file__).parent


def paths() -> list[Path]:
    """Return the files with the tests, in order."""
    return [FOLDER / f"test_{topic}.py" for topic in TOPICS]


def tests() -> dict[Requirement, Callable[..., None]]:
    """Return every requirement with the test that judges it, in order."""
    found = {}
    for topic in TOPICS:
        for test in vars(import_module(f"{__package__}.test_{topic}")).values():
            requirement = requirements.of(test)
            if requirement is not None:
                found[requirement] = test
    return found
