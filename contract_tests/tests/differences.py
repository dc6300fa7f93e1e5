"""Miniatures that differ, and what is told of it."""

from miniature import KEY, MODEL
from together_rerank_contract_tests.comparison import Comparison
from together_rerank_contract_tests.settings import Settings


def rows(kind, *patterns, key=KEY):
    """What differs at a miniature, each row as a tuple."""
    with kind() as server:
        settings = Settings(server.url, model=MODEL, key=key, key_name="KEY", timeout_s=20)
        comparison = Comparison(settings, patterns)
        comparison.run(lambda: None, lambda sign: None)
        assert comparison.asking.answers
        assert not comparison.stopped
        return [(row.what, row.document, row.endpoint, row.library, *row.exchanges) for row in comparison.rows]


def of(kind, **changes):
    """A miniature whose answers have these fields changed; None takes one away."""

    class Changed(kind):
        def answer(self, request):
            body = super().answer(request)
            for place, value in changes.items():
                for node in body["results"] if place in ("document", "index", "text", "relevance_score") else [body]:
                    self.change(node, place, value, request)
            return body

        def change(self, node, place, value, request):
            if value is None:
                node.pop(place, None)
            else:
                node[place] = value() if callable(value) else value

    return Changed
