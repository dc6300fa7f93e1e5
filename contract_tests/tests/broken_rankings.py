"""Servers that break one thing each, of what the mock's faults cannot express: what stays the same, and what does not.

`breaks` are the requirements of the first layer that must fail, `breaks_fuzz` those that Schemathesis judges.
"""

import math

from miniature import Miniature


class LeaksOtherFields(Miniature):
    breaks = {"RR-FIELDS-001"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        everything = [self.text(each, {}) for each in request["documents"]]
        return [0.7 * score + 0.3 * self.score(query, text) for score, text in zip(scores, everything, strict=True)]


class RanksByTextAlone(Miniature):
    breaks = {"RR-FIELDS-002"}

    def text(self, document, request):
        return super().text(document, {**request, "rank_fields": ["text"]} if "rank_fields" in request else request)


class TurnsEveryOtherTime(Miniature):
    """More than any noise."""

    breaks = {"RR-RELATION-001"}
    noisy = True

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [1 - score for score in scores] if next(self.calls) % 2 and len(texts) == 6 else scores


class FavoursEarlyPlaces(Miniature):
    breaks = {"RR-SCORE-004", "RR-SCORE-002", "RR-SCORE-005", "RR-RELATION-002", "RR-RELATION-004"}

    def scores(self, query, texts, request):
        return [score - 0.3 * index for index, score in enumerate(super().scores(query, texts, request))]


class FavoursEarlyPlacesALittle(Miniature):
    breaks = {"RR-SCORE-005"}

    def scores(self, query, texts, request):
        return [score - 1e-9 * index for index, score in enumerate(super().scores(query, texts, request))]


class DemotesTheSecondCopy(Miniature):
    """In mixed lists, and with scores that depend on the list."""

    breaks = {"RR-SCORE-004"}

    def scores(self, query, texts, request):
        powers = [math.exp(3 * score) for score in super().scores(query, texts, request)]
        seen = [text in texts[:index] for index, text in enumerate(texts)]
        return [power / sum(powers) / (60 if again else 1) for power, again in zip(powers, seen, strict=True)]


class ScoresEqualsApart(Miniature):
    breaks = {"RR-SCORE-004"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [score - 0.1 * (index % 2) if len(set(texts)) == 1 else score for index, score in enumerate(scores)]


class MindsTheFirstPlace(Miniature):
    """What stands first gets a bonus, in long lists."""

    breaks = {"RR-RELATION-002"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        if len(texts) == 6 and len(set(texts)) > 1 and not texts[0].startswith("The stock"):
            scores[0] += 0.4
        return scores


class TurnsWithoutTheBest(Miniature):
    """When the best is left out the others turn around; one alone is as it was."""

    breaks = {"RR-RELATION-003"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [1 - score for score in scores] if len(texts) == 4 and max(scores) < 0.6 else scores


class TurnsAlone(Miniature):
    breaks = {"RR-RELATION-004"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [1 - score for score in scores] if len(texts) == 1 else scores


class TurnsWithAStray(Miniature):
    breaks = {"RR-RELATION-005"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return [1 - score for score in scores] if len(texts) == 7 else scores


class ForgetsTheQuery(Miniature):
    """Of two documents the longer wins."""

    breaks = {"RR-RELATION-006"}

    def scores(self, query, texts, request):
        lengths = [len(text) / 1000 for text in texts]
        return lengths if len(texts) == 2 and "bread" in texts[0] else super().scores(query, texts, request)


class CountsWhatIsReturned(Miniature):
    breaks = {"RR-USAGE-003"}

    def usage(self, request, texts):
        return super().usage(request, texts[: int(min(request.get("top_n", len(texts)), len(texts)))])


class CountsLessForMore(Miniature):
    breaks = {"RR-USAGE-004"}

    def usage(self, request, texts):
        prompt = 1000 - len(texts)
        return {"prompt_tokens": prompt, "completion_tokens": 0, "total_tokens": prompt}


class NamesNoModel(Miniature):
    breaks = {"RR-RESPONSE-004"}

    def answer(self, request):
        return {**super().answer(request), "model": ""}


class ScoresWithoutBounds(Miniature):
    breaks = {"RR-SCORE-002"}

    def score(self, query, text):
        return 10 * super().score(query, text)


class FollowsTheOrderOfFields(Miniature):
    """The first of them counts."""

    breaks = {"RR-FIELDS-003"}

    def text(self, document, request):
        return super().text(
            document,
            {**request, "rank_fields": request.get("rank_fields", list(document))[:1]}
            if isinstance(document, dict) and len(request.get("rank_fields", [])) > 1
            else request,
        )


class FollowsTheOrderOfKeys(Miniature):
    breaks = {"RR-FIELDS-004"}

    def text(self, document, request):
        if isinstance(document, dict) and "rank_fields" not in request and len(document) > 1:
            return str(next(iter(document.values())))
        return super().text(document, request)


class RanksStringsAndObjectsDifferently(Miniature):
    breaks = {"RR-FIELDS-005"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return (
            [1 - score for score in scores] if isinstance(request["documents"][0], dict) and len(texts) == 6 else scores
        )


class DislikesTheQueryItself(Miniature):
    """As models made for questions do."""

    breaks = {"RR-RELATION-007"}

    def scores(self, query, texts, request):
        scores = super().scores(query, texts, request)
        return (
            [0.0 if text == query else score for score, text in zip(scores, texts, strict=True)]
            if len(texts) == 3
            else scores
        )


RANKINGS = tuple(
    kind
    for kind in globals().values()
    if isinstance(kind, type) and issubclass(kind, Miniature) and kind is not Miniature
)
