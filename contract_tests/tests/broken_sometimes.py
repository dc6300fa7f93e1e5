"""Servers that are right in the plainest case, and break one thing when a request has something more to it.

`breaks` are the requirements of the first layer that must fail.
"""

from miniature import Miniature


class UnsortedWithTopN(Miniature):
    """As a partition by the k-th best leaves them."""

    breaks = {"RR-RESULT-001"}

    def cut(self, ranking, request):
        kept = super().cut(ranking, request)
        return sorted(kept) if "top_n" in request else kept


class UnsortedWithTexts(Miniature):
    breaks = {"RR-RESULT-001"}

    def cut(self, ranking, request):
        kept = super().cut(ranking, request)
        return sorted(kept) if request.get("return_documents") and len(kept) > 2 else kept


class SortsInBatches(Miniature):
    breaks = {"RR-RESULT-001"}

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


class TextsInTheOrderOfTheRequest(Miniature):
    """Where `top_n` is given."""

    breaks = {"RR-DOCUMENT-001"}

    def answer(self, request):
        body = super().answer(request)
        if "top_n" in request and request.get("return_documents"):
            for place, result in enumerate(body["results"]):
                result["document"] = self.document(place, request)
        return body


class TextsOfOthersInLongLists(Miniature):
    breaks = {"RR-DOCUMENT-001"}

    def document(self, index, request):
        count = len(request["documents"])
        return super().document((index + 1) % count if count > 8 else index, request)


class TextsOfOthersWhenNotAsked(Miniature):
    """For or against."""

    breaks = {"RR-DOCUMENT-001"}

    def document(self, index, request):
        asked = "return_documents" in request or not isinstance(request["documents"][0], str)
        return super().document(index if asked else (index + 1) % len(request["documents"]), request)


class CutsLongTexts(Miniature):
    breaks = {"RR-DOCUMENT-001"}

    def document(self, index, request):
        return {name: text[:512] for name, text in super().document(index, request).items()}


class FoldsSpaces(Miniature):
    breaks = {"RR-DOCUMENT-001"}

    def document(self, index, request):
        return {
            name: " ".join(text.split(" ")).replace("  ", " ")
            for name, text in super().document(index, request).items()
        }


class LeaksTextsWithTopN(Miniature):
    breaks = {"RR-DOCUMENT-004"}

    def document(self, index, request):
        return super().document(index, {**request, "return_documents": True} if "top_n" in request else request)


class ReturnsNoMoreThan32(Miniature):
    """Of what `top_n` asks for."""

    breaks = {"RR-RESULT-002"}

    def cut(self, ranking, request):
        kept = super().cut(ranking, request)
        return kept[:32] if "top_n" in request else kept


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


SOMETIMES = tuple(
    kind
    for kind in globals().values()
    if isinstance(kind, type) and issubclass(kind, Miniature) and kind is not Miniature
)
