"""Run real clients against each fault; `make clients` writes the result to docs/client-faults.md."""

import json
import os
import queue
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from importlib.metadata import version

# Set before the import, because LiteLLM otherwise downloads a list of prices.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
import together

from fault_requests import CHANGES, SPECIAL
from together_rerank_mockserver.server.threaded_server import MockServer

# Longer than any delay caused by load; only the fault `hang` has a shorter time-out.
TIMEOUT_S = 60
HANG_TIMEOUT_S = 2
# A client that waits longer than this waits forever, or for its default of ten minutes.
MAX_WAIT_S = 30
# Longer than the clients' own backoff of about a second.
RETRY_AFTER_S = 5
CONSTANT_ID = "ooooooo-oooooo-0000000000000000"
DOCUMENTS = ["Pandas live in China.", "A llama, seen in Peru.", "Llamas in Peru", "Pandas live in China.", "The sun"]
FIELDS = [{"title": text, "text": "Llamas"} for text in DOCUMENTS]
MANY = [*DOCUMENTS, *["The sun"] * 95, "Llamas in Peru"]
# What is different in the request for a fault.
CHANGED = CHANGES | {
    "rank-fields-ignored": {"documents": FIELDS, "rank_fields": ["title"]},
    "text-field-only": {"documents": FIELDS},
    "first-batch-only": {"documents": MANY},
    "top-n-first-batch": {"documents": MANY},
    "text-unasked": {"return_documents": False},
    "score-halved": {"return_documents": False, "top_n": None},
}
# A single call with a key cannot show these.
NOT_SHOWN = {"ok", "cache-collision", "calls-mixed-up"} | SPECIAL
INTRODUCTION = """# How clients react to faults

This table shows what Together's SDK and LiteLLM do with each [fault](faults.md) of the mock.
[Real clients](clients.md) shows other clients, with fewer faults.
For each fault, the client makes one call, and the fault applies to every attempt of that call.
For an error fault or a request fault, it is a call that the fault changes, such as an invalid one.
Faults that need several calls, a wrong key or white space before the body are not listed.
Both clients use their default settings, except the time-out.
It is {hang} s for `hang` and {usual} s for all other faults.

| text in the table | meaning |
|---|---|
| *waited for Retry-After* | The client waited the {retry_after} s of the `Retry-After` header between its attempts. |
| *used its own backoff* | The client chose the time between its attempts itself. |
| *as without the fault* | The client returned the same value as for a call without the fault. |
| *`A` is `B`, not `C`* | `A` is the first place that differs: it is `B` with the fault, and `C` without it. |
| *still waiting after {max_wait} s* | The call had not ended after {max_wait} s. |
| *not shown* | The client changes or refuses the invalid request, so that the fault does not apply. |

`make clients` runs both clients and rewrites this page.

| fault | `together` {together} | `litellm` {litellm} |
|---|---|---|
"""


def request(fault):
    """Return the arguments of a call that the fault can change, and the fields that are no arguments."""
    usual = {"query": "llamas in Peru", "documents": DOCUMENTS, "top_n": 4, "return_documents": True}
    changed = usual | CHANGED.get(fault, {})
    arguments = {name: value for name, value in changed.items() if value is not None}
    others = {name: arguments.pop(name) for name in ("top_k", "truncate") if name in arguments}
    return arguments, others


def timeout(fault):
    return HANG_TIMEOUT_S if fault == "hang" else TIMEOUT_S


def ask_together(url, key, fault):
    with together.Together(base_url=url, api_key=key, timeout=timeout(fault)) as client:
        arguments, others = request(fault)
        return client.rerank.create(model="m", **arguments, extra_body=others)


def ask_litellm(url, key, fault):
    arguments, others = request(fault)
    return litellm.rerank(
        model="together_ai/m", api_base=url, api_key=key, timeout=timeout(fault), **arguments, **others
    )


def admin(url, path, data=None):
    content = None if data is None else json.dumps(data).encode()
    with urllib.request.urlopen(f"{url}/__admin/{path}", content, timeout=20) as response:
        return json.load(response)


def table_cell(url, client, fault):
    """Return one cell: the attempts, the kind of waits, and the outcome."""
    key = f"test-{client.__name__}-{fault}"
    outcomes = queue.Queue()
    threading.Thread(target=lambda: outcomes.put(outcome(client, url, key, fault)), daemon=True).start()
    try:
        result = outcomes.get(timeout=MAX_WAIT_S)
    except queue.Empty:
        result = f"still waiting after {MAX_WAIT_S} s"
    requests = admin(url, f"requests?namespace={key}")["requests"]
    is_unchanged = not requests or any("not-applied" in each["reply"] for each in requests)
    if is_unchanged and fault in CHANGES:
        return "not shown: the client sends another request"
    assert not is_unchanged, f"{key}: the fault cannot change this request"
    return f"{attempts(requests)}; {result}"


def outcome(client, url, key, fault):
    """Return the exception of the call, or the first place where the value differs from the correct one."""
    good = plain(usual(client, url, f"{key}-good", fault))
    admin(
        url,
        f"faults?namespace={key}",
        {"fault": fault, "times": 100} | ({"retry_after": RETRY_AFTER_S} if fault == "429" else {}),
    )
    try:
        value = client(url, key, fault)
        if good is None:
            return f"returned `{type(value).__name__}`, not an error"
        wrong = next(differences(good, plain(value)), "as without the fault")
        return f"returned `{type(value).__name__}`, {wrong}"
    except Exception as raised:  # noqa: BLE001  # any exception is a result
        return f"raised `{type(raised).__module__.partition('.')[0]}.{type(raised).__name__}`"


def usual(client, url, key, fault):
    """Return the value of the call without the fault; None if it is an error."""
    try:
        return client(url, key, fault)
    except (together.APIStatusError, litellm.APIError, litellm.BadRequestError):
        return None


def plain(value):
    """Return a value of a client as JSON data, with an id that is the same for every call."""
    data = value.model_dump() if hasattr(value, "model_dump") else value
    if isinstance(data, dict) and data.get("id") not in (None, CONSTANT_ID):
        data = {**data, "id": "a new id"}
    return data


def differences(good, bad, place=""):
    """Yield each place where *bad* differs from *good*, with both values."""
    if isinstance(good, dict) and isinstance(bad, dict):
        for key in [*good, *(key for key in bad if key not in good)]:
            yield from differences(good.get(key), bad.get(key), f"{place}.{key}".lstrip("."))
    elif isinstance(good, list) and isinstance(bad, list):
        if len(good) != len(bad):
            yield f"`{place}` has {len(bad)} items, not {len(good)}"
        for index, (one, other) in enumerate(zip(good, bad, strict=False)):
            yield from differences(one, other, f"{place}[{index}]")
    elif good != bad or type(good) is not type(bad):
        yield f"{f'`{place}`' if place else 'which'} is `{shown(bad)}`, not `{shown(good)}`"


def shown(value):
    text = json.dumps(value, default=str)
    return text if len(text) <= 30 else f"{text[:30]}..."


def attempts(requests):
    assert requests, "the client sent no request"
    began = [datetime.fromisoformat(each["time"]).timestamp() for each in requests]
    ended = [start + each["ms"] / 1000 for start, each in zip(began, requests, strict=True)]
    waits = [start - end for start, end in zip(began[1:], ended, strict=False)]
    if not waits:
        return "1 attempt"
    kept = all(wait > RETRY_AFTER_S - 0.1 for wait in waits)
    return f"{len(requests)} attempts, {'waited for Retry-After' if kept else 'used its own backoff'}"


def table():
    """Return the text of the page."""
    litellm.suppress_debug_info = True
    with MockServer() as server, ThreadPoolExecutor(32) as pool:
        faults = [name for name in admin(server.url, "faults")["known"] if name not in NOT_SHOWN]
        rows = [
            [pool.submit(table_cell, server.url, client, fault) for client in (ask_together, ask_litellm)]
            for fault in faults
        ]
        head = INTRODUCTION.format(
            hang=HANG_TIMEOUT_S,
            usual=TIMEOUT_S,
            retry_after=RETRY_AFTER_S,
            max_wait=MAX_WAIT_S,
            together=version("together"),
            litellm=version("litellm"),
        )
        lines = [
            f"| `{fault}` | {' | '.join(cell.result() for cell in cells)} |"
            for fault, cells in zip(faults, rows, strict=True)
        ]
    return head + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
    sys.stdout.flush()
    os._exit(0)  # a client that still waits would delay the exit of the interpreter
