"""The mock below a base path: in process, and on each server."""

import json
import urllib.error
import urllib.request
from wsgiref.util import setup_testing_defaults

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from mock_process import BODY, KEY, running, server  # noqa: F401  # a fixture
from together_rerank_mockserver import MockServer, Settings, create_app
from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.http.wsgi_app import WsgiApp

BELOW = Settings(base_path="/rerank-mock")


@pytest.fixture(params=[create_app, lambda settings: WsgiApp(Mock(settings))], ids=["create_app", "WsgiApp"])
def client(request):
    return Client(request.param(BELOW))


def post(client, path):
    return client.post(path, data=BODY, headers=KEY)


def admin(client, path):
    return client.get(path, environ_base={"REMOTE_ADDR": "127.0.0.1"})


@pytest.mark.parametrize("path", ["/v1/rerank", "/rerank", "/cohere/v2/rerank", "/together/v1/rerank"])
def test_operations_are_below_the_base_path_only(client, path):
    assert post(client, f"/rerank-mock{path}").status_code == 200
    assert post(client, path).status_code == 404


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/tei/health", "/metrics"])
def test_health_and_metrics_are_at_the_root_too(client, path):
    assert client.get(f"/rerank-mock{path}").status_code == client.get(path).status_code == 200
    assert client.get(f"/other{path}").status_code == 404


def test_the_control_plane_is_below_the_base_path_and_the_journal_has_the_paths_below_it(client):
    post(client, "/rerank-mock/v1/rerank")
    post(client, "/v1/rerank")

    requests = admin(client, "/rerank-mock/__admin/requests").json["requests"]
    assert [(each["path"], each["status"]) for each in requests] == [("/v1/rerank", 200), ("/v1/rerank", 404)]
    assert admin(client, "/__admin/requests").status_code == 404
    assert admin(client, "/rerank-mock/__admin/settings").json["base_path"] == "/rerank-mock"


@pytest.mark.parametrize(
    "path", ["/", "/v1/rerank", "/rerank-mockery/v1/rerank", "/Rerank-Mock/v1/rerank", "/x/rerank-mock/rerank"]
)
def test_a_path_outside_gets_404_with_the_base_path(client, path):
    refused = client.open(path=path, method="POST")

    assert refused.status_code == 404
    assert refused.json["error"]["message"] == (
        f"There is no {path} here; the base path is /rerank-mock, as in POST /rerank-mock/v1/rerank"
    )


@pytest.mark.parametrize("path", ["/rerank-mock", "/rerank-mock/", "/rerank-mock/nothing", "/rerank-mock//v1/rerank"])
def test_a_404_below_names_paths_with_the_base_path(client, path):
    message = client.post(path).json["error"]["message"]

    assert "; the mock answers POST /rerank-mock/v1/rerank and POST /rerank-mock/rerank; other APIs" in message
    assert "are below /rerank-mock/cohere, " in message


def test_a_doubled_version_is_explained_with_the_base_path(client):
    message = client.post("/rerank-mock/v1/v1/rerank").json["error"]["message"]

    assert message.startswith("There is no /rerank-mock/v1/v1/rerank: the client adds /v1 itself")


def test_an_application_that_another_one_mounts_names_usable_paths():
    client = Client(DispatcherMiddleware(create_app(), {"/mounted": create_app()}))

    assert "answers POST /mounted/v1/rerank and " in client.post("/mounted/nothing").json["error"]["message"]
    assert post(client, "/mounted/v1/rerank").status_code == 200


def test_cors_applies_outside_the_base_path():
    app = WsgiApp(Mock(Settings(base_path="/rerank-mock", cors=("http://localhost:3000",))))
    sent = []
    environ = {"PATH_INFO": "/v1/rerank", "HTTP_ORIGIN": "http://localhost:3000"}
    setup_testing_defaults(environ)

    app(environ, lambda status, headers: sent.append((status, dict(headers))))

    ((status, headers),) = sent
    assert status == "404 NOT FOUND"
    assert headers["Access-Control-Allow-Origin"] == "http://localhost:3000"


def test_the_server_in_this_process_and_its_application_have_the_base_path():
    with MockServer(BELOW) as mock:
        assert mock.url == f"http://127.0.0.1:{mock.port}/rerank-mock"
        assert ask(f"{mock.url}/v1/rerank")[0] == 200
        assert post(mock.app.test_client(), "/rerank-mock/v1/rerank").status_code == 200


def ask(url, body=BODY):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body.encode(), KEY), timeout=20) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.served
@pytest.mark.usefixtures("server")
def test_a_served_mock_announces_its_base_path_and_answers_below_it(tmp_path):
    with running("--base-path", "/rerank-mock/", "--ready-file", tmp_path / "ready") as mock:
        root = f"http://127.0.0.1:{mock.port}"
        assert mock.url == (tmp_path / "ready").read_text().strip() == f"{root}/rerank-mock"
        assert ask(f"{mock.url}/v1/rerank")[0] == 200
        assert ask(f"{mock.url}/__admin/faults", json.dumps({"fault": "429"}))[0] == 200
        assert [ask(f"{root}/v1/rerank")[0], ask(f"{mock.url}/v1/rerank")[0]] == [404, 429]
        mock.process.terminate()
        mock.process.wait(20)
        mock.read_to_the_end()

    log = "".join(mock.lines)
    assert f"TOGETHER_BASE_URL={mock.url}  " in log
    assert f"  Other APIs       {mock.url}/cohere, /infinity, " in log
    assert "POST /v1/rerank 429 " in log
