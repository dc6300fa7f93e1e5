"""Why the mock ranks as it does: each document's score with the words and parts that matched."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from together_rerank_mockserver import body
from together_rerank_mockserver.columns import columns
from together_rerank_mockserver.ranking import Query
from together_rerank_mockserver.rendering import ranked_text, returned_text

_SHOWN = 40


def explain(raw: bytes, request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return, best first, each document's `index`, `score`, `whole`, `parts`, `adjacent`, `in_order`, `text`."""
    query = Query(request["query"])
    documents = body.exact(raw, request)["documents"]
    rows = [
        {
            "index": index,
            **asdict(query.evidence(ranked_text(document, request.get("rank_fields")))),
            "text": returned_text(document),
        }
        for index, document in enumerate(documents)
    ]
    return sorted(rows, key=lambda row: -row["score"])


def table(rows: list[dict[str, Any]]) -> str:
    head = ("index", "score", "words", "parts", "pairs", "document")
    return columns([head, *map(_cells, rows)])


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    parts = " ".join(f"{word}({','.join(found)})" for word, found in row["parts"].items())
    pairs = [f"{left}+{right}" for left, right in row["adjacent"]]
    pairs += [f"{left}..{right}" for left, right in row["in_order"]]
    text = " ".join(row["text"].split())
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return (
        str(row["index"]),
        f"{row['score']:.6f}",
        " ".join(row["whole"]) or "-",
        parts or "-",
        " ".join(pairs) or "-",
        shown,
    )
