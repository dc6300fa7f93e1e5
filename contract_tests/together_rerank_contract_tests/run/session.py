"""The pytest session that judges one endpoint: it runs the tests of the requirements and keeps their outcomes."""

import os
import sys
from collections.abc import Callable, Generator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from together_rerank_contract_tests.client.budget import BudgetSpent
from together_rerank_contract_tests.client.transport import Inconclusive, Transport
from together_rerank_contract_tests.fuzz.fuzzing import BEFORE_FUZZING, MAX_EXAMPLES, Fuzzing
from together_rerank_contract_tests.run import dialect
from together_rerank_contract_tests.run.outcome import Outcome, State, outcome_of
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.suite import requirements
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import Level, PrerequisiteFailed, Requirement, RequirementFailed

# The form of an answer comes before its meaning.
TOPICS = (
    *("response", "request", "results", "scores", "documents", "fields"),
    *("relations", "usage", "errors", "authentication", "fuzz"),
)
# The folder of the package; its rooms `suite` and `fuzz` have the tests.
FOLDER = Path(__file__).parent.parent
_PACKAGE = __name__.partition(".")[0]
# What a request of the requirements costs, about; and one of Schemathesis's.
TOKENS_A_REQUEST, _TOKENS_A_CASE = 120, 60
# The reference, twice more, in another order, and in part.
CALIBRATION = 5
# Run pytest without the user's configuration, conftest files and plugins, and without what it need not do itself.
_PYTEST = (
    *("-c", os.devnull, "--rootdir", str(FOLDER), "--noconftest", "--import-mode=importlib"),
    *("--assert=plain", "--capture=no"),
    *(f"-pno:{name}" for name in ("cacheprovider", "faulthandler", "terminal", "unraisableexception", "warnings")),
)


def tests() -> dict[Requirement, Callable[..., None]]:
    """Return the test function of every requirement, in the order of judgement."""
    rooms = {topic: "fuzz" if topic == "fuzz" else "suite" for topic in TOPICS}
    modules = [import_module(f"{_PACKAGE}.{room}.test_{topic}") for topic, room in rooms.items()]
    found = {requirements.of(test): test for module in modules for test in vars(module).values()}
    return {requirement: test for requirement, test in found.items() if requirement is not None}


class ContractSession:
    """One endpoint under judgement.

    Attributes:
        stopped: why not all could be judged, "" when it could.
        refused: why nothing may be sent, "" when it may.
        crashed: why pytest itself failed, "" when it did not.
        interrupted: somebody wanted it to end.
    """

    def __init__(self, settings: Settings, show: Callable[[str], None] = lambda _: None) -> None:
        self.settings = settings
        self._show = show
        self.transport = Transport(settings)
        self.endpoint = Endpoint(settings, self.transport)
        self.fuzzing = Fuzzing(self.endpoint, self._fuzzed)
        self._items: dict[Requirement, Any] = {}
        self._outcomes: dict[str, Outcome] = {}
        self.stopped = ""
        self.refused = ""
        self.crashed = ""
        self.interrupted = False

    def run(self, expression: str | None = None, *, collect_only: bool = False) -> int:
        """Run pytest in this process on the requirements that *expression* selects, like `-k`; return its status."""
        for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
            os.environ.pop(name, None)
        # Loading the plugins that happen to be installed would double the start-up time.
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        # In brackets: an expression that begins with a dash would be read as an option.
        chosen = ["-k", f"({expression})"] if expression else []
        listed = ["--collect-only"] if collect_only else []
        status = pytest.main([*_PYTEST, *chosen, *listed, str(FOLDER)], plugins=[self])
        self.finish()
        return int(status)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was selected."""
        return not self._items

    @property
    def outcomes(self) -> list[Outcome]:
        return [self._outcomes.get(each.id) or Outcome(each, State.NOT_RUN, self.stopped) for each in self._items]

    @property
    def estimate(self) -> tuple[int, int]:
        """About how many requests and tokens it takes."""
        cases = MAX_EXAMPLES + BEFORE_FUZZING if any(each.fuzz for each in self._items) else 0
        requests = sum(each.requests for each in self._items) + (1 if self.settings.quick else CALIBRATION)
        return requests + cases, requests * TOKENS_A_REQUEST + cases * _TOKENS_A_CASE

    @property
    def listing(self) -> str:
        """The text of `--list`: the selected requirements, and the estimated requests and tokens."""
        rows = [f"{each.id:<17} {each.level:<7} {each.sentence}" for each in self._items]
        requests, tokens = self.estimate
        return "\n".join([*rows, "", f"{len(rows)} requirements, about {requests} requests and {tokens} tokens\n"])

    def _fuzzed(self, requests: int) -> None:
        # Show progress on a terminal only: a file would get one line for each update.
        if sys.stdout is not None and sys.stdout.isatty():
            self._show(f"\r{requests} requests by Schemathesis ")

    # The fixtures of the requirements' tests; this object is a pytest plugin only while it judges an endpoint.

    @pytest.fixture(name="endpoint")
    def _endpoint(self) -> Endpoint:
        return self.endpoint

    @pytest.fixture(name="fuzzing")
    def _fuzzing(self) -> Fuzzing:
        return self.fuzzing

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.crashed = excinfo.exconly()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember that a file of requirements cannot be read: that is no fault of the endpoint."""
        if report.failed:
            self.crashed = " ".join(str(report.longrepr).split())[-300:]

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Let a requirement be selected by its id too."""
        requirement = _requirement(item)
        if requirement is not None:
            item.extra_keyword_matches.add(requirement.id)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Deselect requirements that the settings exclude, and sort the others; keep the places of other tests."""
        left_out = [item for item in items if not self._is_wanted(_requirement(item))]
        items[:] = [item for item in items if item not in left_out]
        ordered = iter(sorted((item for item in items if _requirement(item)), key=_topic))
        items[:] = [next(ordered) if _requirement(item) else item for item in items]
        config.hook.pytest_deselected(items=left_out)
        self._items = {requirement: item for item in items if (requirement := _requirement(item)) is not None}

    def _is_wanted(self, requirement: Requirement | None) -> bool:
        if requirement is None:
            return True
        if requirement.level is Level.INFO and self.settings.level != "info":
            return False
        return (requirement.quick or not self.settings.quick) and (self.settings.fuzz or not requirement.fuzz)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Find the endpoint before anything is judged, and measure its noise."""
        if not self._items or session.config.option.collectonly:
            return
        self.refused = self.settings.refusal(*self.estimate)
        if self.refused:
            pytest.exit(self.refused, returncode=pytest.ExitCode.USAGE_ERROR)
        try:
            self.endpoint.find()
            if not self.settings.quick:
                # The requirements that need the measurement report why it failed.
                with suppress(PrerequisiteFailed, Inconclusive, RequirementFailed):
                    _ = self.endpoint.measured
        except (BudgetSpent, Inconclusive) as fault:
            self.stopped = str(fault)
            pytest.exit(f"could not tell: {self.stopped}", returncode=3)
        judged = f"reading   {self.settings.reading}, at the level {self.settings.level}"
        self._show(f"{dialect.introduction(self.endpoint)}{judged}\n\n")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Keep what came of a requirement, and report it as pytest would have it."""
        report: Any = yield
        requirement = _requirement(item)
        if requirement is None or call.when == "teardown" or (call.when == "setup" and call.excinfo is None):
            return report
        outcome = outcome_of(requirement, call.excinfo.value if call.excinfo else None)
        self._outcomes[requirement.id] = outcome
        self._show(outcome.sign)
        self._translate(outcome, report)
        if self.transport.budget.spent:
            self.stopped = outcome.reason or "the budget is spent"
            item.session.shouldstop = self.stopped
        return report

    def _translate(self, outcome: Outcome, report: Any) -> None:
        mask = self.transport.mask
        unmet = {each.requirement.id for each in self._outcomes.values() if each.state is State.FAILED}
        if outcome.state is State.FAILED:
            report.longrepr = outcome.row(mask)
            if not outcome.fails(self.settings.level):
                report.outcome = "skipped"
                report.wasxfail = mask.text(f"{outcome.requirement.level}: {outcome.failure}")
        elif outcome.leaves_open and not unmet & {*outcome.prerequisites}:  # and no failed requirement explains it
            report.longrepr = mask.text(f"{outcome.requirement.id}: could not tell: {outcome.reason}")
        elif outcome.state in (State.INCONCLUSIVE, State.SKIPPED, State.NOT_RUN):
            report.outcome = "skipped"
            report.longrepr = (str(report.fspath), 0, mask.text(f"{outcome.state}: {outcome.reason}"))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember that it was somebody, and not the session itself."""
        self.interrupted = excinfo.type is KeyboardInterrupt

    def finish(self) -> None:
        """Judge by what is known what an interruption has left, and close the way to the endpoint."""
        if self.fuzzing.has_begun:
            for requirement, item in self._items.items():
                if requirement.fuzz and requirement.id not in self._outcomes:
                    self._outcomes[requirement.id] = judged(requirement, item.function, self.fuzzing)
        self.transport.close()


def judged(requirement: Requirement, test: Callable[..., None], subject: Any) -> Outcome:
    try:
        test(subject)
    except Exception as fault:  # noqa: BLE001  # whatever it is, it is what came of it
        return outcome_of(requirement, fault)
    return outcome_of(requirement, None)


def _topic(item: pytest.Item) -> int:
    return TOPICS.index(item.path.stem.removeprefix("test_"))


def _requirement(item: pytest.Item) -> Requirement | None:
    return requirements.of(getattr(item, "function", None))
