"""Pipelines that are right in different ways: `CAREFUL` has outcomes that the audit must find in some of the cases.

They check each answer, and raise an error or declare a fallback.
"""

import asyncio
import functools
import itertools
import operator
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from reranker import (
    BROKEN,
    DECLARED,
    HIDDEN,
    LOG,
    LOUD,
    RIGHT,
    TIMEOUT_S,
    TOP_N,
    async_client,
    checked,
    post,
    ranked,
    registry,
    request,
    search,
)

_BATCH = 4
_HEDGE_S = 0.2
_KEPT: list[Any] = []  # clients that must not be collected while they have open connections
# For pipelines that differ in what they send.
INPUTS = (
    *("ranking", "ties", "same-query", "two-at-once", "no-passages", "one-passage", "duplicates", "blanks", "slow"),
    *("long-passage", "other-scripts", "many-passages", "many-documents-refused", "long-document-refused", "recovery"),
    *("503", "unsorted", "top-n-ignored", "index-duplicate", "score-null", "error-200"),
)
# For pipelines that wait: cases of each group.
SOME = (
    *("ranking", "two-at-once", "no-passages", "401", "429", "503", "401-retry-after", "429-retry-after"),
    *("503-retry-after", "reset", "truncate", "drip", "unsorted", "outage", "recovery", "slow-once", "slow", "hang"),
)
BLOCKED = ("ranking", "two-at-once", "503", "429-retry-after", "503-retry-after", "outage", "slow-once", "slow", "hang")


CAREFUL, careful = registry()


def first(passages):
    return list(range(min(TOP_N, len(passages))))


# Errors are raised.

careful({"ranking": RIGHT, "503": LOUD, "unsorted": LOUD, "score-nan": LOUD, "bom": RIGHT})(search)


@careful({"ranking": RIGHT, "many-passages": RIGHT, "top-n-ignored": HIDDEN}, top_n=None)
def returns_all_passages(query, passages):
    return [index for index, _ in ranked(query, passages, None)] if passages else []


@careful({"ranking": RIGHT, "index-off-by-one": LOUD, "unsorted": HIDDEN}, top_n=1)
def returns_one_passage(query, passages):
    return [passages[index] for index, _ in ranked(query, passages, 1)] if passages else []


@careful({"no-passages": LOUD, "ranking": RIGHT}, only=INPUTS)
def refuses_no_passages(query, passages):
    if not passages:
        raise ValueError("there are no passages")
    return search(query, passages)


@careful({"ranking": RIGHT, "503": LOUD}, only=INPUTS)
def yields_the_passages(query, passages):
    yield from search(query, passages)


@careful({"ranking": RIGHT, "503": LOUD}, only=INPUTS)
def returns_numbers_of_a_library(query, passages):
    class Number:
        def __init__(self, value):
            self.value = value

        def __index__(self):
            return self.value

    return tuple(Number(index) for index, _ in ranked(query, passages)) if passages else ()


@careful({"ranking": RIGHT, "503": LOUD}, read=operator.itemgetter("hits"), only=INPUTS)
def returns_an_object(query, passages):
    return {"hits": search(query, passages), "total": len(passages)}


@careful({"ranking": RIGHT, "503": LOUD, "hang": LOUD})
class UsesTheSdk:
    def __init__(self):
        import together

        self.client = together.Together(timeout=TIMEOUT_S, max_retries=0)

    def __call__(self, query, passages):
        answer = self.client.rerank.create(model="a-model", query=query, documents=passages, top_n=TOP_N)
        return [passages[index] for index, _ in checked(as_json(answer), passages)]


@careful({"ranking": RIGHT, "503": LOUD, "hang": LOUD})
class UsesTheAsyncSdk:
    def __init__(self):
        import together

        self.client = together.AsyncTogether(timeout=TIMEOUT_S, max_retries=0)
        _KEPT.append(self.client)

    async def __call__(self, query, passages):
        answer = await self.client.rerank.create(model="a-model", query=query, documents=passages, top_n=TOP_N)
        return [passages[index] for index, _ in checked(as_json(answer), passages)]


def as_json(answer):
    """Return the JSON of an answer of the SDK, which is a string or a list if it is no JSON object."""
    return answer if isinstance(answer, str | list) else answer.model_dump()


@careful({"ranking": RIGHT, "503": LOUD, "two-at-once": RIGHT})
def runs_a_loop_of_its_own(query, passages):
    async def call():
        async with async_client() as client:
            response = await client.post(**request(query, passages))
        response.raise_for_status()
        return checked(response.json(), passages)

    return [index for index, _ in asyncio.run(call())] if passages else []


# Other APIs.


@careful({"ranking": RIGHT, "unsorted": LOUD})
def uses_cohere(query, passages):
    return [index for index, _ in ranked(query, passages, path="/cohere/v2/rerank")] if passages else []


@careful({"ranking": RIGHT, "unsorted": LOUD, "many-passages": LOUD, "top-n-one-fewer": HIDDEN})
def uses_tei(query, passages):
    answer = post(query, None, None, path="/tei/rerank", texts=passages)
    return [index for index, _ in checked(answer, passages, None, score="score")][:TOP_N]


@careful({"ranking": RIGHT, "unsorted": LOUD})
def uses_voyage(query, passages):
    answer = post(query, passages, None, path="/voyage/v1/rerank", top_k=TOP_N)
    return [index for index, _ in checked(answer, passages, results="data")]


# Fallbacks are declared.


@careful({"ranking": RIGHT, "503": DECLARED, "unsorted": DECLARED, "hang": DECLARED}, fallback_log="^cannot rerank")
def declares_a_fallback_by_log(query, passages):
    try:
        return search(query, passages)
    except BROKEN as error:
        LOG.warning("cannot rerank: %s", error)
        return passages[:TOP_N]


@careful(
    {"ranking": RIGHT, "503": DECLARED, "429-retry-after": RIGHT, "slow": DECLARED},
    fallback_log="cannot rerank",
    only=SOME,
)
class DeclaresInAnotherThread:
    """A pool of threads makes the requests, and logs the fallback."""

    def __init__(self):
        self.pool = ThreadPoolExecutor(4)

    def __call__(self, query, passages):
        return self.pool.submit(self.rerank, query, passages).result()

    def rerank(self, query, passages):
        try:
            return call_with_retries(query, passages, attempts=2)
        except BROKEN:
            LOG.warning("cannot rerank")
            return passages[:TOP_N]


@careful({"ranking": RIGHT, "503": DECLARED}, fallback_argument="on_fallback")
async def declares_a_fallback_by_argument(query, passages, *, on_fallback):
    try:
        return await asyncio.to_thread(search, query, passages)
    except BROKEN as error:
        on_fallback("reranker", error=error)
        return first(passages)


@careful({"ranking": RIGHT, "503": DECLARED}, fallback_value=lambda returned: returned.get("degraded"))
def declares_a_fallback_by_value(query, passages):
    try:
        return {"degraded": False, "hits": search(query, passages)}
    except BROKEN:
        return {"degraded": True, "hits": passages[:TOP_N]}


CAREFUL["declares_a_fallback_by_value"].options["read"] = operator.itemgetter("hits")


@careful({"ranking": RIGHT, "503": DECLARED, "error-200": DECLARED}, fallback_value=None, only=INPUTS)
def declares_a_fallback_by_none(query, passages):
    try:
        return search(query, passages)
    except BROKEN:
        return None


# Requests are repeated, or made at the same time.


@careful({"ranking": RIGHT, "slow-once": RIGHT, "slow": LOUD, "503": LOUD})
async def sends_a_hedged_request(query, passages):
    if not passages:
        return []
    async with async_client() as client:

        async def call():
            response = await client.post(**request(query, passages))
            response.raise_for_status()
            return checked(response.json(), passages)

        calls = [asyncio.create_task(call())]
        done, _ = await asyncio.wait(calls, timeout=_HEDGE_S)
        if not done:
            calls.append(asyncio.create_task(call()))
            done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        for other in set(calls) - done:
            other.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        return [index for index, _ in done.pop().result()]


def call_with_retries(query, passages, attempts):
    for wait in itertools.chain((0.05 * 2**number for number in range(attempts - 1)), [None]):
        try:
            return search(query, passages)
        except httpx.HTTPStatusError as error:
            if wait is None or error.response.status_code not in (429, 500, 502, 503, 504, 520, 524, 529):
                raise
            time.sleep(max(wait, float(error.response.headers.get("Retry-After", 0))))
        except httpx.TransportError:
            if wait is None:
                raise
            time.sleep(wait)
    raise AssertionError


@careful({"429-retry-after": RIGHT, "503-retry-after": RIGHT, "503": LOUD, "slow-once": RIGHT}, patience=4, only=SOME)
def retries_with_backoff(query, passages):
    return call_with_retries(query, passages, attempts=4) if passages else []


@careful({"429-retry-after": RIGHT, "503": LOUD, "hang": LOUD}, only=BLOCKED)
class CallsOneAtATime:
    """It waits for Retry-After while it holds a lock, so that other calls are blocked."""

    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self, query, passages):
        with self.lock:
            return call_with_retries(query, passages, attempts=2) if passages else []


@careful({"503-retry-after": RIGHT, "401": LOUD, "hang": LOUD})
def uses_a_second_provider(query, passages):
    try:
        return search(query, passages)
    except BROKEN:
        return [passages[index] for index, _ in ranked(query, passages, path="/cohere/v2/rerank")]


@careful({"ranking": RIGHT, "many-passages": RIGHT, "many-documents-refused": HIDDEN, "index-duplicate": LOUD})
def merges_batches(query, passages):
    found = []
    for start in range(0, len(passages), _BATCH):
        batch = passages[start : start + _BATCH]
        found += [(score, start + index) for index, score in ranked(query, batch)]
    return [index for _, index in sorted(found, key=lambda each: -each[0])[:TOP_N]]


@careful({"ranking": RIGHT, "same-query": RIGHT, "recovery": RIGHT, "503": LOUD})
class CachesAnswers:
    def __init__(self):
        self.search = functools.lru_cache(lambda query, passages: tuple(search(query, passages)))

    def __call__(self, query, passages):
        return self.search(query, tuple(passages))


class CircuitOpen(Exception):
    pass


@careful({"ranking": RIGHT, "400": LOUD, "recovery": LOUD})
class OpensACircuit:
    """After three errors in a row, it makes no request for ten seconds."""

    def __init__(self):
        self.errors = 0
        self.open_until = 0.0

    def __call__(self, query, passages):
        if time.monotonic() < self.open_until:
            raise CircuitOpen
        try:
            found = search(query, passages)
        except BROKEN:
            self.errors += 1
            if self.errors >= 3:
                self.open_until = time.monotonic() + 10
            raise
        self.errors = 0
        return found


@careful({"ranking": RIGHT, "503": DECLARED}, fallback_log="circuit is open|cannot rerank")
class DeclaresAnOpenCircuit(OpensACircuit):
    def __call__(self, query, passages):
        try:
            return super().__call__(query, passages)
        except CircuitOpen:
            LOG.warning("the circuit is open")
        except BROKEN:
            LOG.warning("cannot rerank")
        return passages[:TOP_N]


# Query and passages are changed before they are sent.


@careful({"ranking": RIGHT, "two-at-once": RIGHT}, only=INPUTS)
def changes_the_case_of_the_query(query, passages):
    return search(f"Represent this query: {query.upper().strip()}", passages)


@careful({"ranking": RIGHT, "same-query": RIGHT, "two-at-once": HIDDEN, "503": LOUD, "recovery": RIGHT})
def rewrites_the_query(query, passages):
    return search("the animals of South America", passages)


@careful({"ranking": RIGHT, "long-passage": RIGHT, "long-document-refused": HIDDEN}, only=INPUTS)
def cuts_long_passages(query, passages):
    return [passages[index] for index, _ in ranked(query[:1000], [each[:500] for each in passages])]


@careful({"ranking": RIGHT, "other-scripts": RIGHT}, only=INPUTS)
def changes_the_text_of_passages(query, passages):
    texts = [f"passage: {' '.join(each.lower().split())}" for each in passages]
    return [passages[index] for index, _ in ranked(query, texts)]


CAREFUL["changes_the_text_of_passages"].options["passages"] = [
    f"# Animals\n\nA chapter about the\n  animals of  page {number}\n\n{text}"
    for number, text in enumerate(["Pandas", "Llamas", "Bears", "Bees"])
]


@careful({"ranking": RIGHT, "blanks": RIGHT}, only=INPUTS)
def sends_objects(query, passages):
    documents = [{"id": number, "text": each} for number, each in enumerate(passages)]
    return [index for index, _ in ranked(query, documents, rank_fields=["text"])] if passages else []


@careful({"ranking": RIGHT, "blanks": RIGHT, "duplicates": RIGHT, "no-passages": RIGHT}, top_n=None, only=INPUTS)
def sends_each_passage_once(query, passages):
    texts = list(dict.fromkeys(each for each in passages if each.strip()))
    return [texts[index] for index, _ in ranked(query, texts, None)] if texts else []


@careful({"ranking": RIGHT, "blanks": RIGHT, "many-passages": RIGHT}, top_n=None, only=INPUTS)
def leaves_out_low_scores(query, passages):
    return [index for index, score in ranked(query, passages, None) if score >= 0.3] if passages else []


@careful({"ranking": RIGHT, "503": LOUD}, only=["ranking", "two-at-once", "503", "drip", "slow", "hang"])
def is_slow(query, passages):
    time.sleep(0.2)
    return search(query, passages)
