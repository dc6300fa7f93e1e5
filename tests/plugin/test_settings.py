"""Markers, settings and exchanges that a test selects."""

import os
import shutil
import socket
from pathlib import Path

import httpx
import pytest

import together_rerank_spec
from plugin_client import BODY, order, post


@pytest.mark.rerank_mock(fault="429", times=2, retry_after=0.01)
def test_a_marker_needs_no_fixture():
    assert [post()[0] for _ in range(3)] == [429, 429, 200]


@pytest.mark.rerank_mock(delay=0.01)
def test_a_marker_delays(rerank_mock):
    post()
    assert rerank_mock.last_request.fault == "delay"


@pytest.mark.rerank_mock(fault=503)
class TestMarkersQueueFaults:
    @pytest.mark.rerank_mock(fault="unsorted")
    @pytest.mark.rerank_mock(fault=500)
    def test_the_fault_of_the_outer_marker_is_first(self, rerank_mock):
        assert [post()[0] for _ in range(3)] == [503, 200, 500]
        assert [request.fault for request in rerank_mock.requests] == ["503", "unsorted", "500"]


@pytest.mark.rerank_mock
def test_a_marker_without_arguments_is_allowed():
    assert order() == [1, 0]


@pytest.mark.parametrize("marked", [False, pytest.param(True, marks=pytest.mark.rerank_mock(fault="503"))])
def test_a_parameter_can_have_the_marker(request, marked):
    assert ("rerank_mock" in request.fixturenames) is marked
    assert ("TOGETHER_BASE_URL" in os.environ) is marked
    if marked:
        assert post()[0] == 503


class TestTheAddressCanBeOverridden:
    @pytest.fixture
    def rerank_mock_address(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            return free.getsockname()

    def test_address(self, rerank_mock, rerank_mock_address):
        assert rerank_mock.base_url.endswith(f":{rerank_mock_address[1]}")


class TestTheMockCanHaveABasePath:
    @pytest.fixture
    def rerank_mock_settings(self):
        return {"base_path": "/rerank-mock"}

    def test_base_path(self, rerank_mock):
        assert os.environ["TOGETHER_BASE_URL"] == rerank_mock.base_url
        assert os.environ["CO_API_URL"] == rerank_mock.url_for("cohere") == f"{rerank_mock.base_url}/cohere"
        assert rerank_mock.base_url.endswith("/rerank-mock")
        assert order() == [1, 0]
        assert rerank_mock.client().post("/v1/rerank", json=BODY).status_code == 200
        with httpx.Client(transport=rerank_mock.transport(), base_url=rerank_mock.base_url) as client:
            key = {"Authorization": f"Bearer {rerank_mock.api_key}"}
            assert client.post("/v1/rerank", json=BODY, headers=key).status_code == 200
        rerank_mock.assert_called(times=3, path="/v1/rerank")


class TestSettingsCanBeOverriddenForAClass:
    @pytest.fixture
    def rerank_mock_settings(self):
        return {"api_keys": ["sesame"], "models": ["m"], "latency_ms": 10}

    @pytest.fixture
    def rerank_mock_address(self):
        return "localhost", 0

    def test_keys(self, rerank_mock):
        assert rerank_mock.api_key == "sesame"
        assert order() == [1, 0]
        assert post(Authorization="Bearer other")[0] == 401
        rerank_mock.expect_refusal()
        assert post({**BODY, "model": "x"})[0] == 404
        assert [finding.rule for finding in rerank_mock.resilience()] == ["no-key"]


@pytest.mark.rerank_exchanges("success/rank_fields", "bad_request/unknown_field")
def test_exchanges_are_selected_by_name(rerank_example, request):
    assert rerank_example.response.status in (200, 400)
    assert request.node.name == f"test_exchanges_are_selected_by_name[{rerank_example.name}]"


@pytest.mark.rerank_exchanges(status=401)
def test_exchanges_are_selected_by_status(rerank_example):
    assert rerank_example.response.status == 401


@pytest.mark.rerank_exchanges(status=401)
def test_all_selected_exchanges_are_passed_together(rerank_exchanges):
    assert [exchange.response.status for exchange in rerank_exchanges] == [401] * 5


@pytest.mark.rerank_exchanges(status=401, broken=True)
def test_broken_exchanges_are_selected(rerank_exchanges):
    assert all(exchange.is_broken for exchange in rerank_exchanges)
    assert len(rerank_exchanges) == 2


def test_without_a_marker_all_exchanges_are_selected(rerank_exchanges):
    assert len(rerank_exchanges) > 100


@pytest.fixture(scope="module")
def failed_run(run_pytest):
    """Run pytest once with every invalid marker, each in a file, and every invalid setting, each in a folder."""
    taken = """
import socket

@pytest.fixture
def rerank_mock_address():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()

def test_it(rerank_mock):
    pass
"""
    files = {}
    for number, settings in enumerate(WRONG):
        fixture = f"@pytest.fixture(scope='session')\ndef rerank_mock_settings():\n    return {settings}\n"
        files[f"settings_{number}/conftest.py"] = f"import pytest\n\n{fixture}"
        files[f"settings_{number}/test_settings.py"] = "def test_it(rerank_mock):\n    pass\n"
    for number, marker in enumerate(WRONG_MARKERS):
        test = f"@pytest.mark.rerank_mock({marker})\ndef test_it():\n    pass\n"
        files[f"test_marker_{number}.py"] = f"import pytest\n\n{test}"
    for number, marker in enumerate(WRONG_EXCHANGES):
        for fixture in ("rerank_example", "rerank_exchanges"):
            test = f"@pytest.mark.rerank_exchanges({marker})\ndef test_it({fixture}):\n    pass\n"
            files[f"test_{fixture}_{number}.py"] = f"import pytest\n\n{test}"
    return run_pytest(taken, "--continue-on-collection-errors", "--import-mode=importlib", files=files)


def assert_fails(run, node, message):
    assert run.outcomes(node) == ["error"]
    run.text(node).fnmatch_lines([message])
    run.text(node).no_fnmatch_line("*Traceback*")


WRONG = {
    "{'model': ['m']}": "rerank_mock_settings: `model` is not a setting; did you mean `models`?",
    "['m']": "rerank_mock_settings must be a mapping*",
    "{'fault': 'unsotred'}": "rerank_mock_settings: *there is no fault `unsotred`; the nearest: unsorted, *",
    "{'rate_limit': 'often'}": "rerank_mock_settings: *",
    "{'spec': 'none.yaml'}": "rerank_mock_settings: *none.yaml*",
    "{'latency_ms': 'long'}": "rerank_mock_settings: `latency_ms` must be an integer from 0 to 3600000, not 'long'",
    "{'models': 'm'}": "rerank_mock_settings: `models` must be a list, not 'm'",
    "{'api_keys': ['']}": "rerank_mock_settings: `api_keys` must be printable ASCII and not empty",
    "{'latency': 5}": "rerank_mock_settings: `latency` is not a setting; did you mean `latency_ms`?",
    "{'host': '::1'}": "rerank_mock_settings cannot set `host`, because the fixture depends on its own value",
    "{'no_admin': True}": "rerank_mock_settings cannot set `no_admin`, because the fixture depends on its own value",
    "{'journal_max': 0}": "rerank_mock_settings: `journal_max` must be an integer of at least 1, not 0",
}


@pytest.mark.slow
@pytest.mark.parametrize("settings", WRONG)
def test_a_wrong_setting_is_reported_with_the_known_ones(failed_run, settings):
    assert_fails(failed_run, f"settings_{list(WRONG).index(settings)}/test_settings.py::test_it", WRONG[settings])


WRONG_MARKERS = {
    "fualt='429'": "has no argument fualt; known: fault, times, delay, jitter, pause, retry_after*",
    "'429'": "takes keyword arguments only, such as fault='429'",
    "times=2": "names no fault, as in rerank_mock(fault=429)",
    "fault='unsotred'": "there is no fault `unsotred`; the nearest: unsorted, *",
    "fault='429', times=0": "`times` must be an integer from 1*",
}


@pytest.mark.slow
@pytest.mark.parametrize("marker", WRONG_MARKERS)
def test_a_wrong_marker_is_reported_with_the_known_arguments(failed_run, marker):
    node = f"test_marker_{list(WRONG_MARKERS).index(marker)}.py::test_it"

    assert_fails(failed_run, node, f"*the marker rerank_mock*{WRONG_MARKERS[marker]}")


WRONG_EXCHANGES = {
    "'success/none'": "*no exchange 'success/none'*; there are: *",
    "status=418": "*no exchange has status=418*",
    "state=200": "*has no argument `state`; it takes names, or status=, broken= and dialect=",
    "status=429, broken=True": "*no exchange has status=429, broken=True*",
    "'success/strings', status=200": "*mixes names and conditions*",
    "": "*is empty*",
}


@pytest.mark.slow
@pytest.mark.parametrize("marker", WRONG_EXCHANGES)
@pytest.mark.parametrize("fixture", ["rerank_example", "rerank_exchanges"])
def test_unknown_exchanges_are_reported(failed_run, marker, fixture):
    file = f"test_{fixture}_{list(WRONG_EXCHANGES).index(marker)}.py"

    # rerank_example fails at collection, rerank_exchanges when the test runs.
    assert_fails(failed_run, file if fixture == "rerank_example" else f"{file}::test_it", WRONG_EXCHANGES[marker])


@pytest.mark.slow
def test_an_address_in_use_is_reported(failed_run):
    message = "rerank_mock cannot listen on 127.0.0.1:*, the rerank_mock_address: *in use*"

    assert_fails(failed_run, "test_it.py::test_it", message)


@pytest.mark.slow
def test_a_file_that_cannot_be_read_at_the_start_is_named(run_pytest, tmp_path):
    package = tmp_path / "together_rerank_spec"
    shutil.copytree(Path(together_rerank_spec.__file__).parent, package)
    (package / "openapi.yaml").unlink()
    found = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])

    # Without coverage, which would measure the copy.
    run = run_pytest("def test_it(rerank_mock):\n    pass\n", PYTHONPATH=found, COVERAGE_PROCESS_CONFIG="")

    assert_fails(run, "test_it.py::test_it", f"rerank_mock cannot read {package / 'openapi.yaml'}: No such file*")
