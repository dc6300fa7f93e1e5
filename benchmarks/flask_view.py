"""A bare Flask view on the mock's server: `flask_view.py FILE --port PORT` always answers with the bytes of FILE.

It does not import the mock, which would slow its start; a test checks that both have the same server settings, except
that Flask needs WSGI and threads.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from flask import Flask, request
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

OPTIONS: dict[str, Any] = {
    "interface": Interfaces.WSGI,
    "http": HTTPModes.http1,
    "http1_settings": HTTP1Settings(max_buffer_size=64 * 1024),
    "workers": 1,
    "blocking_threads": 512,
    "backpressure": 8192,
    "log_enabled": False,
}


def application(answer: bytes) -> Flask:
    """Prepare the worker process, and return the application."""
    os.environ.clear()  # granian copies it into each WSGI environ
    sys.setswitchinterval(0.05)
    app = Flask(__name__)

    @app.post("/v1/rerank")
    def rerank() -> tuple[bytes, dict[str, str]]:
        request.get_data()
        return answer, {"Content-Type": "application/json"}

    return app


if __name__ == "__main__":
    _, file, _, port = sys.argv
    server = Granian(__name__, port=int(port), **OPTIONS)
    server.serve(target_loader=lambda: application(Path(file).read_bytes()), wrap_loader=False)
