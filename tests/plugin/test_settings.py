"""Markers, settings and exchanges: what is chosen beside the test."""

import pytest


def test_markers_queue_faults_the_outer_ones_first(passes):
    passes(
        """
@pytest.mark.rerank_mock(fault="429", times=2, retry_after=0.5)
def test_without_the_fixture():
    assert [post()[0] for _ in range(3)] == [429, 429, 200]

@pytest.mark.rerank_mock(delay=0.01)
def test_delay(rerank_mock):
    post()
    assert rerank_mock.last_request.fault == "delay"

@pytest.mark.rerank_mock(fault=503)
class TestClass:
    @pytest.mark.rerank_mock(fault="unsorted")
    @pytest.mark.rerank_mock(fault=500)
    def test_method(self, rerank_mock):
        assert [post()[0] for _ in range(3)] == [503, 200, 500]
        assert [request.fault for request in rerank_mock.requests] == ["503", "unsorted", "500"]

@pytest.mark.rerank_mock
def test_nothing():
    assert order() == [1, 0]

@pytest.mark.parametrize("marked", [False, pytest.param(True, marks=pytest.mark.rerank_mock(fault="503"))])
def test_one_of_two(request, marked):
    assert ("rerank_mock" in request.fixturenames) is marked
    assert ("TOGETHER_BASE_URL" in os.environ) is marked
    if marked:
        assert post()[0] == 503
""",
        "--strict-markers",
    )


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("fualt='429'", "does not know fualt; known: fault, times, retry_after, delay, jitter, pause"),
        ("'429'", "does not know '429'; known: fault, times*"),
        ("times=2", "names no fault, as in rerank_mock(fault=429)"),
        ("fault='unsotred'", "no fault is called `unsotred`; did you mean `unsorted`?*"),
        ("fault='429', times=0", "`times` must be an integer from 1*"),
    ],
)
def test_a_marker_that_is_wrong_is_told_what_is_known(project, marker, message):
    ran = project.run(f"@pytest.mark.rerank_mock({marker})\ndef test_it():\n    pass\n")

    assert ran.parseoutcomes() == {"errors": 1}
    ran.stdout.fnmatch_lines([f"*the marker rerank_mock*{message}"])


def test_settings_and_address_can_be_overridden_where_they_are_to_hold(passes):
    passes(
        """
import socket

@pytest.fixture(scope="session")
def rerank_mock_address():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()

def test_address(rerank_mock, rerank_mock_address):
    assert rerank_mock.base_url.endswith(f":{rerank_mock_address[1]}")

class TestKeys:
    @pytest.fixture
    def rerank_mock_settings(self):
        return {"api_keys": ["sesame"], "models": ["m"], "latency_ms": 10}

    @pytest.fixture
    def rerank_mock_address(self):
        return "localhost", 0

    def test_settings(self, rerank_mock):
        assert rerank_mock.api_key == "sesame"
        assert order() == [1, 0]
        assert post(Authorization="Bearer other")[0] == 401
        rerank_mock.expect_refusal()
        assert post({**BODY, "model": "x"})[0] == 404
        assert [finding.rule for finding in rerank_mock.verdict()] == ["no-key"]
"""
    )


WRONG = {
    "{'model': ['m']}": "rerank_mock_settings: `model` is not a setting; did you mean `models`?",
    "['m']": "rerank_mock_settings must be a mapping*",
    "{'fault': 'unsotred'}": "rerank_mock_settings: *no fault is called `unsotred`*",
    "{'rate_limit': 'often'}": "rerank_mock_settings: *",
    "{'spec': 'none.yaml'}": "rerank_mock_settings: *none.yaml*",
    "{'latency_ms': 'long'}": "rerank_mock_settings: `latency_ms` must be a whole number from 0 to 3600000, not 'long'",
    "{'models': 'm'}": "rerank_mock_settings: `models` must be a list, not 'm'",
    "{'api_keys': ['']}": "rerank_mock_settings: `api_keys` must be printable ASCII, and not empty",
    "{'latency': 5}": "rerank_mock_settings: `latency` is not a setting; did you mean `latency_ms`?",
    "{'host': '::1'}": "rerank_mock_settings does not take `host`, which the fixture sets",
    "{'journal_max': 0}": "rerank_mock_settings: `journal_max` must be a whole number from 1 on, not 0",
}


@pytest.mark.parametrize("settings", WRONG)
def test_settings_that_are_wrong_are_told_what_is_known(project, settings):
    ran = project.run(
        "def test_it(rerank_mock):\n    pass\n",
        conftest=f"@pytest.fixture(scope='session')\ndef rerank_mock_settings():\n    return {settings}\n",
    )

    assert ran.parseoutcomes() == {"errors": 1}
    ran.stdout.fnmatch_lines([WRONG[settings]])
    ran.stdout.no_fnmatch_line("*Traceback*")


def test_an_address_that_is_taken_is_said(project):
    ran = project.run("""
import socket

@pytest.fixture
def rerank_mock_address():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()

def test_it(rerank_mock):
    pass
""")

    ran.stdout.fnmatch_lines(["rerank_mock cannot listen on 127.0.0.1:*, where rerank_mock_address says: *in use*"])


def test_exchanges_are_chosen_by_name_or_status(passes):
    ran = passes(
        """
@pytest.mark.rerank_exchanges("success/rank_fields", "bad_request/unknown_field")
def test_by_name(rerank_example):
    assert rerank_example.response.status in (200, 400)

@pytest.mark.rerank_exchanges(status=401)
def test_by_status(rerank_example):
    assert rerank_example.response.status == 401

@pytest.mark.rerank_exchanges(status=401)
def test_together(rerank_exchanges):
    assert [exchange.response.status for exchange in rerank_exchanges] == [401] * 5

@pytest.mark.rerank_exchanges(status=401, broken=True)
def test_broken(rerank_exchanges):
    assert all(exchange.is_broken for exchange in rerank_exchanges)
    assert len(rerank_exchanges) == 2

def test_all(rerank_exchanges):
    assert len(rerank_exchanges) > 100
""",
        "-v",
    )

    assert ran.parseoutcomes()["passed"] == 10
    ran.stdout.fnmatch_lines(["test_it.py::test_by_name[[]success/rank_fields[]] PASSED*"])


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("'success/none'", "*no exchange 'success/none'*; there are: *"),
        ("status=418", "*no exchange has status=418*"),
        ("state=200", "*does not take `state`; it takes names, or status= and broken="),
        ("status=429, broken=True", "*no exchange has status=429, broken=True*"),
        ("'success/strings', status=200", "*does not take these together*"),
        ("", "*does not take nothing*"),
    ],
)
@pytest.mark.parametrize("fixture", ["rerank_example", "rerank_exchanges"])
def test_exchanges_that_there_are_not_are_said(project, marker, message, fixture):
    ran = project.run(f"@pytest.mark.rerank_exchanges({marker})\ndef test_it({fixture}):\n    pass\n")

    assert ran.parseoutcomes().get("errors") == 1
    ran.stdout.fnmatch_lines([message])
    ran.stdout.no_fnmatch_line("*Traceback*")
