"""A server that sends given bytes, whatever the request is."""

import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress


@contextmanager
def raw(*answers, pause=0.0, resets=False, requests=None):
    """Run a server that sends one of *answers*, bytes or a list of bytes, over each connection and closes it.

    It repeats the last answer. With *resets*, it resets the connection. It adds what it receives to *requests*.
    """
    requests, remaining = [] if requests is None else requests, list(answers)

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, suppress(OSError):
                client.settimeout(20)
                requests.append(_request(client))
                answer = remaining.pop(0) if len(remaining) > 1 else remaining[0]
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    client.sendall(piece)
                    time.sleep(pause)
                if resets:
                    time.sleep(0.05)  # the client would lose what it has not read yet
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1/rerank"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _request(client):
    """Return one request, with a body of any length that is sent in one piece or in chunks."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = client.recv(65536)
        if not piece:
            return received
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(each[15:]) for each in head.lower().split(b"\r\n") if each.startswith(b"content-length:")), 0)
    is_chunked = b"transfer-encoding: chunked" in head.lower()
    while len(body) < length or (is_chunked and not body.endswith(b"0\r\n\r\n")):
        piece = client.recv(65536)
        if not piece:
            break
        body += piece
    return head + b"\r\n\r\n" + body
