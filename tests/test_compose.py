"""The services of `compose.yaml`: their flags, and nginx in front of three mocks."""

import re
import signal

import pytest

from compose_services import SERVICES, TOKEN, balanced, words
from served_client import Client, connections_are_closed  # noqa: F401  # a fixture
from together_rerank_mockserver.cli import command


def behind_nginx(test):
    return pytest.mark.usefixtures("connections_are_closed")(pytest.mark.served(test))


@pytest.mark.parametrize(
    "arguments", [words("mock"), SERVICES["mock"]["healthcheck"]["test"][2:]], ids=lambda each: each[0]
)
def test_the_arguments_of_the_command_are_valid(arguments):
    name, *rest = arguments

    command.commands.commands[name].make_context(name, rest)


def test_compose_does_not_start_without_an_admin_token():
    (name,) = SERVICES["mock"]["environment"]

    assert re.fullmatch(rf"\$\{{{name}:\?.+\}}", SERVICES["mock"]["environment"][name])
    assert name in [each.envvar for each in command.commands.commands["serve"].params]


def test_only_this_machine_reaches_the_services():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert ports == {"balancer": ["127.0.0.1:4010:4010"]}


@pytest.fixture(scope="module")
def balancer(tmp_path_factory):
    with balanced(tmp_path_factory.mktemp("nginx")) as running:
        yield running


def answered(mock):
    """Return how many calls a mock has answered."""
    _, text, _ = Client(mock).ask(None, "GET", "/metrics")
    return sum(float(count) for count in re.findall(rb"^rerank_mock_requests_total\S* (.+)$", text, re.MULTILINE))


@behind_nginx
def test_calls_are_spread_evenly_over_the_replicas(balancer):
    before = [answered(mock) for mock in balancer.mocks]
    client = Client(balancer)

    assert [client.ask()[0] for _ in range(30)] == [200] * 30
    assert [answered(mock) - old for mock, old in zip(balancer.mocks, before, strict=True)] == [10, 10, 10]


@behind_nginx
def test_the_control_plane_needs_the_token(balancer):
    client = Client(balancer)

    assert client.ask(None, "GET", "/__admin/settings")[0] == 401
    assert client.ask(None, "GET", "/__admin/settings", Authorization=f"Bearer {TOKEN}")[0] == 200


@behind_nginx
def test_a_stopped_replica_is_skipped(tmp_path):
    with balanced(tmp_path) as balancer:
        client = Client(balancer)
        assert [client.ask()[0] for _ in range(6)] == [200] * 6

        assert balancer.mocks[0].stop(signal.SIGTERM) == 0

        assert [client.ask()[0] for _ in range(9)] == [200] * 9
