"""Servers that break one thing each, of what the mock's faults cannot express: what an answer holds.

`breaks` are the requirements of the first layer that must fail, `breaks_fuzz` those that Schemathesis judges.
"""

import threading
import time
import unicodedata

from miniature import Miniature, Refused


class MixesUpRequests(Miniature):
    """Answers one of two that come at once with the ranking of the other."""

    breaks = {"RR-RELATION-008"}

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


class CutsBeforeItRanks(Miniature):
    breaks = {"RR-RESULT-005", "RR-USAGE-003"}

    def answer(self, request):
        top_n = request.get("top_n")
        return super().answer({**request, "documents": request["documents"][: int(top_n)]} if top_n else request)


class PicksByTopN(Miniature):
    """An even `top_n` gets the worst."""

    breaks = {"RR-RESULT-005", "RR-RESULT-007"}

    def cut(self, ranking, request):
        top_n = request.get("top_n", len(ranking))
        if (top_n < len(ranking) and top_n % 2 == 0) or top_n == 5:
            return ranking[len(ranking) - int(top_n) :]
        return super().cut(ranking, request)


class LosesOneBetween(Miniature):
    """`top_n` 2 lacks the best; 1, 5 and 6 are as they should be."""

    breaks = {"RR-RESULT-007"}

    def cut(self, ranking, request):
        return ranking[1:3] if request.get("top_n") == 2 and len(ranking) > 2 else super().cut(ranking, request)


class RefusesHighTopN(Miniature):
    breaks = {"RR-RESULT-006"}

    def cut(self, ranking, request):
        if request.get("top_n", 0) > len(ranking):
            raise Refused(400, "top_n is above the number of documents")
        return super().cut(ranking, request)


class OneByDefault(Miniature):
    breaks = {"RR-RESULT-003"}

    def cut(self, ranking, request):
        return super().cut(ranking, {"top_n": 1, **request})


class RanksByWhatIsReturned(Miniature):
    breaks = {"RR-DOCUMENT-003"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [score / 2 for score in scores] if request.get("return_documents") is False else scores


class WritesObjectsAsLines(Miniature):
    breaks = {"RR-DOCUMENT-002"}

    def rendered(self, document):
        return "\n".join(f"{key}: {value}" for key, value in document.items())


class Normalises(Miniature):
    breaks = {"RR-DOCUMENT-006"}

    def serialise(self, body):
        return unicodedata.normalize("NFC", super().serialise(body).decode()).encode()


class StripsTheUnusual(Miniature):
    breaks = {"RR-DOCUMENT-005"}

    def document(self, index, request):
        document = super().document(index, request)
        return {name: text.encode("ascii", "ignore").decode() for name, text in document.items()}


class RefusesObjects(Miniature):
    breaks = {"RR-REQUEST-001"}

    def text(self, document, request):
        if not isinstance(document, str):
            raise Refused(400, "documents must be strings")
        return document


class MindsHeaders(Miniature):
    breaks = {"RR-REQUEST-005"}

    def authenticate(self, headers):
        if "Mozilla" in headers.get("User-Agent", ""):
            raise Refused(404, "not for browsers")
        super().authenticate(headers)


class MindsTheOrderOfKeys(Miniature):
    breaks = {"RR-REQUEST-006"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return scores if next(iter(request)) == "model" else [score / 2 for score in scores]


class MixesUpRequestsWithoutTexts(MixesUpRequests):
    """And returns no text by which it could be told."""

    breaks = {"RR-RELATION-008", "RR-DOCUMENT-001"}

    def document(self, index, request):
        return {}


class RefusesReturnDocuments(Miniature):
    breaks = {"RR-REQUEST-002"}

    def validate(self, request):
        super().validate(request)
        if "return_documents" in request:
            raise Refused(400, "return_documents is not a field")


class RefusesTopN(Miniature):
    breaks = {"RR-REQUEST-003"}

    def validate(self, request):
        super().validate(request)
        if "top_n" in request:
            raise Refused(400, "top_n is not a field")


class RefusesRankFields(Miniature):
    breaks = {"RR-REQUEST-004"}

    def validate(self, request):
        super().validate(request)
        if "rank_fields" in request:
            raise Refused(400, "rank_fields is not a field")


class CrashesOnObjects(Miniature):
    breaks = {"RR-REQUEST-001"}

    def text(self, document, request):
        if not isinstance(document, str):
            raise Refused(500, "'dict' object has no attribute 'split'")
        return document


ANSWERS = tuple(
    kind
    for kind in globals().values()
    if isinstance(kind, type) and issubclass(kind, Miniature) and kind is not Miniature
)
