"""Loaded by Schemathesis in a process of its own: pins the model, and writes down what its checks find."""

import json
from pathlib import Path
from typing import Any

import schemathesis

# Files in the working folder: fuzzing.py writes `model` and reads `failures`.
_MODEL = Path("model").read_text(encoding="utf-8")
_FAILURES = Path("failures").absolute()
# Of what is told of one failure; there may be thousands.
_LONGEST = 4_000


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:  # noqa: ARG001  # as the hook has it
    """Name the endpoint's model, for a made-up one gets 404, and nothing is learned."""
    if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
        case.body = {**case.body, "model": _MODEL}


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:  # noqa: ARG001
    """Write down *failure* at once, for a process that is ended writes no report; keep it."""
    names = response.headers.get("x-contract-exchange")
    if not names:  # the request was not sent
        return False
    data = getattr(case.meta.phase, "data", None) if case.meta else None
    fields = {
        "check": failure.checks[0] if failure.checks else failure.code,
        "title": failure.title,
        "message": failure.message[:_LONGEST],
        "about": getattr(data, "description", None) or "",
        "name": names[0],
    }
    with _FAILURES.open("a", encoding="utf-8") as file:
        file.write(json.dumps(fields) + "\n")
    return True
