"""Pipelines that are wrong in one way each: `WRONG` has the outcome that the audit must find in each of some cases."""

import asyncio
import collections
import contextlib
import threading
import time

import httpx

from reranker import (
    BROKEN,
    CLIENT,
    CRASH,
    DECLARED,
    HANG,
    LOG,
    LOUD,
    NO_EFFECT,
    RIGHT,
    SILENT,
    TOP_N,
    WRONG_PASSAGES,
    async_client,
    checked,
    post,
    registry,
    request,
    search,
)

WRONG, wrong = registry()


def results(*args, **fields):
    return post(*args, **fields)["results"]


# Reranking does nothing.


@wrong({"ranking": NO_EFFECT, "503": SILENT, "recovery": SILENT})
def never_calls_the_reranker(query, passages):
    return passages[:TOP_N]


@wrong({"ranking": NO_EFFECT})
def ignores_the_answer(query, passages):
    post(query, passages)
    return list(range(TOP_N))


@wrong({"ranking": NO_EFFECT})
def uses_the_position_for_the_index(query, passages):
    return [passages[place] for place, _ in enumerate(results(query, passages))]


@wrong({"ranking": NO_EFFECT})
def uses_the_position_of_tei(query, passages):
    answer = post(query, None, None, path="/tei/rerank", texts=passages)
    return [passages[place] for place, _ in enumerate(answer)][:TOP_N]


@wrong({"ranking": NO_EFFECT})
def sorts_as_the_passages_were(query, passages):
    return sorted(each["index"] for each in results(query, passages, None))[:TOP_N]


@wrong({"ranking": DECLARED}, fallback_log="cannot rerank")
def always_declares_a_fallback(query, passages):
    LOG.warning("cannot rerank")
    return passages[:TOP_N]


@wrong({"ranking": LOUD})
def sends_the_wrong_path(query, passages):
    return results(query, passages, path="/v9/rerank")


@wrong({"ranking": NO_EFFECT, "503": SILENT})
def returns_nothing(query, passages):
    results(query, passages) if "never" in query else None


# The ranking is read in the wrong way.


@wrong({"ranking": WRONG_PASSAGES, "ties": RIGHT})
def sorts_the_worst_first(query, passages):
    return [each["index"] for each in sorted(results(query, passages), key=lambda each: each["relevance_score"])]


@wrong({"ranking": WRONG_PASSAGES})
def returns_the_worst(query, passages):
    return [each["index"] for each in results(query, passages, None)[-TOP_N:]]


@wrong({"ranking": WRONG_PASSAGES, "one-passage": RIGHT})
def reads_ranks_as_indexes(query, passages):
    ranks = [each["index"] for each in results(query, passages, None)]
    return [passage for _, passage in sorted(zip(ranks, passages, strict=True))][:TOP_N]


@wrong({"ranking": WRONG_PASSAGES})
def counts_indexes_from_one(query, passages):
    return [passages[each["index"] - 1] for each in results(query, passages)]


@wrong({"ranking": WRONG_PASSAGES})
def cuts_before_ranking(query, passages):
    return search(query, passages[:5])


@wrong({"ranking": RIGHT, "many-passages": WRONG_PASSAGES})
def ranks_the_first_hundred_only(query, passages):
    return search(query, passages[:100])


@wrong({"ranking": WRONG_PASSAGES})
def cuts_after_a_search_by_words(query, passages):
    words = set(query.lower().split())
    return search(query, sorted(passages, key=lambda each: -len(words & set(each.lower().split())))[:4])


@wrong({"ranking": WRONG_PASSAGES})
def returns_all_passages(query, passages):
    return [passages[each["index"]] for each in results(query, passages, None)]


@wrong({"ranking": WRONG_PASSAGES})
def returns_one_too_few(query, passages):
    return search(query, passages)[:-1]


@wrong({"ranking": WRONG_PASSAGES})
def returns_the_best_twice(query, passages):
    found = search(query, passages)
    return [found[0], *found[:-1]]


@wrong({"ranking": WRONG_PASSAGES})
def changes_the_passages(query, passages):
    return [passage.upper() for passage in search(query, passages)]


@wrong({"ranking": RIGHT, "ties": WRONG_PASSAGES})
def drops_on_a_tie(query, passages):
    by_score = {each["relevance_score"]: each["index"] for each in results(query, passages)}
    return [by_score[score] for score in sorted(by_score, reverse=True)]


@wrong({"ranking": WRONG_PASSAGES})
def forgets_where_a_batch_begins(query, passages):
    batches = [passages[start : start + 4] for start in range(0, len(passages), 4)]
    found = [each for batch in batches for each in results(query, batch)]
    return [each["index"] for each in sorted(found, key=lambda each: -each["relevance_score"])[:TOP_N]]


@wrong({"ranking": WRONG_PASSAGES})
def joins_batches_without_a_merge(query, passages):
    batches = [passages[start : start + 4] for start in range(0, len(passages), 4)]
    return [passage for batch in batches for passage in search(query, batch)][:TOP_N]


@wrong({"ranking": WRONG_PASSAGES})
def sorts_the_answer_of_cohere_the_wrong_way(query, passages):
    found = results(query, passages, None, path="/cohere/v2/rerank")
    return [each["index"] for each in sorted(found, key=lambda each: each["relevance_score"])][:TOP_N]


# A wrong answer is believed.


@wrong({"ranking": RIGHT, "text-altered": WRONG_PASSAGES, "text-swapped": WRONG_PASSAGES, "document-missing": CRASH})
def trusts_the_text(query, passages):
    return [each["document"]["text"] for each in results(query, passages, return_documents=True)]


@wrong({
    "ranking": RIGHT, "unsorted": WRONG_PASSAGES, "top-n-ignored": WRONG_PASSAGES, "index-negative": WRONG_PASSAGES,
    "index-duplicate": WRONG_PASSAGES, "index-out-of-range": CRASH, "results-empty": SILENT, "usage-missing": RIGHT,
})  # fmt: skip
def checks_nothing(query, passages):
    return [passages[each["index"]] for each in results(query, passages)]


@wrong({"ranking": RIGHT, "503": SILENT, "401": SILENT, "error-200": SILENT, "results-missing": SILENT})
def ignores_the_status(query, passages):
    answer = CLIENT.post(**request(query, passages)).json()
    return [passages[each["index"]] for each in answer.get("results") or []]


@wrong({"ranking": RIGHT, "index-out-of-range": WRONG_PASSAGES, "index-off-by-one": WRONG_PASSAGES})
def drops_wrong_indexes(query, passages):
    return [passages[each["index"]] for each in results(query, passages) if each["index"] in range(len(passages))]


# Errors are hidden.


@wrong({
    **dict.fromkeys(["401", "429", "503", "503-html", "reset", "truncate", "html-200", "empty-body"], SILENT),
    **dict.fromkeys(["bad-gzip", "results-missing", "unsorted", "outage", "slow", "hang"], SILENT),
    "ranking": RIGHT, "recovery": RIGHT, "many-documents-refused": SILENT,
})  # fmt: skip
def swallows_every_error(query, passages):
    try:
        return search(query, passages)
    except BROKEN:
        return passages[:TOP_N]


@wrong({"ranking": RIGHT, "500": SILENT, "reset": SILENT, "outage": SILENT})
def returns_an_empty_list_on_an_error(query, passages):
    try:
        return search(query, passages)
    except httpx.HTTPError:
        return []


@wrong({"ranking": RIGHT, "429": SILENT, "html-200": SILENT})
def returns_none_on_an_error(query, passages):
    try:
        return search(query, passages)
    except BROKEN:
        return None


@wrong({"ranking": RIGHT, "503": SILENT, "results-missing": SILENT, "error-200": SILENT})
def falls_back_to_another_order(query, passages):
    try:
        return search(query, passages)
    except BROKEN:
        return sorted(passages, key=len)[:TOP_N]


@wrong({"ranking": RIGHT, "503": LOUD, "slow": SILENT, "hang": SILENT, "slow-once": SILENT})
def hides_timeouts(query, passages):
    try:
        return search(query, passages)
    except httpx.TimeoutException:
        return passages[:TOP_N]


@wrong({"503": DECLARED, "html-200": SILENT}, fallback_log="^cannot rerank")
def declares_some_errors(query, passages):
    try:
        return search(query, passages)
    except httpx.HTTPError as error:
        LOG.warning("cannot rerank: %s", error)
    except ValueError:
        LOG.warning("the answer is no JSON")
    return passages[:TOP_N]


@wrong({"ranking": RIGHT, "404": SILENT}, fallback_argument="on_fallback")
def forgets_to_call_the_argument(query, passages, on_fallback):
    try:
        return search(query, passages)
    except httpx.HTTPStatusError as error:
        if error.response.status_code != 404:
            on_fallback(error)
        return passages[:TOP_N]


@wrong({"ranking": RIGHT, "500": SILENT, "html-200": SILENT})
async def hides_errors_in_gather(query, passages):
    async with async_client() as client:
        (response,) = await asyncio.gather(client.post(**request(query, passages)), return_exceptions=True)
    try:
        return [passages[index] for index, _ in checked(response.json(), passages)]
    except BROKEN:
        return passages[:TOP_N]


@wrong({"ranking": RIGHT, "401": SILENT, "503": SILENT, "reset": SILENT})
def swallows_the_errors_of_the_sdk(query, passages):
    import together

    try:
        with together.Together(timeout=0.5, max_retries=0) as client:
            answer = client.rerank.create(model="a-model", query=query, documents=passages, top_n=TOP_N)
    except together.APIError:
        return passages[:TOP_N]
    return [passages[each.index] for each in answer.results]


@wrong({"ranking": RIGHT, "503": SILENT, "recovery": SILENT})
class GivesUpForGood:
    """After one error, it never calls the reranker again."""

    def __init__(self):
        self.is_broken = False

    def __call__(self, query, passages):
        try:
            return passages[:TOP_N] if self.is_broken else search(query, passages)
        except BROKEN:
            self.is_broken = True
            return passages[:TOP_N]


@wrong({"ranking": RIGHT, "503": SILENT, "outage": SILENT})
class ServesTheLastAnswer:
    """After an error, it returns what it found for another query."""

    def __init__(self):
        self.last = []

    def __call__(self, query, passages):
        with contextlib.suppress(*BROKEN):
            self.last = search(query, passages)
        return self.last


# Calls are mixed up.


@wrong({"ranking": RIGHT, "same-query": WRONG_PASSAGES})
class CachesByQuery:
    def __init__(self):
        self.cache = {}

    def __call__(self, query, passages):
        if query not in self.cache:
            self.cache[query] = search(query, passages)
        return self.cache[query]


@wrong({"ranking": RIGHT, "same-query": WRONG_PASSAGES})
class CachesIndexesByQuery:
    def __init__(self):
        self.cache = {}

    def __call__(self, query, passages):
        if query not in self.cache:
            self.cache[query] = [each["index"] for each in results(query, passages)]
        return self.cache[query]


@wrong({"ranking": RIGHT, "recovery": SILENT})
class CachesErrors:
    def __init__(self):
        self.cache = {}

    def __call__(self, query, passages):
        if query not in self.cache:
            self.cache[query] = swallows_every_error(query, passages)
        return self.cache[query]


@wrong({"ranking": RIGHT, "two-at-once": WRONG_PASSAGES})
class SharesTheResult:
    """Two calls at once return the result of the later one."""

    def __call__(self, query, passages):
        self.found = [index for index, _ in checked(post(query, passages), passages)]
        time.sleep(0.1)
        return self.found


@wrong({"ranking": RIGHT, "two-at-once": HANG}, patience=0.5)
class LocksTwice:
    """Two calls at once wait for each other."""

    def __init__(self):
        self.locks = collections.deque([threading.Lock(), threading.Lock()])

    def __call__(self, query, passages):
        self.locks.rotate()
        first, second = self.locks
        with first:
            time.sleep(0.05)
            with second:
                return search(query, passages)


# It never ends.


@wrong({"ranking": RIGHT, "503": HANG, "reset": HANG, "503-retry-after": RIGHT}, patience=0.5)
def retries_forever(query, passages):
    while True:
        try:
            return search(query, passages)
        except httpx.HTTPError:
            time.sleep(0.01)


@wrong({"ranking": RIGHT, "slow-once": HANG, "slow": HANG, "hang": HANG, "503": LOUD}, patience=0.5)
def has_no_timeout(query, passages):
    with httpx.Client(timeout=None, trust_env=False) as client:
        return [index for index, _ in checked(post(query, passages, client=client), passages)]


@wrong({"ranking": RIGHT, "hang": HANG}, patience=0.5)
async def awaits_without_a_timeout(query, passages):
    async with async_client(timeout=None) as client:
        response = await client.post(**request(query, passages))
    response.raise_for_status()
    return [index for index, _ in checked(response.json(), passages)]
