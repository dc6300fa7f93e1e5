"""Say in words where an answer comes from: the value of `x-mock-reply`."""

import re
from typing import NamedTuple

_WORDS = {
    "scored": "ranked by words",
    "designed": "ranked as a test set it",
    "replayed": "a recorded answer",
    "refused": "refused because of the request",
    "misuse": "the request for a fault or a ranking is invalid",
    "client-gone": "not sent: the client disconnected",
    "state-unavailable": "the shared state does not answer",
    "quota": "above --rate-limit",
    "in-flight": "above --max-in-flight",
    "limit": "above a limit of a request",
}
_SOURCES = {
    "header": "from the Prefer header",
    "model": "from the model",
    "queue": "from the queue",
    "server": "from --fault",
}
_FAULT = re.compile(r"; fault=([^;]+)")
_SOURCE = re.compile(r"; by=([^;]+)")
_NAME = re.compile(r"; name=([^;]+)")


class Origin(NamedTuple):
    """Where an answer comes from."""

    words: str
    fault: str | None  # the fault that was requested, also if it changed nothing


def origin(reply: str) -> Origin:
    """Return the origin that *reply*, a value of `x-mock-reply`, names."""
    kind = reply.partition(";")[0]
    fault, source, name = (found and found[1] for found in (each.search(reply) for each in (_FAULT, _SOURCE, _NAME)))
    usual = _WORDS.get(kind, kind) + (f", {name}" if name else "")
    if fault is None:
        return Origin(usual, None)
    by = f"fault {fault} {'by chance' if kind == 'chaos' else _SOURCES.get(source or '', source or '')}".rstrip()
    if "; not-applied" in reply:
        return Origin(f"{usual}; {by} changed nothing", fault)
    return Origin(by if kind in ("forced", "chaos") else f"{usual}; {by}", fault)
