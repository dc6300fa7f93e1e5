"""Find the limits of an endpoint on documents and on the length of texts by halving, and stay within them."""

import copy
import json
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from together_rerank_contract_tests.client.exchange import Exchange, excerpt
from together_rerank_contract_tests.suite.answer import Answer
from together_rerank_contract_tests.suite.requirements import NotApplicable
from together_rerank_contract_tests.suite.samples import DOCUMENTS, LIST_LENGTHS, LONG_TEXT, ONE_WORD, QUERY, long_list

if TYPE_CHECKING:
    from together_rerank_contract_tests.suite.endpoint import Endpoint

# A limit on the length of a text is found to within this many characters.
_STEP = 64
_MAX_SAID = 200
# Statuses of a refusal that has another reason than the size of the request.
OTHER_REASONS = (401, 402, 403, 404, 405, 429)
# The longest list is about this many times as long as the list before it.
_TIMES_LONGER = 10


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
        self._seconds: dict[int, float] = {}
        self.notes: list[str] = []
        self.refused: set[tuple[bytes, int]] = set()

    def of(self, endpoint: "Endpoint") -> Self:
        """Return a copy that sends requests to *endpoint*, and adds to the same notes."""
        other = copy.copy(self)
        other._endpoint = endpoint  # noqa: SLF001  # of the same class
        return other

    def rerank(self, query: str, documents: Sequence[Any], **options: Any) -> Answer:
        """Send a request with *documents*, or with as many of them as the document and the endpoint allow.

        Return the response.

        A `top_n` is lowered to their number. Raises what `Endpoint.rerank` raises.
        """

        def send(count: int) -> Exchange:
            top_n = {"top_n": min(options["top_n"], count)} if "top_n" in options else {}
            return self._endpoint.send(query, documents[:count], **{**options, **top_n})

        def note(most: int, refused: Exchange) -> None:
            tiny = self._endpoint.send("a", ["a"] * (most + 1))
            if _is_refused(tiny):
                self._most_documents = most
                self.refused.add((tiny.content, tiny.status))
                self.add(f"takes {most} documents at most", refused)
            else:
                self._most_bytes = self._size(query, documents[:most])
                self.add_size(f"takes about {self._most_bytes} bytes at most", refused)

        count = self._allowed(query, documents[: self._most_documents])
        while count > 1 and self._most_bytes and self._size(query, documents[:count]) > self._most_bytes:
            count -= 1
        return self._rerank(send, count, 1, note)

    def rerank_long_text(self) -> Answer:
        """Send `LONG_TEXT`, or as much of its end as the endpoint takes, with another document.

        Returns the response, and raises what `Endpoint.rerank` raises.
        """

        def send(length: int) -> Exchange:
            return self._endpoint.send(QUERY, [LONG_TEXT[-length:], DOCUMENTS[0]], return_documents=True)

        def note(most: int, refused: Exchange) -> None:
            self._most_characters = most
            self.add_size(f"takes a text of about {most} characters at most", refused)

        return self._rerank(send, self._most_characters or len(LONG_TEXT), _STEP, note)

    def rerank_list(self, count: int) -> Answer:
        """Send a list of *count* documents of a word or two, or of as many as the endpoint takes.

        Raises what `Endpoint.rerank` raises, and NotApplicable if the longest list would take too long.
        """
        seconds = self._seconds.get(LIST_LENGTHS[-2], 0.0)
        if count == LIST_LENGTHS[-1] and seconds * _TIMES_LONGER > self._endpoint.settings.timeout_s:
            raise NotApplicable(f"{count} documents would take too long: {LIST_LENGTHS[-2]} took {seconds:.1f} s")
        began = time.monotonic()
        answer = self.rerank(ONE_WORD, long_list(count), return_documents=True, top_n=count)
        self._seconds.setdefault(count, time.monotonic() - began)
        return answer

    def add_size(self, limit: str, refused: Exchange) -> None:
        """Store the *refused* request, and add a note about the size *limit* if there is no note yet."""
        if not self.notes:
            self.add(limit, refused)
        self.refused.add((refused.content, refused.status))

    def add(self, limit: str, refused: Exchange) -> None:
        """Note a *limit*, and the request that was *refused* because of it."""
        self.refused.add((refused.content, refused.status))
        error = refused.members.get("error")
        message = error.get("message") if isinstance(error, dict) else None
        said = message if isinstance(message, str) else refused.received.decode("utf-8", "replace")
        self.notes.append(
            f"INFO: the endpoint {limit}; it says {refused.status}: {excerpt(refused.mask.text(said), _MAX_SAID)}"
        )

    def _rerank(
        self,
        send: Callable[[int], Exchange],
        size: int,
        step: int,
        note: Callable[[int, Exchange], None],
    ) -> Answer:
        """Send a request of *size*, or the largest that is accepted; call *note* if that is smaller."""
        exchange = send(size)
        if not _is_refused(exchange) or self._endpoint.requirement_of_refused_field(exchange):
            return self._endpoint.accept(exchange)
        sent, low, high = [exchange], 0, size
        accepted = None
        while high - low > step:
            middle = (low + high) // 2
            tried = send(middle)
            if _is_refused(tried):
                high = middle
                sent.append(tried)
            else:
                low, accepted = middle, tried
                self._endpoint.accept(tried)
        if accepted is None:  # it is refused for another reason
            return self._endpoint.accept(exchange)
        self.refused.update((each.content, each.status) for each in sent)
        note(low, sent[-1])
        return self._endpoint.accept(accepted)

    def _allowed(self, query: str, documents: Sequence[Any]) -> int:
        """Return how many of *documents* the document of the API allows in one request."""

        def is_too_long(count: int) -> bool:
            request = self._endpoint.content({"query": query, "documents": documents[:count]})
            return count > 1 and not self._endpoint.allows(json.loads(request))

        if not is_too_long(len(documents)):
            return len(documents)
        return bisect_left(range(len(documents)), True, key=lambda last: is_too_long(last + 1))

    def _size(self, query: str, documents: Sequence[Any]) -> int:
        """Return the number of bytes of a request without options."""
        return len(self._endpoint.content({"query": query, "documents": documents}))


def _is_refused(exchange: Exchange) -> bool:
    return 400 <= exchange.status < 500 and exchange.status not in OTHER_REASONS
