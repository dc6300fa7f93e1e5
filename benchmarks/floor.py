"""What the mock's server costs by itself: `floor.py flask|wsgi PORT FILE` answers with the bytes of FILE, always.

Granian and its worker are set up as the mock sets them up; what is left out is all that the mock does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from together_rerank_mockserver.granian_server import bare, set_up_worker


def flask(answer: bytes) -> Callable[..., Any]:
    """Return an application with one bare view."""
    from flask import Flask  # which the other one is not to wait for

    app = Flask(__name__)

    @app.post("/v1/rerank")
    def rerank() -> tuple[bytes, dict[str, str]]:
        return answer, {"Content-Type": "application/json"}

    return app


def wsgi(answer: bytes) -> Callable[..., Any]:
    """Return an application that is one callable."""
    head = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]

    def application(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", head)
        return [answer]

    return application


def main(kind: str, port: str, file: str) -> None:
    """Serve until a signal."""
    make = {"flask": flask, "wsgi": wsgi}[kind]

    def load() -> Callable[..., Any]:
        set_up_worker()
        return make(Path(file).read_bytes())

    bare(__name__, "127.0.0.1", int(port)).serve(target_loader=load, wrap_loader=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
