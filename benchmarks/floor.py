"""What the mock's server costs by itself: `floor.py flask|wsgi PORT FILE` answers with the bytes of FILE, always.

Granian and its worker are set up as the mock sets them up; all else of the mock is left out, and not imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from together_rerank_mockserver import worker


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
        worker.set_up()
        return make(Path(file).read_bytes())

    worker.granian(__name__, "127.0.0.1", int(port)).serve(target_loader=load, wrap_loader=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
