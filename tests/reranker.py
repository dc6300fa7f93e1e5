"""For pipelines under audit: a mock, and a client of a rerank API, quick to give up and careful on request."""

import logging
import math
import os
import ssl
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from together_rerank_mockserver.audit.run import local_mock
from together_rerank_mockserver.testing.environment import environment

RIGHT, LOUD, DECLARED, CRASH, HIDDEN = "right", "loud error", "declared fallback", "crash", "not shown"
SILENT, WRONG_PASSAGES, HANG, NO_EFFECT = "silent fallback", "wrong passages", "hang", "no effect"
LOG = logging.getLogger("search")
TOP_N = 3
TIMEOUT_S = 0.5  # long enough for a busy machine
CLIENT = httpx.Client(timeout=TIMEOUT_S, trust_env=False)
_TLS = ssl.create_default_context()  # takes long to create


class Unusable(Exception):
    """The answer of the reranker cannot be used."""


BROKEN = (httpx.HTTPError, ValueError, Unusable)


@dataclass(frozen=True, slots=True)
class Audited:
    """A function, or a class of which each audit gets a new instance; and outcomes of some of the cases."""

    search: Any
    outcomes: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)  # of the audit


def registry():
    """Return a dictionary of pipelines by their names, and a decorator that adds one."""
    pipelines: dict[str, Audited] = {}

    def register(outcomes, **options):
        def add(pipeline):
            pipelines[pipeline.__name__] = Audited(pipeline, outcomes, options)
            return pipeline

        return add

    return pipelines, register


@pytest.fixture(scope="module")
def admin():
    """Start a mock for audits; the environment points clients to it."""
    with local_mock() as client, patch.dict(os.environ, environment(client.url, client.api_key)):
        yield client


def async_client(timeout=TIMEOUT_S):
    return httpx.AsyncClient(timeout=timeout, trust_env=False, verify=_TLS)


def request(query, documents, top_n=TOP_N, path="/v1/rerank", **fields):
    """Return the arguments for a POST of httpx."""
    top = {} if top_n is None else {"top_n": top_n}
    body = {"model": "a-model", "query": query, "documents": documents, **top, **fields}
    headers = {"Authorization": f"Bearer {os.environ['TOGETHER_API_KEY']}"}
    return {"url": os.environ["TOGETHER_BASE_URL"] + path, "json": body, "headers": headers}


def post(*args, client=CLIENT, **fields):
    """Return the JSON of an answer with status 200, whatever it is."""
    response = client.post(**request(*args, **fields))
    response.raise_for_status()
    return response.json()


def checked(answer, documents, top_n=TOP_N, results="results", score="relevance_score"):
    """Return index and score of each result of *answer*; raise Unusable if they are no ranking of *documents*."""
    given = answer.get(results) if isinstance(answer, dict) else answer
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise Unusable("there are no results")
    wanted = len(documents) if top_n is None else min(top_n, len(documents))
    if len(given) != wanted:
        raise Unusable(f"there are {len(given)} results, not {wanted}")
    indexes, scores = ([each.get(name) for each in given] for name in ("index", score))
    if any(type(each) is not int or not 0 <= each < len(documents) for each in indexes):
        raise Unusable("an index is wrong")
    if len(set(indexes)) < len(indexes):
        raise Unusable("an index is there twice")
    if any(type(each) not in (int, float) or not math.isfinite(each) for each in scores):
        raise Unusable("a score is wrong")
    if scores != sorted(scores, reverse=True):
        raise Unusable("the results are not sorted")
    return list(zip(indexes, scores, strict=True))


def ranked(query, documents, top_n=TOP_N, **fields):
    """Return index and score of the best *documents*; raise an error if anything is wrong."""
    return checked(post(query, documents, top_n, **fields), documents, top_n)


def search(query, passages):
    """Return the best passages; raise an error if anything is wrong."""
    return [passages[index] for index, _ in ranked(query, passages)] if passages else []
