"""Send requests as bytes on a socket, for tests of HTTP that no client library sends."""

import contextlib
import http.client
import json
import socket

BODY = json.dumps({"model": "m", "query": "llama", "documents": ["panda", "llama"]}).encode()
HEAD = b"POST /v1/rerank HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\nContent-Type: application/json\r\n"


def connect(mock):
    return socket.create_connection(("127.0.0.1", mock.port), timeout=10)


def request(body=BODY, head=HEAD, **headers):
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return head + lines.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Answer:
    def __init__(self, client):
        with contextlib.closing(http.client.HTTPResponse(client)) as response:
            response.begin()
            self.status, self.headers, self.body = response.status, response.headers, response.read()
            self.closes = response.will_close


def until(client, enough):
    received = b""
    while not enough(received):
        more = client.recv(65536)
        assert more, received
        received += more
    return received


def ask(mock, content):
    with connect(mock) as client:
        client.sendall(content)
        return Answer(client)
