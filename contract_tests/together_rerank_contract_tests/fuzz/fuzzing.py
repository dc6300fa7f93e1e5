"""Run Schemathesis against the endpoint through the proxy, and collect the failures of its checks."""

import copy
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from together_rerank_contract_tests.client.budget import BudgetSpent
from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.client.transport import Inconclusive
from together_rerank_contract_tests.fuzz.proxy import DROPPED, NO_ANSWER, Proxy
from together_rerank_contract_tests.suite import samples
from together_rerank_contract_tests.suite.answer import is_integer
from together_rerank_contract_tests.suite.endpoint import BUSY, Endpoint
from together_rerank_contract_tests.suite.requirements import PrerequisiteFailed
from together_rerank_spec import Validator

MAX_EXAMPLES = 2_000
# Cases in the phases "examples" and "coverage" of Schemathesis, which run before its fuzzing phase.
CASES_BEFORE_FUZZING = 110
_MIN_EXAMPLES = 10
# Long enough for the rate limit, for retries after a 429, and for a slow response.
_REQUEST_TIMEOUT_S = 600
_CRASH, _AUTH = "not_a_server_error", "ignored_auth"
_NEGATIVE, _POSITIVE = "negative_data_rejection", "positive_data_acceptance"
_NOT_IMPLEMENTED = 501
# Schemathesis makes requests at the limits of the schema, which cost many tokens if a limit is larger.
_LARGEST_LIMITS = {"maxLength": 1_000, "maxItems": 128}
# The path of the operation at the proxy.
_OPERATION = "/rerank"
# The statuses of a rejected request, beside those of the document.
_REJECTED = ("400", "401", "403", "404", "406", "422", "428", "5xx")
_DIGITS = re.compile(r"[-+]?[0-9]+")
# The checks that have a requirement; the other checks of Schemathesis do not apply to one operation without links.
CHECKS = (
    _CRASH,
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    _NEGATIVE,
    _POSITIVE,
    "unsupported_method",
    "allow_header_conformance",
    _AUTH,
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A check of Schemathesis that failed on one request.

    Attributes:
        name: the name of the exchange; several checks may fail on one exchange.
    """

    check: str
    name: str
    exchange: Exchange


class Fuzzing:
    """One run of Schemathesis, which the first call of `failures` starts.

    It calls *progress* repeatedly with the number of requests sent. `incomplete` is the reason why the run may have
    missed failures; "" if it is complete.
    """

    def __init__(self, endpoint: Endpoint, progress: Callable[[int], None]) -> None:
        self.endpoint = endpoint
        self._progress = progress
        self._failures: list[Failure] = []
        self._with_null: dict[str, Exchange] = {}
        self.has_begun = False
        self.incomplete = ""
        self.requests = 0
        self.seconds = 0.0

    @property
    def with_null(self) -> dict[str, Exchange]:
        """For each optional field, the exchange whose request has null there."""
        self._begin()
        return self._with_null

    def _begin(self) -> None:
        if not self.has_begun:
            self.has_begun = True
            self.incomplete = "Schemathesis was not run"
            for name in ("top_n", "return_documents", "rank_fields"):
                request = {"query": samples.QUERY, "documents": samples.PAIR, name: None}
                if name in self.endpoint.document.mapping.places["request"]:
                    with suppress(PrerequisiteFailed):
                        self._with_null[name] = self.endpoint.exchange_for(request)
            self._run()

    def failures(self, check: str) -> list[Failure]:
        """Return the failures of *check*, the smallest request first.

        Raises BudgetSpent or Inconclusive if there are none and the run is incomplete.
        """
        self._begin()
        found = [each for each in self._failures if each.check == check and self._is_confirmed(each)]
        if not found and self.incomplete:
            raise (BudgetSpent if self.endpoint.transport.budget.spent else Inconclusive)(self.incomplete)
        return sorted(found, key=lambda each: len(each.exchange.content))

    @property
    def checks_key(self) -> bool:
        """Whether Schemathesis also sends requests without the key, and with another key."""
        accepts_any_key = self.endpoint.reference.exchange.accepts("any-key")
        return self.endpoint.checks_key and not accepts_any_key

    @property
    def sends_other_methods(self) -> bool:
        """Whether Schemathesis also sends methods that the document does not have."""
        return not self.endpoint.settings.is_together

    @cached_property
    def _proxy(self) -> Proxy:
        return Proxy(self.endpoint.transport, _OPERATION, self.endpoint.url)

    @property
    def _examples(self) -> int:
        left = self.endpoint.transport.budget.requests_left
        return MAX_EXAMPLES if left is None else max(_MIN_EXAMPLES, min(MAX_EXAMPLES, left - CASES_BEFORE_FUZZING))

    def _run(self) -> None:
        transport = self.endpoint.transport
        self.incomplete = "Schemathesis was interrupted"
        requests_before, successes_before = transport.budget.requests, transport.statuses[200]
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as name, self._proxy:
            folder = Path(name)
            try:
                status = self._run_schemathesis(folder)
            finally:
                self._failures = list(self._read(folder / "failures"))
                self.requests = transport.budget.requests - requests_before
                self.seconds = time.monotonic() - started
            output = (folder / "output").read_text(encoding="utf-8", errors="replace")
        self.incomplete = self._proxy.error
        if self.incomplete:
            return
        if status not in (0, 1):
            self.incomplete = f"Schemathesis ended with status {status}: {' '.join(output.split())[-300:]}"
        elif transport.statuses[200] == successes_before:
            self.incomplete = f"none of {self.requests} requests got a 200"

    def _run_schemathesis(self, folder: Path) -> int:
        """Run Schemathesis in *folder* until it ends or the budget is spent; return its exit status."""
        budget = self.endpoint.transport.budget
        before = budget.requests
        self._write_input(folder)
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(  # noqa: S603  # this interpreter
                self._command,
                cwd=folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # this process handles an interrupt by the terminal
            )
            try:
                while not budget.spent:
                    with suppress(subprocess.TimeoutExpired):
                        return process.wait(0.2)
                    self._progress(budget.requests - before)
                    try:
                        budget.check_time()
                    except BudgetSpent as error:
                        self._proxy.error = str(error)
                return 0
            finally:
                process.kill()
                process.wait()

    def _read(self, path: Path) -> Iterator[Failure]:
        """Return the failures that the hooks wrote to *path*; skip an incomplete line."""
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []:
            if line.endswith("\n"):
                fields = json.loads(line)
                exchange = self._proxy.exchanges[fields["name"]]
                # Leave out the headers that Schemathesis and its HTTP library add.
                kept = ("Content-Type", "Authorization", self.endpoint.transport.key_header)
                headers = tuple(each for each in exchange.headers if each[0] in kept)
                yield Failure(**fields, exchange=replace(exchange, headers=headers))

    def _write_input(self, folder: Path) -> None:
        document = replace(self.endpoint.document, content=copy.deepcopy(self.endpoint.document.content))
        # The document does not require a body, but without a body there is nothing to rank.
        document.resolve(document.operation["requestBody"])["required"] = True
        # Other operations of the document, and parameters of the path, are not part of the test.
        content = _without_large_limits({**document.content, "paths": {_OPERATION: {"post": document.operation}}})
        (folder / "document.json").write_text(json.dumps(content), encoding="utf-8")
        (folder / "config.toml").write_text("\n".join(self._config()), encoding="utf-8")
        place = document.mapping.places["request"].get("model", "").removeprefix("/")
        (folder / "model").write_text(json.dumps([place, self.endpoint.model]), encoding="utf-8")

    def _config(self) -> Iterator[str]:
        # Set every option that matters, so that neither the user's files nor an earlier run has an effect.
        yield f"seed = {self.endpoint.settings.seed}"
        yield f"request-timeout = {_REQUEST_TIMEOUT_S}"
        if self.endpoint.transport.has_key:
            transport = self.endpoint.transport
            yield f'headers = {{ {transport.key_header} = "{transport.key_scheme}{self._proxy.token}" }}'
        yield '[generation]\ndatabase = "none"'
        yield "[cache]\nenabled = false"
        documented = [str(status) for status in self.endpoint.document.error_statuses]
        busy = [status for status in documented if int(status) in BUSY]
        yield f"[checks.{_CRASH}]\nexpected-statuses = {json.dumps(['2xx', '3xx', '4xx', *busy])}"
        yield f"[checks.{_NEGATIVE}]\nexpected-statuses = {json.dumps([*_REJECTED, *documented])}"
        if not self.sends_other_methods:
            yield "[phases.coverage]\nunexpected-methods = []"

    @property
    def _command(self) -> list[str]:
        arguments = ["run", "document.json", "--url", self._proxy.url, "--max-examples", str(self._examples)]
        # Find all failures, not only the first of each phase. Do not shrink: the report shows the smallest case.
        complete = ["--continue-on-failure", "--no-shrink", "--suppress-health-check", "all"]
        checks = [check for check in CHECKS if check != _AUTH or self.checks_key]
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "config.toml", *arguments, *complete]
        return [*command, "--checks", ",".join(checks)]

    @property
    def _environment(self) -> dict[str, str]:
        # Without the key and without HTTP proxies: Schemathesis connects only to the local proxy.
        key_name = self.endpoint.settings.key_name
        kept = {name: value for name, value in os.environ.items() if name != key_name and "proxy" not in name.lower()}
        hooks = f"{__package__}.schemathesis_hooks"
        isolation = {"HYPOTHESIS_NO_PLUGINS": "1", "NETRC": os.devnull, "PYTHONSAFEPATH": "1"}
        return {**kept, **isolation, "SCHEMATHESIS_HOOKS": hooks}

    def _is_confirmed(self, failure: Failure) -> bool:
        """Whether *failure* is a failure by the kit's own validator, and by RFC 9110."""
        exchange = failure.exchange
        if NO_ANSWER in exchange.received_headers:
            return failure.check == _CRASH and exchange.received_headers[NO_ANSWER] == DROPPED
        if exchange.method != "POST" and exchange.status == _NOT_IMPLEMENTED and failure.check != _AUTH:
            return False  # the method is unknown to the server, which is no server error
        if failure.check not in (_NEGATIVE, _POSITIVE):
            return True
        is_positive = failure.check == _POSITIVE
        place = self.endpoint.document.mapping.place
        names = [place(each).removeprefix("/") for each in ("/top_n", "/documents")]
        request = exchange.sent if is_positive else _without_errors_judged_elsewhere(exchange.sent, *names)
        return is_positive is (self._sends_json(exchange) and self.endpoint.allows(request))

    def _sends_json(self, exchange: Exchange) -> bool:
        return dict(reversed(exchange.headers)).get("Content-Type") == "application/json"

    def describe(self, failure: Failure) -> str:  # noqa: PLR0911  # one per check
        """Return what is wrong with the exchange of *failure*, in a few words without quoting it."""
        exchange, document = failure.exchange, self.endpoint.document
        match failure.check:
            case "status_code_conformance" | "not_a_server_error":
                return f"the document does not list {exchange.status or 'a dropped connection'}"
            case "content_type_conformance":
                return f"the Content-Type is {exchange.received_headers.get('content-type', 'missing')}"
            case "response_schema_conformance":
                schema = document.response_schema(exchange.status) if exchange.status in document.statuses else None
                violations = Validator(schema or {}).violations(exchange.body)
                return f"in the response, {violations[0]}" if violations else "the body is not JSON"
            case "negative_data_rejection" if not self._sends_json(exchange):
                return "the request has another Content-Type than application/json"
            case "negative_data_rejection":
                violations = self.endpoint.request_validator.violations(exchange.sent)
                return f"in the request, {violations[0]}" if violations else "the request is not JSON"
            case "unsupported_method" | "allow_header_conformance":
                return f"{exchange.method}, and Allow: {exchange.received_headers.get('allow', 'is missing')}"
            case "ignored_auth":
                return "the key is missing or wrong"
            case _:
                return "the schema allows the request"


def _without_large_limits(node: Any) -> Any:
    """Return *node* without limits on the length of texts and lists that would make a request of many tokens."""
    if isinstance(node, list):
        return [_without_large_limits(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        name: _without_large_limits(value)
        for name, value in node.items()
        if not (isinstance(value, int) and value > _LARGEST_LIMITS.get(name, math.inf))
    }


def _without_errors_judged_elsewhere(request: Any, top_n_name: str, documents_name: str) -> Any:
    """Return *request* without the errors that RR-ERROR-006 to RR-ERROR-008 and RR-FUZZ-010 judge."""
    if not isinstance(request, dict):
        return request
    kept = {name: value for name, value in request.items() if value is not None}
    top_n = kept.get(top_n_name)
    if (is_integer(top_n) and top_n < 1) or (isinstance(top_n, str) and _DIGITS.fullmatch(top_n)):
        del kept[top_n_name]
    documents = kept.get(documents_name)
    if isinstance(documents, list) and {type(each) for each in documents} == {str, dict}:
        kept[documents_name] = ["mixed"]
    return kept
