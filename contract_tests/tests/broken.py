"""Servers that each break one requirement, in ways that the mock's faults do not cover.

`breaks` names the requirements that must fail, except those of Schemathesis, which are in `breaks_fuzz`.
"""

import gzip
import json
import math
import re
import threading
import time
import unicodedata

from miniature import KEY, MODEL, PATHS, Miniature, Refused

# Servers with wrong errors and wrong authentication.


class IgnoresTheKey(Miniature):
    breaks = {"RR-AUTH-001", "RR-AUTH-002"}

    def authenticate(self, headers):
        """Accept every request."""


class AcceptsAnyKey(Miniature):
    breaks = {"RR-AUTH-002"}
    breaks_fuzz = {"RR-FUZZ-009"}

    def authenticate(self, headers):
        if not headers.get("Authorization", "").startswith("Bearer "):
            raise Refused(401, "the key is missing")


class Sends403InsteadOf401(Miniature):
    breaks = {"RR-AUTH-001", "RR-AUTH-002", "RR-AUTH-003", "RR-ERROR-005"}

    def authenticate(self, headers):
        if headers.get("Authorization") != f"Bearer {KEY}":
            raise Refused(403, "the key is missing or wrong")


class Sends400ForAMissingKey(Miniature):
    """Sends 401 only for a wrong key."""

    breaks = {"RR-AUTH-001"}

    def authenticate(self, headers):
        if "Authorization" not in headers:
            raise Refused(400, "the key is missing")
        super().authenticate(headers)


class AcceptsInvalidRequests(Miniature):
    breaks = {"RR-ERROR-002", "RR-ERROR-006", "RR-ERROR-007", "RR-ERROR-008"}
    breaks_fuzz = {"RR-FUZZ-005", "RR-FUZZ-010"}

    def validate(self, request):
        if not isinstance(request, dict):
            raise Refused(400, "must be an object")
        request["query"] = str(request.get("query"))
        documents = request.get("documents")
        documents = documents if isinstance(documents, list) else []
        request["documents"] = [each if isinstance(each, str | dict) else str(each) for each in documents]
        request["model"] = request["model"] if isinstance(request.get("model"), str) else MODEL
        if not isinstance(request.get("top_n"), int):
            request.pop("top_n", None)
        if not isinstance(request.get("rank_fields"), list):
            request.pop("rank_fields", None)


class IgnoresUnknownFields(Miniature):
    """Ignores a misspelt `top_k`."""

    breaks_fuzz = {"RR-FUZZ-005"}

    def validate(self, request):
        known = ("model", "query", "documents", "top_n", "return_documents", "rank_fields")
        known_only = {key: request[key] for key in known if key in request} if isinstance(request, dict) else request
        super().validate(known_only)


class Sends422InsteadOf400(Miniature):
    breaks = {"RR-ERROR-005"}
    breaks_fuzz = {"RR-FUZZ-002"}

    def validate(self, request):
        try:
            super().validate(request)
        except Refused as refused:
            raise Refused(422, str(refused)) from None


class ErrorsAsHtml(Miniature):
    breaks = {"RR-ERROR-001"}
    breaks_fuzz = {"RR-FUZZ-003"}

    def refusal(self, refused):
        status, headers, _ = super().refusal(refused)
        return status, {**headers, "Content-Type": "text/html"}, f"<html><h1>{refused.status}</h1></html>".encode()


class ErrorsAsInFastApi(Miniature):
    """Sends errors in the form of FastAPI."""

    breaks = {"RR-ERROR-001"}

    def refusal(self, refused):
        status, headers, _ = super().refusal(refused)
        return status, headers, json.dumps({"detail": str(refused)}).encode()


class ErrorsWithResults(Miniature):
    breaks = {"RR-RESPONSE-006"}

    def refusal(self, refused):
        status, headers, content = super().refusal(refused)
        return status, headers, json.dumps({**json.loads(content), "results": [{"index": 0}]}).encode()


class ErrorStatusVaries(Miniature):
    breaks = {"RR-ERROR-004"}

    def refusal(self, refused):
        if next(self.calls) % 2 and refused.status == 400:
            refused.status = 404
        return super().refusal(refused)


class AcceptsAnyModel(Miniature):
    breaks = {"RR-ERROR-003"}

    def check_model(self, model):
        """Accept every name."""


class AcceptsGet(Miniature):
    breaks_fuzz = {"RR-FUZZ-007"}

    def reply(self, method, path, headers, content):
        if method == "GET" and path in PATHS and headers.get("Authorization") == f"Bearer {KEY}":
            return 200, {"Content-Type": "text/plain"}, b"rerank is POST"
        return super().reply(method, path, headers, content)


class SendsAWrongAllowHeader(Miniature):
    breaks_fuzz = {"RR-FUZZ-008"}

    def reply(self, method, path, headers, content):
        if method == "OPTIONS" and path in PATHS:
            return 200, {"Allow": "GET, DELETE", "Content-Type": "application/json"}, b"{}"
        return super().reply(method, path, headers, content)


class CrashesOnAnEmptyQuery(Miniature):
    breaks = {"RR-ERROR-005"}
    breaks_fuzz = {"RR-FUZZ-001", "RR-FUZZ-002"}

    def scores(self, query, texts, request):
        if not query:
            raise Refused(500, "division by zero")
        return super().scores(query, texts, request)


class ClosesOnAnEmptyQuery(Miniature):
    """Closes the connection without a response."""

    breaks = {"RR-ERROR-009"}
    breaks_fuzz = {"RR-FUZZ-001"}

    def reply(self, method, path, headers, content):
        if b'"query": ""' in content:
            return None
        return super().reply(method, path, headers, content)


class RejectsAnEmptyQuery(Miniature):
    """Rejects a query that the schema allows."""

    breaks_fuzz = {"RR-FUZZ-006"}

    def scores(self, query, texts, request):
        if not query.strip():
            raise Refused(400, "the query is empty")
        return super().scores(query, texts, request)


class WrongObjectForOneEmptyDocument(Miniature):
    """Breaks the schema only for one empty document, which only Schemathesis sends."""

    breaks_fuzz = {"RR-FUZZ-004"}

    def answer(self, request):
        body = super().answer(request)
        return {**body, "object": "list"} if request["documents"] == [""] else body


class ChecksTheBodyBeforeTheKey(Miniature):
    breaks = {"RR-AUTH-003"}

    def reply(self, method, path, headers, content):
        try:
            json.loads(content)
        except ValueError:
            return self.refusal(Refused(400, "the body is not JSON"))
        return super().reply(method, path, headers, content)


# Servers with wrong results and texts.


class MixesUpRequests(Miniature):
    """Responds to one of two simultaneous requests with the ranking of the other."""

    breaks = {"RR-RELATION-008"}
    may_break = {
        "RR-DOCUMENT-001",
        "RR-DOCUMENT-004",
        "RR-DOCUMENT-005",
        "RR-RESULT-002",
        "RR-RESULT-003",
        "RR-RESULT-004",
    }

    def __init__(self):
        super().__init__()
        self.waiting = []
        self.lock = threading.Lock()

    def answer(self, request):
        with self.lock:
            self.waiting.append(request)
        time.sleep(0.02)
        with self.lock:
            taken = self.waiting.pop(0 if len(self.waiting) < 2 else -1)
        return super().answer(taken)


class AppliesTopNBeforeRanking(Miniature):
    breaks = {"RR-RESULT-005", "RR-USAGE-003", "RR-LIST-002"}

    def answer(self, request):
        top_n = request.get("top_n")
        return super().answer({**request, "documents": request["documents"][: int(top_n)]} if top_n else request)


class ReturnsTheWorstForEvenTopN(Miniature):
    """Returns the worst documents for an even `top_n`."""

    breaks = {"RR-LIST-002", "RR-RESULT-005", "RR-RESULT-007"}

    def cut(self, ranking, request):
        top_n = request.get("top_n", len(ranking))
        if (top_n < len(ranking) and top_n % 2 == 0) or top_n == 5:
            return ranking[len(ranking) - int(top_n) :]
        return super().cut(ranking, request)


class DropsTheBestForTopN2(Miniature):
    """Leaves out the best document for `top_n` 2; 1, 5 and 6 are correct."""

    breaks = {"RR-RESULT-007"}

    def cut(self, ranking, request):
        return ranking[1:3] if request.get("top_n") == 2 and len(ranking) > 2 else super().cut(ranking, request)


class RejectsHighTopN(Miniature):
    breaks = {"RR-RESULT-006"}

    def cut(self, ranking, request):
        if request.get("top_n", 0) > len(ranking):
            raise Refused(400, "top_n is above the number of documents")
        return super().cut(ranking, request)


class OneByDefault(Miniature):
    breaks = {"RR-RESULT-003"}

    def cut(self, ranking, request):
        return super().cut(ranking, {"top_n": 1, **request})


class ScoresDependOnReturnDocuments(Miniature):
    breaks = {"RR-DOCUMENT-003", "RR-RESULT-005"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [score / 2 for score in scores] if request.get("return_documents") is False else scores


class RendersObjectsAsLines(Miniature):
    breaks = {"RR-DOCUMENT-002"}

    def rendered(self, document):
        return "\n".join(f"{key}: {value}" for key, value in document.items())


class NormalisesUnicode(Miniature):
    breaks = {"RR-DOCUMENT-006"}

    def serialise(self, body):
        return unicodedata.normalize("NFC", super().serialise(body).decode()).encode()


class StripsNonAscii(Miniature):
    breaks = {"RR-DOCUMENT-001", "RR-DOCUMENT-002", "RR-DOCUMENT-005"}

    def document(self, index, request):
        document = super().document(index, request)
        return {name: text.encode("ascii", "ignore").decode() for name, text in document.items()}


class RejectsObjects(Miniature):
    breaks = {"RR-REQUEST-001"}

    def text(self, document, request):
        if not isinstance(document, str):
            raise Refused(400, "documents must be strings")
        return document


class RejectsBrowsers(Miniature):
    breaks = {"RR-REQUEST-005"}

    def authenticate(self, headers):
        if "Mozilla" in headers.get("User-Agent", ""):
            raise Refused(404, "not for browsers")
        super().authenticate(headers)


class ScoresDependOnTheFirstKey(Miniature):
    breaks = {"RR-REQUEST-006"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return scores if next(iter(request)) == "model" else [score / 2 for score in scores]


class MixesUpRequestsWithoutTexts(MixesUpRequests):
    """Also returns no texts, by which the contract tests could detect the mistake."""

    breaks = {"RR-RELATION-008", "RR-DOCUMENT-001"}

    def document(self, index, request):
        return {}


class RejectsReturnDocuments(Miniature):
    breaks = {"RR-REQUEST-002"}

    def validate(self, request):
        super().validate(request)
        if "return_documents" in request:
            raise Refused(400, "return_documents is not a field")


class RejectsTopN(Miniature):
    breaks = {"RR-REQUEST-003"}

    def validate(self, request):
        super().validate(request)
        if "top_n" in request:
            raise Refused(400, "top_n is not a field")


class RejectsRankFields(Miniature):
    breaks = {"RR-REQUEST-004"}

    def validate(self, request):
        super().validate(request)
        if "rank_fields" in request:
            raise Refused(400, "rank_fields is not a field")


class CrashesOnObjects(Miniature):
    breaks = {"RR-ERROR-005"}

    def text(self, document, request):
        if not isinstance(document, str):
            raise Refused(500, "'dict' object has no attribute 'split'")
        return document


# Servers whose scores depend on the wrong things.


class ScoresDependOnOtherFields(Miniature):
    breaks = {"RR-FIELDS-001"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        everything = [self.text(each, {}) for each in request["documents"]]
        return [0.7 * score + 0.3 * self.score(query, text) for score, text in zip(scores, everything, strict=True)]


class RanksByTextAlone(Miniature):
    breaks = {"RR-FIELDS-002", "RR-FIELDS-007"}

    def text(self, document, request):
        return super().text(document, {**request, "rank_fields": ["text"]} if "rank_fields" in request else request)


class ReversesEveryOtherRanking(Miniature):
    """Reverses the ranking for every other request, which exceeds noise."""

    breaks = {"RR-RELATION-001"}
    noisy = True

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [1 - score for score in scores] if next(self.calls) % 2 and len(texts) == 6 else scores


class FavoursEarlyDocuments(Miniature):
    breaks = {
        "RR-LIST-003",
        "RR-LIST-001",
        "RR-QUERY-003",
        "RR-QUERY-002",
        "RR-SCORE-004",
        "RR-SCORE-002",
        "RR-SCORE-005",
        "RR-RELATION-002",
        "RR-RELATION-004",
    }

    def scores(self, query, texts, request):
        return [score - 0.3 * index for index, score in enumerate(super().scores(query, texts, request))]


class SlightlyFavoursEarlyDocuments(Miniature):
    breaks = {"RR-SCORE-005"}

    def scores(self, query, texts, request):
        return [score - 1e-9 * index for index, score in enumerate(super().scores(query, texts, request))]


class DemotesTheSecondCopy(Miniature):
    """Demotes the second copy in lists with different documents; the scores depend on the list."""

    breaks = {"RR-SCORE-004"}

    def scores(self, query, texts, request):
        powers = [math.exp(3 * score) for score in super().scores(query, texts, request)]
        seen = [text in texts[:index] for index, text in enumerate(texts)]
        return [power / sum(powers) / (60 if again else 1) for power, again in zip(powers, seen, strict=True)]


class ScoresEqualDocumentsDifferently(Miniature):
    breaks = {"RR-SCORE-004"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [score - 0.1 * (index % 2) if len(set(texts)) == 1 else score for index, score in enumerate(scores)]


class FavoursTheFirstDocument(Miniature):
    """Adds a bonus to the first document in long lists."""

    breaks = {"RR-RELATION-002"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        if len(texts) == 6 and len(set(texts)) > 1 and not texts[0].startswith("The stock"):
            scores[0] += 0.4
        return scores


class ReversesWithoutTheBest(Miniature):
    """Reverses the ranking if the best document is missing; a single document keeps its score."""

    breaks = {"RR-RELATION-003"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [1 - score for score in scores] if len(texts) == 4 and max(scores) < 0.6 else scores


class InvertsTheScoreOfOneDocument(Miniature):
    breaks = {"RR-RELATION-004"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [1 - score for score in scores] if len(texts) == 1 else scores


class ReversesWithOneMoreDocument(Miniature):
    breaks = {"RR-RELATION-005"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [1 - score for score in scores] if len(texts) == 7 else scores


class IgnoresTheQueryForTwoDocuments(Miniature):
    """Ranks two documents by their length."""

    breaks = {"RR-QUERY-001", "RR-QUERY-002", "RR-QUERY-003", "RR-RELATION-006"}

    def scores(self, query, texts, request):
        lengths = [len(text) / 1000 for text in texts]
        return lengths if len(texts) == 2 and "bread" in texts[0] else super().scores(query, texts, request)


class CountsTokensOfReturnedDocuments(Miniature):
    breaks = {"RR-USAGE-003"}

    def usage(self, request, texts):
        return super().usage(request, texts[: int(min(request.get("top_n", len(texts)), len(texts)))])


class CountsFewerTokensForMoreDocuments(Miniature):
    breaks = {"RR-USAGE-004"}

    def usage(self, request, texts):
        prompt = 1000 - len(texts)
        return {"prompt_tokens": prompt, "completion_tokens": 0, "total_tokens": prompt}


class SendsAnEmptyModel(Miniature):
    breaks = {"RR-RESPONSE-004"}

    def answer(self, request):
        return {**super().answer(request), "model": ""}


class ScoresAboveOne(Miniature):
    breaks = {"RR-SCORE-002"}

    def score(self, query, text):
        return 10 * super().score(query, text)


class RanksByTheFirstFieldOnly(Miniature):
    """Ranks by the first of several fields only."""

    breaks = {"RR-FIELDS-003", "RR-FIELDS-007"}

    def text(self, document, request):
        fields = request.get("rank_fields", [])
        return super().text(document, {**request, "rank_fields": fields[:1]} if len(fields) > 1 else request)


class RanksByTheFirstKeyOnly(Miniature):
    breaks = {"RR-FIELDS-004", "RR-FIELDS-006"}

    def text(self, document, request):
        if isinstance(document, dict) and "rank_fields" not in request and len(document) > 1:
            return str(next(iter(document.values())))
        return super().text(document, request)


class RanksStringsAndObjectsDifferently(Miniature):
    breaks = {"RR-FIELDS-005"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        turns = isinstance(request["documents"][0], dict) and len(texts) == 6
        return [1 - score for score in scores] if turns else scores


class RanksTheQueryLow(Miniature):
    """Ranks the query itself low, as models for questions do."""

    breaks = {"RR-RELATION-007"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [0.0 if text == query and len(texts) == 3 else s for s, text in zip(scores, texts, strict=True)]


# Servers that are correct for simple requests, and break one thing for others.


class UnsortedWithTopN(Miniature):
    """Returns the best k unsorted, as after a partition."""

    breaks = {"RR-RESULT-001"}

    def cut(self, ranking, request):
        best = super().cut(ranking, request)
        return sorted(best) if "top_n" in request else best


class UnsortedWithTexts(Miniature):
    breaks = {"RR-RESULT-001"}

    def cut(self, ranking, request):
        best = super().cut(ranking, request)
        return sorted(best) if request.get("return_documents") and len(best) > 2 else best


class SortsInBatches(Miniature):
    breaks = {"RR-LIST-002", "RR-RESULT-001", "RR-RESULT-005"}

    def order(self, scores):
        batches = [range(start, min(start + 8, len(scores))) for start in range(0, len(scores), 8)]
        return [index for batch in batches for index in sorted(batch, key=lambda index: -scores[index])]


class CountsIndicesInBatches(Miniature):
    breaks = {"RR-RESULT-004"}

    def result(self, index, score, request):
        return {**super().result(index, score, request), "index": index % 8}


class RepeatsAnIndexWithTexts(Miniature):
    breaks = {"RR-RESULT-004"}

    def answer(self, request):
        body = super().answer(request)
        if request.get("return_documents"):
            body["results"][-1]["index"] = body["results"][0]["index"]
        return body


class TextsOfUnrankedDocuments(Miniature):
    """Assigns the first texts of the request to the results if the request has `top_n` and `return_documents`."""

    breaks = {"RR-DOCUMENT-001"}

    def answer(self, request):
        body = super().answer(request)
        if "top_n" in request and request.get("return_documents"):
            for place, result in enumerate(body["results"]):
                result["document"] = self.document(place, request)
        return body


class WrongTextsInLongLists(Miniature):
    breaks = {"RR-DOCUMENT-001", "RR-DOCUMENT-006"}

    def document(self, index, request):
        count = len(request["documents"])
        return super().document((index + 1) % count if count > 8 else index, request)


class WrongTextsByDefault(Miniature):
    """Returns the wrong texts if the request has no `return_documents`."""

    breaks = {"RR-DOCUMENT-001"}

    def document(self, index, request):
        is_given = "return_documents" in request or not isinstance(request["documents"][0], str)
        return super().document(index if is_given else (index + 1) % len(request["documents"]), request)


class TruncatesLongTexts(Miniature):
    breaks = {"RR-DOCUMENT-002", "RR-DOCUMENT-005"}

    def document(self, index, request):
        return {name: text[:512] for name, text in super().document(index, request).items()}


class CollapsesSpaces(Miniature):
    breaks = {"RR-DOCUMENT-002", "RR-DOCUMENT-005"}

    def document(self, index, request):
        return {name: text.replace("  ", " ") for name, text in super().document(index, request).items()}


class ReturnsTextsWithTopN(Miniature):
    breaks = {"RR-DOCUMENT-004"}

    def document(self, index, request):
        return super().document(index, {**request, "return_documents": True} if "top_n" in request else request)


class ReturnsAtMost32(Miniature):
    """Returns at most 32 results even if `top_n` is larger."""

    breaks = {"RR-RESULT-002"}

    def cut(self, ranking, request):
        best = super().cut(ranking, request)
        return best[:32] if "top_n" in request else best


class IgnoresSomeTopN(Miniature):
    breaks = {"RR-RESULT-002"}

    def cut(self, ranking, request):
        return ranking if request.get("top_n") in (3, 4) else super().cut(ranking, request)


class IgnoresTopN2(Miniature):
    breaks = {"RR-RESULT-002"}

    def cut(self, ranking, request):
        return ranking if request.get("top_n") == 2 else super().cut(ranking, request)


class NoScoresWithTopN(Miniature):
    breaks = {"RR-SCORE-001"}

    def result(self, index, score, request):
        return super().result(index, None if "top_n" in request else score, request)


class NoDocumentWithTopN(Miniature):
    breaks = {"RR-RESPONSE-003"}

    def answer(self, request):
        body = super().answer(request)
        if request.get("top_n", 9) < 5 and not request.get("return_documents"):
            body["results"] = [{key: each[key] for key in each if key != "document"} for each in body["results"]]
        return body


class ErrorsIn200WithTopN(Miniature):
    breaks = {"RR-RESPONSE-006"}

    def answer(self, request):
        body = super().answer(request)
        return {**body, "error": {"message": "partial", "type": "server_error"}} if "top_n" in request else body


# Servers that are correct for short lists of short, different texts.


class FindsIndicesByText(Miniature):
    """Looks up the index of each result by its text, so equal documents get the same one."""

    breaks = {"RR-RESULT-004"}

    def result(self, index, score, request):
        return {
            **super().result(index, score, request),
            "index": request["documents"].index(request["documents"][index]),
        }


class NotANumberForOneDocument(Miniature):
    """Scales the scores by their standard deviation, which is 0 for one document."""

    breaks = {"RR-RESPONSE-001", "RR-SCORE-001"}

    def scores(self, query, texts, request):
        return [math.nan] if len(texts) == 1 else super().scores(query, texts, request)


class CountsTheLengthInCharacters(Miniature):
    """Cuts a body with other characters than ASCII, because its length is counted before it is encoded."""

    breaks = {"RR-RESPONSE-001"}

    def serialise(self, body):
        text = json.dumps(body, ensure_ascii=False)
        return text.encode()[: len(text)]


class RanksTheFirstBatch(Miniature):
    """Gives every document beyond the first hundred a score of 0."""

    breaks = {"RR-LIST-001", "RR-LIST-003"}

    def scores(self, query, texts, request):
        return [*super().scores(query, texts[:100], request), *(0.0 for _ in texts[100:])]


class ScalesEachBatch(Miniature):
    """Halves the scores of every second batch."""

    breaks = {"RR-LIST-003"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [score * (0.8 if index // 100 % 2 else 1) for index, score in enumerate(scores)]


class ReturnsAtMost100(Miniature):
    breaks = {"RR-RESULT-002"}

    def cut(self, ranking, request):
        best = super().cut(ranking, request)
        return best[:100] if "top_n" in request else best


class LooksAtFourTimesTopN(Miniature):
    """Ranks only the first documents if `top_n` is small."""

    breaks = {"RR-LIST-002"}

    def answer(self, request):
        most = 4 * max(int(request.get("top_n", len(request["documents"]))), 2)
        return super().answer({**request, "documents": request["documents"][:most]})


class TrimsTexts(Miniature):
    breaks = {"RR-DOCUMENT-001", "RR-DOCUMENT-005"}

    def document(self, index, request):
        return {name: text.strip() for name, text in super().document(index, request).items()}


class EndsTextsAtNul(Miniature):
    """Ends a text at its first NUL character, as C does."""

    breaks = {"RR-DOCUMENT-005"}

    def document(self, index, request):
        return {name: text.partition("\0")[0] for name, text in super().document(index, request).items()}


class MergesTextsThatDifferInCase(Miniature):
    """Returns the text of the first of all documents that differ only in case."""

    breaks = {"RR-DOCUMENT-001"}

    def document(self, index, request):
        texts = [each.lower() if isinstance(each, str) else each for each in request["documents"]]
        return super().document(texts.index(texts[index]), request)


class DropsBlankDocuments(Miniature):
    """Leaves out blank documents before it ranks, and counts the indices without them."""

    breaks = {"RR-DOCUMENT-001", "RR-RESULT-002"}

    def answer(self, request):
        kept = [each for each in request["documents"] if not isinstance(each, str) or each.strip()]
        return super().answer({**request, "documents": kept})


class DoesNotReadSurrogatePairs(Miniature):
    """Replaces a character that JSON escapes as two units by two question marks."""

    breaks = {"RR-DOCUMENT-005"}

    def parse(self, headers, content):
        request = super().parse(headers, content)
        if b"\\uD83D" in content.replace(b"\\ud83d", b"\\uD83D"):
            request["documents"] = [re.sub("[\U00010000-\U0010ffff]", "??", each) for each in request["documents"]]
        return request


class RoundsLargeIntegers(Miniature):
    """Reads integers as floats, as JavaScript does."""

    breaks = {"RR-DOCUMENT-002"}

    def rendered(self, document):
        return json.dumps(json.loads(json.dumps(document), parse_int=lambda each: int(float(each))))


class LeavesOutNulls(Miniature):
    breaks = {"RR-DOCUMENT-002"}

    def rendered(self, document):
        return super().rendered({key: value for key, value in document.items() if value is not None})


class RanksKnownFieldsOnly(Miniature):
    """Ranks by `title` and `text` only."""

    breaks = {"RR-FIELDS-006", "RR-FIELDS-007"}

    def text(self, document, request):
        known = (
            {key: document[key] for key in ("title", "text") if key in document}
            if isinstance(document, dict)
            else document
        )
        return super().text(known, request)


class ComparesObjectsOfEqualScores(Miniature):
    """Sorts pairs of score and document, which fails for two objects if their ranked texts are equal."""

    breaks = {"RR-ERROR-005"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        documents = dict(zip(texts, request["documents"], strict=True))  # the last of equal texts
        for text, document in zip(texts, request["documents"], strict=True):
            if isinstance(document, dict) and document != documents[text]:
                raise Refused(500, "'<' not supported between instances of 'dict' and 'dict'")
        return scores


class CrashesOnAMissingField(Miniature):
    breaks = {"RR-ERROR-005"}

    def text(self, document, request):
        if isinstance(document, dict) and any(name not in document for name in request.get("rank_fields", [])):
            raise Refused(500, "KeyError: 'text'")
        return super().text(document, request)


class ReadsEightWordsOfTheQuery(Miniature):
    breaks = {"RR-QUERY-002"}

    def score(self, query, text):
        return super().score(" ".join(query.split()[:8]), text)


class RejectsAQueryOfOneWord(Miniature):
    breaks = {"RR-REQUEST-007"}

    def scores(self, query, texts, request):
        if " " not in query and query:
            raise Refused(400, "the query is too short")
        return super().scores(query, texts, request)


class RanksByTheLength(Miniature):
    """Ranks by the length of the documents if the query has one word."""

    breaks = {"RR-QUERY-001", "RR-QUERY-003"}

    def scores(self, query, texts, request):
        if len(query.split()) == 1 and len(texts) == 2:
            return [len(text) / 1_000 for text in texts]
        return super().scores(query, texts, request)


class ReadsTheFirstLineOfTheQuery(Miniature):
    breaks = {"RR-QUERY-003"}

    def score(self, query, text):
        return super().score(query.strip().partition("\n")[0], text)


class ScoresTheBeginningOfADocument(Miniature):
    """Scores the first 40 characters of a document."""

    breaks = {"RR-SCORE-006"}
    may_break = {"RR-FIELDS-006"}

    def score(self, query, text):
        return super().score(query, text[:40] if len(text) < 60 else text)


class CachesByQueryAndCount(Miniature):
    """Caches the ranking by the query and the number of documents."""

    breaks = {
        "RR-RELATION-009",
        "RR-DOCUMENT-007",
        "RR-FIELDS-002",
        "RR-FIELDS-007",
        "RR-RELATION-002",
        "RR-RELATION-003",
        "RR-SCORE-004",
    }

    def scores(self, query, texts, request):
        return self.cache.setdefault((query, len(texts)), super().scores(query, texts, request))


class CachesByThePrefixOfTheQuery(Miniature):
    """Caches the scores of a document by the first 60 characters of the query."""

    breaks = {"RR-QUERY-002", "RR-RELATION-009"}

    def scores(self, query, texts, request):
        return [self.cache.setdefault((query[:60], text), self.score(query, text)) for text in texts]


class CachesAnswersByLowerCase(Miniature):
    """Caches the whole answer by the request in lower case."""

    breaks = {"RR-DOCUMENT-005", "RR-RESPONSE-005"}

    def answer(self, request):
        return self.cache.setdefault(json.dumps(request).lower(), super().answer(request))


class CachesBeforeTheKey(Miniature):
    """Sends a cached answer without a look at the key."""

    breaks = {"RR-AUTH-001", "RR-AUTH-002", "RR-RESPONSE-005"}
    may_break = {"RR-AUTH-003"}

    def reply(self, method, path, headers, content):
        if (cached := self.cache.get(content)) is not None:
            return cached
        reply = super().reply(method, path, headers, content)
        return self.cache.setdefault(content, reply) if reply[0] == 200 else reply


class KeepsTheOptionsOfTheLastRequest(Miniature):
    """Applies `top_n` and `return_documents` to the next request as well."""

    breaks = {"RR-RELATION-009"}
    may_break = {"RR-RESULT-003", "RR-DOCUMENT-001", "RR-DOCUMENT-003", "RR-RELATION-008", "RR-USAGE-003"}

    def answer(self, request):
        last = self.cache.get("options", {}) if {*request} == {"model", "query", "documents"} else {}
        self.cache["options"] = {key: request[key] for key in ("top_n", "return_documents") if key in request}
        return super().answer({**last, **request})


class ComparesTheBeginningOfTheKey(Miniature):
    breaks = {"RR-AUTH-002"}

    def authenticate(self, headers):
        if not headers.get("Authorization", "").startswith(f"Bearer {KEY}"[:-1]):
            raise Refused(401, "the key is missing or wrong")


class AcceptsAnyScheme(Miniature):
    breaks = {"RR-AUTH-002"}

    def authenticate(self, headers):
        if headers.get("Authorization", "").partition(" ")[2] != KEY:
            raise Refused(401, "the key is missing or wrong")


class TrustsForwardedRequests(Miniature):
    breaks = {"RR-AUTH-001"}

    def authenticate(self, headers):
        if headers.get("X-Forwarded-For") != "127.0.0.1":
            super().authenticate(headers)


class AcceptsMixedLists(Miniature):
    breaks = {"RR-ERROR-006"}

    def validate(self, request):
        documents = request.get("documents") if isinstance(request, dict) else None
        if isinstance(documents, list) and {type(each) for each in documents} == {str, dict}:
            request = {**request, "documents": ["mixed"]}
        super().validate(request)


class ConvertsTopN(Miniature):
    breaks = {"RR-ERROR-007"}

    def validate(self, request):
        if isinstance(request, dict) and str(request.get("top_n")).isdecimal():
            request["top_n"] = int(request["top_n"])
        super().validate(request)


class TakesNegativeTopNForAll(Miniature):
    breaks = {"RR-ERROR-008"}

    def validate(self, request):
        if isinstance(request, dict) and isinstance(request.get("top_n"), int) and request["top_n"] < 1:
            del request["top_n"]
        super().validate(request)


class TakesNull(Miniature):
    """Takes null for a field that is missing, as many servers in Python do."""

    breaks_fuzz = {"RR-FUZZ-010"}

    def validate(self, request):
        if isinstance(request, dict):
            for name in ("top_n", "return_documents", "rank_fields"):
                if request.get(name, "") is None:
                    del request[name]
        super().validate(request)


class RejectsBlankTexts(Miniature):
    breaks = {"RR-REQUEST-008"}

    def text(self, document, request):
        if isinstance(document, str) and not document.strip():
            raise Refused(400, "a document is empty")
        return super().text(document, request)


class RejectsWhiteSpaceBeforeJson(Miniature):
    breaks = {"RR-REQUEST-009"}

    def parse(self, headers, content):
        if not content.startswith(b"{"):
            raise Refused(400, "the body is not JSON")
        return super().parse(headers, content)


class RejectsACharset(Miniature):
    breaks = {"RR-REQUEST-005"}

    def parse(self, headers, content):
        if headers.get("Content-Type") != "application/json":
            raise Refused(400, "the body must be application/json")
        return super().parse(headers, content)


class ReadsNoChunks(Miniature):
    breaks = {"RR-HTTP-001"}

    def read(self, headers, stream):
        content = super().read(headers, stream)
        return content if "Content-Length" in headers else b""


class Reads64Kilobytes(Miniature):
    breaks = {"RR-HTTP-002"}

    def parse(self, headers, content):
        return super().parse(headers, content[: 1 << 16])


class CrashesOnADuplicateKey(Miniature):
    breaks = {"RR-ERROR-005", "RR-HTTP-003"}

    def parse(self, headers, content):
        if content.count(b'"query": ') > 1:
            raise Refused(500, "duplicate key")
        return super().parse(headers, content)


class LeavesTheBodyOfARejectedRequest(Miniature):
    """Rejects a request without a key and does not read its body, which it then reads as the next request."""

    breaks = {"RR-ERROR-001", "RR-HTTP-004"}
    may_break = {"RR-AUTH-001", "RR-AUTH-002", "RR-AUTH-003", "RR-ERROR-005", "RR-REQUEST-007"}

    def read(self, headers, stream):
        if "Authorization" not in headers:
            return b""
        return super().read(headers, stream)


class RanksForHead(Miniature):
    breaks = {"RR-HTTP-005"}

    def method(self, method):
        if method != "HEAD":
            super().method(method)

    def parse(self, headers, content):
        return super().parse(headers, content) if content else {"model": MODEL, "query": "a", "documents": ["a"]}


class CompressesAlways(Miniature):
    breaks = {"RR-RESPONSE-001"}

    def reply(self, *call):
        status, headers, body = super().reply(*call)
        return (
            (status, {**headers, "Content-Encoding": "gzip"}, gzip.compress(body))
            if status == 200
            else (status, headers, body)
        )


class CutsCompressedBodies(Miniature):
    """Cuts a body of more than 1 kB if the client accepts gzip."""

    breaks = {"RR-RESPONSE-001"}

    def reply(self, method, path, headers, content):
        status, given, body = super().reply(method, path, headers, content)
        if status != 200 or "gzip" not in headers.get("Accept-Encoding", "") or len(body) < 1_000:
            return status, given, body
        return status, {**given, "Content-Encoding": "gzip"}, gzip.compress(body)[:-10]


class SendsWrongUsageWithTopN(Miniature):
    breaks = {"RR-USAGE-002"}

    def usage(self, request, texts):
        usage = super().usage(request, texts)
        return {**usage, "total_tokens": usage["total_tokens"] - 1} if "top_n" in request else usage


class SendsHtmlWhenOverloaded(Miniature):
    """Sends 503 as HTML for every ninth request; a retry succeeds."""

    breaks = {"RR-ERROR-001"}

    def authenticate(self, headers):
        super().authenticate(headers)
        if next(self.calls) % 9 == 0:
            raise Refused(503, "overloaded", Retry_After="0.01")

    def refusal(self, refused):
        status, headers, body = super().refusal(refused)
        return (503, {"Content-Type": "text/html"}, b"<h1>busy</h1>") if status == 503 else (status, headers, body)


class SendsStatus(Miniature):
    """Sends another status than 200 for every success."""

    breaks = {"RR-ERROR-005"}
    status, headers = 201, {}

    def reply(self, *call):
        status, headers, body = super().reply(*call)
        return (self.status, {**headers, **self.headers}, body) if status == 200 else (status, headers, body)


class SendsPartialContent(SendsStatus):
    status = 206


class RedirectsToAnotherPath(SendsStatus):
    status, headers = 307, {"Location": "/v2/rerank"}


class SendsBrokenJson(Miniature):
    breaks = {"RR-RESPONSE-001"}

    def serialise(self, body):
        return super().serialise(body)[:-1]


class EndsTheConnectionForADeepDocument(Miniature):
    breaks = {"RR-ERROR-009"}

    def reply(self, method, path, headers, content):
        return None if content.count(b"[") > 150 else super().reply(method, path, headers, content)


BROKEN = tuple(
    kind
    for kind in globals().values()
    if isinstance(kind, type) and issubclass(kind, Miniature) and kind is not Miniature
)
