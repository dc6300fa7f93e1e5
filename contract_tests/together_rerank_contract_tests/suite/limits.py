"""Find the limits of an endpoint on documents and on the length of texts by halving, and stay within them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from together_rerank_contract_tests.client.exchange import Exchange, excerpt
from together_rerank_contract_tests.suite.answer import Answer

if TYPE_CHECKING:
    from together_rerank_contract_tests.suite.endpoint import Endpoint

# A limit on the length of a text is found to within this many characters.
_STEP = 64
_MAX_SAID = 200
# Statuses of a refusal that has another reason than the size of the request.
_OTHER_REASONS = (401, 402, 403, 404, 405, 429)


class Limits:
    """The limits that an endpoint sets on requests, which the document allows it.

    Attributes:
        notes: a line for each limit, with what the endpoint says.
        refused: the body of each request that the endpoint refused because of a limit, with the status.
    """

    def __init__(self, endpoint: "Endpoint") -> None:
        self._endpoint = endpoint
        self._most_documents: int | None = None
        self._most_bytes: int | None = None
        self._most_characters: int | None = None
        self.notes: list[str] = []
        self.refused: set[tuple[bytes, int]] = set()

    def rerank(self, query: str, documents: Sequence[Any], **options: Any) -> Answer:
        """Send a request with *documents*, or with as many of them as the endpoint takes; return the response.

        A `top_n` is lowered to their number. Raises what `Endpoint.rerank` raises.
        """

        def send(count: int) -> Exchange:
            top_n = {"top_n": min(options["top_n"], count)} if "top_n" in options else {}
            return self._endpoint.send(query, documents[:count], **{**options, **top_n})

        count = len(documents[: self._most_documents])
        while count > 1 and self._most_bytes and self._size(query, documents[:count], options) > self._most_bytes:
            count -= 1
        exchange = send(count)
        if not _is_refused(exchange) or self._endpoint.requirement_of_refused_field(exchange):
            return self._endpoint.accept(exchange)
        accepted, most, refused = self._halve(send, 0, count, 1)
        if accepted is None:
            return self._endpoint.accept(exchange)
        tiny = self._endpoint.send("a", ["a"] * (most + 1))
        if _is_refused(tiny):
            self.refused.add((tiny.content, tiny.status))
            self._most_documents = most
            self._note(f"takes {most} documents at most", refused)
        else:
            if self._most_bytes is None:
                self._note(f"takes about {len(accepted.content)} bytes at most", refused)
            self._most_bytes = len(accepted.content)
        return self._endpoint.accept(accepted)

    def rerank_text(self, query: str, text: str, other: str, **options: Any) -> Answer:
        """Send a request with the documents *text* and *other*, or with as much of the end of *text* as it takes.

        Returns the response, and raises what `Endpoint.rerank` raises.
        """

        def send(length: int) -> Exchange:
            return self._endpoint.send(query, [text[-length:], other], **options)

        length = min(len(text), self._most_characters or len(text))
        exchange = send(length)
        if not _is_refused(exchange) or self._endpoint.requirement_of_refused_field(exchange):
            return self._endpoint.accept(exchange)
        accepted, most, refused = self._halve(send, 0, length, _STEP)
        if accepted is None:
            return self._endpoint.accept(exchange)
        self._most_characters = most
        if self._most_bytes is None:
            self._note(f"takes a text of about {most} characters at most", refused)
        return self._endpoint.accept(accepted)

    def _halve(
        self, send: Callable[[int], Exchange], low: int, high: int, step: int
    ) -> tuple[Exchange | None, int, Exchange]:
        """Return the largest exchange that is accepted, its size, and the smallest that is refused."""
        accepted, refused = None, send(high)
        sent = [refused]
        while high - low > step:
            middle = (low + high) // 2
            exchange = send(middle)
            if _is_refused(exchange):
                high, refused = middle, exchange
                sent.append(exchange)
            elif self._endpoint.accept(exchange):
                low, accepted = middle, exchange
        if accepted is not None:
            self.refused.update((each.content, each.status) for each in sent)
        return accepted, low, refused

    def add(self, limit: str, refused: Exchange) -> None:
        """Note a *limit* that a requirement found, unless one is noted, and the request that was *refused*."""
        self.refused.add((refused.content, refused.status))
        if not self.notes:
            self._note(limit, refused)

    def _size(self, query: str, documents: Sequence[Any], options: dict[str, Any]) -> int:
        """Return the number of bytes of a request."""
        return len(self._endpoint.content({"query": query, "documents": documents, **options}))

    def _note(self, limit: str, refused: Exchange) -> None:
        error = refused.members.get("error")
        message = error.get("message") if isinstance(error, dict) else None
        said = message if isinstance(message, str) else refused.received
        self.notes.append(
            f"INFO: the endpoint {limit}; a larger request gets {refused.status}: {excerpt(said, _MAX_SAID)}"
        )


def _is_refused(exchange: Exchange) -> bool:
    return 400 <= exchange.status < 500 and exchange.status not in _OTHER_REASONS
