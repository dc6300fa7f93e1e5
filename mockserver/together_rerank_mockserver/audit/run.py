"""Run the cases of an audit: one after another, and those that wait side by side."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

from together_rerank_mockserver import clock
from together_rerank_mockserver.audit.cases import MIN_PASSAGES, QUICK, Call, Case, CaseBuilder
from together_rerank_mockserver.audit.outcome import Observed, Outcome, error_text, indexes_of, is_item, judge, shown
from together_rerank_mockserver.audit.pipeline import Pipeline
from together_rerank_mockserver.audit.report import AuditReport, Row
from together_rerank_mockserver.recorded import RecordedRequest
from together_rerank_mockserver.resilience import Finding, find_problems
from together_rerank_mockserver.testing.admin_client import API_KEY, AdminClient, in_process
from together_rerank_mockserver.testing.rerank_mock import RerankMock

DEFAULT_PATIENCE_S = 20.0
# After this time, a case runs beside the next ones.
_WAITS_S = 0.1
_SIDE_BY_SIDE = 16
_FEW = 3
_MAX_CHARACTERS = 1_000_000
# Wrong answers without a ranking: what a pipeline returns is then a fallback.
_NO_RESULTS = ("results-missing", "results-null", "results-empty", "error-200")
# The findings that an audit shows: what harms the provider.
_RULES = ("retry-storm", "ignored-retry-after", "retried-not-retryable", "resent-invalid")


class Unreadable(TypeError):
    """A pipeline returned neither passages nor indexes, although there was no fault."""

    def __init__(self, returned: Any, read_error: Exception | None = None) -> None:
        why = "`read` can be a function that turns it into such a list"
        if read_error is not None:
            why = f"`read` raised {error_text(read_error)}"
        super().__init__(f"the pipeline returned {shown(returned)}, not a list of passages or indexes; {why}")
        self.returned = returned


class Audit:
    """The audit of *pipeline*: the cases for *query* and *passages*, with the mock of *admin*.

    *subject* is the test or the command. *top_n* is how many passages the pipeline returns; None for all. *only* are
    the names of the cases to run. *again* returns the line that runs a case alone. *hint* says why a fallback may not
    be recognised; the report has it if there are failures and no case declared a fallback.
    Raises ValueError if an argument is invalid.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        admin: AdminClient,
        *,
        subject: str,
        query: str,
        passages: Sequence[str],
        top_n: int | None,
        quick: bool,
        patience_s: float,
        only: Iterable[str],
        accept: Mapping[str, str],
        again: Callable[[str], str],
        hint: str | None,
    ) -> None:
        _check(query, passages, top_n, patience_s)
        self._pipeline = pipeline
        self._admin = admin
        self._subject = subject
        self._query = query
        self._top_n = top_n
        self._again = again
        self._hint = hint
        every = CaseBuilder(passages, top_n, 1.5 * patience_s).build()
        if not isinstance(accept, Mapping):
            raise ValueError(f"`accept` must be a reason for each case, such as {{'503': 'why'}}, not {shown(accept)}")
        self._accept = dict(accept)
        names = [each.name for each in every]
        _check_names(self._accept, names)
        if nameless := [name for name, reason in self._accept.items() if not str(reason or "").strip()]:
            raise ValueError(f"`accept` has no reason for {nameless[0]!r}; say why the team lives with it")
        selected = [only] if isinstance(only, str) else list(only)
        _check_names(selected, names)
        chosen = set(selected) or (QUICK if quick else set(names))
        self._cases = [each for each in every if each.name in chosen]
        # A word in the query of each case tells its requests apart. It is new in each audit, because of caches.
        self._words = {each.name: f"case{secrets.token_hex(3)}{number:03}" for number, each in enumerate(self._cases)}
        self._is_alone = False
        self._ended: set[str] = set()
        self._running: set[str] = set()
        self._uncertain: set[str] = set()  # the cases whose outcome another case may have changed

    def run(self) -> AuditReport:
        """Run the cases and return the report.

        Raises Unreadable if the pipeline returns something else than passages or indexes.
        """
        with self._pipeline.active():
            first, *others = self._cases
            rows = [self._first(first), *self._side_by_side(others)]
            self._repeat_uncertain(rows)
        if self._is_alone:
            self._admin.call("POST", "reset")
        is_declared = any(row.outcome is Outcome.DECLARED for row in rows)
        hint = self._hint if any(row.is_failure for row in rows) and not is_declared else None
        return AuditReport(self._subject, rows, self._query, self._top_n, hint)

    @property
    def progress(self) -> str:
        """How many cases have ended, and which ones run. Another thread can read it."""
        return f"{len(self._ended)} of {len(self._cases)} cases, running: {', '.join(self._running.copy())}"

    def _repeat_uncertain(self, rows: list[Row]) -> None:
        found = [row.name for row in rows if row.findings]
        if len(found) <= _FEW:  # so few can be the effect of a busy machine
            self._uncertain.update(found)
        hangs = any(row.outcome is Outcome.HANG and row.name not in self._uncertain for row in rows)
        for place, row in enumerate(rows):
            # A call that hangs can block all others; they would take too long again.
            if row.name in self._uncertain and not (hangs and row.outcome is Outcome.HANG):
                rows[place] = self._row(self._cases[place])
                hangs = hangs or rows[place].outcome is Outcome.HANG

    def _first(self, case: Case) -> Row:
        """Run *case*; if its requests do not have its word, run each case alone, with all requests of the mock."""
        before = self._total()
        row = self._row(case)
        if not row.requests and self._total() != before:
            self._is_alone = True
            row = self._row(case)
        return row

    def _total(self) -> int:
        total: int = self._admin.call("GET", "requests", limit="0")["total"]
        return total

    def _side_by_side(self, cases: Sequence[Case]) -> list[Row]:
        if self._is_alone:
            return list(map(self._row, cases))
        futures: list[Future[Row]] = []
        pool = ThreadPoolExecutor(_SIDE_BY_SIDE)
        try:
            for case in cases:
                futures.append(pool.submit(self._row, case))
                if not case.waits:
                    wait(futures[-1:], _WAITS_S)
            return [each.result() for each in futures]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _row(self, case: Case) -> Row:
        self._running.add(case.name)
        try:
            return self._run_case(case)
        finally:
            self._running.discard(case.name)
            self._ended.add(case.name)

    def _run_case(self, case: Case) -> Row:
        if case.is_concurrent and self._is_alone:
            return self._row_of(case, Outcome.NOT_SHOWN, "its requests cannot be distinguished without the query")
        unassigned, began = self._pipeline.unassigned, clock.now()
        # Each of several concurrent calls gets its own word.
        count = len(case.calls) if case.is_concurrent else 1
        words = [f"{self._words[case.name]}{f'x{place}' if count > 1 else ''}" for place in range(count)]
        admins = [self._admin if self._is_alone else self._admin.of_word(word) for word in words]
        for admin in admins:
            admin.call("POST", "reset")
        try:
            observed, made = zip(*self._observe(case, words, admins), strict=True)
        except _Unsupported as error:
            return self._row_of(case, Outcome.NOT_SHOWN, str(error))
        _check_readable(case, observed)
        requests = list(itertools.chain(*made))
        outcome, did = self._judge(case, observed, requests)
        if case.name == "ranking" and requests and not admins[0].call("GET", "ranking")["answers"]:
            did += "; no request had the passages, or the beginning or the end of one"
        if outcome is Outcome.HANG:  # let a call that retries forever end
            for admin in admins:
                admin.call("DELETE", "faults")
        # Other calls may have blocked it, if its first request was late, or is not in the journal.
        is_late = not requests or requests[0].began > began + _WAITS_S
        is_blocked = outcome is Outcome.HANG and is_late
        is_unassigned = outcome is Outcome.SILENT and self._pipeline.unassigned != unassigned
        if is_blocked or is_unassigned:
            self._uncertain.add(case.name)
        return replace(
            self._row_of(case, outcome, did),
            seconds=max(each.seconds for each in observed),
            requests=requests,
            findings=_findings(made),
        )

    def _row_of(self, case: Case, outcome: Outcome, did: str) -> Row:
        accepted = self._accept.get(case.name)
        return Row(case.name, case.group, case.sentence, outcome, did, self._again(case.name), accepted=accepted)

    def _observe(
        self, case: Case, words: Sequence[str], admins: Sequence[AdminClient]
    ) -> list[tuple[Observed, list[RecordedRequest]]]:
        """Make the calls of *case*: at the same time if each has a word, else one after another.

        Return what each of them did, and its requests.
        """

        def call(each: Call, word: str, admin: AdminClient) -> tuple[Observed, list[RecordedRequest]]:
            _prepare(each, admin)
            before = len(RerankMock(admin).requests)
            observed = self._pipeline.call(f"{self._query} {word}{each.suffix}", each.passages)
            return observed, RerankMock(admin).requests[before:]

        if len(words) == 1:
            return [call(each, words[0], admins[0]) for each in case.calls]
        with ThreadPoolExecutor(len(words)) as pool:
            return list(pool.map(call, case.calls, words, admins))

    def _judge(
        self, case: Case, observed: Sequence[Observed], requests: Sequence[RecordedRequest]
    ) -> tuple[Outcome, str]:
        is_answered = bool(requests) and requests[-1].status == 200
        is_answered = is_answered and case.group not in ("wire", "slow", "outage") and case.name not in _NO_RESULTS
        judged = [
            judge(call, self._top_n, each, has_answer=is_answered)
            for call, each in zip(case.calls, observed, strict=True)
            if call.is_judged
        ]
        outcome, did = max(judged, key=lambda each: each[0].severity)
        if case.name == "ranking" and any(each.declared for each in observed):
            return Outcome.DECLARED, "declared a fallback, although no answer had a fault"
        if case.name == "ranking" and _is_unturned(case, observed):
            return Outcome.NO_EFFECT, f"{did}, whatever the ranking is"
        if reason := next((each.reason for each in requests if each.reply.startswith("misuse; fault=")), None):
            return Outcome.NOT_SHOWN, reason
        if outcome is Outcome.RIGHT and _is_hidden(case, requests):
            return Outcome.NOT_SHOWN, "the fault could not change an answer"
        return outcome, did


@contextlib.contextmanager
def local_mock() -> Iterator[AdminClient]:
    """Start a mock for audits in this process, and return its client."""
    from together_rerank_mockserver.server.threaded_server import MockServer
    from together_rerank_mockserver.settings import Settings

    with MockServer(Settings(one_namespace=True, journal_max=10_000)) as mock:
        yield in_process(mock, API_KEY)


def _check(query: Any, passages: Any, top_n: Any, patience_s: Any) -> None:
    if not isinstance(query, str) or not query.strip():
        raise ValueError(f"`query` must be a text, not {shown(query)}")
    is_list = isinstance(passages, Sequence) and not isinstance(passages, str)
    if not is_list or not all(isinstance(each, str) for each in passages):
        raise ValueError(f"`passages` must be a list of texts, not {shown(passages)}")
    if sum(map(len, passages)) > _MAX_CHARACTERS:
        raise ValueError(f"`passages` must have at most {_MAX_CHARACTERS} characters together")
    if len({" ".join(each.split()).casefold() for each in passages} - {""}) < max(MIN_PASSAGES, len(passages)):
        raise ValueError(f"`passages` must be at least {MIN_PASSAGES} different texts, none of them blank")
    if top_n is not None and (type(top_n) is not int or top_n < 1):
        raise ValueError(f"`top_n` must be how many passages the pipeline returns, from 1, not {shown(top_n)}")
    if isinstance(patience_s, bool) or not isinstance(patience_s, int | float) or not 0 < patience_s <= 600:
        raise ValueError(f"`patience` must be a number of seconds above 0, up to 600, not {shown(patience_s)}")


def _check_names(names: Iterable[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=3)
            hint = f"the nearest: {', '.join(near)}" if near else f"known: {', '.join(known)}"
            raise ValueError(f"there is no case {name!r}; {hint}")


class _Unsupported(Exception):
    """The server cannot produce the fault of a case."""


def _prepare(call: Call, admin: AdminClient) -> None:
    """Set the ranking and the fault of *call*; raise _Unsupported."""
    if ranking := call.ranking:
        admin.call("PUT", "ranking", ranking)
    admin.call("DELETE", "faults")
    if call.fault:
        try:
            admin.call("POST", "faults", call.fault)
        except ValueError as error:
            raise _Unsupported(str(error)) from error


def _is_unturned(case: Case, observed: Sequence[Observed]) -> bool:
    """Return whether the pipeline returned the same passages for both rankings."""
    returned = [indexes_of(each.returned, call.passages) for call, each in zip(case.calls, observed, strict=True)]
    return all(each.error is None and not each.is_hung for each in observed) and returned[0] == returned[1]


def _findings(made: Iterable[list[RecordedRequest]]) -> list[Finding]:
    """Return the first finding of each rule in *made*, the requests of each call."""
    # All requests here are of one call of the pipeline, however its client numbers them.
    calls = ([replace(request, retry_count=None) for request in requests] for requests in made)
    findings = [finding for requests in calls for finding in find_problems(requests) if finding.rule in _RULES]
    return list({each.rule: each for each in reversed(findings)}.values())


def _is_hidden(case: Case, requests: Sequence[RecordedRequest]) -> bool:
    is_faulty = any(call.fault for call in case.calls)
    return is_faulty and not any(each.fault for each in requests)


def _check_readable(case: Case, observed: Sequence[Observed]) -> None:
    """Raise Unreadable if the pipeline returned what the audit cannot read, although there is no fault."""
    for each in observed if case.name == "ranking" else ():
        if each.read_error is not None and not each.declared:
            raise Unreadable(each.returned, each.read_error) from each.read_error
        if each.error is None and not each.is_hung and not each.declared and not _is_readable(each.returned):
            raise Unreadable(each.returned)


def _is_readable(returned: Any) -> bool:
    return returned is None or (isinstance(returned, list) and all(map(is_item, returned)))
