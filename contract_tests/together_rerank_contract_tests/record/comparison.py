"""Send the library's requests to an endpoint; store the responses, and why responses are missing."""

import difflib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from importlib.metadata import version
from urllib.parse import urlsplit

import together_rerank_fixtures as fixtures
from together_rerank_contract_tests.client.budget import BudgetSpent, estimate_tokens
from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.client.transport import ENDPOINT_KEY, Inconclusive, Throttled, Transport
from together_rerank_contract_tests.record import drift
from together_rerank_contract_tests.report.report import Verdict
from together_rerank_contract_tests.run import dialect
from together_rerank_contract_tests.run.progress import Progress
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.suite.endpoint import BUSY, Endpoint
from together_rerank_fixtures import bodies
from together_rerank_spec import TOGETHER, operation_at

# Settings of the mock that have an equivalent at every endpoint.
_COMMON_SETTINGS = {"api_keys", "models"}
# The run stops after this many consecutive requests to which the endpoint was busy, even after all retries.
_MAX_BUSY_IN_A_ROW = 2


@dataclass(frozen=True, slots=True)
class SentExchange:
    """A request of the library, adapted to the endpoint's model and base path, with the endpoint's response."""

    library: fixtures.Exchange
    request: fixtures.Request
    received: Exchange

    @property
    def name(self) -> str:
        return self.library.name

    @property
    def response(self) -> fixtures.Response:
        body = next(bodies.forms(self.received.received)).get("body")
        return fixtures.Response(self.received.status, self.received.received_headers, body, self.received.received)


class Comparison:
    """The exchanges of the library that match *patterns*, sent to one endpoint.

    Attributes:
        skipped: for each exchange that does not apply to the endpoint, the reason.
        missing: for each exchange without a usable response, the reason.
        stop_reason: why the run ended early; "" if it did not.
    """

    def __init__(self, settings: Settings, patterns: Sequence[str]) -> None:
        self.exchanges = select_exchanges(patterns, settings.dialect)
        self.transport = Transport(settings)
        self.endpoint = Endpoint(settings, self.transport)
        self.sent_exchanges: list[SentExchange] = []
        self.skipped: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self.stop_reason = ""
        self.interrupted = False
        self._busy_in_a_row = 0

    @property
    def estimate(self) -> tuple[int, int]:
        """The estimated number of requests and of tokens."""
        return len(self.exchanges) + 1, sum(estimate_tokens(each.request.content) for each in self.exchanges)

    def run(self, progress: Progress) -> None:
        """Send the requests, and report to *progress*."""
        self.transport.waiting = progress.waiting
        progress.start()
        try:
            self.endpoint.find()
            progress.begin(f"{dialect.describe(self.endpoint)}\n")
            self._send_all(progress)
        except (BudgetSpent, Inconclusive) as error:
            self.stop_reason = str(error)
        finally:
            self.transport.close()

    def _send_all(self, progress: Progress) -> None:
        reasons = {exchange.name: self._skip_reason(exchange) for exchange in self.exchanges}
        self.skipped = {name: reason for name, reason in reasons.items() if reason}
        remaining = [exchange for exchange in self.exchanges if not reasons[exchange.name]]
        try:
            while remaining:
                is_usable = self._send(remaining[0])
                remaining.pop(0)
                progress.outcome(*(("answered", ".") if is_usable else ("missing", "?")))
                sent = self.transport.budget.requests
                progress.requests(sent, sent + len(remaining))
                if self._busy_in_a_row == _MAX_BUSY_IN_A_ROW and remaining:
                    busy = "the endpoint was busy twice in a row, even after all retries"
                    self.stop_reason = f"{busy}, so no more requests are sent; try --rate"
                    break
        except BudgetSpent as error:
            self.stop_reason = str(error)
        except KeyboardInterrupt:
            self.stop_reason, self.interrupted = "interrupted", True
        answered = {each.name for each in self.sent_exchanges}
        self.missing |= {each.name: self.stop_reason for each in remaining if each.name not in answered}

    def _skip_reason(self, exchange: fixtures.Exchange) -> str:
        """Return why *exchange* does not apply to the endpoint, "" if it does."""
        if needed := sorted(set(exchange.mock) - _COMMON_SETTINGS):
            return f"the response depends on the mock's setting `{needed[0]}`"
        operation = operation_at(exchange.request.path)
        if operation and operation.place_of_operation != self.endpoint.document.place_of_operation:
            return "it is about another operation of the API"
        if self._authorization(exchange.request) != ENDPOINT_KEY and not self.transport.has_key:
            return "no key to send; --api-key-env names one"
        accepts = self.endpoint.first.accepts if self.endpoint.first else lambda _: False
        if "api_keys" in exchange.mock and accepts("any-key"):
            return "the endpoint accepts any key (x-mock-accepts)"
        if "models" in exchange.mock and accepts("any-model"):
            return "the endpoint accepts any model (x-mock-accepts)"
        return ""

    def _send(self, exchange: fixtures.Exchange) -> bool:
        """Send the request of *exchange* and store the response; return whether it is usable."""
        request, url = self._adapt(exchange)
        authorization = self._authorization(request)
        headers = [(name, value) for name, value in request.headers.items() if name != self.transport.key_header]
        try:
            sent = self.transport.send(request.method, url, headers, request.content, authorization=authorization)
            received = self.transport.keep(sent)
        except Inconclusive as error:
            self._busy_in_a_row = self._busy_in_a_row + 1 if isinstance(error, Throttled) else 0
            self.missing[exchange.name] = str(error)
            return False
        self._busy_in_a_row = self._busy_in_a_row + 1 if received.status in BUSY else 0
        if received.decode_error or received.status in BUSY:
            busy = f"the endpoint returns {received.response_excerpt}"
            undecodable = f"the body cannot be read: {received.decode_error}"
            self.missing[exchange.name] = undecodable if received.decode_error else busy
            return False
        self.sent_exchanges.append(SentExchange(exchange, request, received))
        return True

    def _authorization(self, request: fixtures.Request) -> str | None:
        """Return the authorization of *request*, with the endpoint's key in place of the library's."""
        value = request.headers.get(self.transport.key_header)
        is_optional = value is None and not self.endpoint.document.requires_key
        return ENDPOINT_KEY if is_optional or drift.has_any_key(request, self.endpoint.document) else value

    def _adapt(self, exchange: fixtures.Exchange) -> tuple[fixtures.Request, str]:
        """Return the request of *exchange*, adapted to the endpoint, and its URL.

        The endpoint's model replaces the library's; every path is put below the endpoint's base path.
        """
        request, document, url = exchange.request, self.endpoint.document, self.endpoint.url
        content, model = request.content, json.dumps(self.endpoint.model, ensure_ascii=False).encode()
        for library_model in drift.library_models(document.dialect or TOGETHER):
            content = content.replace(json.dumps(library_model).encode(), model)
        request = replace(request, content=content, body=None if request.body is None else json.loads(content))
        if document.dialect:
            return request, url
        routes = document.routes
        path = next(route for route in sorted(routes, key=len, reverse=True) if urlsplit(url).path.endswith(route))
        base = url.removesuffix(path)
        if request.path not in routes:
            path = request.path
        return replace(request, path=path), f"{base}{path}"

    @cached_property
    def differences(self) -> list[drift.Difference]:
        """Where the responses differ from the document or from the library."""
        pairs = [drift.Pair(each.library, each.response) for each in self.sent_exchanges]
        return drift.compare(pairs, self.endpoint.document)

    @property
    def abort_reason(self) -> Verdict | None:
        """The verdict of an incomplete run; None if every response was usable."""
        if self.interrupted:
            return Verdict.INTERRUPTED
        if self.transport.budget.spent:
            return Verdict.BUDGET_SPENT
        if self.stop_reason or self.missing or not self.sent_exchanges:
            return Verdict.COULD_NOT_TELL
        return None

    @property
    def reason(self) -> str:
        """Why the run ended early; "" if it ran to its end, or if the user interrupted it."""
        return "" if self.interrupted else self.stop_reason

    def as_json(self, text: str, status: int) -> str:
        """Return the report with the verdict *text* and *status*, in the form of `drift.schema.json`."""
        report = {
            "kit": version("together-rerank-kit"),
            "endpoint": self.endpoint.url,
            "model": self.endpoint.model,
            "verdict": {"text": text, "status": status, "reason": self.reason},
            "drift": [asdict(each) | {"exchanges": list(each.exchanges)} for each in self.differences],
            "answered": [each.name for each in self.sent_exchanges],
            "skipped": self.skipped,
            "missing": self.missing,
            "spent": self.transport.budget.counts,
        }
        return json.dumps(self.transport.mask.value(report), ensure_ascii=False, indent=2) + "\n"


def select_exchanges(patterns: Sequence[str], dialect: str = TOGETHER) -> list[fixtures.Exchange]:
    """Return the exchanges that are not `forced` and match one of *patterns*; all of them if there is no pattern.

    Raises LookupError if a pattern matches no such exchange.
    """
    library = fixtures.all(dialect=dialect)
    exchanges = [exchange for exchange in library if not exchange.forced]
    for pattern in patterns:
        if any(fnmatchcase(exchange.name, pattern) for exchange in exchanges):
            continue
        if forced := [exchange.name for exchange in library if fnmatchcase(exchange.name, pattern)]:
            why = f"'{pattern}' matches only exchanges whose response no request can cause"
            raise LookupError(f"--only: {why}: {', '.join(forced)}")
        names = [exchange.name for exchange in exchanges]
        near = difflib.get_close_matches(pattern, names)
        hint = f"the nearest: {', '.join(near)}" if near else f"choose from: {', '.join(names)}"
        raise LookupError(f"--only: no exchange matches '{pattern}'; {hint}")
    matching = [e for e in exchanges if not patterns or any(fnmatchcase(e.name, pattern) for pattern in patterns)]
    # If two have the same request, use the mock's response: it has more fields than the document's example.
    by_request = {
        _request_key(exchange): exchange for exchange in sorted(matching, key=lambda e: e.source["kind"] == "kit")
    }
    return sorted(by_request.values(), key=lambda exchange: exchange.name)


def _request_key(exchange: fixtures.Exchange) -> tuple[object, ...]:
    request = exchange.request
    return request.method, request.path, tuple(request.headers.items()), request.content
