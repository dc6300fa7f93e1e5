"""Audit pipelines of real clients: the plainest search with each, as its documentation shows it."""

import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, count

from observation import by_environment, job, started, versions_of
from real_clients import CLIENTS, KEY
from together_rerank_mockserver.audit.command import _is_crash
from together_rerank_mockserver.audit.outcome import CommandFailed
from together_rerank_mockserver.audit.rerank_audit import RerankAudit
from together_rerank_mockserver.audit.run import local_mock
from together_rerank_mockserver.cli.audit import PASSAGES, QUERY

TOP_N = 3
_OBJECTS = "[documents[row.index] for row in answer.results]"
_DICTS = '[documents[row["index"]] for row in answer.results]'
_JS_OBJECTS = "answer.results.map((row) => documents[row.index])"
_LLAMA_INDEX = "[row.node.text for row in answer]"
_HAYSTACK = '[row.content for row in answer["documents"]]'
# By the id of the client: how the pipeline gets passages from the answer.
_PASSAGES_OF = {
    "together": _OBJECTS,
    "together-ai": _JS_OBJECTS,
    "ai-sdk-togetherai": "answer.rerankedDocuments",
    "litellm-together-ai": _DICTS,
    "litellm-cohere-v2": _DICTS,
    "cohere-v2": _OBJECTS,
    "cohere-ai-v2": _JS_OBJECTS,
    "langchain-cohere": "[row.page_content for row in answer]",
    "langchain-cohere-npm": "answer.map((row) => row.pageContent)",
    "llama-index-cohere": _LLAMA_INDEX,
    "cohere-haystack": _HAYSTACK,
    "rerankers-cohere": "[row.text for row in answer.top_k(top_n)]",
    "voyageai": "[row.document for row in answer.results]",
    "llama-index-jina": _LLAMA_INDEX,
    "jina-haystack": _HAYSTACK,
}
PIPELINES = [replace(each, rows=_PASSAGES_OF[each.id]) for each in CLIENTS if each.id in _PASSAGES_OF]


class Search:
    """The pipeline of *client*: it runs in *process* and calls the mock at *url*."""

    def __init__(self, client, process, url):
        self._job = job(client, url, KEY, TOP_N)
        self._process = process
        self._lock = threading.Lock()
        self._ids = count()
        self._outcomes = {}
        threading.Thread(target=self._read, daemon=True).start()

    def __call__(self, query, passages):
        outcome = Future()
        names = {"query": query, "documents": passages, "top_n": TOP_N}
        with self._lock:
            number = next(self._ids)
            self._outcomes[number] = outcome
            print(json.dumps({**self._job, "id": number, "names": names}), file=self._process.stdin, flush=True)
        return _passages(**outcome.result())

    def _read(self):
        for line in self._process.stdout:
            found = json.loads(line)
            self._outcomes.pop(found.pop("id")).set_result(found)


def _passages(rows=None, error=None, message=""):
    if error is None:
        return rows
    text = f"{error.removeprefix('builtins.')}: {message}"
    raise CommandFailed(f"raised {text}", is_crash=_is_crash(1, text.partition("\n")[0]))


def audit_all():
    """Return by the id of each client the report of its audit, and its version."""
    # All at the same time, because they wait most of the time.
    with ThreadPoolExecutor(len(PIPELINES)) as pool:
        versions = dict(chain(*map(versions_of, by_environment(PIPELINES))))
        reports = pool.map(_audit, PIPELINES)
        return {client.id: report for client, report in zip(PIPELINES, reports, strict=True)}, versions


def _audit(client):
    with local_mock() as admin, started(client.environment) as process:
        search = Search(client, process, admin.url)
        search(QUERY, PASSAGES)  # the first call takes long, because the packages are imported
        return RerankAudit(admin, client.id, (), str)(search, query=QUERY, passages=PASSAGES, top_n=TOP_N)
