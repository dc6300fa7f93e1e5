"""A client of a running mock that keeps its connection."""

import http.client
import json

import pytest

from mock_process import BODY, KEY


class Client:
    """One connection to a mock, kept between requests; the fixture below closes it after the test."""

    opened = []  # noqa: RUF012

    def __init__(self, mock, key="key", timeout=20):
        self.opened.append(self)
        self.connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=timeout)
        self.headers = {**KEY, "Authorization": f"Bearer {key}"}

    def ask(self, body=BODY, method="POST", path="/v1/rerank", **headers):
        self.connection.request(method, path, body, self.headers | headers)
        response = self.connection.getresponse()
        return response.status, response.read(), response.headers

    def admin(self, method, path, data=None):
        status, content, _ = self.ask(json.dumps(data) if data else None, method, f"/__admin/{path}")
        assert status == 200, content
        return json.loads(content)


@pytest.fixture
def connections_are_closed():
    yield
    while Client.opened:
        Client.opened.pop().connection.close()
