"""A bare Flask view on the mock's server: `flask_view.py FILE --port PORT` answers with the bytes of FILE, always.

It imports nothing of the mock, which would make it slower to start; a test compares what it has in common with it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from flask import Flask, request
from granian import Granian
from granian.constants import Interfaces

OPTIONS: dict[str, Any] = {
    "interface": Interfaces.WSGI,
    "workers": 1,
    "blocking_threads": 512,
    "backpressure": 8192,
    "log_enabled": False,
}


def application(answer: bytes) -> Flask:
    """Return the application, in a worker process that is prepared as the mock's."""
    os.environ.clear()
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
