"""The pytest plugin that judges one endpoint: opens it, runs the requirements' tests, and keeps what came of them."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import suppress
from typing import Any

import pytest

from together_rerank_contract_tests import requirements
from together_rerank_contract_tests.catalogue import TOPICS
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.exchange import Exchange
from together_rerank_contract_tests.findings import Blocked, BudgetSpent, Inconclusive, Unmet
from together_rerank_contract_tests.fuzzing import BEFORE_FUZZING, MOST_EXAMPLES, Fuzzing
from together_rerank_contract_tests.outcome import Outcome, State, outcome_of
from together_rerank_contract_tests.requirements import Level, Requirement
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.transport import Transport

# What a request of the requirements costs, about; and one of Schemathesis's.
TOKENS_A_REQUEST, _TOKENS_A_CASE = 120, 60
# The reference, twice more, in another order, and in part.
CALIBRATION = 5
KEY = pytest.StashKey["Examination"]()


class Progress:
    """Is told how an examination goes on; this one says nothing."""

    def opened(self, examination: Examination) -> None:
        """The endpoint answers."""

    def ended(self, outcome: Outcome) -> None:
        """A requirement was judged."""

    def fuzzed(self, requests: int) -> None:
        """So many requests were sent by Schemathesis until now."""


class Examination:
    """One endpoint under judgement.

    Attributes:
        endpoint: what is judged.
        fuzzing: the run of Schemathesis, begun or not.
        selected: the requirements that are to be judged.
        first: the first exchange with the endpoint, once there is one.
        stopped: why not all could be judged, "" when it could.
        refused: why nothing may be sent, "" when it may.
        crashed: why pytest itself failed, "" when it did not.
        interrupted: somebody wanted it to end.
    """

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self.settings = settings
        self.progress = progress or Progress()
        self.transport = Transport.of(settings)
        self.endpoint = Endpoint(settings, self.transport)
        self.fuzzing = Fuzzing(self.endpoint, self.progress.fuzzed)
        self._items: dict[Requirement, Any] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._began = time.monotonic()
        self.first: Exchange | None = None
        self.stopped = ""
        self.refused = ""
        self.crashed = ""
        self.interrupted = False

    @property
    def selected(self) -> list[Requirement]:
        """The requirements that are to be judged."""
        return list(self._items)

    @property
    def outcomes(self) -> list[Outcome]:
        """What came of each that was selected."""
        return [self._outcomes.get(each.id) or Outcome(each, State.NOT_RUN, self.stopped) for each in self._items]

    @property
    def seconds(self) -> float:
        """How long it takes until now."""
        return time.monotonic() - self._began

    @property
    def estimate(self) -> tuple[int, int]:
        """About how many requests and tokens it takes."""
        cases = MOST_EXAMPLES + BEFORE_FUZZING if any(each.fuzz for each in self._items) else 0
        first = 1 if self.settings.quick else CALIBRATION
        requests = sum(each.requests for each in self._items) + first
        return requests + cases, requests * TOKENS_A_REQUEST + cases * _TOKENS_A_CASE

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember what pytest itself failed of."""
        self.crashed = excinfo.exconly()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember that a file of requirements cannot be read: that is no fault of the endpoint."""
        if report.failed:
            self.crashed = " ".join(str(report.longrepr).split())[-300:]

    def pytest_configure(self, config: pytest.Config) -> None:
        """Let the fixtures find it, which are there only where something is judged."""
        from together_rerank_contract_tests import subjects

        config.stash[KEY] = self
        config.pluginmanager.register(subjects)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Let a requirement be selected by its id too."""
        requirement = _requirement(item)
        if requirement is not None:
            item.extra_keyword_matches.add(requirement.id)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what was not asked for."""
        left_out = [item for item in items if not self._is_wanted(_requirement(item))]
        items[:] = [item for item in items if item not in left_out]
        # What an answer is made of comes before what it means; the project's own tests stay where they are.
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
            self._open()
        except (BudgetSpent, Inconclusive) as fault:
            self.stopped = str(fault)
        if self.stopped:
            pytest.exit(f"could not tell: {self.stopped}", returncode=3)
        self.progress.opened(self)

    def _open(self) -> None:
        self.first = self.endpoint.find()
        if self.first.status != 200:
            self.stopped = self.transport.mask.text(self.endpoint.why_not_200(self.first))
        elif not self.settings.quick:
            # What keeps it from being measured is told by the requirements that need it.
            with suppress(Blocked, Inconclusive, Unmet):
                _ = self.endpoint.measured

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Keep what came of a requirement, and report it as pytest would have it."""
        report: Any = yield
        requirement = _requirement(item)
        if requirement is None or call.when == "teardown" or (call.when == "setup" and call.excinfo is None):
            return report
        outcome = outcome_of(requirement, call.excinfo.value if call.excinfo else None)
        self._outcomes[requirement.id] = outcome
        self.progress.ended(outcome)
        self._translate(outcome, report)
        if self.transport.budget.spent:
            self.stopped = outcome.reason or "the budget is spent"
            item.session.shouldstop = self.stopped
        return report

    def _translate(self, outcome: Outcome, report: Any) -> None:
        if outcome.state is State.FAILED:
            from together_rerank_contract_tests.console import row

            report.longrepr = row(outcome, self.transport.mask)
            if not counts(outcome.requirement, self.settings.level):
                report.outcome, report.wasxfail = (
                    "skipped",
                    self.transport.mask.text(f"{outcome.requirement.level}: {outcome.unmet}"),
                )
        elif outcome.state in (State.INCONCLUSIVE, State.NOT_RUN) and self._is_open(outcome):
            report.longrepr = self.transport.mask.text(f"{outcome.requirement.id}: could not tell: {outcome.reason}")
        elif outcome.state in (State.INCONCLUSIVE, State.SKIPPED, State.NOT_RUN):
            report.outcome = "skipped"
            report.longrepr = (str(report.fspath), 0, self.transport.mask.text(f"{outcome.state}: {outcome.reason}"))

    def _is_open(self, outcome: Outcome) -> bool:
        """Whether *outcome* leaves a MUST without a verdict, and nothing else tells why."""
        unmet = {each.requirement.id for each in self._outcomes.values() if each.state is State.FAILED}
        return outcome.requirement.level is Level.MUST and not unmet & {*outcome.blocked_by}

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember that it was somebody, and not the examination itself."""
        self.interrupted = excinfo.type is KeyboardInterrupt

    def finish(self) -> None:
        """Judge by what is known what an interruption has left, and close the way to the endpoint."""
        if self.fuzzing.has_begun:
            for requirement, item in self._items.items():
                if requirement.fuzz and requirement.id not in self._outcomes:
                    self._outcomes[requirement.id] = _judged(requirement, item.function, self.fuzzing)
        self.transport.close()


def counts(requirement: Requirement, level: str) -> bool:
    """Return whether a run at *level* fails when *requirement* is unmet."""
    return requirement.level is Level.MUST or (requirement.level is Level.SHOULD and level != "must")


def _judged(requirement: Requirement, test: Any, subject: Any) -> Outcome:
    try:
        test(subject)
    except Exception as fault:  # noqa: BLE001  # whatever it is, it is what came of it
        return outcome_of(requirement, fault)
    return outcome_of(requirement, None)


def _topic(item: pytest.Item) -> int:
    return TOPICS.index(item.path.stem.removeprefix("test_"))


def _requirement(item: pytest.Item) -> Requirement | None:
    return requirements.of(getattr(item, "function", None))
