"""The pytest plugin: the fixtures `rerank_mock`, a mock of the rerank API for any test, and `rerank_audit`.

pytest loads this module at every start if the kit is installed, so it imports the rest of the kit only on use, except
the clocks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from together_rerank_mockserver import clock  # noqa: F401  # before a test can replace the clocks

if TYPE_CHECKING:
    from together_rerank_fixtures import Exchange
    from together_rerank_mockserver.audit.rerank_audit import RerankAudit
    from together_rerank_mockserver.testing.rerank_mock import RerankMock
    from together_rerank_mockserver.testing.session import Session, Summary

_URL = "--rerank-mock-url"
_MARKER = "rerank_mock"
_EXAMPLES = "rerank_exchanges"
_AUDIT = "--rerank-audit"
_CASE = "--rerank-audit-case"
_SLOW = "slow"
_CALLS = "request a fault for the next calls of the test; durations in seconds"
_MARKERS = (
    f"{_MARKER}(fault, times=1, retry_after=, delay=, jitter=, pause=): {_CALLS}",
    f"{_EXAMPLES}(*names, status=, broken=, dialect=): select the exchanges of `rerank_example` and `rerank_exchanges`",
    f"{_SLOW}: run a test with `rerank_audit` only with {_AUDIT}",
)
_mock = pytest.StashKey["RerankMock"]()
_passed = pytest.StashKey[bool]()
_session = pytest.StashKey["Session"]()
_summary = pytest.StashKey["Summary"]()
_audits = pytest.StashKey[list[str]]()


class MockAddress(NamedTuple):
    """The base URL and the key of the mock, for clients that several tests share."""

    base_url: str
    api_key: str


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rerank mock")
    group.addoption(_URL, metavar="URL", help="use the mock that runs at URL instead of starting one")
    group.addoption(_AUDIT, action="store_true", help=f"run the tests with rerank_audit that are marked {_SLOW}")
    group.addoption(_CASE, metavar="NAME", action="append", default=[], help="run only the case NAME of each audit")
    strict = "fail a test that leaves a fault unused, or that sends invalid requests"
    parser.addini("rerank_mock_strict", strict, type="bool", default=True)
    allows = "allow tests that use rerank_mock to connect to the real API"
    parser.addini("rerank_mock_allow_live", allows, type="bool", default=False)
    early = "start the mock and set the environment before conftest.py and the tests are imported"
    parser.addini("rerank_mock_early", early, type="bool", default=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Any:
    """Start the mock before conftest.py is imported, and before other plugins, such as pytest-django, read settings."""
    if early_config.getini("rerank_mock_early"):
        _check_url(early_config)
        try:
            _session_of(early_config).start_early()
        except pytest.fail.Exception as failure:
            raise pytest.UsageError(f"rerank_mock_early: {failure}") from failure
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    for line in _MARKERS:
        config.addinivalue_line("markers", line)
    _check_url(config)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Add the fixture to a test that has the marker."""
    if isinstance(item, pytest.Function) and _MARKER not in item.fixturenames and item.get_closest_marker(_MARKER):
        # A new list, because the tests of one function share the old one.
        item.fixturenames = [_MARKER, *item.fixturenames]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with `rerank_example` once for each exchange that its marker selects."""
    if "rerank_example" in metafunc.fixturenames:
        exchanges = _selected(metafunc.definition)
        metafunc.parametrize("rerank_example", exchanges, ids=[exchange.name for exchange in exchanges], indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show the latest requests in the report of a failed test."""
    report = yield
    mock = item.stash.get(_mock, None)
    if report.when != "teardown":
        item.stash[_passed] = report.passed and item.stash.get(_passed, True)
    if mock is not None and report.when == "call" and report.failed and not _is_audit(item):
        from together_rerank_mockserver.testing.session import recent

        report.sections.append(("rerank mock", recent(mock)))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is None:
        return
    if (summary := session.config.stash.get(_summary, None)) is not None:
        output["rerank_mock"] = summary.data
    output["rerank_audit"] = session.config.stash.get(_audits, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if data := getattr(node, "workeroutput", {}).get("rerank_mock"):
        _summary_of(node.config).merge(data)
    if audits := getattr(node, "workeroutput", {}).get("rerank_audit"):
        node.config.stash.setdefault(_audits, []).extend(audits)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    summary = config.stash.get(_summary, None)
    if summary is not None:
        terminalreporter.section("rerank mock")
        for line in summary.lines:
            terminalreporter.line(line)
    if audits := config.stash.get(_audits, None):
        terminalreporter.section("rerank audit")
        for text in audits:
            terminalreporter.line(text)


@pytest.fixture(scope="session")
def rerank_mock_settings() -> Mapping[str, Any]:
    """Override this fixture to set the settings of the mock, such as `{"models": ["m"], "latency_ms": 20}`."""
    return {}


@pytest.fixture(scope="session")
def rerank_mock_address() -> tuple[str, int]:
    """Override this fixture to set the host and port of the mock; the port 0 selects a free port."""
    from together_rerank_mockserver.testing.session import DEFAULT_ADDRESS

    return DEFAULT_ADDRESS


@pytest.fixture(scope="session")
def _rerank_files() -> None:
    """Read the files of the kit before pyfakefs can hide them."""
    if "pyfakefs" not in sys.modules:
        return
    import limits  # noqa: F401  # reads files of its own when it is imported

    import together_rerank_fixtures as fixtures
    from together_rerank_spec import package_files, violations  # noqa: F401  # as limits

    fixtures.names()
    for package in ("together_rerank_spec", "together_rerank_fixtures"):
        package_files.keep(package)
    for room in ("audit", "http"):
        package_files.keep(f"together_rerank_mockserver.{room}")


@pytest.fixture(scope="session")
def _rerank_session(request: pytest.FixtureRequest, _rerank_files: None) -> Session:
    return _session_of(request.config)


@pytest.fixture(scope="session")
def rerank_mock_server(
    _rerank_session: Session, rerank_mock_settings: Mapping[str, Any], rerank_mock_address: tuple[str, int]
) -> MockAddress:
    """The `base_url` and `api_key` of the mock, for clients that several tests share."""
    admin = _rerank_session.client(rerank_mock_settings, rerank_mock_address)
    return MockAddress(admin.url, admin.api_key)


@pytest.fixture
def rerank_mock(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    _rerank_session: Session,
    rerank_mock_settings: Mapping[str, Any],
    rerank_mock_address: tuple[str, int],
) -> Iterator[RerankMock]:
    """A mock of Together's `POST /v1/rerank`, reset for this test; the environment points clients to it."""
    from contextlib import nullcontext

    from together_rerank_mockserver.testing import session
    from together_rerank_mockserver.testing.rerank_mock import RerankMock

    item = request.node
    mock = RerankMock(_rerank_session.client(rerank_mock_settings, rerank_mock_address))
    mock.reset()
    session.apply_markers(mock, item)
    may_reach = request.config.getini("rerank_mock_allow_live")
    with nullcontext() if may_reach else _rerank_session.network_guard.active():
        # With the monkeypatch of the test, so that all changes are undone in the right order.
        for name, value in _rerank_session.variables(mock.admin, is_guarded=not may_reach).items():
            monkeypatch.setenv(name, value)
        item.stash[_mock] = mock
        item.stash[_passed] = True
        yield mock
        mock.close()
    del item.stash[_mock]
    if request.config.get_verbosity() > 0 and not _is_audit(item):
        _summary_of(request.config).add(item.nodeid, mock)
    try:
        if item.stash[_passed]:
            _rerank_session.check(mock, is_strict=request.config.getini("rerank_mock_strict"))
    finally:
        if request.config.getini("rerank_mock_early"):
            mock.reset()  # the next test can use this mock without the fixture


@pytest.fixture
def rerank_audit(request: pytest.FixtureRequest, rerank_mock: RerankMock) -> Iterator[RerankAudit]:
    """Audits a pipeline: runs it under each fault, and shows where it fails silently."""
    from together_rerank_mockserver.audit.rerank_audit import RerankAudit

    item, config = request.node, request.config
    is_slow = item.get_closest_marker(_SLOW) is not None
    if is_slow and not config.getoption(_AUDIT):
        pytest.skip(f"a slow audit; {_AUDIT} runs it")
    options = f" {_AUDIT}" if is_slow else ""
    again = f"pytest '{item.nodeid}'{options} {_CASE}"
    audit = RerankAudit(rerank_mock.admin, item.nodeid, config.getoption(_CASE), lambda case: f"{again} {case}")
    yield audit
    for report in audit.reports:
        rows = report.rows if config.get_verbosity() > 0 else report.notable
        config.stash.setdefault(_audits, []).append(f"{item.nodeid}\n{report.table(rows)}")


@pytest.fixture
def rerank_example(request: pytest.FixtureRequest) -> Exchange:
    """An exchange of the library; the test runs once for each, or for those that `rerank_exchanges(...)` selects."""
    example: Exchange = request.param
    return example


@pytest.fixture
def rerank_exchanges(request: pytest.FixtureRequest, _rerank_files: None) -> list[Exchange]:
    """The exchanges with Together's API, or those that the marker `rerank_exchanges` selects."""
    return _selected(request.node)


def _selected(item: Any) -> list[Exchange]:
    import together_rerank_fixtures as fixtures
    from together_rerank_mockserver.testing.failure import fail

    mark = item.get_closest_marker(_EXAMPLES)
    if mark is None:
        return list(fixtures.all())
    unknown = [name for name in mark.kwargs if name not in ("status", "broken", "dialect")]
    if unknown or (mark.args and mark.kwargs) or not (mark.args or mark.kwargs):
        problem = (
            f"has no argument `{unknown[0]}`" if unknown else "mixes names and conditions" if mark.args else "is empty"
        )
        fail(f"the marker {_EXAMPLES} {problem}; it takes names, or status=, broken= and dialect=")
    try:
        exchanges = [fixtures.get(name) for name in mark.args] or fixtures.all(**mark.kwargs)
    except LookupError as unknown_name:
        fail(f"the marker {_EXAMPLES}: {unknown_name}")
    if not exchanges:
        conditions = ", ".join(f"{name}={value}" for name, value in mark.kwargs.items())
        fail(f"the marker {_EXAMPLES}: no exchange has {conditions}")
    return list(exchanges)


def _is_audit(item: Any) -> bool:
    """Return whether the test *item* has a report of its own, with its requests."""
    return "rerank_audit" in getattr(item, "fixturenames", ())


def _check_url(config: pytest.Config) -> None:
    # Not `getoption`, which does not know the options before conftest.py is imported.
    url = config.known_args_namespace.rerank_mock_url
    if url is not None:
        from together_rerank_spec.urls import base_of

        try:
            base_of(url)
        except ValueError as error:
            raise pytest.UsageError(f"{_URL}: {error}") from error


def _session_of(config: pytest.Config) -> Session:
    if _session not in config.stash:
        from together_rerank_mockserver.testing.session import Session

        url, worker = config.known_args_namespace.rerank_mock_url, os.environ.get("PYTEST_XDIST_WORKER", "main")
        config.stash[_session] = Session(url, worker)
        config.add_cleanup(config.stash[_session].close)
    return config.stash[_session]


def _summary_of(config: pytest.Config) -> Summary:
    from together_rerank_mockserver.testing.session import Summary

    return config.stash.setdefault(_summary, Summary())
