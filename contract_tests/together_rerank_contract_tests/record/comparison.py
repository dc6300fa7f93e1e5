"""Send the library's requests to one endpoint, and keep its answers and the reasons why some are missing."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from importlib.metadata import version
from urllib.parse import urlsplit

import together_rerank_fixtures as fixtures
from together_rerank_contract_tests.client.budget import BudgetSpent, tokens_of
from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.client.transport import (
    ENDPOINT_KEY,
    Inconclusive,
    Throttled,
    Transport,
    asks_to_retry,
)
from together_rerank_contract_tests.record import drift
from together_rerank_contract_tests.report.report import Verdict
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.suite.endpoint import BUSY, Endpoint
from together_rerank_fixtures import bodies
from together_rerank_fixtures.exchange import ANY_KEY

# Settings of the mock that every endpoint has in some form.
_OF_EVERY_ENDPOINT = {"api_keys", "models"}
# How many requests in a row may end in "busy" after all retries before the run stops.
_MAX_BUSY_IN_A_ROW = 2


@dataclass(frozen=True, slots=True)
class SentExchange:
    """A request of the library, adapted to the endpoint's model and base path, and the endpoint's answer."""

    library: fixtures.Exchange
    request: fixtures.Request
    received: Exchange

    @property
    def name(self) -> str:
        return self.library.name

    @property
    def answer(self) -> fixtures.Response:
        body = next(bodies.forms(self.received.received)).get("body")
        return fixtures.Response(self.received.status, self.received.received_headers, body, self.received.received)


class Comparison:
    """An endpoint, and the library's exchanges that match *patterns*, to send to it.

    Attributes:
        skipped: for each exchange that does not apply to the endpoint, the reason.
        missing: for each exchange without a usable answer, the reason.
        stopped: why the run ended early, "" if it did not.
    """

    def __init__(self, settings: Settings, patterns: Sequence[str]) -> None:
        self.exchanges = chosen(patterns)
        self.transport = Transport(settings)
        self.endpoint = Endpoint(settings, self.transport)
        self.answers: list[SentExchange] = []
        self.skipped: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self.stopped = ""
        self.interrupted = False
        self._busy_in_a_row = 0

    @property
    def estimate(self) -> tuple[int, int]:
        return len(self.exchanges) + 1, sum(tokens_of(each.request.content) for each in self.exchanges)

    def run(self, opened: Callable[[], None], tell: Callable[[str], None]) -> None:
        """Ask; *opened* is called when the endpoint answers, and *tell* gets a sign for each exchange."""
        try:
            self.endpoint.find()
            opened()
            self._ask_all(tell)
        except (BudgetSpent, Inconclusive) as fault:
            self.stopped = str(fault)
        finally:
            self.transport.close()

    def _ask_all(self, tell: Callable[[str], None]) -> None:
        reasons = {exchange.name: self._why_not(exchange) for exchange in self.exchanges}
        self.skipped = {name: reason for name, reason in reasons.items() if reason}
        left = [exchange for exchange in self.exchanges if not reasons[exchange.name]]
        try:
            while left:
                tell(self._ask(left[0]))
                left.pop(0)
                if self._busy_in_a_row == _MAX_BUSY_IN_A_ROW and left:
                    busy = "the endpoint was busy twice in a row, after all the waiting"
                    self.stopped = f"{busy}, so no more requests were sent; try --rate"
                    break
        except BudgetSpent as fault:
            self.stopped = str(fault)
        except KeyboardInterrupt:
            self.stopped, self.interrupted = "interrupted", True
        answered = {each.name for each in self.answers}
        self.missing |= {each.name: self.stopped for each in left if each.name not in answered}

    def _why_not(self, exchange: fixtures.Exchange) -> str:
        """Return why *exchange* does not apply to the endpoint, "" if it does."""
        if needed := sorted(set(exchange.mock) - _OF_EVERY_ENDPOINT):
            return f"the server needs the setting `{needed[0]}` to answer so"
        if exchange.request.headers.get("Authorization") != ANY_KEY and not self.transport.has_key:
            return "no key was given by --api-key-env"
        accepts = self.endpoint.first.accepts if self.endpoint.first else lambda _: False
        if "api_keys" in exchange.mock and accepts("any-key"):
            return "the endpoint says that it lets any key in"
        if "models" in exchange.mock and accepts("any-model"):
            return "the endpoint says that it serves any model"
        return ""

    def _ask(self, exchange: fixtures.Exchange) -> str:
        """Send the request of *exchange* and keep the answer; return a character for the progress line."""
        request, url = self._request(exchange)
        given = request.headers.get("Authorization")
        headers = [(name, value) for name, value in request.headers.items() if name != "Authorization"]
        authorization = ENDPOINT_KEY if given == ANY_KEY else given
        try:
            received = self.transport.send(request.method, url, headers, request.content, authorization=authorization)
        except Inconclusive as fault:
            self._busy_in_a_row = self._busy_in_a_row + 1 if isinstance(fault, Throttled) else 0
            self.missing[exchange.name] = str(fault)
            return "?"
        self._busy_in_a_row = self._busy_in_a_row + 1 if asks_to_retry(received) else 0
        if received.decode_error or received.status in BUSY:
            busy = f"the endpoint answers {received.answered}"
            self.missing[exchange.name] = (
                f"the body cannot be read: {received.decode_error}" if received.decode_error else busy
            )
            return "?"
        self.answers.append(SentExchange(exchange, request, received))
        return "."

    def _request(self, exchange: fixtures.Exchange) -> tuple[fixtures.Request, str]:
        """Return the request of *exchange*, adapted to the endpoint, and its URL.

        Replace the library's usual model by the endpoint's; send other paths below the same base path.
        """
        request, routes = exchange.request, self.endpoint.document.routes
        url = self.endpoint.url
        path = next(route for route in sorted(routes, key=len, reverse=True) if urlsplit(url).path.endswith(route))
        base = url.removesuffix(path)
        if request.path not in routes:
            path = request.path
        content, model = request.content, json.dumps(self.endpoint.model, ensure_ascii=False).encode()
        for usual in drift.usual_models():
            content = content.replace(json.dumps(usual).encode(), model)
        body = None if request.body is None else json.loads(content)
        return replace(request, path=path, content=content, body=body), f"{base}{path}"

    @cached_property
    def rows(self) -> list[drift.Row]:
        pairs = [drift.Pair(each.library, each.answer) for each in self.answers]
        return drift.compared(pairs, self.endpoint.document)

    @property
    def abort_reason(self) -> Verdict | None:
        """What kept it from the end, None when nothing did."""
        if self.interrupted:
            return Verdict.INTERRUPTED
        if self.transport.budget.spent:
            return Verdict.BUDGET_SPENT
        if self.stopped or self.missing or not self.answers:
            return Verdict.COULD_NOT_TELL
        return None

    @property
    def reason(self) -> str:
        """Why it did not come to the end, in words; "" where the exchanges themselves tell."""
        return "" if self.interrupted else self.stopped

    def as_json(self, text: str, status: int) -> str:
        """Return all of it, with the verdict *text* and *status*, as `drift.schema.json` has it."""
        report = {
            "kit": version("together-rerank-kit"),
            "endpoint": self.endpoint.url,
            "model": self.endpoint.model,
            "verdict": {"text": text, "status": status, "reason": self.reason},
            "drift": [asdict(row) | {"exchanges": list(row.exchanges)} for row in self.rows],
            "answered": [each.name for each in self.answers],
            "skipped": self.skipped,
            "missing": self.missing,
            "spent": self.transport.budget.data,
        }
        return json.dumps(self.transport.mask.value(report), ensure_ascii=False, indent=2) + "\n"


def chosen(patterns: Sequence[str]) -> list[fixtures.Exchange]:
    """Return the exchanges that are not `forced` and whose names match one of *patterns*.

    Raises LookupError if a pattern matches none.
    """
    exchanges = [exchange for exchange in fixtures.all() if not exchange.forced]
    for pattern in patterns:
        if any(fnmatchcase(exchange.name, pattern) for exchange in exchanges):
            continue
        if forced := [exchange.name for exchange in fixtures.all() if fnmatchcase(exchange.name, pattern)]:
            why = f"'{pattern}' matches only exchanges whose answers no request causes"
            raise LookupError(f"--only: {why}: {', '.join(forced)}")
        names = ", ".join(exchange.name for exchange in exchanges)
        raise LookupError(f"--only: no exchange matches '{pattern}'; there are: {names}")
    fitting = [e for e in exchanges if not patterns or any(fnmatchcase(e.name, pattern) for pattern in patterns)]
    # Of two with the same request, keep the mock's answer: it has more than the document's example.
    once = {_request_of(exchange): exchange for exchange in sorted(fitting, key=lambda e: e.source["kind"] == "kit")}
    return sorted(once.values(), key=lambda exchange: exchange.name)


def _request_of(exchange: fixtures.Exchange) -> tuple[object, ...]:
    request = exchange.request
    return request.method, request.path, tuple(request.headers.items()), request.content
