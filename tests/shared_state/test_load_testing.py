"""The Locust file and the commands of docs/load-testing.md, and the services of `compose.yaml` as one mock."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import compose_services
from mock_process import COMMAND, environment, running
from served_client import Client, connections_are_closed  # noqa: F401  # a fixture
from snippets import snippets, write_project

# Set by `make test-redis`.
LOCUST = Path(os.environ["RERANK_KIT_LOCUST"], "bin/locust")
PAGE = "docs/load-testing.md"

pytestmark = pytest.mark.served


@pytest.fixture
def folder(tmp_path):
    """A folder with the Locust file of the page."""
    assert write_project(PAGE, tmp_path) == ["locustfile.py"]
    return tmp_path


def run(command, folder, **changes):
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(**changes),
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )


def locust(folder, mock, users, seconds, *options):
    load = ("--users", users, "--spawn-rate", users, "--run-time", f"{seconds}s")
    return run([LOCUST, "--headless", "--host", mock.url, *map(str, load), *options], folder)


def counts(ran):
    """Return how many requests and failures the last line of each name in Locust's tables has."""
    lines = re.findall(r"^(?:POST)? +(\S+) +(\d+) +(\d+)\(", ran.stdout, re.MULTILINE)
    return {name: (int(requests), int(failures)) for name, requests, failures in lines}


def test_a_slow_server_does_not_slow_the_arrivals_and_every_answer_is_right(folder):
    with running("-q", "--latency", "500ms", "--chaos", "429=0.02") as mock:
        ran = locust(folder, mock, 20, 10)

    assert ran.returncode == 0, ran.stdout
    rows = counts(ran)
    assert {failures for _, failures in rows.values()} == {0}
    assert 10 < rows["429"][0] < 100
    # 20 users with one request at a time would get 400 answers.
    assert 1700 < rows["Aggregated"][0] < 2300


@pytest.mark.parametrize(
    ("fault", "reason"),
    {
        "index-is-rank": "another document is first",
        "document-dropped": "another document is first",
        "unsorted": "a score is higher than the one before",
        "index-duplicate": "an index occurs twice",
        "index-off-by-one": "an index is out of range",
        "top-n-one-fewer": "2 results",
        "index-missing": "not an answer: KeyError('index')",
        "error-200": "not an answer: KeyError('results')",
        "empty-body": "not an answer: ",
        "truncate": "HTTPParseError",
        "500": "LocustBadStatusCode(code=500)",
    }.items(),
)
def test_a_wrong_answer_fails_the_run(fault, reason, folder):
    with running("-q", "--fault", fault) as mock:
        ran = locust(folder, mock, 5, 1)

    assert ran.returncode == 1, ran.stdout
    requests, failures = counts(ran)["/v1/rerank"]
    assert 0 < failures <= requests
    assert f"POST /v1/rerank: {reason}" in ran.stdout


def test_too_many_429s_fail_the_run(folder):
    with running("-q", "--fault", "429") as mock:
        ran = locust(folder, mock, 5, 1)

    assert ran.returncode == 1, ran.stdout
    assert counts(ran)["429"][1] == 0


def test_several_processes_fail_the_run_like_one(folder):
    with running("-q", "--fault", "unsorted") as mock:
        ran = locust(folder, mock, 10, 2, "--processes", "2")

    assert ran.returncode == 1, ran.stdout
    requests, failures = counts(ran)["/v1/rerank"]
    assert 100 < failures == requests


def test_the_commands_of_the_page_load_the_mock(folder):
    (block,) = [each for each in snippets(PAGE) if each.language == "sh"]
    commands = block.at(compose_services.free_port())

    path = os.pathsep.join([str(COMMAND.parent), os.environ["PATH"], str(LOCUST.parent)])
    ran = run(["bash", "-euo", "pipefail", "-c", commands], folder, PATH=path, RUN_TIME="5s")

    assert ran.returncode == 0, ran.stdout
    assert counts(ran)["Aggregated"][0] > 2000


@pytest.mark.usefixtures("connections_are_closed")
def test_the_services_of_compose_are_one_mock(tmp_path):
    with compose_services.redis(tmp_path) as state, compose_services.balanced(tmp_path, state) as balancer:
        client, token = Client(balancer), {"Authorization": f"Bearer {compose_services.TOKEN}"}
        assert client.ask('{"fault": "429", "times": 2}', path="/__admin/faults", **token)[0] == 200

        assert [client.ask()[0] for _ in range(6)] == [429, 429, 200, 200, 200, 200]
        _, journal, _ = client.ask(None, "GET", "/__admin/requests", **token)
        assert json.loads(journal)["total"] == 6
