"""The pytest session that tests one endpoint: it runs the test of each requirement and stores the outcomes."""

import os
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from together_rerank_contract_tests.client.budget import BudgetSpent
from together_rerank_contract_tests.client.transport import Inconclusive, Transport
from together_rerank_contract_tests.fuzz.fuzzing import CASES_BEFORE_FUZZING, MAX_EXAMPLES, Fuzzing
from together_rerank_contract_tests.run import dialect
from together_rerank_contract_tests.run.outcome import Outcome, State, outcome_of
from together_rerank_contract_tests.run.progress import Progress
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.suite import requirements
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import Level, PrerequisiteFailed, Requirement, lacking
from together_rerank_contract_tests.suite.sampling import Sampling

# Topics in the sequence in which they run: the shape of a response before its values.
TOPICS = (
    *("response", "request", "results", "scores", "documents", "fields", "lists", "queries"),
    *("relations", "usage", "errors", "authentication", "http", "fuzz"),
)
# The folder of the package; the tests are in its folders `suite` and `fuzz`.
FOLDER = Path(__file__).parent.parent
_PACKAGE = __name__.partition(".")[0]
# Estimated tokens of one request of the standard run, of --quick, and of Schemathesis.
TOKENS_A_REQUEST, _TOKENS_A_QUICK_REQUEST, _TOKENS_A_CASE = 165, 137, 60
# Requests that measure the noise: the reference, two repeats, one with the documents permuted, one with fewer, and two
# with one document.
CALIBRATION = 7
# Requests of the samples, which are not in the counts of the requirements.
SAMPLES, QUICK_SAMPLES = 37, 8
# Run pytest without the user's configuration, conftest files and plugins, and without features that are not needed.
_PYTEST = (
    *("-c", os.devnull, "--rootdir", str(FOLDER), "--noconftest", "--import-mode=importlib"),
    *("--assert=plain", "--capture=no"),
    *(f"-pno:{name}" for name in ("cacheprovider", "faulthandler", "terminal", "unraisableexception", "warnings")),
)


def tests() -> dict[Requirement, Callable[..., None]]:
    """Return the test function of each requirement, in the sequence in which they run."""
    folders = {topic: "fuzz" if topic == "fuzz" else "suite" for topic in TOPICS}
    modules = [import_module(f"{_PACKAGE}.{folder}.test_{topic}") for topic, folder in folders.items()]
    found = {requirements.requirement_of(test): test for module in modules for test in vars(module).values()}
    return {requirement: test for requirement, test in found.items() if requirement is not None}


class ContractSession:
    """A run of the requirements against one endpoint; also the pytest plugin of that run.

    Attributes:
        stop_reason: why the run ended early; "" if it did not.
        live_error: why no request may be sent; "" if requests are allowed.
        pytest_error: why pytest itself failed; "" if it did not.
        interrupted: whether the user interrupted the run.
    """

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self.settings = settings
        self._progress = progress or Progress()
        self.transport = Transport(settings)
        self.transport.waiting = self._progress.waiting
        self.endpoint = Endpoint(settings, self.transport)
        self._sampling = Sampling(self.endpoint)
        self.fuzzing = Fuzzing(self.endpoint, lambda _: self._show_requests())
        self._items: dict[Requirement, Any] = {}
        self._outcomes: dict[str, Outcome] = {}
        self.stop_reason = ""
        self.live_error = ""
        self.pytest_error = ""
        self.interrupted = False

    def run(self, expression: str | None = None, *, collect_only: bool = False) -> int:
        """Run pytest in this process and return its status; *expression* selects requirements, like `-k`."""
        for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
            os.environ.pop(name, None)
        # Loading all installed plugins would double the start-up time.
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        # In parentheses: pytest would read an expression that begins with a dash as an option.
        selection = ["-k", f"({expression})"] if expression else []
        collect = ["--collect-only"] if collect_only else []
        status = pytest.main([*_PYTEST, *selection, *collect, str(FOLDER)], plugins=[self, _PlainTracebacks()])
        self.finish()
        return int(status)

    @property
    def is_empty(self) -> bool:
        """Whether no requirement is selected."""
        return not self._items

    @property
    def outcomes(self) -> list[Outcome]:
        document = self.endpoint.document
        return [
            self._outcomes.get(each.id) or Outcome(each.of(document), State.NOT_RUN, self.stop_reason)
            for each in self._items
        ]

    @property
    def notes(self) -> list[str]:
        """What the run found out about the endpoint that is no failure, one line each."""
        return [*self.endpoint.limits.notes, *self.transport.notes]

    @property
    def estimate(self) -> tuple[int, int]:
        """The estimated number of requests and of tokens."""
        cases = MAX_EXAMPLES + CASES_BEFORE_FUZZING if any(each.fuzz for each in self._items) else 0
        quick = self.settings.quick
        able = [each for each in self._items if not lacking(self.endpoint.document, each.needs)]
        requests = sum(min(each.requests, 1) if quick else each.requests for each in able)
        requests += 1 if quick else CALIBRATION
        if any(each.every for each in able):
            requests += QUICK_SAMPLES if quick else SAMPLES
        tokens = requests * (_TOKENS_A_QUICK_REQUEST if quick else TOKENS_A_REQUEST)
        return requests + cases, tokens + cases * _TOKENS_A_CASE

    @property
    def listing(self) -> str:
        """The text of `--list`: the selected requirements, why some cannot be judged, and the estimated requests."""
        document = self.endpoint.document
        reasons: dict[str, list[str]] = {"": []}
        for each in self._items:
            row = f"{each.id:<17} {each.level:<7} {each.of(document).sentence}"
            reasons.setdefault(lacking(document, each.needs), []).append(row)
        rows = reasons.pop("")
        skipped = [line for reason, listed in reasons.items() for line in ("", f"cannot be judged: {reason}", *listed)]
        requests, tokens = self.estimate
        total = f"{len(rows)} requirements, about {requests} requests and {tokens} tokens\n"
        return "\n".join([*rows, *skipped, "", total])

    def _show_requests(self) -> None:
        self._progress.requests(self.transport.budget.requests, self.estimate[0])

    # Fixtures and hooks: this object is a pytest plugin during the run.

    @pytest.fixture(name="endpoint")
    def _endpoint(self) -> Endpoint:
        return self.endpoint

    @pytest.fixture(name="sampling")
    def _sampling_fixture(self) -> Sampling:
        return self._sampling

    @pytest.fixture(name="fuzzing")
    def _fuzzing(self) -> Fuzzing:
        return self.fuzzing

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.pytest_error = excinfo.exconly()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Store the error if a test module cannot be imported: the endpoint did not cause it."""
        if report.failed:
            self.pytest_error = " ".join(str(report.longrepr).split())[-300:]

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Allow `-k` to select a requirement by its id."""
        requirement = _requirement(item)
        if requirement is not None:
            item.extra_keyword_matches.add(requirement.id)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Deselect requirements that the settings exclude, and sort the rest; do not move other tests.

        The requirements about every exchange of the run are judged last, and listed with their topic.
        """
        deselected = [item for item in items if not self._is_selected(_requirement(item))]
        items[:] = [item for item in items if item not in deselected]
        by_topic = sorted((item for item in items if _requirement(item)), key=_topic)
        self._items = {requirement: item for item in by_topic if (requirement := _requirement(item)) is not None}
        last = {requirement for requirement in self._items if requirement.every}
        as_judged = iter(sorted(self._items.values(), key=lambda item: _requirement(item) in last))
        items[:] = [next(as_judged) if _requirement(item) else item for item in items]
        config.hook.pytest_deselected(items=deselected)

    def _is_selected(self, requirement: Requirement | None) -> bool:
        if requirement is None:
            return True
        if requirement.level is Level.INFO and self.settings.level != "info":
            return False
        return (requirement.quick or not self.settings.quick) and (self.settings.fuzz or not requirement.fuzz)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Find the operation and measure the noise before the first requirement runs."""
        if not self._items or session.config.option.collectonly:
            return
        self.live_error = self.settings.live_error(*self.estimate)
        if self.live_error:
            pytest.exit(self.live_error, returncode=pytest.ExitCode.USAGE_ERROR)
        self._progress.start()
        try:
            self.endpoint.find()
            if not self.settings.quick:
                # If the measurement fails, the requirements that need it report why.
                with suppress(PrerequisiteFailed, Inconclusive):
                    _ = self.endpoint.measured
        except (BudgetSpent, Inconclusive) as error:
            self.stop_reason = str(error)
            pytest.exit(f"could not tell: {self.stop_reason}", returncode=3)
        reading = f"reading {self.settings.reading}, " * self.endpoint.document.mapping.is_canonical
        self._progress.begin(f"{dialect.describe(self.endpoint)}judged    {reading}level {self.settings.level}\n\n")
        self._show_requests()
        if any(each.every for each in self._items):  # before Schemathesis spends the budget
            _ = self._sampling.sending_error  # sends the samples
            self.endpoint.used.clear()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Store the outcome of a requirement, and translate it into a pytest report."""
        report: Any = yield
        requirement = _requirement(item)
        if requirement is None or call.when == "teardown" or (call.when == "setup" and call.excinfo is None):
            return report
        raised = call.excinfo.value if call.excinfo else None
        requirement = requirement.of(self.endpoint.document)
        outcome = replace(outcome_of(requirement, raised), exchanges=tuple(self.endpoint.used))
        self.endpoint.used.clear()
        self._outcomes[requirement.id] = outcome
        self._progress.outcome(outcome.state, outcome.mark)
        self._show_requests()
        self._update_report(outcome, report)
        if self.transport.budget.spent:  # what was received so far is still judged
            self.stop_reason = self.stop_reason or outcome.reason or "the budget is spent"
        return report

    def _update_report(self, outcome: Outcome, report: Any) -> None:
        mask = self.transport.mask
        failed = {each.requirement.id for each in self._outcomes.values() if each.state is State.FAILED}
        if outcome.state is State.FAILED:
            report.longrepr = outcome.as_text(mask)
            if not outcome.fails(self.settings.level):
                report.outcome = "skipped"
                report.wasxfail = mask.text(f"{outcome.requirement.level}: {outcome.failure}")
        elif outcome.is_undecided_must and not failed & {*outcome.prerequisites}:  # no failed prerequisite
            report.longrepr = mask.text(f"{outcome.requirement.id}: could not tell: {outcome.reason}")
        elif outcome.state in (State.INCONCLUSIVE, State.SKIPPED, State.NOT_RUN):
            report.outcome = "skipped"
            report.longrepr = (str(report.fspath), 0, mask.text(f"{outcome.state}: {outcome.reason}"))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Store whether the user interrupted the run; pytest.exit() calls this hook too."""
        self.interrupted = excinfo.type is KeyboardInterrupt

    def finish(self) -> None:
        """After an interruption, judge the fuzz requirements by the failures so far; close the connections."""
        if self.fuzzing.has_begun:
            for requirement, item in self._items.items():
                if requirement.fuzz and requirement.id not in self._outcomes:
                    translated = requirement.of(self.endpoint.document)
                    self._outcomes[requirement.id] = judge(translated, item.function, self.fuzzing)
        self.transport.close()


class _PlainTracebacks:
    """Makes pytest format tracebacks, which the reports do not show, in the way that takes the least time."""

    def pytest_configure(self, config: pytest.Config) -> None:
        config.option.tbstyle = "native"


def judge(requirement: Requirement, test: Callable[..., None], fixture: Any) -> Outcome:
    """Call *test* with its *fixture*, and return the outcome."""
    try:
        test(fixture)
    except Exception as error:  # noqa: BLE001  # outcome_of() handles every type
        return outcome_of(requirement, error)
    return outcome_of(requirement, None)


def _topic(item: pytest.Item) -> int:
    return TOPICS.index(item.path.stem.removeprefix("test_"))


def _requirement(item: pytest.Item) -> Requirement | None:
    return requirements.requirement_of(getattr(item, "function", None))
