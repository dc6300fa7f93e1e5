"""Servers that keep the contract in different ways; no requirement may fail for any of them."""

import gzip
import hashlib
import json
import math
import random
import struct
import time

from miniature import Miniature, Refused

_NOISE = 2e-4


def _bfloat16(number):
    (bits,) = struct.unpack(">I", struct.pack(">f", number))
    return struct.unpack(">f", struct.pack(">I", (bits + 0x8000) & 0xFFFF0000))[0]


class Correct(Miniature):
    """Responds as the document says."""


class RecordsRequests(Correct):
    """Stores the requests that it receives."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def reply(self, method, path, headers, content):
        self.seen.append((method, path, headers, content))
        return super().reply(method, path, headers, content)

    @property
    def keys(self):
        return {headers.get("Authorization") for _, _, headers, _ in self.seen}


class NoiseBetweenRuns(Miniature):
    times = 3

    def scores(self, query, texts, request):
        return [score + random.gauss(0, _NOISE) for score in super().scores(query, texts, request)]


class NoiseBetweenBatches(Miniature):
    def scores(self, query, texts, request):
        seed = hashlib.sha256(repr(texts).encode()).digest()
        noise = random.Random(seed)
        return [score + noise.gauss(0, 5 * _NOISE) for score in super().scores(query, texts, request)]


class Softmax(Miniature):
    """Scores that depend on all documents of the request."""

    def scores(self, query, texts, request):
        powers = [math.exp(3 * score) for score in super().scores(query, texts, request)]
        return [power / sum(powers) for power in powers]


class Logits(Miniature):
    def score(self, query, text):
        return 12 * super().score(query, text) - 7


class HugeLogits(Miniature):
    def score(self, query, text):
        return 4e4 * super().score(query, text)


class MinMax(Miniature):
    """Scales the scores: the best document always gets 1 and the worst 0."""

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        low, high = min(scores), max(scores)
        return [(score - low) / (high - low) if high > low else 1.0 for score in scores]


class CoarseRounding(Miniature):
    def score(self, query, text):
        return round(super().score(query, text), 1)


class CoarseFloats(Miniature):
    """Clustered scores with noise, rounded to bfloat16: now and then a score jumps by one step."""

    noisy = True
    times = 3

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [_bfloat16(0.25 + 0.06 * score + random.gauss(0, 1e-4)) for score in scores]


class TwoReplicas(Miniature):
    """Sends each request to one of two replicas, whose scores differ by less than a hundredth."""

    times = 3

    def scores(self, query, texts, request):
        replica = random.choice("ab")
        return [
            score + 0.0075 * random.Random(replica + text).uniform(-1, 1)
            for score, text in zip(super().scores(query, texts, request), texts, strict=True)
        ]


class NoiseAfterEightRequests(Miniature):
    times = 3

    def scores(self, query, texts, request):
        noise = 0.0075 if next(self.calls) > 8 else 0.0
        return [score + random.uniform(-noise, noise) for score in super().scores(query, texts, request)]


class MinMaxWithNoise(MinMax):
    """Gives equal documents the best and the worst score."""

    noisy = True
    times = 3

    def score(self, query, text):
        return super().score(query, text) + random.uniform(-1e-7, 1e-7)


class SetsACookie(Miniature):
    """Accepts the cookie in place of the key."""

    def authenticate(self, headers):
        if "session=1" not in headers.get("Cookie", ""):
            super().authenticate(headers)

    def reply(self, *call):
        status, headers, content = super().reply(*call)
        return status, {**headers, "Set-Cookie": "session=1"}, content


class SometimesOverloaded(Miniature):
    """Sends 503 with Retry-After for every ninth request."""

    def authenticate(self, headers):
        super().authenticate(headers)
        if next(self.calls) % 9 == 0:
            raise Refused(503, "overloaded", Retry_After="0.01")


class RequiresAUserAgent(Miniature):
    def authenticate(self, headers):
        if not headers.get("User-Agent"):
            raise Refused(403, "who are you?")
        super().authenticate(headers)


class TiesInRandomOrder(CoarseRounding):
    times = 3

    def order(self, scores):
        return sorted(range(len(scores)), key=lambda index: (-scores[index], random.random()))


class NoUsage(Miniature):
    def answer(self, request):
        body = super().answer(request)
        del body["usage"]
        return body


class NullUsage(Miniature):
    def usage(self, request, texts):
        return None


class NoId(Miniature):
    def answer(self, request):
        body = super().answer(request)
        del body["id"]
        return body


class ModelAlias(Miniature):
    def answer(self, request):
        return {**super().answer(request), "model": "miniature/rank-0.8-3778-6328"}


class ExtraField(Miniature):
    def answer(self, request):
        return {**super().answer(request), "created": 1795595479, "meta": {"version": 2}}


class Truncating(Miniature):
    """Scores only the first 12 words of a text."""

    def text(self, document, request):
        return " ".join(super().text(document, request).split()[:12])


class NoTextsByDefault(Miniature):
    def document(self, index, request):
        return super().document(index, {"return_documents": False, **request})


class NullText(Miniature):
    """Sends null for `document.text` if the request asks for no texts."""

    def document(self, index, request):
        return super().document(index, request) or {"text": None}


class SpacedJson(Miniature):
    def rendered(self, document):
        return json.dumps(document, indent=1, sort_keys=True)


class Slow(Miniature):
    def answer(self, request):
        time.sleep(0.03)
        return super().answer(request)


class SometimesRateLimited(Miniature):
    """Sends 429 with Retry-After for every seventh request."""

    def authenticate(self, headers):
        super().authenticate(headers)
        if next(self.calls) % 7 == 0:
            raise Refused(429, "too many requests", Retry_After="0.01")


class ErrorsWithNulls(Miniature):
    """Sends null for `param` and `code`, and an `id` beside the error, as observed."""

    def refusal(self, refused):
        status, headers, content = super().refusal(refused)
        body = json.loads(content)
        body["error"].update(param=None, code=None)
        return status, headers, json.dumps({"id": "oGs6Zt9", **body}).encode()


class Sends400ForAnUnknownModel(Miniature):
    """Sends 400, as observed for models without an endpoint."""

    def check_model(self, model):
        try:
            super().check_model(model)
        except Refused as refused:
            raise Refused(400, str(refused)) from None


class Takes32Documents(Miniature):
    most, status, message = 32, 413, "at most 32 documents"

    def validate(self, request):
        super().validate(request)
        if self.size(request) > self.most:
            raise Refused(self.status, self.message)

    def size(self, request):
        return len(request["documents"])


class TakesShortTexts(Takes32Documents):
    most, status, message = 4_000, 400, "a text has more than 4000 characters"

    def size(self, request):
        return max(len(json.dumps(each)) for each in request["documents"])


class TakesFewTokens(Takes32Documents):
    """Counts the query for each document, as a model does."""

    most, status, message = 1_500, 422, "more than 1500 tokens"

    def size(self, request):
        return sum(len(json.dumps(text)) for each in request["documents"] for text in (request["query"], each)) // 4


class TakesSmallRequests(Takes32Documents):
    """Takes a part of each long list of the samples, one document less if an option is a byte longer."""

    most, message = 1_860, "more than 1860 bytes"

    def size(self, request):
        return len(json.dumps(request))


class Ranks(Miniature):
    """The score is the rank, counted from the end."""

    def scores(self, query, texts, request):
        order = self.order(super().scores(query, texts, request))
        return [self.of_rank(order.index(index), len(texts)) for index in range(len(texts))]

    def of_rank(self, rank, count):
        return float(count - rank)


class ReciprocalRanks(Ranks):
    def of_rank(self, rank, count):
        return 1 / (1 + rank)


class WholeNumbersAsFloats(Miniature):
    """Sends 1.0 for 1, which is an integer in JSON Schema."""

    def result(self, index, score, request):
        return {**super().result(index, score, request), "index": float(index)}

    def usage(self, request, texts):
        return {name: float(count) for name, count in super().usage(request, texts).items()}


class CompressesIfAccepted(Miniature):
    def reply(self, method, path, headers, content):
        status, given, body = super().reply(method, path, headers, content)
        if "gzip" not in headers.get("Accept-Encoding", ""):
            return status, given, body
        return status, {**given, "Content-Encoding": "gzip"}, gzip.compress(body)


class ClosesEveryConnection(Miniature):
    def reply(self, *call):
        status, headers, body = super().reply(*call)
        return status, {**headers, "Connection": "close"}, body


class RequiresALength(Miniature):
    """Rejects a request in chunks, as RFC 9110 allows."""

    def authenticate(self, headers):
        super().authenticate(headers)
        if "Content-Length" not in headers:
            raise Refused(411, "a Content-Length is required")


class KnowsOneMethod(Miniature):
    """Sends 501 for every method but POST, as RFC 9110 says for methods that a server does not know."""

    def method(self, method):
        if method != "POST":
            raise Refused(501, "the method is not known")


class EscapesEverything(Miniature):
    def serialise(self, body):
        return json.dumps(body, indent=4).replace("/", "\\/").encode()


class BusyEveryTenthTime(Miniature):
    """Sends 503 without Retry-After for every tenth request."""

    def authenticate(self, headers):
        super().authenticate(headers)
        if next(self.calls) % 10 == 0:
            raise Refused(503, "overloaded")


class RejectsDuplicateKeys(Miniature):
    def parse(self, headers, content):
        if content.count(b'"query": ') > 1:
            raise Refused(400, "a key occurs twice")
        return super().parse(headers, content)


class RejectsOddQueries(Miniature):
    """Rejects blank and long queries, and `rank_fields` with strings."""

    def scores(self, query, texts, request):
        is_odd = not query.strip() or len(query) > 1_000
        if is_odd or ("rank_fields" in request and isinstance(request["documents"][0], str)):
            raise Refused(400, "this is not supported")
        return super().scores(query, texts, request)


LEGITIMATE = tuple(
    kind
    for kind in globals().values()
    if isinstance(kind, type) and issubclass(kind, Miniature) and kind not in (Miniature, RecordsRequests)
)
