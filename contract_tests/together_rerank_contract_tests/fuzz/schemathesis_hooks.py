"""Hooks that the Schemathesis process loads: set the model in each request, and write each failure to a file."""

import json
from pathlib import Path
from typing import Any

import schemathesis

# Files in the working folder: fuzzing.py writes `model` and reads `failures`.
_NAME, _MODEL = json.loads(Path("model").read_text(encoding="utf-8"))
_FAILURES = Path("failures").absolute()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:  # noqa: ARG001  # the signature of the hook
    """Set the endpoint's model, because a random model would only get a 404."""
    if isinstance(case.body, dict) and isinstance(case.body.get(_NAME), str):
        case.body = {**case.body, _NAME: _MODEL}


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:  # noqa: ARG001
    """Write *failure* to the file at once, because a killed process writes no report; return True to keep it."""
    names = response.headers.get("x-contract-exchange")
    if not names:  # the request was not sent
        return False
    fields = {"check": failure.checks[0] if failure.checks else failure.code, "name": names[0]}
    with _FAILURES.open("a", encoding="utf-8") as file:
        file.write(json.dumps(fields) + "\n")
    return True
